"""What a rule would have earned on stored candles, with the sizes and limits of the real thing.

Candles are read symbol by symbol; only trades are kept. A walk-forward cuts the period into stretches: what is chosen
on the earlier ones is tried on the next, and no number is ever taken over both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from botbox_cli.analysis.columns import Column, cut, cut_indicators
from botbox_cli.analysis.replay import Exit, Replayed, ReplayTerms, Trades, replay
from botbox_cli.analysis.rules.rule import Evidence, Rule, found_by, identity
from botbox_cli.analysis.statistics import Summary, summary
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import DAY_MS, Interval, from_ms, to_ms
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.regime import RANGING_BELOW, TRENDING_ABOVE
from botbox_cli.errors import Denied, NotFound
from botbox_cli.ports import CandleReader, Instruments
from botbox_cli.services.desk import Policy
from botbox_cli.services.evidence import Coverage, coverage, finer_candles, load_evidence
from botbox_cli.services.lookup import unknown_symbol
from botbox_cli.services.portfolio import Held, hold
from botbox_cli.services.progress import Progress

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
GROUP_RESAMPLES = 300
"""For the interval of a group: there are many of them."""
LEAST_TRADES = 30
"""Of which a rate is worth saying, and a parameter worth choosing."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What to replay: the rule, where, when and on which terms. Times are opening times of setups' candles, in ms."""

    rule: Rule
    symbols: tuple[str, ...]
    interval: Interval
    start_ms: int
    end_ms: int
    terms: ReplayTerms
    policy: Policy
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Group:
    """Decided trades that have something in common."""

    name: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class TradeLine:
    """One trade of a backtest. `decided` is false where the candles ended, or a gap came, before the exit."""

    symbol: str
    kind: str
    direction: str
    signal_time: datetime
    entry_time: datetime
    exit_time: datetime
    entry_price: float
    stop: float
    take_profit_1: float
    take_profit_2: float | None
    tp1_price: float | None
    exit_price: float
    reason: str
    qty: Decimal
    pnl: Decimal
    fees: Decimal
    r: float
    mae_r: float
    mfe_r: float
    regime_ratio: float
    decided: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one stretch of time. `refused` counts setups that were not entered, by reason.

    `exposure` is the share of the time with a position. Equity is in quote coin, after each exit;
    `max_drawdown` its deepest fall from a peak, as a share of that.
    """

    start: datetime
    end: datetime
    setups: int
    refused: dict[str, int]
    unfinished: dict[str, int]
    summary: Summary
    groups: dict[str, tuple[Group, ...]]
    exposure: float
    mae: tuple[float, float] | None
    """Median of the winners and of the losers, in R."""
    mfe: tuple[float, float] | None
    balance: Decimal
    final_equity: Decimal
    max_drawdown: float
    fees: Decimal
    equity: tuple[tuple[datetime, Decimal], ...]
    r: Column
    trades: Trades
    """Those that the account took; `held` is what it made of them, `symbols` whose they are."""
    held: Held
    symbols: NDArray[np.str_]

    def lines(self) -> Iterator[TradeLine]:
        """Yield the trades one by one, by entry."""
        return _lines(self.trades, self.held, self.symbols)


@dataclass(frozen=True, slots=True)
class Fold:
    """One step of a walk-forward: chosen on `in_sample`, tried on `out_of_sample`, which came after it."""

    rule: str
    tried: int
    in_sample: Report
    out_of_sample: Report


@dataclass(frozen=True, slots=True)
class Backtest:
    """The answer. Exactly one of `report` and `folds` is filled; `out_of_sample` sums up the folds' later parts."""

    rule: str
    timeframe: str
    terms: ReplayTerms
    coverage: tuple[Coverage, ...]
    skipped: tuple[tuple[str, str], ...]
    report: Report | None
    folds: tuple[Fold, ...] = ()
    out_of_sample: Report | None = None


