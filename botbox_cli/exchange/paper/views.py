"""What the account's read endpoints show: realtime, history, executions, wallet. Each may lag behind the books."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import islice, takewhile
from operator import attrgetter
from typing import Any, TypeVar
from urllib.parse import unquote

from botbox_cli.exchange.paper import rows
from botbox_cli.exchange.paper.instrument import Instrument, delisted
from botbox_cli.exchange.paper.number import ZERO, plain
from botbox_cli.exchange.paper.protocol import DAY_MS, WEEK_MS, Refusal
from botbox_cli.exchange.paper.state import Account, Execution, Lag, Order
from botbox_cli.exchange.paper.trading import Trading

T = TypeVar("T")

_View = Callable[[Lag], int]
_REALTIME: _View = attrgetter("realtime_ms")
_HISTORY: _View = attrgetter("history_ms")
_EXECUTIONS: _View = attrgetter("executions_ms")

_UNFILLED_KEPT_MS = DAY_MS
_FILLED_KEPT_MS = 730 * DAY_MS


class Views:
    """Reads of one account. `lag` delays every view; an order's own effects may delay it more."""

    def __init__(
        self,
        account: Account,
        trading: Trading,
        lag: Lag,
        instrument: Callable[[str], Instrument | None],
    ) -> None:
        self._account = account
        self._trading = trading
        self._lag = lag
        self._instrument = instrument
        self._execution_rows: dict[int, dict[str, Any]] = {}

    def realtime(self, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Return order/realtime: open orders, or the recent closed ones; either, when an id is given."""
        limit = _limit(params, 20, 50)
        open_only = str(params.get("openOnly", 0))
        if open_only not in ("0", "1", "2"):
            raise Refusal(10001, "Request parameter error: openOnly")
        by_id = _has_id(params)
        wanted = self._named(params) if by_id else self._candidates(open_only)
        shown = (
            order
            for each in wanted
            if (order := self._seen(each, now_ms, _REALTIME)) is not None
            and (order.is_open or self._is_recent(order))
            and (by_id or (order.is_open == (open_only == "0") and self._matches(order, params)))
        )
        page, more = _page(shown, params, limit, lambda order: order.number, self._number_of)
        return {
            "category": "spot",
            "nextPageCursor": _order_cursor(page) if more else "",
            "list": [self._row(order) for order in page],
        }

    def history(self, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Return order/history: closed orders as long as Bybit keeps them, newest first."""
        limit = _limit(params, 20, 50)
        start_ms, end_ms = _window(params, now_ms)
        by_id = _has_id(params)
        wanted: Iterable[Order] = self._named(params)
        if not by_id:
            newest_first = reversed(self._account.orders.values())
            wanted = takewhile(lambda order: order.created_ms >= start_ms, newest_first)
        status = params.get("orderStatus")
        shown = (
            order
            for each in wanted
            if (order := self._seen(each, now_ms, _HISTORY)) is not None
            and not order.is_open
            and _is_kept(order, now_ms)
            and (by_id or (order.created_ms <= end_ms and self._matches(order, params)))
            and (not status or order.status == status)
        )
        page, _ = _page(shown, params, limit, lambda order: order.number, self._number_of)
        # As captured: the cursor is there whenever the page is not empty, even on the last one.
        return {
            "nextPageCursor": _order_cursor(page),
            "category": "spot",
            "list": [self._row(order) for order in page],
        }

    def executions(self, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Return execution/list, newest first; with an order's id every other filter is ignored."""
        limit = _limit(params, 50, 100)
        start_ms, end_ms = _window(params, now_ms)
        by_id = _has_id(params)
        if by_id:
            order = self._trading.find(params)
            found: Sequence[Execution] = self._account.of_order.get(order.order_id, ()) if order else ()
        else:
            found = self._account.executions
        oldest_ms = now_ms - _FILLED_KEPT_MS if by_id else max(start_ms, now_ms - _FILLED_KEPT_MS)
        shown = (
            execution
            for execution in takewhile(lambda each: each.time_ms >= oldest_ms, reversed(found))
            if execution.time_ms + self._execution_lag(execution) <= now_ms
            and (by_id or (execution.time_ms <= end_ms and self._execution_matches(execution, params)))
        )
        page, _ = _page(shown, params, limit, lambda execution: execution.seq, int)
        cursor = f"{page[0].seq}%3A0%2C{page[-1].seq}%3A0" if page else ""
        return {
            "nextPageCursor": cursor,
            "category": "spot",
            "list": [self._execution_row(each) for each in page],
        }

    def wallet(self, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Return wallet-balance: the coins asked for, or all that are not zero."""
        if params.get("accountType") != "UNIFIED":
            raise Refusal(10001, "accountType only support UNIFIED.")
        names = str(params.get("coin") or "")
        balances = self._account.ledger.balances
        chosen = [name for name in names.split(",") if name] or list(balances)
        coins = [
            rows.coin_row(balances[name], self._trading.margin.usdt_price(name, now_ms))
            for name in chosen
            if name in balances and not (balances[name].is_blank and not names)
        ]
        total = plain(sum((Decimal(coin["usdValue"]) for coin in coins), ZERO))
        return {
            "list": [
                {
                    "totalEquity": total,
                    "accountIMRate": "0",
                    "totalMarginBalance": total,
                    "totalInitialMargin": "0",
                    "accountType": "UNIFIED",
                    "totalAvailableBalance": total,
                    "accountMMRate": "0",
                    "totalPerpUPL": "0",
                    "totalWalletBalance": total,
                    "accountLTV": "0",
                    "totalMaintenanceMargin": "0",
                    "coin": coins,
                }
            ]
        }

    # One order

    def _candidates(self, open_only: str) -> list[Order]:
        """Return the orders of which some are open (or closed) ones in a view that may lag, newest first."""
        orders = list(self._account.open.values())
        # What has only just closed may still be seen as open.
        if open_only != "0" or self._lag.realtime_ms or self._account.has_lagged:
            orders += self._account.recent_closed.values()
        return sorted(orders, key=lambda order: order.number, reverse=True)

    def _is_recent(self, order: Order) -> bool:
        closed_ms = order.closed_ms or 0
        return order.order_id in self._account.recent_closed and closed_ms >= self._account.restarted_ms

    def _named(self, params: Mapping[str, Any]) -> list[Order]:
        order = self._trading.find(params)
        return [order] if order else []

    def _row(self, order: Order) -> dict[str, Any]:
        if order.row is None:
            order.row = rows.order_row(order, self._rules(order.symbol))
        return order.row

    def _execution_row(self, execution: Execution) -> dict[str, Any]:
        row = self._execution_rows.get(execution.seq)
        if row is None:
            row = rows.execution_row(execution, self._rules(execution.symbol))
            self._execution_rows[execution.seq] = row
        return row

    def _rules(self, symbol: str) -> Instrument:
        return self._instrument(symbol) or delisted(symbol)

    def _number_of(self, order_id: str) -> int:
        order = self._account.orders.get(order_id)
        if order is None:
            raise Refusal(10001, "Request parameter error: cursor")
        return order.number

    # Lag

    def _lag_of(self, order: Order, view: _View) -> int:
        lag_ms, effects = view(self._lag), order.effects
        return lag_ms if effects is None or effects.lag is None else max(lag_ms, view(effects.lag))

    def _seen(self, order: Order, now_ms: int, view: _View) -> Order | None:
        """Return the order as the view shows it now: as it was its lag ago, or None when it was not there yet."""
        lag_ms = self._lag_of(order, view)
        if order.updated_ms <= now_ms - lag_ms:
            return order
        return _as_of(order, self._account.of_order.get(order.order_id, ()), now_ms - lag_ms)

    def _execution_lag(self, execution: Execution) -> int:
        if not self._account.has_lagged:
            return self._lag.executions_ms
        return self._lag_of(self._account.orders[execution.order_id], _EXECUTIONS)

    # Filters

    def _matches(self, order: Order, params: Mapping[str, Any]) -> bool:
        wanted = params.get("orderFilter")
        return (not wanted or order.order_filter == wanted) and self._is_of(order.symbol, params)

    def _execution_matches(self, execution: Execution, params: Mapping[str, Any]) -> bool:
        return params.get("execType", "Trade") == "Trade" and self._is_of(execution.symbol, params)

    def _is_of(self, symbol: str, params: Mapping[str, Any]) -> bool:
        if params.get("symbol"):
            return bool(symbol == params["symbol"])
        base = params.get("baseCoin")
        return not base or self._rules(symbol).base == base


def _as_of(order: Order, executions: Sequence[Execution], at_ms: int) -> Order | None:
    if order.created_ms > at_ms:
        return None
    fills = [each for each in executions if each.time_ms <= at_ms]
    fees: dict[str, Decimal] = {}
    for each in fills:
        fees[each.fee_coin] = fees.get(each.fee_coin, ZERO) + each.fee
    waits = order.trigger_price and (order.triggered_ms is None or order.triggered_ms > at_ms)
    status = "Untriggered" if waits else "PartiallyFilled" if fills else "New"
    return replace(
        order,
        status=status,
        cum_qty=sum((each.qty for each in fills), ZERO),
        cum_value=sum((each.value for each in fills), ZERO),
        fees=fees,
        reject_reason="EC_NoError",
        cancel_type="UNKNOWN",
        updated_ms=max([order.created_ms, *(each.time_ms for each in fills)]),
        row=None,
    )


def _is_kept(order: Order, now_ms: int) -> bool:
    """Tell whether order/history still has it: an unfilled end for a day, any fill for two years."""
    kept_ms = _FILLED_KEPT_MS if order.cum_qty else _UNFILLED_KEPT_MS
    return order.updated_ms > now_ms - kept_ms


def _has_id(params: Mapping[str, Any]) -> bool:
    return bool(params.get("orderId") or params.get("orderLinkId"))


def _limit(params: Mapping[str, Any], default: int, most: int) -> int:
    limit = whole(params, "limit")
    if limit is None:
        return default
    if not 1 <= limit <= most:
        raise Refusal(10001, f"Request parameter error: limit must be 1 to {most}")
    return limit


def whole(params: Mapping[str, Any], name: str) -> int | None:
    """Return an integer parameter, None when absent.

    Raises:
        Refusal: 10001 when it is not a whole number.
    """
    value = params.get(name)
    if value is None or value == "":
        return None
    text = str(value)
    if not (text.isascii() and text.isdigit()):
        raise Refusal(10001, f"Request parameter error: {name}")
    return int(text)


def _window(params: Mapping[str, Any], now_ms: int) -> tuple[int, int]:
    """Return the time window asked for: at most 7 days; the last 7 by default, or 7 from the end that is given."""
    start_ms, end_ms = whole(params, "startTime"), whole(params, "endTime")
    if start_ms is None and end_ms is None:
        return now_ms - WEEK_MS, now_ms
    if start_ms is None:
        assert end_ms is not None, "one of the two is given"
        return end_ms - WEEK_MS, end_ms
    if end_ms is None:
        return start_ms, start_ms + WEEK_MS
    if end_ms < start_ms:
        raise Refusal(10001, "Request parameter error: startTime must be before endTime")
    if end_ms - start_ms > WEEK_MS:
        raise Refusal(10001, "The time range between startTime and endTime cannot exceed 7 days")
    return start_ms, end_ms


def _page(
    items: Iterator[T],
    params: Mapping[str, Any],
    limit: int,
    position: Callable[[T], int],
    position_of: Callable[[str], int],
) -> tuple[list[T], bool]:
    """Return the page that the cursor points at, and whether anything follows it."""
    if params.get("cursor"):
        cursor = unquote(str(params["cursor"]))
        try:
            last = position_of(cursor.rsplit(",", 1)[-1].split(":", 1)[0])
        except ValueError as error:
            raise Refusal(10001, "Request parameter error: cursor") from error
        items = (item for item in items if position(item) < last)
    page = list(islice(items, limit + 1))
    return page[:limit], len(page) > limit


def _order_cursor(page: Sequence[Order]) -> str:
    if not page:
        return ""
    first, last = page[0], page[-1]
    return f"{first.order_id}%3A{first.created_ms}%2C{last.order_id}%3A{last.created_ms}"
