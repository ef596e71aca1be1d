"""Bybit v5 spot through pybit: `ports.Exchange`. Calls here, parsing in `wire`, meaning of refusals in `codes`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from botbox_cli.domain.candle import Interval, to_ms
from botbox_cli.domain.number import plain
from botbox_cli.domain.order import OrderReport, ReportStatus, parse_order_link_id
from botbox_cli.errors import BotboxError, ConfigError, ExchangeRejected, ExchangeUnavailable
from botbox_cli.exchange import codes, wire
from botbox_cli.exchange.beside import Beside
from botbox_cli.exchange.codes import Request
from botbox_cli.ports import Look, OrderRequest, Outlook

if TYPE_CHECKING:
    from botbox_cli.domain.account import Balance, KeyInfo
    from botbox_cli.domain.fill import Fill
    from botbox_cli.domain.instrument import Instrument, Quote
    from botbox_cli.exchange.session import Session
    from botbox_cli.ports import CandleBatch, Clock

T = TypeVar("T")
V = TypeVar("V")
Ask = Callable[..., Any]
Params = Mapping[str, Any]
Page = tuple[list[wire.Row], str]

READ_PAUSES_S = (0.2, 0.4)
"""How long to wait before each further try."""
READ_BUDGET_S = 6.0
"""No further try starts later than this after the first: with the timeouts, a read ends within some 12 s."""
RETRY_AFTER_S_MAX = 3.0
"""A longer wait than this, asked for by the exchange, is the caller's business."""

ANSWER_S_MIN, LOOK_S = 1.0, 1.0
"""For so long an answer is waited for at least; and so much of a command's time is kept to look what became of it."""

CANDLES_LIMIT = 1000
ORDERS_LIMIT = 50
FILLS_LIMIT = 100
PAGES_MAX = 100
WINDOW = timedelta(days=7)
"""Widest span of time that order history and executions answer at once."""
RETENTION = timedelta(days=730)
CLOCK_MARGIN = timedelta(minutes=1)
"""Our clock may differ from the exchange's by seconds; a window that starts with our time starts so much earlier."""

DEFAULT_FEE_RATE = Decimal("0.001")
"""Spot's usual fee, for accounts that can't be asked (demo)."""

_CENT = Decimal("0.01")

log = logging.getLogger(__name__)


def _never(_rows: list[wire.Row]) -> bool:
    return False