@dataclass(slots=True)
class Played:
    """Trades of some symbols in one stretch, as they come."""

    parts: list[Trades]
    symbols: list[int]
    setups: int
    refused: dict[str, int]

    @classmethod
    def new(cls) -> Played:
        return cls([], [], 0, {})

    @classmethod
    def of(cls, parts: Sequence[Played]) -> Played:
        whole = cls.new()
        for part in parts:
            whole.parts += part.parts
            whole.symbols += part.symbols
            whole.setups += part.setups
            whole.count(part.refused)
        return whole

    def add(self, number: int, replayed: Replayed) -> None:
        self.parts.append(replayed.trades)
        self.symbols.append(number)
        self.setups += replayed.setups
        self.count(replayed.refused)

    def count(self, refused: Mapping[str, int]) -> None:
        for reason, count in refused.items():
            self.refused[reason] = self.refused.get(reason, 0) + count

    def joined(self) -> tuple[Trades, NDArray[np.int64]]:
        trades = Trades.join(self.parts)
        symbol = np.repeat(np.array(self.symbols, np.int64), [len(p) for p in self.parts])
        order = np.argsort(trades.entry_ms, kind="stable")
        return trades.take(order), symbol[order]


@dataclass(frozen=True, slots=True)
class Source:
    """Where candles and instruments come from."""

    store: Instruments
    candles: CandleReader
    venue: Venue


def period_of(
    source: Source, symbols: Sequence[str], interval: Interval, since: datetime | None, until: datetime | None
) -> tuple[int, int]:
    """Return the first and last opening time to look at: what is stored, within `since` and `until`.

    Raises:
        NotFound: If nothing is stored there, or a symbol is not known.
    """
    stored = source.candles.series(source.venue)
    known = {s.symbol for s in stored}
    mine = [s for s in stored if s.symbol in symbols and s.timeframe == interval.code]
    for symbol in symbols:
        if known and symbol not in known:
            raise _with_record(unknown_symbol(symbol, known))
    if not mine:
        raise NotFound(
            f"no {interval.code} candles of {', '.join(symbols)} are stored",
            "run `botbox record --once --since 2y`",
        )
    first, last = min(s.first_ms for s in mine), max(s.last_ms for s in mine)
    start = first if since is None else max(first, to_ms(since))
    end = last if until is None else min(last, to_ms(until) - interval.length_ms)
    if start > end:
        raise NotFound(
            f"the period is empty: candles of {interval.code} are stored from {from_ms(first):%Y-%m-%d %H:%M} to "
            f"{from_ms(last + interval.length_ms):%Y-%m-%d %H:%M} UTC",
            "choose --since and --until within that, or record more",
        )
    return start, end


def _with_record(error: NotFound) -> NotFound:
    return NotFound(error.message, error.hint or "run `botbox record --once --symbol …` for a new one")


def backtest(source: Source, ask: Ask, *, progress: Progress = lambda _done, _total: None) -> Backtest:
    """Replay the whole period.

    Raises:
        Denied: If there are too few candles for the warm-up.
        ConfigError: If the rule itself fails.
    """
    played = Played.new()
    covered: list[Coverage] = []
    skipped: list[tuple[str, str]] = []
    instruments: dict[int, Instrument] = {}
    for number, evidence, instrument in stream(source, ask, covered, skipped, progress):
        instruments[number] = instrument
        played.add(number, replayed(source, ask, evidence, instrument))
    refuse_blind(ask, covered, skipped)
    report = report_of(ask, played, instruments, ask.start_ms, ask.end_ms + ask.interval.length_ms)
    return Backtest(identity(ask.rule), ask.interval.code, ask.terms, tuple(covered), tuple(skipped), report)


