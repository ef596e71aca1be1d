"""The shadow book: setups that were not traded, followed on recorded candles to the end that they would have had.

Each is entered as the replay does it, at the first open after its candle, on this person's terms; so a veto or a delay
is weighed against having decided at once. What was traded stands beside it, with the R that was really made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from botbox_cli.analysis.columns import cut, cut_indicators
from botbox_cli.analysis.replay import Exit, ReplayTerms, Trades, replay
from botbox_cli.analysis.rules.rule import Evidence, Finds
from botbox_cli.analysis.statistics import Summary, summary
from botbox_cli.domain.candle import INTERVALS, Interval, from_ms, to_ms
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.setup import Direction, Setup, SetupStatus
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.book import books_of
from botbox_cli.services.desk import Desk
from botbox_cli.services.evidence import finer_candles, load_evidence
from botbox_cli.services.similar import terms_of
from botbox_cli.services.trades import view

GROUPS = ("rejected", "expired", "invalidated", "traded")
MANUAL_TIMEFRAME = "60"


@dataclass(frozen=True, slots=True)
class ShadowTrade:
    """What would have become of a setup: `outcome` is the replay's exit, or why it was not entered; `r` if it ended.

    `actual_r` is what was really made of one that was traded.
    """

    setup: Setup
    group: str
    outcome: str
    r: float | None
    exit_time: datetime | None
    actual_r: float | None = None


@dataclass(frozen=True, slots=True)
class ShadowGroup:
    """Setups that ended in one way: what those that would have been entered had made, and how many can't be said.

    `made` is what the person's decision made of it in R: minus the total for what was left, the difference for
    what was traded.
    """

    name: str
    summary: Summary
    unfinished: int
    not_entered: dict[str, int]
    made: float
    made_each: Summary


@dataclass(frozen=True, slots=True)
class Shadow:
    """The groups in the order of `GROUPS`, and the setups in that of their detection."""

    groups: tuple[ShadowGroup, ...]
    trades: tuple[ShadowTrade, ...]


def shadow(desk: Desk, *, since: datetime | None = None) -> Shadow:
    """Return what would have become of the setups that were detected at or after `since` and are decided."""
    found = _decided(desk, since)
    by_series: dict[tuple[str, str], list[tuple[Setup, str, float | None]]] = {}
    for item in found:
        code = item[0].timeframe or MANUAL_TIMEFRAME
        by_series.setdefault((item[0].symbol, code), []).append(item)
    trades = [trade for key, items in by_series.items() for trade in _followed(desk, *key, items)]
    trades.sort(key=lambda t: (t.setup.detected_at, t.setup.id))
    return Shadow(tuple(_group(name, trades) for name in GROUPS), tuple(trades))


def _decided(desk: Desk, since: datetime | None) -> list[tuple[Setup, str, float | None]]:
    """Return setups with their group and, if traded, what was made of them."""
    with desk.store.read(desk.account) as books:
        setups = books.setups([SetupStatus.REJECTED, SetupStatus.INVALIDATED, SetupStatus.TRIGGERED])
        closed = books_of(books, books.trades([TradeStatus.CLOSED]))
    made = {book.trade.setup_id: view(book).pnl.r_multiple for book in closed}
    decided: list[tuple[Setup, str, float | None]] = []
    for setup in setups:
        if since is not None and setup.detected_at < since:
            continue
        if setup.status is not SetupStatus.TRIGGERED:
            decided.append((setup, _group_of(setup), None))
        elif (r := made.get(setup.id)) is not None:
            decided.append((setup, "traded", float(r)))
    return decided


def _group_of(setup: Setup) -> str:
    if setup.status is SetupStatus.REJECTED:
        return "rejected"
    return "expired" if setup.reason.startswith("expired") else "invalidated"


def _followed(
    desk: Desk, symbol: str, code: str, items: Sequence[tuple[Setup, str, float | None]]
) -> list[ShadowTrade]:
    interval, venue = INTERVALS[code], desk.account.venue
    instrument = desk.store.instrument(venue, symbol)
    first_ms = min(_signal_ms(setup, interval) for setup, _, _ in items)
    stored = {(s.symbol, s.timeframe): s for s in desk.candles.series(venue)}.get((symbol, code))
    if instrument is None or stored is None:
        return [ShadowTrade(setup, group, "no candles", None, None, r) for setup, group, r in items]
    evidence = load_evidence(desk.candles, venue, symbol, interval, first_ms, stored.last_ms)
    return [
        _follow(desk, setup, group, actual, evidence, interval, instrument) for setup, group, actual in items
    ]


def _signal_ms(setup: Setup, interval: Interval) -> int:
    """Return the opening time of the candle behind which the entry would have been: its own, or that of a proposal."""
    if setup.candle_time is not None:
        return to_ms(setup.candle_time)
    return interval.floor_ms(to_ms(setup.detected_at))


def _follow(
    desk: Desk,
    setup: Setup,
    group: str,
    actual: float | None,
    evidence: Evidence,
    interval: Interval,
    instrument: Instrument,
) -> ShadowTrade:
    if setup.direction is Direction.SHORT and not desk.policy.shorts:
        return ShadowTrade(setup, group, "shorts off", None, None, actual)
    row = int(np.searchsorted(evidence.candles.open_ms, _signal_ms(setup, interval)))
    if row >= len(evidence.candles.open_ms) or evidence.candles.open_ms[row] != _signal_ms(setup, interval):
        return ShadowTrade(setup, group, "no candles", None, None, actual)
    rest = slice(row, None)
    seen = Evidence(
        cut(evidence.candles, rest), cut_indicators(evidence.indicators, rest), evidence.regime_ratio[rest]
    )
    trades, refused = _replayed(desk, setup, seen, interval, instrument, terms_of(desk.policy))
    if not len(trades):
        why = next(iter(refused), "end")
        return ShadowTrade(setup, group, str(why).replace("_", " "), None, None, actual)
    reason = Exit(int(trades.reason[0]))
    if not trades.decided[0]:
        return ShadowTrade(setup, group, f"open at the {reason.name.lower()}", None, None, actual)
    at = from_ms(int(trades.exit_ms[0]))
    name = reason.name.lower().replace("_", " ")
    return ShadowTrade(setup, group, name, float(trades.r[0]), at, actual)


def _replayed(
    desk: Desk,
    setup: Setup,
    seen: Evidence,
    interval: Interval,
    instrument: Instrument,
    terms: ReplayTerms,
) -> tuple[Trades, dict[str, int]]:
    second = setup.take_profit_2
    finds = [
        Finds(
            kind=setup.kind,
            direction=setup.direction,
            rows=np.zeros(1, np.int64),
            entry=np.array([float(setup.entry_price)]),
            stop=np.array([float(setup.stop_loss)]),
            take_profit_1=np.array([float(setup.take_profit_1)]),
            take_profit_2=np.array([np.nan if second is None else float(second)]),
            signals=(),
        )
    ]
    found = replay(seen, finds, interval, instrument, terms)
    finer = finer_candles(desk.candles, desk.account.venue, setup.symbol, interval, found.doubtful_ms)
    if finer:
        found = replay(seen, finds, interval, instrument, terms, finer=finer)
    return found.trades, found.refused


def _group(name: str, trades: Sequence[ShadowTrade]) -> ShadowGroup:
    mine = [t for t in trades if t.group == name]
    ended = sorted((t for t in mine if t.r is not None), key=lambda t: t.exit_time or t.setup.detected_at)
    would = np.array([t.r for t in ended], np.float64)
    actual = np.array([t.actual_r or 0.0 for t in ended], np.float64)
    rest = Counter(t.outcome for t in mine if t.r is None)
    unfinished = sum(n for why, n in rest.items() if why.startswith("open at"))
    not_entered = {why: n for why, n in rest.items() if not why.startswith("open at")}
    each = summary(actual - would)
    return ShadowGroup(name, summary(would), unfinished, not_entered, each.total_r, each)
