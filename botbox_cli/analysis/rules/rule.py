"""What a rule sees, what it finds, and the door through which a find becomes a setup in exact prices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import Field, dataclass, fields
from datetime import datetime
from typing import Any, Protocol, cast

from botbox_cli.analysis.columns import Column, Times, exact
from botbox_cli.domain.candle import from_ms
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.setup import SETUP_LIFE, Direction, Setup, SetupSource, Signal
from botbox_cli.errors import BotboxError, ConfigError
from botbox_cli.ports import CandleBatch, Indicators


@dataclass(frozen=True, slots=True)
class Evidence:
    """Closed candles of one series, oldest first, with what was known when each of them closed.

    `regime_ratio` is that of the market's regime (see `domain.regime`), NaN where unknown.
    """

    candles: CandleBatch
    indicators: Indicators
    regime_ratio: Column


@dataclass(frozen=True, slots=True)
class Finds:
    """Setups of one kind, as columns of one length: `rows` are their candles, ascending; `take_profit_2` NaN for none.

    `signals` are the types of evidence, each with the figure seen at each find.
    """

    kind: str
    direction: Direction
    rows: Times
    entry: Column
    stop: Column
    take_profit_1: Column
    take_profit_2: Column
    signals: tuple[tuple[str, Column], ...]


class Rule(Protocol):
    """A detector of setups: a frozen dataclass, its parameters the fields, each with a default.

    It may look at a candle and those before it, never ahead, and it sees the same in a tail of `lookback` + 1 candles
    as in the whole series.
    """

    @property
    def id(self) -> str:
        """Name and version; a change in what it finds, or in a default, is a new version."""
        ...

    @property
    def lookback(self) -> int:
        """How many candles before the one looked at it needs; stored indicators carry their own past."""
        ...

    @property
    def ranging_only(self) -> bool:
        """Whether it finds nothing in a trending market."""
        ...

    def find(self, evidence: Evidence) -> tuple[Finds, ...]:
        """Return what it finds in the whole series, one entry a kind."""
        ...

    def figures(self, evidence: Evidence, row: int) -> str:
        """Return in words what it looked at in one candle, for a person who asks why there was no setup."""
        ...


def identity(rule: Rule) -> str:
    """Return the rule's id, with the parameters that differ from the version's defaults.

    `bb-mean-reversion@1(rsi_low=30)`: what is stored with each setup, and what `registry.parse_identity` understands.
    """
    parameters: tuple[Field[Any], ...] = fields(cast("Any", rule))
    changed = [
        f"{p.name}={_spelled(getattr(rule, p.name))}"
        for p in parameters
        if getattr(rule, p.name) != p.default
    ]
    return f"{rule.id}({','.join(changed)})" if changed else rule.id


def _spelled(value: Any) -> str:
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def setup_of(
    finds: Finds,
    number: int,
    evidence: Evidence,
    *,
    rule: str,
    timeframe: str,
    instrument: Instrument,
    detected_at: datetime,
) -> Setup:
    """Return one find as a setup on the tick. Its levels may have fallen together there: see `Setup.level_fault`."""
    row = int(finds.rows[number])
    second = float(finds.take_profit_2[number])
    return Setup(
        symbol=instrument.symbol,
        timeframe=timeframe,
        kind=finds.kind,
        direction=finds.direction,
        source=SetupSource.SCAN,
        entry_price=exact(finds.entry[number]),
        stop_loss=exact(finds.stop[number]),
        take_profit_1=exact(finds.take_profit_1[number]),
        take_profit_2=None if math.isnan(second) else exact(second),
        detected_at=detected_at,
        expires_at=detected_at + SETUP_LIFE,
        rule=rule,
        candle_time=from_ms(int(evidence.candles.open_ms[row])),
        atr=exact(evidence.indicators.atr[row]),
        signals=tuple(Signal(type_, float(values[number])) for type_, values in finds.signals),
    ).rounded(instrument)


@contextmanager
def blamed(rule: Rule) -> Iterator[None]:
    """Turn whatever a rule raises, which may be anybody's code, into a ConfigError that names it."""
    try:
        yield
    except BotboxError:
        raise
    except Exception as e:
        raise ConfigError(
            f"rule {rule.id} failed: {type(e).__name__}: {e}",
            "repair the package that brings it; `botbox rules` lists the others",
            code="broken_rule",
        ) from e


def found_by(rule: Rule, evidence: Evidence) -> tuple[Finds, ...]:
    """Return what a rule finds. Raises ConfigError that names a rule which fails."""
    with blamed(rule):
        return rule.find(evidence)