def walk_forward(
    source: Source,
    ask: Ask,
    rules: Sequence[Rule],
    folds: int,
    *,
    progress: Progress = lambda _done, _total: None,
) -> Backtest:
    """Cut the period into `folds` + 1 stretches; choose among `rules` on the first ones, try the choice on the next.

    Each stretch sees its own candles only: a trade that is open at its end is unfinished there and counts in neither.

    Raises:
        Denied: If there are too few candles.
        ConfigError: If a rule itself fails.
    """
    length = ask.interval.length_ms
    marks = np.linspace(ask.start_ms, ask.end_ms + length, folds + 2).astype(np.int64) // length * length
    edges = [int(mark) for mark in marks]
    chosen = _chosen(source, ask, rules, edges) if len(rules) > 1 else [rules[0]] * folds
    before, after = [Played.new() for _ in range(folds)], [Played.new() for _ in range(folds)]
    covered: list[Coverage] = []
    skipped: list[tuple[str, str]] = []
    instruments: dict[int, Instrument] = {}
    for number, evidence, instrument in stream(source, ask, covered, skipped, progress):
        instruments[number] = instrument
        for fold, rule in enumerate(chosen):
            one = replace(ask, rule=rule)
            early = stretch(evidence, edges[0], edges[fold + 1])
            late = stretch(evidence, edges[fold + 1], edges[fold + 2])
            before[fold].add(number, replayed(source, one, early, instrument))
            after[fold].add(number, replayed(source, one, late, instrument))
    refuse_blind(ask, covered, skipped)
    done = tuple(
        Fold(
            identity(rule),
            len(rules),
            report_of(ask, before[fold], instruments, edges[0], edges[fold + 1]),
            report_of(ask, after[fold], instruments, edges[fold + 1], edges[fold + 2]),
        )
        for fold, rule in enumerate(chosen)
    )
    out = report_of(ask, Played.of(after), instruments, edges[1], edges[-1])
    name = identity(rules[0]) if len(rules) == 1 else f"{ask.rule.id}, {len(rules)} combinations"
    return Backtest(name, ask.interval.code, ask.terms, tuple(covered), tuple(skipped), None, done, out)


def _chosen(source: Source, ask: Ask, rules: Sequence[Rule], edges: Sequence[int]) -> list[Rule]:
    """Return for each fold the rule that did best on the stretches before it. Of each only the sums are kept."""
    folds = len(edges) - 2
    sums = np.zeros((folds, len(rules), 3))
    for _, evidence, instrument in stream(source, ask, [], []):
        for fold in range(folds):
            early = stretch(evidence, edges[0], edges[fold + 1])
            for which, rule in enumerate(rules):
                trades = replayed(source, replace(ask, rule=rule), early, instrument).trades
                r = trades.r[counted(trades, ask.policy)]
                sums[fold, which] += len(r), r.sum(), (r * r).sum()
    return [rules[int(np.argmax([score(*row) for row in fold]))] for fold in sums]


def replayed(source: Source, ask: Ask, evidence: Evidence, instrument: Instrument) -> Replayed:
    """Replay one symbol; where a candle reached both ways out, stored finer ones decide.

    Raises:
        ConfigError: If the rule fails, with its name.
    """
    finds = found_by(ask.rule, evidence)
    first = replay(evidence, finds, ask.interval, instrument, ask.terms)
    finer = finer_candles(source.candles, source.venue, instrument.symbol, ask.interval, first.doubtful_ms)
    if not finer:
        return first
    return replay(evidence, finds, ask.interval, instrument, ask.terms, finer=finer)


def stretch(evidence: Evidence, start_ms: int, end_ms: int) -> Evidence:
    """Return the candles that opened from `start_ms` to before `end_ms`."""
    first, after = np.searchsorted(evidence.candles.open_ms, [start_ms, end_ms]).tolist()
    rows = slice(first, after)
    return Evidence(
        cut(evidence.candles, rows), cut_indicators(evidence.indicators, rows), evidence.regime_ratio[rows]
    )


def counted(trades: Trades, policy: Policy) -> NDArray[np.bool_]:
    """Tell which trades count when no account stands behind them: those decided, shorts if they are on."""
    allowed: NDArray[np.bool_] = trades.decided & (policy.shorts | (trades.sign > 0))
    return allowed