class BybitExchange:
    """Bybit v5 spot, category `spot`, unified account.

    Reads are tried up to three times; writes are sent once. Every error is one of botbox's.

    Args:
        session: Sends one request a call, raises what pybit raises (see `session.Session`).
        recv_window_s: How late after its timestamp the exchange still takes a request.
        secrets: Texts that may appear in no error.
        is_far: Whether requests take long enough that independent ones are worth sending side by side.
    """

    def __init__(
        self,
        session: Session,
        clock: Clock,
        *,
        recv_window_s: float = 5.0,
        secrets: Sequence[str] = (),
        is_far: bool = False,
    ) -> None:
        self.recv_window_s = recv_window_s
        self._session = session
        self._clock = clock
        self._secrets = tuple(secrets)
        self._is_far = is_far
        self._beside = Beside()
        self._left_s: Callable[[], float] = lambda: inf

    def within(self, left_s: Callable[[], float]) -> BybitExchange:
        hurried = object.__new__(BybitExchange)
        vars(hurried).update(vars(self), _left_s=left_s)
        return hurried

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def close(self) -> None:
        """End the threads that asked beside the caller."""
        self._beside.close()

    # -- market data

    def server_time(self) -> datetime:
        return self._read(self._session.get_server_time, wire.server_time)

    def instruments(self, symbol: str | None = None) -> dict[str, Instrument]:
        pairs = self._of_symbol(self._session.get_instruments_info, symbol, wire.instruments)
        return {name: pair for name, pair in pairs.items() if symbol in (None, name)}

    def candles(
        self, symbol: str, interval: Interval, *, start_ms: int | None, end_ms: int | None
    ) -> CandleBatch:
        params = {"category": "spot", "symbol": symbol, "interval": interval.code, "limit": CANDLES_LIMIT}
        span = {name: ms for name, ms in (("start", start_ms), ("end", end_ms)) if ms is not None}

        def parse(body: Any) -> CandleBatch:
            return wire.candles(body, symbol, interval, wire.time_of(body) or self._clock.now())

        return self._read(lambda: self._session.get_kline(**params, **span), parse)

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        if not symbols:
            return {}
        only = symbols[0] if len(symbols) == 1 else None
        return self._of_symbol(self._session.get_tickers, only, lambda body: wire.quotes(body, symbols))

    def _of_symbol(self, ask: Ask, symbol: str | None, parse: Callable[[Any], dict[str, T]]) -> dict[str, T]:
        """Ask for one symbol, or for all; one that is not traded is refused by the exchange, and absent here."""
        only = {} if symbol is None else {"symbol": symbol}
        try:
            return self._read(lambda: ask(category="spot", **only), parse)
        except ExchangeRejected as e:
            if only and e.ret_code in codes.NO_SUCH_SYMBOL:
                return {}
            raise

    # -- account

    def key_info(self) -> KeyInfo:
        return self._read(self._session.get_api_key_information, wire.key_info)

    def wallet(self) -> dict[str, Balance]:
        return self._read(lambda: self._session.get_wallet_balance(accountType="UNIFIED"), wire.balances)

    def outlook(self, symbol: str) -> Outlook:
        if not self._is_far:
            return _outlook(symbol, self.instruments(symbol), self.quotes([symbol]), self.wallet())
        instruments = self._beside.start(lambda: self.instruments(symbol))
        quotes = self._beside.start(lambda: self.quotes([symbol]))
        wallet = self.wallet()
        return _outlook(symbol, instruments(), quotes(), wallet)

    def fee_rate(self, symbol: str) -> Decimal:
        """Return the taker fee as a fraction; the usual one where the exchange does not offer the question."""
        try:
            return self._read(
                lambda: self._session.get_fee_rates(category="spot", symbol=symbol),
                lambda body: wire.taker_fee_rate(body, symbol),
            )
        except ExchangeRejected as e:
            if e.ret_code not in codes.NOT_OFFERED:
                raise
        except ConfigError as e:
            if e.code != "permission":
                raise
        return DEFAULT_FEE_RATE

    def is_margin_on(self) -> bool:
        return self._read(self._session.spot_margin_trade_get_status_and_leverage, wire.is_margin_on)

    # -- writes

    def repay(self, coin: str, amount: Decimal) -> None:
        params = {"coin": coin, "amount": plain(amount)}
        body = self._ask(lambda: self._session.manual_no_convert_repay(**params), Request.REPAY)
        if self._parsed(body, wire.result_of, Request.REPAY).get("resultStatus") == "FA":
            raise ExchangeRejected("Bybit rejected the repayment: it has failed")

    def order_request(self, request: OrderRequest) -> dict[str, str]:
        params = {
            "category": "spot",
            "symbol": request.instrument.symbol,
            "side": "Buy" if request.is_buy else "Sell",
            "orderType": "Market",
            "qty": plain(request.qty),
            # Without it a market buy's qty is quote coin.
            "marketUnit": "baseCoin",
            "isLeverage": "1" if request.is_leverage else "0",
            "orderLinkId": request.order_link_id,
        }
        if request.trigger_price is not None:
            return params | {"orderFilter": "tpslOrder", "triggerPrice": plain(request.trigger_price)}
        if request.max_slippage_percent is not None:
            bound = request.max_slippage_percent.quantize(_CENT)
            return params | {"slippageToleranceType": "Percent", "slippageTolerance": plain(bound)}
        return params

    def place(self, request: OrderRequest) -> str:
        params = self.order_request(request)
        stamp = to_ms(request.timestamp)
        body = self._ask(lambda: self._session.place_order(timestamp=stamp, **params), Request.PLACE)
        order_id, link_id = self._parsed(body, wire.order_ids, Request.PLACE)
        if link_id != request.order_link_id:
            raise codes.malformed("another order's id", Request.PLACE)
        return order_id

    def cancel(self, symbol: str, order_link_id: str, *, is_stop: bool) -> None:
        params = {"category": "spot", "symbol": symbol, "orderLinkId": order_link_id}
        if is_stop:  # Not found without it.
            params["orderFilter"] = "tpslOrder"
        body = self._ask(lambda: self._session.cancel_order(**params), Request.CANCEL)
        _, link_id = self._parsed(body, wire.order_ids, Request.CANCEL)
        if link_id not in ("", order_link_id):
            raise codes.malformed("another order's id", Request.CANCEL)

    # -- orders and executions

    def look_up(
        self,
        symbol: str,
        order_link_id: str,
        *,
        since: datetime,
        with_fills: bool = False,
        is_brief: bool = False,
    ) -> Look:
        """Look for one order: realtime, then history, then executions (from `since` on).

        `Look.at` is the earliest of several clocks: the exchange's, as each answer tells it, and ours before we asked
        (ours alone if no answer tells). A later one could prove an absence too soon; the earliest only makes the proof
        wait for the slowest clock.
        """
        mine = {"category": "spot", "symbol": symbol, "orderLinkId": order_link_id}
        now = self._clock.now()
        told: list[datetime] = []

        def seen(body: Any) -> tuple[list[wire.Row], str]:
            told.append(wire.time_of(body) or now)
            return wire.page_of(body)

        # A row that has filled is followed by the question for its fills: they are asked for side by side.
        fills = (
            self._beside.start(lambda: self._newest_fills(mine, since))
            if with_fills and self._is_far
            else None
        )
        report = self._order(self._session.get_open_orders, mine, {}, seen)
        told_by: tuple[Fill, ...] = ()
        if report is None and not is_brief:
            report, told_by = self._elsewhere(mine, since - CLOCK_MARGIN, min([now, *told]), seen)
        return Look(report, min([now, *told]), told_by or _seen(fills, report))

    def _elsewhere(
        self, mine: Params, since: datetime, now: datetime, parse: Callable[[Any], Page]
    ) -> tuple[OrderReport | None, tuple[Fill, ...]]:
        """Look for one order in history, then among the executions; return those if they tell of it."""
        for span in _spans_back(since, now):
            report = self._order(self._session.get_order_history, mine, span, parse)
            if report is not None:
                return report, ()
        rows = self._executions(since, mine, parse=parse)
        return self._parsed(rows, wire.report_of_fills), tuple(self._parsed(rows, wire.fills))

    def _newest_fills(self, mine: Params, since: datetime) -> list[Fill]:
        """Return the fills on the first page of an order's executions."""
        return self._parsed(self._executions(since - CLOCK_MARGIN, mine, lambda _: True), wire.fills)

    def open_orders(self, *, until: Collection[str] = ()) -> list[OrderReport]:
        params = {"category": "spot", "limit": ORDERS_LIMIT}
        rows: list[wire.Row] = []
        for page in self._pages(self._session.get_open_orders, params):
            rows += page
            if until and {row.get("orderLinkId") for row in rows}.issuperset(until):
                break
        reports = {report.exchange_order_id: report for report in self._parsed(rows, _readable_orders)}
        return [report for report in reports.values() if report.status is ReportStatus.LIVE]

    def order_fills(
        self, symbol: str, order_link_id: str, *, since: datetime, qty: Decimal | None = None
    ) -> list[Fill]:
        mine = {"category": "spot", "symbol": symbol, "orderLinkId": order_link_id}
        fills: list[Fill] = []

        def is_enough(rows: list[wire.Row]) -> bool:
            fills[:] = self._parsed(rows, wire.fills)
            return qty is not None and sum(fill.qty for fill in fills) >= qty

        self._executions(since - CLOCK_MARGIN, mine, is_enough)
        return fills

    def fills_since(self, since: datetime) -> list[Fill]:
        fills = self._parsed(self._executions(since, {"category": "spot"}), wire.fills)
        return [fill for fill in fills if fill.executed_at >= since]

    def _order(
        self, ask: Ask, mine: Params, span: Params, parse: Callable[[Any], Page] | None = None
    ) -> OrderReport | None:
        """Return the order `mine` names among the answers to `ask`; None also if the exchange says there is none.

        Of several rows of one order a finished one wins: a state never goes back from finished.
        """
        found: list[OrderReport] = []
        try:
            for page in self._pages(ask, {**mine, **span, "limit": ORDERS_LIMIT}, parse):
                found += self._parsed(_of_order(page, mine), _orders)
                if found:
                    break
        except ExchangeRejected as e:
            if e.ret_code not in codes.NO_SUCH_ORDER:
                raise
        return max(found, key=_finality, default=None)

    def _executions(
        self,
        since: datetime,
        params: Params,
        is_enough: Callable[[list[wire.Row]], bool] = _never,
        parse: Callable[[Any], Page] | None = None,
    ) -> list[wire.Row]:
        """Return execution rows from `since` on, as far as they are kept; of one order, if `params` name one."""
        rows: list[wire.Row] = []
        for span in _spans_forward(since, self._clock.now()):
            wanted = {**params, **span, "limit": FILLS_LIMIT}
            for page in self._pages(self._session.get_executions, wanted, parse):
                rows += _of_order(page, params)
                if is_enough(rows):
                    return rows
        return rows

    # -- requests

    def _pages(
        self, ask: Ask, params: Params, parse: Callable[[Any], Page] | None = None
    ) -> Iterator[list[wire.Row]]:
        """Yield the rows of each page. A cursor is no sign of a next page: only an empty page (or no cursor) ends."""
        cursor = ""
        for _ in range(PAGES_MAX):
            at = {"cursor": cursor} if cursor else {}
            rows, following = self._read(partial(ask, **params, **at), parse or wire.page_of)
            yield rows
            if not rows or following in ("", cursor):
                return
            cursor = following
        raise ExchangeUnavailable(f"Bybit's answer has more than {PAGES_MAX} pages", "ask for a shorter time")

    def _read(self, ask: Callable[[], Any], parse: Callable[[Any], T]) -> T:
        """Return the parsed answer to a question, asked again within bounds while the exchange is not reachable."""
        started = self._clock.now()
        for pause_s in READ_PAUSES_S:
            try:
                return self._parsed(self._ask(ask, Request.READ), parse)
            except ExchangeUnavailable as e:
                asked_s = e.retry_after_s or 0.0
                elapsed_s = (self._clock.now() - started).total_seconds()
                is_late = elapsed_s >= READ_BUDGET_S or self._left_s() <= ANSWER_S_MIN
                if is_late or asked_s > RETRY_AFTER_S_MAX:
                    raise
            self._clock.sleep(max(asked_s, pause_s))
        return self._parsed(self._ask(ask, Request.READ), parse)

    def _ask(self, send: Callable[[], Any], request: Request) -> Any:
        """Send one request, once."""
        self._session.wait_at_most(max(ANSWER_S_MIN, self._left_s() - LOOK_S))
        try:
            return send()
        except codes.failures() as e:
            raise codes.translate(e, request, now=self._clock.now(), secrets=self._secrets) from e

    def _parsed(self, body: V, parse: Callable[[V], T], request: Request = Request.READ) -> T:
        try:
            return parse(body)
        except wire.WireError as e:
            raise codes.malformed(codes.scrub(str(e), self._secrets), request) from e


