"""The whole story of a setup and its trades: what was seen, sized, sent, answered, filled and earned.

It is told from what was stored at the time (the setup, the decision log, orders and fills), not worked out anew; the
only thing looked at now is whether the candles are still the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from botbox_cli.domain.candle import INTERVALS, to_ms
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.number import HUNDRED, decimal_of, plain
from botbox_cli.domain.order import Order, Role, Side
from botbox_cli.domain.regime import RANGING_BELOW, TRENDING_ABOVE, read_regime
from botbox_cli.domain.setup import Setup, SetupSource
from botbox_cli.domain.trade import Trade
from botbox_cli.errors import BotboxError, NotFound
from botbox_cli.ports import Indicators, LogEntry
from botbox_cli.services.book import TradeBook, books_of
from botbox_cli.services.desk import Desk
from botbox_cli.services.trades import TradeView, view

DECISIONS = ("detected", "proposed", "approved", "rejected", "invalidated")


@dataclass(frozen=True, slots=True)
class SignalSeen:
    """A signal with its figure and what the rule asks of it ("" where the rule does not tell)."""

    type: str
    value: float
    limit: str


@dataclass(frozen=True, slots=True)
class Basis:
    """What a setup rests on. `hashes` are those logged at detection; `is_same` tells whether the stored candles still
    have them (None: nothing was logged), `is_gone` that some are not stored any more. `indicators` are those of the
    setup's candle, NaN left out.
    """

    hashes: dict[str, Any] | None
    is_same: bool | None
    indicators: dict[str, float]
    regime_ratio: float | None
    regime: str
    figures: str
    signals: tuple[SignalSeen, ...]
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Slip:
    """How far an order filled from the price that was planned for it; positive is worse, `r` in R of the trade."""

    order_link_id: str
    role: Role
    planned: Decimal
    filled: Decimal
    slippage: Decimal
    percent: Decimal
    r: Decimal | None


@dataclass(frozen=True, slots=True)
class TradeStory:
    """One trade: the plan as it was logged with its arithmetic, its orders and fills, how they slipped, its log."""

    view: TradeView
    fills: tuple[Fill, ...]
    plan: dict[str, Any] | None
    arithmetic: tuple[str, ...]
    slips: tuple[Slip, ...]
    log: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A setup, what it rests on, what was decided on it, and its trades, oldest first."""

    setup: Setup
    basis: Basis | None
    decisions: tuple[LogEntry, ...]
    trades: tuple[TradeStory, ...]

    @property
    def shown(self) -> dict[str, Any]:
        """What the person saw when they decided, as it was logged; empty if nothing was."""
        decided = [e.data for e in self.decisions if e.event in ("approved", "rejected") and e.data]
        return decided[-1] if decided else {}


def explain(desk: Desk, *, setup_id: int | None = None, trade_id: int | None = None) -> Explanation:
    """Return the story of a setup with all its trades, or of the setup of a trade with that trade. Raises NotFound."""
    assert (setup_id is None) != (trade_id is None), "one of the two"
    with desk.store.read(desk.account) as books:
        if trade_id is not None:
            trades = [books.trade(trade_id)]
            setup = books.setup(trades[0].setup_id)
        else:
            assert setup_id is not None
            setup = _setup(books.setup, books.trades, setup_id)
            trades = [t for t in reversed(books.trades(symbol=setup.symbol)) if t.setup_id == setup.id]
        # A plan carries both ids, so that it is found with its setup, too.
        decisions = [e for e in books.log_of(setup_id=setup.id) if e.event in DECISIONS]
        stories = [_story(book, books.log_of(trade_id=book.trade.id)) for book in books_of(books, trades)]
    return Explanation(setup, _basis(desk, setup, decisions), tuple(decisions), tuple(stories))


def _setup(find: Any, trades: Any, setup_id: int) -> Setup:
    try:
        found: Setup = find(setup_id)
    except NotFound as e:
        hint = e.hint
        if any(t.id == setup_id for t in trades()):
            hint = f"there is a trade {setup_id}: `botbox explain --trade {setup_id}`"
        raise NotFound(e.message, hint) from e
    return found


# -- what it rests on


def _basis(desk: Desk, setup: Setup, decisions: Sequence[LogEntry]) -> Basis | None:
    interval = INTERVALS.get(setup.timeframe)
    if setup.source is SetupSource.MANUAL or interval is None or setup.candle_time is None:
        return None
    from botbox_cli.services.evidence import load_evidence
    from botbox_cli.services.fingerprint import fingerprint

    logged = next((e.data for e in decisions if e.event == "detected"), None)
    now = fingerprint(desk.candles, desk.account.venue, setup)
    at_ms, venue = to_ms(setup.candle_time), desk.account.venue
    from_ms_ = at_ms - 100 * interval.length_ms
    seen = load_evidence(desk.candles, venue, setup.symbol, interval, from_ms_, at_ms)
    row = len(seen.candles.open_ms) - 1
    is_there = row >= 0 and int(seen.candles.open_ms[row]) == at_ms
    indicators = (
        {
            f.name: float(getattr(seen.indicators, f.name)[row])
            for f in fields(Indicators)
            if not math.isnan(getattr(seen.indicators, f.name)[row])
        }
        if is_there
        else {}
    )
    ratio = float(seen.regime_ratio[row]) if is_there else math.nan
    rule, figures = None, ""
    try:
        from botbox_cli.analysis.rules.registry import parse_identity

        rule = parse_identity(setup.rule)
        figures = rule.figures(seen, row) if is_there else ""
    except BotboxError as e:
        figures = e.message
    return Basis(
        hashes=logged,
        is_same=None if logged is None else logged == now,
        indicators=indicators,
        regime_ratio=None if math.isnan(ratio) else ratio,
        regime=str(read_regime(ratio).regime),
        figures=figures,
        signals=tuple(SignalSeen(s.type, s.value, _limit(s.type, rule, indicators)) for s in setup.signals),
        is_gone=_has_fewer(now, logged),
    )


