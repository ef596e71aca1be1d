"""Bybit v5 spot JSON to domain values: pure, no clock, no I/O.

Bybit writes numbers as strings, times as milliseconds in strings, and "" for "no value". Whatever does not have the
documented shape is a `WireError`: a row that can't be read is never skipped where skipping it would read as "there is
no such order". Source of every quirk: Bybit's v5 documentation and captured bodies (`tests/fixtures/bybit-v5`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from botbox_cli.domain.account import Balance, KeyInfo
from botbox_cli.domain.candle import Interval, from_ms, to_ms
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.instrument import Instrument, Quote
from botbox_cli.domain.number import ZERO, decimal_of
from botbox_cli.domain.order import OrderReport, ReportStatus, Side

if TYPE_CHECKING:
    from botbox_cli.ports import CandleBatch

Row = Mapping[str, Any]

log = logging.getLogger(__name__)


class WireError(ValueError):
    """An answer that is not what the exchange documents. Its text names the field, never a header."""


# -- the envelope


def result_of(body: Any) -> Row:
    """Return `result` of a successful answer.

    Raises:
        WireError: If the body is no envelope, or says anything but success.
    """
    if not isinstance(body, dict):
        raise WireError("the answer is no object")
    if body.get("retCode") != 0:
        raise WireError(f"retCode is {body.get('retCode')!r}")
    return _mapping(body.get("result"), "result")


def time_of(body: Any) -> datetime | None:
    """Return the server's clock when it wrote this answer; None if the answer does not say it usably."""
    stamp = body.get("time") if isinstance(body, dict) else None
    try:
        return _time(stamp) if stamp else None
    except WireError:
        return None


def rows_of(body: Any) -> list[Row]:
    """Return the rows of a list answer of category spot."""
    return _rows(result_of(body))


def page_of(body: Any) -> tuple[list[Row], str]:
    """Return the rows of a list answer and the cursor of the next page, "" at the end.

    The cursor must be sent back as it is: it is percent-encoded already.
    """
    result = result_of(body)
    cursor = result.get("nextPageCursor") or ""
    if not isinstance(cursor, str):
        raise WireError(f"nextPageCursor is {cursor!r}")
    return _rows(result), cursor


def _rows(result: Row) -> list[Row]:
    if result.get("category", "spot") != "spot":
        raise WireError(f"category is {result['category']!r}")
    rows = _list(result, "list")
    for row in rows:
        if not isinstance(row, dict):
            raise WireError("a row is no object")
    return rows