def _seen(fills: Callable[[], list[Fill]] | None, report: OrderReport | None) -> tuple[Fill, ...]:
    """Return the fills that were asked for beside a row that has filled; none if that failed: it is asked again."""
    if fills is None or report is None or not report.filled_qty:
        return ()
    try:
        return tuple(fills())
    except BotboxError:
        return ()


def _outlook(
    symbol: str,
    instruments: Mapping[str, Instrument],
    quotes: Mapping[str, Quote],
    wallet: dict[str, Balance],
) -> Outlook:
    return Outlook(instruments.get(symbol), quotes.get(symbol), wallet)


def _orders(rows: list[wire.Row]) -> list[OrderReport]:
    return [wire.order(row) for row in rows]


def _readable_orders(rows: list[wire.Row]) -> list[OrderReport]:
    """Return orders, leaving out a row of somebody else's that can't be read: it must not hide all others."""
    found = []
    for row in rows:
        try:
            found.append(wire.order(row))
        except wire.WireError as e:
            if parse_order_link_id(str(row.get("orderLinkId"))) is not None:
                raise
            log.warning("order %r left out: %s", row.get("orderId"), e)
    return found


def _of_order(rows: list[wire.Row], params: Params) -> list[wire.Row]:
    """Return the rows with the link id that `params` ask for: the exchange's own filter is not trusted with that."""
    wanted = params.get("orderLinkId")
    return [row for row in rows if wanted is None or row.get("orderLinkId") == wanted]


def _finality(report: OrderReport) -> tuple[bool, datetime]:
    return report.status is not ReportStatus.LIVE, report.updated_at or report.created_at


def _spans_back(since: datetime, now: datetime) -> Iterator[Params]:
    """Yield time filters from now back to `since`; the first is none at all, which means the last seven days."""
    yield {}
    oldest = max(since, now - RETENTION)
    end = now - WINDOW + CLOCK_MARGIN
    while end > oldest:
        yield {"startTime": to_ms(end - WINDOW), "endTime": to_ms(end)}
        end -= WINDOW


def _spans_forward(since: datetime, now: datetime) -> Iterator[Params]:
    """Yield time filters from `since` on; the last has no end, so that nothing newer than our clock is missed."""
    start = max(since, now - RETENTION)
    while start + WINDOW < now + CLOCK_MARGIN:
        yield {"startTime": to_ms(start), "endTime": to_ms(start + WINDOW)}
        # Never into the exchange's future, which it would refuse.
        start += WINDOW - 2 * CLOCK_MARGIN
    yield {"startTime": to_ms(start)}