def score(n: float, total: float, squares: float) -> float:
    """Return by what combinations are compared: the mean R in standard errors; -inf for too few trades."""
    if n < LEAST_TRADES:
        return float("-inf")
    variance = (squares - total * total / n) / (n - 1)
    return total / float(np.sqrt(n * variance)) if variance > 0 else float("-inf")


def stream(
    source: Source,
    ask: Ask,
    covered: list[Coverage],
    skipped: list[tuple[str, str]],
    progress: Progress = lambda _done, _total: None,
) -> Iterator[tuple[int, Evidence, Instrument]]:
    """Yield number, evidence and rules of one symbol after the other, so that only one is in memory.

    What there is of each goes to `covered`, symbols that can't be looked at to `skipped`, with the reason.
    """
    for number, symbol in enumerate(ask.symbols):
        progress(number, len(ask.symbols))
        instrument = source.store.instrument(source.venue, symbol)
        if instrument is None:
            skipped.append((symbol, "its tick size is not recorded: run `botbox record`"))
            continue
        evidence = load_evidence(source.candles, source.venue, symbol, ask.interval, ask.start_ms, ask.end_ms)
        what = coverage(symbol, evidence, ask.interval)
        if not what.candles:
            skipped.append((symbol, f"no {ask.interval.code} candles in the period"))
            continue
        covered.append(what)
        yield number, evidence, instrument
    progress(len(ask.symbols), len(ask.symbols))


def refuse_blind(ask: Ask, covered: Sequence[Coverage], skipped: Sequence[tuple[str, str]]) -> None:
    """Refuse a period in which no candle has all that a rule sees. Raises NotFound, Denied."""
    if not covered:
        raise NotFound("; ".join(f"{symbol}: {why}" for symbol, why in skipped), "run `botbox record --once`")
    if all(c.blind >= c.candles for c in covered):
        raise Denied(
            f"too few candles for the warm-up: none of {sum(c.candles for c in covered)} has all of its indicators and "
            f"a regime (they need 20 candles of {ask.interval.code} and 64 of 240)",
            "run `botbox record --once --since 2y`, or choose a longer period",
            code="warm_up",
        )


# -- counting


def report_of(
    ask: Ask, played: Played, instruments: dict[int, Instrument], start_ms: int, end_ms: int
) -> Report:
    """Return the report of one stretch, as an account that began it with `ask.balance`."""
    trades, symbol = played.joined()
    held, refused = hold(trades, symbol, instruments, ask.terms, ask.policy, ask.balance)
    mine = trades.take(held.number)
    by_exit = held.decided_by_exit
    r = held.r[by_exit]
    equity = tuple(
        (from_ms(int(held.exit_ms[row])), value) for row, value in zip(held.exits, held.equity, strict=True)
    )
    names = np.array(ask.symbols)[held.symbol] if len(held.number) else np.empty(0, str)
    total = dict(played.refused)
    for reason, count in refused.items():
        total[reason] = total.get(reason, 0) + count
    unfinished = {
        reason.name.lower(): int((held.reason == reason).sum())
        for reason in (Exit.GAP, Exit.END)
        if (held.reason == reason).any()
    }
    won = r > 0
    mae, mfe = mine.mae_r[by_exit], mine.mfe_r[by_exit]
    both = bool(won.any() and not won.all())
    return Report(
        from_ms(start_ms),
        from_ms(end_ms),
        played.setups,
        total,
        unfinished,
        summary(r),
        _groups(mine.take(by_exit), names[by_exit], r),
        _exposure(mine.entry_ms, held.exit_ms, start_ms, end_ms),
        (float(np.median(mae[won])), float(np.median(mae[~won]))) if both else None,
        (float(np.median(mfe[won])), float(np.median(mfe[~won]))) if both else None,
        ask.balance,
        held.equity[-1] if held.equity else ask.balance,
        _drawdown(ask.balance, held.equity),
        sum(held.fees, Decimal(0)),
        equity,
        r,
        mine,
        held,
        names,
    )