def server_time(body: Any) -> datetime:
    """Return the time of `/v5/market/time`, to the microsecond."""
    nanoseconds = _integer(result_of(body), "timeNano")
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return _time(seconds * 1000).replace(microsecond=rest // 1000)


def order_ids(body: Any) -> tuple[str, str]:
    """Return (order id, order link id) of an accepted request; the link id may be missing ("")."""
    result = result_of(body)
    return _text(result, "orderId"), _optional(result, "orderLinkId") or ""


# -- market data


def instruments(body: Any) -> dict[str, Instrument]:
    """Return the tradable pairs by symbol. A pair that can't be read is left out, and so not traded."""
    pairs = {}
    for row in rows_of(body):
        try:
            pair = instrument(row)
        except WireError as e:
            log.warning("instrument %r left out: %s", row.get("symbol"), e)
            continue
        if row.get("status", "Trading") == "Trading":
            pairs[pair.symbol] = pair
    return pairs


def instrument(row: Row) -> Instrument:
    """Return a pair with its filters. Newer keys may be missing: no bound is known then."""
    lot = _mapping(row.get("lotSizeFilter"), "lotSizeFilter")
    price = _mapping(row.get("priceFilter"), "priceFilter")
    return Instrument(
        symbol=_text(row, "symbol"),
        base_coin=_text(row, "baseCoin"),
        quote_coin=_text(row, "quoteCoin"),
        tick_size=_positive(price, "tickSize"),
        lot_size=_positive(lot, "basePrecision"),
        min_qty=_decimal(lot, "minOrderQty") or ZERO,
        min_value=_decimal(lot, "minOrderAmt") or ZERO,
        # `maxOrderQty` is its deprecated predecessor, the only bound in older bodies.
        max_market_qty=_decimal(lot, "maxMarketOrderQty") or _decimal(lot, "maxOrderQty") or None,
        margin_trading=_optional(row, "marginTrading") or "none",
    )


def quotes(body: Any, symbols: Iterable[str]) -> dict[str, Quote]:
    """Return best prices of the wanted symbols; one with an empty side of the book is left out."""
    wanted = frozenset(symbols)
    found = {}
    for row in rows_of(body):
        symbol = _text(row, "symbol")
        if symbol not in wanted:
            continue
        bid, ask, last = (_decimal(row, key) for key in ("bid1Price", "ask1Price", "lastPrice"))
        if bid and ask and last:
            found[symbol] = Quote(symbol, bid, ask, last)
    return found


def candles(body: Any, symbol: str, interval: Interval, now: datetime) -> CandleBatch:
    """Return the candles that are closed at `now`, oldest first, each opening time once.

    The answer lists the newest first, and nothing marks the candle that is still open.
    """
    import numpy as np

    from botbox_cli.ports import CandleBatch

    result = result_of(body)
    if result.get("symbol", symbol) != symbol or result.get("category", "spot") != "spot":
        raise WireError(f"candles of {result.get('category')} {result.get('symbol')}, not of spot {symbol}")
    table = _list(result, "list")
    if not all(isinstance(row, list) for row in table):
        raise WireError("a candle is no list")
    try:
        columns = list(zip(*table, strict=True)) if table else [()] * 7
        open_ms = np.fromiter(map(int, columns[0]), np.int64, len(table))
        prices = [np.fromiter(map(float, column), np.float64, len(table)) for column in columns[1:7]]
    except (TypeError, ValueError, OverflowError) as e:
        raise WireError("a candle is not [start, open, high, low, close, volume, turnover]") from e
    if len(columns) < 7:
        raise WireError(f"a candle has {len(columns)} columns")
    values = np.array(prices)
    if not np.isfinite(values).all() or (values[:4] <= 0).any() or (values[4:] < 0).any():
        raise WireError("a candle has a price that is zero, negative or not finite")
    open_ms, firsts = np.unique(open_ms, return_index=True)
    closed = open_ms <= to_ms(now) - interval.length_ms
    kept = values[:, firsts[closed]]
    return CandleBatch(open_ms[closed], *kept)


# -- account


def balances(body: Any) -> dict[str, Balance]:
    """Return the non-zero balances of the unified account by coin."""
    accounts = [_mapping(row, "an account") for row in _list(result_of(body), "list")]
    unified = [row for row in accounts if row.get("accountType", "UNIFIED") == "UNIFIED"]
    coins = [balance(_mapping(row, "a coin")) for account in unified for row in _list(account, "coin")]
    return {coin.coin: coin for coin in coins if coin.total or coin.locked or coin.debt}


def balance(row: Row) -> Balance:
    """Return one coin of the wallet.

    `locked` adds what derivatives and the bonus keep from spot orders to what open spot orders lock, after the
    documented formula: free = walletBalance − locked − totalOrderIM − totalPositionIM − bonus.
    """
    kept = ("locked", "totalOrderIM", "totalPositionIM", "bonus")
    debt = _decimal(row, "spotBorrow")
    return Balance(
        coin=_text(row, "coin"),
        total=_decimal(row, "walletBalance") or ZERO,
        locked=sum((_decimal(row, key) or ZERO for key in kept), ZERO),
        debt=debt if debt is not None else _decimal(row, "borrowAmount") or ZERO,
        interest=_decimal(row, "accruedInterest") or ZERO,
    )


def is_margin_on(body: Any) -> bool:
    """Tell whether spot margin is switched on."""
    return _text(result_of(body), "spotMarginMode") == "1"


def taker_fee_rate(body: Any, symbol: str) -> Decimal:
    """Return the taker fee of `symbol` as a fraction."""
    for row in rows_of(body):
        if row.get("symbol") == symbol:
            return _required(row, "takerFeeRate")
    raise WireError(f"no fee rate of {symbol}")


def key_info(body: Any) -> KeyInfo:
    """Return what the key may do. Neither the key nor the bound addresses are taken over."""
    result = result_of(body)
    permissions = _mapping(result.get("permissions"), "permissions")
    return KeyInfo(
        user_id=str(_integer(result, "userID")),
        read_only=_integer(result, "readOnly") != 0,
        may_trade_spot="SpotTrade" in (permissions.get("Spot") or ()),
        may_withdraw="Withdraw" in (permissions.get("Wallet") or ()),
        ip_bound=any(address != "*" for address in result.get("ips") or ()),
        expires_at=_expiry(_optional(result, "expiredAt")),
    )


def _expiry(text: str | None) -> datetime | None:
    """Return when a key expires; keys bound to an address never do, and say 1970 or nothing."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as e:
        raise WireError(f"expiredAt is {text!r}") from e
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC) if at.timestamp() > 0 else None


# -- orders

_LIVE = ("New", "PartiallyFilled", "Untriggered", "Triggered", "Created", "PendingCancel")
_ENDS = {
    "Filled": ReportStatus.FILLED,
    "PartiallyFilledCanceled": ReportStatus.PARTIAL_CANCELLED,
    "Cancelled": ReportStatus.CANCELLED,
    "Deactivated": ReportStatus.CANCELLED,
    "Rejected": ReportStatus.REJECTED,
}


def order(row: Row) -> OrderReport:
    """Return an order row of realtime, history or the order stream.

    `qty` is base coin. A market order by value has its `qty` in quote coin; what it has bought or sold so far is the
    only base quantity known of it, and is taken instead.
    """
    side = _side(row)
    filled = _decimal(row, "cumExecQty") or ZERO
    trigger = _decimal(row, "triggerPrice") or None
    return OrderReport(
        order_link_id=_optional(row, "orderLinkId") or "",
        exchange_order_id=_text(row, "orderId"),
        symbol=_text(row, "symbol"),
        side=side,
        status=_report_status(row, filled),
        qty=filled if _is_by_value(row, side) else _decimal(row, "qty") or ZERO,
        filled_qty=filled,
        filled_value=_filled_value(row, filled),
        trigger_price=trigger,
        is_stop=trigger is not None or _stop_order_type(row) is not None,
        reason=_reason(row),
        created_at=_time(row.get("createdTime")),
        updated_at=_time(row["updatedTime"]) if row.get("updatedTime") else None,
        fees=tuple(_fee_detail(row)),
        base_price=_decimal(row, "basePrice") or None,
    )


def _report_status(row: Row, filled: Decimal) -> ReportStatus:
    """Return the status, decided by the quantity where the two could differ: an order that bought is never absent."""
    text = _text(row, "orderStatus")
    if text in _LIVE:
        return ReportStatus.LIVE
    status = _ENDS.get(text)
    if status is None:
        log.warning("order %s has the unknown status %r: taken as alive", row.get("orderId"), text)
        return ReportStatus.LIVE
    if status is ReportStatus.FILLED:
        return status
    if filled:
        return ReportStatus.PARTIAL_CANCELLED
    return ReportStatus.CANCELLED if status is ReportStatus.PARTIAL_CANCELLED else status


def _is_by_value(row: Row, side: Side) -> bool:
    """Tell whether `qty` is quote coin: asked for so, or a market buy that does not say its unit."""
    if row.get("orderType") != "Market":
        return False
    unit = row.get("marketUnit") or ""
    return unit == "quoteCoin" or (unit == "" and side is Side.BUY)


def _filled_value(row: Row, filled: Decimal) -> Decimal:
    value = _decimal(row, "cumExecValue")
    return value if value is not None else filled * (_decimal(row, "avgPrice") or ZERO)


def _stop_order_type(row: Row) -> str | None:
    kind = _optional(row, "stopOrderType")
    return kind if kind not in (None, "UNKNOWN") else None


def _reason(row: Row) -> str:
    """Return why an order ended early: the reason of the engine, or else who cancelled it."""
    for key, nothing in (("rejectReason", "EC_NoError"), ("cancelType", "UNKNOWN")):
        text = _optional(row, key)
        if text and text != nothing:
            return text
    return ""


def _fee_detail(row: Row) -> Iterable[tuple[str, Decimal]]:
    """Return fees by coin. `cumExecFee` is not used: it is deprecated for spot and does not name its coin."""
    detail = row.get("cumFeeDetail") or {}
    for coin, amount in sorted(_mapping(detail, "cumFeeDetail").items()):
        if amount not in ("", None):
            yield coin, _number(amount, f"fee in {coin}")


# -- executions


def fills(rows: Iterable[Row]) -> list[Fill]:
    """Return the trades among execution rows, oldest first, each execution once."""
    by_id: dict[str, tuple[Fill, Decimal]] = {}
    for row in rows:
        if row.get("category", "spot") == "spot" and is_trade(row):
            found = fill(row)
            by_id[found.execution_id] = found, _decimal(row, "seq") or ZERO
    return [found for found, _ in sorted(by_id.values(), key=_moment)]


def _moment(numbered: tuple[Fill, Decimal]) -> tuple[datetime, Decimal]:
    """Return what executions are ordered by: their time, and the engine's sequence number within a millisecond."""
    found, seq = numbered
    return found.executed_at, seq


def is_trade(row: Row) -> bool:
    """Tell a trade from funding, deliveries and the like, which no spot order causes."""
    return row.get("execType") in ("Trade", "", None)


def fill(row: Row) -> Fill:
    """Return one execution with its fees by coin, the extra ones (GST, VAT, …) added."""
    side = _side(row)
    return Fill(
        execution_id=_text(row, "execId"),
        order_link_id=_optional(row, "orderLinkId") or "",
        exchange_order_id=_text(row, "orderId"),
        symbol=_text(row, "symbol"),
        side=side,
        price=_positive(row, "execPrice"),
        qty=_positive(row, "execQty"),
        fees=tuple(_fees(row, side).items()),
        executed_at=_time(row.get("execTime")),
        is_maker=row.get("isMaker") is True,
    )


def report_of_fills(rows: Sequence[Row]) -> OrderReport | None:
    """Return what executions alone say of their order: alive, with these sums; None without a trade among them.

    For an order whose own row is not visible (yet): whether more is to come, nobody can tell from here.
    """
    done = fills(rows)
    if not done:
        return None
    first, row = done[0], rows[0]
    bought = sum((f.qty for f in done), ZERO)
    return OrderReport(
        order_link_id=first.order_link_id,
        exchange_order_id=first.exchange_order_id,
        symbol=first.symbol,
        side=first.side,
        status=ReportStatus.LIVE,
        qty=max(bought, ZERO if _is_by_value(row, first.side) else _decimal(row, "orderQty") or ZERO),
        filled_qty=bought,
        filled_value=sum((f.value for f in done), ZERO),
        trigger_price=None,
        is_stop=_stop_order_type(row) is not None,
        reason="",
        created_at=first.executed_at,
        updated_at=done[-1].executed_at,
        fees=tuple(_sums(fee for f in done for fee in f.fees).items()),
    )


def _fees(row: Row, side: Side) -> dict[str, Decimal]:
    fees = []
    amount = _decimal(row, "execFee")
    if amount:
        fees.append((_optional(row, "feeCurrency") or _fee_coin(row, side), amount))
    for extra in _extra_fees(row):
        tax = _decimal(extra, "fee")
        if tax:
            fees.append((_text(extra, "feeCoin"), tax))
    return _sums(fees)


def _sums(fees: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for coin, amount in fees:
        sums[coin] = sums.get(coin, ZERO) + amount
    return sums


def _fee_coin(row: Row, side: Side) -> str:
    """Return the coin of a fee that does not name it (before 2024): the coin received, a maker's rebate the other."""
    base, quote = _coins(_text(row, "symbol"))
    is_rebate = row.get("isMaker") is True and (_decimal(row, "feeRate") or ZERO) < 0
    return base if (side is Side.BUY) != is_rebate else quote


# Longest first: USDT before USD. Only executions that do not name their fee's coin need them.
_QUOTE_COINS = (
    "RLUSD", "USDT", "USDC", "USDE", "USD1", "USDQ", "USDR", "EURC", "DAI", "EUR", "GBP", "BRZ", "BRL", "PLN", "TRY",
    "AED", "GEL", "KZT", "JPY", "BTC", "ETH", "SOL", "MNT", "XRP",
)  # fmt: skip


def _coins(symbol: str) -> tuple[str, str]:
    for quote in _QUOTE_COINS:
        if symbol.endswith(quote) and symbol != quote:
            return symbol.removesuffix(quote), quote
    raise WireError(f"fee of {symbol} without its coin")


def _extra_fees(row: Row) -> list[Row]:
    extra = row.get("extraFees") or []
    if isinstance(extra, str):
        try:
            extra = json.loads(extra)
        except ValueError as e:
            raise WireError("extraFees is no list") from e
    if not isinstance(extra, list):
        raise WireError("extraFees is no list")
    return [_mapping(fee, "an extra fee") for fee in extra]


# -- fields

_DIGITS_MAX = 40


def _mapping(value: Any, what: str) -> Row:
    if not isinstance(value, dict):
        raise WireError(f"{what} is no object")
    return value


def _list(row: Row, key: str) -> list[Any]:
    value = row.get(key)
    if not isinstance(value, list):
        raise WireError(f"{key} is no list")
    return value


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise WireError(f"{key} is {value!r}")
    return value


def _optional(row: Row, key: str) -> str | None:
    """Return a text field; None for "", null and a missing key."""
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise WireError(f"{key} is {value!r}")
    return value or None


@lru_cache(4096)
def _spelled(value: str | int) -> Decimal:
    """Return the number of a field. Most texts come again and again: zeros, steps, an order's sizes."""
    number = decimal_of(value)
    if not -_DIGITS_MAX <= number.adjusted() <= _DIGITS_MAX:
        raise ValueError("spelled out, such a number would fill the memory")
    return number


def _decimal(row: Row, key: str) -> Decimal | None:
    """Return a number; None for "", null and a missing key."""
    value = row.get(key)
    if value is None or value == "":
        return None
    # A bool is an int to Python, and a float has lost the digits that were sent.
    if type(value) is not str and type(value) is not int:
        raise WireError(f"{key} is {value!r}")
    try:
        return _spelled(value)
    except ValueError as e:
        raise WireError(f"{key} is {value!r}") from e


def _required(row: Row, key: str) -> Decimal:
    value = _decimal(row, key)
    if value is None:
        raise WireError(f"{key} is missing")
    return value


def _number(value: Any, what: str) -> Decimal:
    """Return the number that a value spells which is no field, or whose field is called something else."""
    return _required({what: value}, what)


def _positive(row: Row, key: str) -> Decimal:
    value = _required(row, key)
    if value <= 0:
        raise WireError(f"{key} is {value}")
    return value


def _integer(row: Row, key: str) -> int:
    value = _required(row, key)
    if value != value.to_integral_value():
        raise WireError(f"{key} is {value}")
    return int(value)


def _side(row: Row) -> Side:
    value = row.get("side")
    if value not in ("Buy", "Sell"):
        raise WireError(f"side is {value!r}")
    return Side.BUY if value == "Buy" else Side.SELL


def _time(stamp: Any) -> datetime:
    """Return the time of a millisecond stamp, a string or an int."""
    is_usual = type(stamp) is str and len(stamp) == 13 and stamp.isascii() and stamp.isdigit()
    ms = int(stamp if is_usual or type(stamp) is int else _number(stamp, "a time"))
    try:
        return from_ms(ms)
    except (OverflowError, OSError) as e:
        raise WireError(f"a time is {stamp}") from e