def _has_fewer(now: dict[str, Any] | None, logged: dict[str, Any] | None) -> bool:
    """Tell whether candles that were there at detection are not stored any more."""
    if not now or not logged:
        return False
    return any(now[part]["count"] < logged.get(part, {}).get("count", 0) for part in now)


def _limit(type_: str, rule: Any, indicators: dict[str, float]) -> str:
    """Return what a signal of the design's rule had to be; rules of other packages tell it in their `figures`."""
    band = {"PRICE_AT_LOWER_BB": ("≤", "bb_lower"), "PRICE_AT_UPPER_BB": ("≥", "bb_upper")}.get(type_)
    if band is not None:
        return f"{band[0]} {indicators[band[1]]:.8g}" if band[1] in indicators else ""
    if type_ == "RANGING_MARKET":
        return f"≤ {TRENDING_ABOVE} (below {RANGING_BELOW}: calm)"
    sign, name = {
        "RSI_OVERSOLD": ("<", "rsi_low"),
        "RSI_OVERBOUGHT": (">", "rsi_high"),
        "VOLUME_CONFIRMATION": (">", "volume_factor"),
    }.get(type_, ("", ""))
    limit = getattr(rule, name, None) if name else None
    return "" if limit is None else f"{sign} {limit:g}"


# -- trades


def _story(book: TradeBook, log: Sequence[LogEntry]) -> TradeStory:
    plan = next((e.data for e in log if e.event == "planned" and e.data), None)
    arithmetic = tuple(sizing_lines(plan, book.trade)) if plan is not None else ()
    return TradeStory(view(book), book.fills, plan, arithmetic, tuple(_slips(book, plan, log)), tuple(log))


def sizing_lines(plan: dict[str, Any], trade: Trade) -> Iterator[str]:
    """Yield the arithmetic of a size line by line, from the facts that were logged with the plan."""
    s = {k: v if k == "limited_by" else decimal_of(v) for k, v in plan["sizing"].items()}
    limits = {name: decimal_of(v) for name, v in plan["limits"].items()}
    lot = plan["instrument"]["lot_size"]
    base, quote = trade.base_coin, trade.quote_coin
    price, stop, equity, free = s["price"], s["stop"], s["equity"], s["free"]
    distance = abs(price - stop)
    slippage = limits["max_slippage_percent"]
    cap = equity * limits["max_position_percent"] / HUNDRED
    by = {
        "risk": s["risk_wanted"] / distance,
        "position_size": cap / price,
        "free_balance": free / (price * (1 + slippage / HUNDRED)),
    }
    yield f"equity {_n(equity)} {quote}, free {_n(free)} {quote}"
    yield f"risk wanted = {_n(equity)} × {_n(limits['risk_percent'])} % = {_n(s['risk_wanted'])} {quote}"
    yield f"distance to the stop = |{_n(price)} - {_n(stop)}| = {_n(distance)} {quote}"
    yield f"by risk: {_n(s['risk_wanted'])} ÷ {_n(distance)} = {_n(by['risk'])} {base}"
    yield (
        f"by position size: {_n(equity)} × {_n(limits['max_position_percent'])} % ÷ {_n(price)} = "
        f"{_n(by['position_size'])} {base}"
    )
    yield (
        f"by free balance: {_n(free)} ÷ ({_n(price)} × (1 + {_n(slippage)} %)) = {_n(by['free_balance'])} {base}"
    )
    bound = str(s["limited_by"])
    if bound == "max_order_qty":
        yield f"by the exchange's greatest market order: {_n(s['qty'])} {base}"
    yield f"least: by {bound.replace('_', ' ')}, floored to the lot {lot} = {_n(s['qty'])} {base}"
    yield f"value = {_n(s['qty'])} × {_n(price)} = {_n(s['value'])} {quote}"
    yield (
        f"risk = {_n(s['qty'])} × {_n(distance)} = {_n(s['risk'])} {quote} = {_n(s['risk_percent'])} % of equity"
    )


def _n(value: Decimal) -> str:
    return plain(round(value, 10))


def _slips(book: TradeBook, plan: dict[str, Any] | None, log: Sequence[LogEntry]) -> Iterator[Slip]:
    """Yield how each order that filled, and had a price to meet, slipped."""
    risk = None if (entry := book.position.entry_price) is None else abs(entry - book.trade.initial_stop)
    for order in book.orders:
        planned = _planned(order, plan, log)
        mine = [f for f in book.fills if f.order_link_id == order.order_link_id]
        qty = sum((f.qty for f in mine), Decimal(0))
        if planned is None or not qty:
            continue
        filled = sum((f.value for f in mine), Decimal(0)) / qty
        worse = filled - planned if order.side is Side.BUY else planned - filled
        r = worse / risk if risk else None
        yield Slip(order.order_link_id, order.role, planned, filled, worse, worse / planned * HUNDRED, r)


def _planned(order: Order, plan: dict[str, Any] | None, log: Sequence[LogEntry]) -> Decimal | None:
    """Return the price that an order was meant for: the quote it was sized at, its trigger, what an exit saw."""
    if order.role is Role.ENTRY:
        return None if plan is None else decimal_of(plan["sizing"]["price"])
    if order.role is Role.STOP:
        return order.trigger_price
    seen = [e.data["price"] for e in log if e.event == "closing" and e.data and e.at <= order.created_at]
    return decimal_of(seen[-1]) if seen else None