def regime_band(ratio: float) -> str:
    """Return the band of ATR ÷ its mean: below 0.7, between, above 1.3."""
    if np.isnan(ratio):
        return "unknown"
    if ratio < RANGING_BELOW:
        return f"calm (<{RANGING_BELOW})"
    return f"trending (>{TRENDING_ABOVE})" if ratio > TRENDING_ABOVE else "between"


def _groups(trades: Trades, symbol: NDArray[np.str_], r: Column) -> dict[str, tuple[Group, ...]]:
    """Return the decided trades by symbol, kind, regime at the signal, weekday and year of the entry (UTC)."""
    at = trades.entry_ms
    weekday = (at // DAY_MS + 3) % 7
    years = at.astype("datetime64[ms]").astype("datetime64[Y]").astype(int) + 1970
    regimes = np.array([regime_band(x) for x in trades.regime_ratio.tolist()], dtype=object)
    named: dict[str, NDArray[np.generic]] = {
        "symbol": symbol,
        "kind": trades.kind,
        "regime": regimes,
        "weekday": np.array(WEEKDAYS)[weekday],
        "year": years.astype(str),
    }
    orders = {"weekday": list(WEEKDAYS)}
    found = {}
    for name, labels in named.items():
        present = sorted(set(labels.tolist()), key=lambda x: (orders.get(name, [x]).index(x), x))
        found[name] = tuple(
            Group(str(x), summary(r[labels == x], resamples=GROUP_RESAMPLES)) for x in present
        )
    return found


def _exposure(entry_ms: NDArray[np.int64], exit_ms: NDArray[np.int64], start_ms: int, end_ms: int) -> float:
    """Return the share of the time in which at least one position was held."""
    held = 0
    until = start_ms
    for entered, left in zip(entry_ms.tolist(), exit_ms.tolist(), strict=True):
        held += max(0, left - max(entered, until))
        until = max(until, left)
    return held / (end_ms - start_ms) if end_ms > start_ms else 0.0


def _drawdown(balance: Decimal, equity: Sequence[Decimal]) -> float:
    peak, deepest = balance, Decimal(0)
    for value in equity:
        peak = max(peak, value)
        deepest = max(deepest, (peak - value) / peak)
    return float(deepest)


def _lines(trades: Trades, held: Held, names: NDArray[np.str_]) -> Iterator[TradeLine]:
    for row in range(len(held.number)):
        tp2, tp1_price = float(trades.take_profit_2[row]), float(trades.tp1_price[row])
        reason = Exit(int(held.reason[row]))
        yield TradeLine(
            symbol=str(names[row]),
            kind=str(trades.kind[row]),
            direction="long" if trades.sign[row] > 0 else "short",
            signal_time=from_ms(int(trades.signal_ms[row])),
            entry_time=from_ms(int(trades.entry_ms[row])),
            exit_time=from_ms(int(held.exit_ms[row])),
            entry_price=float(trades.entry_price[row]),
            stop=float(trades.stop[row]),
            take_profit_1=float(trades.take_profit_1[row]),
            take_profit_2=None if np.isnan(tp2) else tp2,
            tp1_price=None if np.isnan(tp1_price) else tp1_price,
            exit_price=float(held.exit_price[row]),
            reason=reason.name.lower(),
            qty=held.qty[row],
            pnl=held.pnl[row],
            fees=held.fees[row],
            r=float(held.r[row]),
            mae_r=float(trades.mae_r[row]),
            mfe_r=float(trades.mfe_r[row]),
            regime_ratio=float(trades.regime_ratio[row]),
            decided=reason < Exit.GAP,
        )


def terms_of(policy: Policy, *, delay: int, slippage: float, fee_rate: float) -> ReplayTerms:
    """Return the terms of a replay under the person's limits."""
    return ReplayTerms(
        delay=delay,
        slippage=slippage,
        fee_rate=fee_rate,
        tp1_fraction=float(policy.tp1_fraction),
        max_drift_r=float(policy.max_entry_drift_r),
    )
