"""What happened to every setup like this one before it was detected: the evidence on the card."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from botbox_cli.analysis.replay import ReplayTerms
from botbox_cli.analysis.rules.registry import parse_identity
from botbox_cli.analysis.statistics import Summary, summary
from botbox_cli.domain.candle import INTERVALS, to_ms
from botbox_cli.domain.setup import Setup
from botbox_cli.services.backtest import LEAST_TRADES, regime_band
from botbox_cli.services.desk import Desk, Policy
from botbox_cli.services.evidence import load_evidence
from botbox_cli.services.past import Past, Rows, Source, Waiting, joined, past_of, rows_until, silent

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of setups: `n` had ended, `unfinished` had not. `summary` is None below `LEAST_TRADES` of them."""

    symbols: int
    n: int
    unfinished: int
    summary: Summary | None
    median_hours: float | None


@dataclass(frozen=True, slots=True)
class Similar:
    """What came of setups of the same rule, kind and regime band that had ended at `until`, entered at these terms.

    `left_out` symbols are not counted yet, for lack of time.
    """

    rule: str
    kind: str
    regime_ratio: float | None
    regime_band: str
    until: datetime
    terms: ReplayTerms
    symbol: Tally
    all_symbols: Tally
    left_out: int


def similar(desk: Desk, setup: Setup, *, waiting: Waiting = silent) -> Similar | None:
    """Return the statistics of setups like this one, as they were known when it was detected; None for one by hand.

    Raises:
        NotFound, ConfigError, UsageError: If its rule is not installed any more, or is broken.
    """
    interval = INTERVALS.get(setup.timeframe)
    if interval is None or not setup.rule or setup.candle_time is None:
        return None
    rule, terms = parse_identity(setup.rule), terms_of(desk.policy)
    source = Source(desk.store, desk.candles, desk.account.venue, desk.clock)
    past = past_of(source, rule, interval, terms, first=setup.symbol, waiting=waiting)
    at_ms = to_ms(setup.candle_time)
    evidence = load_evidence(desk.candles, desk.account.venue, setup.symbol, interval, at_ms, at_ms)
    ratio = float(evidence.regime_ratio[-1]) if len(evidence.regime_ratio) else float("nan")
    until_ms = to_ms(setup.detected_at)
    mine = Past({s: rows for s, rows in past.rows.items() if s == setup.symbol}, 0)
    return Similar(
        rule=setup.rule,
        kind=setup.kind,
        regime_ratio=None if np.isnan(ratio) else ratio,
        regime_band=regime_band(ratio),
        until=setup.detected_at,
        terms=terms,
        symbol=_tally(mine, setup.kind, ratio, until_ms),
        all_symbols=_tally(past, setup.kind, ratio, until_ms),
        left_out=past.left_out,
    )


def terms_of(policy: Policy) -> ReplayTerms:
    """Return the terms on which this person would have traded; what they have not set is as `ReplayTerms` has it."""
    return ReplayTerms(tp1_fraction=float(policy.tp1_fraction), max_drift_r=float(policy.max_entry_drift_r))


def _tally(past: Past, kind: str, ratio: float, until_ms: int) -> Tally:
    ended, unfinished = [], 0
    for rows in past.rows.values():
        done, open_ = rows_until(_alike(rows, kind, ratio), until_ms)
        ended.append(done)
        unfinished += open_
    rows = joined(ended)
    if len(rows) < LEAST_TRADES:
        return Tally(len(past.rows), len(rows), unfinished, None, None)
    hours = float(np.median(rows["exit_ms"] - rows["entry_ms"])) / HOUR_MS
    return Tally(len(past.rows), len(rows), unfinished, summary(rows["r"]), hours)


def _alike(rows: Rows, kind: str, ratio: float) -> Rows:
    band = regime_band(ratio)
    bands = np.array([regime_band(other) == band for other in rows["ratio"].tolist()], dtype=bool)
    alike: Rows = rows[(rows["kind"] == kind) & bands]
    return alike


def similar_document(found: Similar) -> dict[str, Any]:
    """Return the statistics as JSON has them: on the card, and stored with the decision."""
    terms = found.terms
    return {
        "rule": found.rule,
        "kind": found.kind,
        "regime_ratio": found.regime_ratio,
        "regime_band": found.regime_band,
        "until": found.until.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "model": {
            "delay": terms.delay,
            "fee_rate": terms.fee_rate,
            "slippage": terms.slippage,
            "tp1_fraction": terms.tp1_fraction,
        },
        "symbol": _tally_document(found.symbol),
        "all_symbols": _tally_document(found.all_symbols),
        "left_out": found.left_out,
    }


def _tally_document(tally: Tally) -> dict[str, Any]:
    s = tally.summary
    return {
        "symbols": tally.symbols,
        "n": tally.n,
        "unfinished": tally.unfinished,
        "hit_rate": None if s is None else s.hit_rate,
        "hit_rate_interval": None if s is None else [s.hit_low, s.hit_high],
        "expectancy_r": None if s is None else s.expectancy,
        "expectancy_r_interval": None if s is None else [s.expectancy_low, s.expectancy_high],
        "median_hours": tally.median_hours,
        "worst_run": None if s is None else s.worst_run,
    }
