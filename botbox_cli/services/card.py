"""The card of a setup: what it is, what it would be worth trading now, and what stands against it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botbox_cli.domain.candle import INTERVALS, to_ms
from botbox_cli.domain.instrument import Quote
from botbox_cli.domain.number import plain
from botbox_cli.domain.setup import LIVING, Setup, SetupSource
from botbox_cli.domain.sizing import Sizing
from botbox_cli.errors import BotboxError
from botbox_cli.services.desk import Desk
from botbox_cli.services.plan import Planner, sizing_facts

if TYPE_CHECKING:
    from botbox_cli.services.past import Waiting
    from botbox_cli.services.similar import Similar

_NEEDS = {"price": ("outlook",), "size": ("instrument", "quote"), "risk": ("sizing",)}
"""What an earlier check must have found before a later one can work."""


@dataclass(frozen=True, slots=True)
class Card:
    """A setup at the present moment. `quote` and `sizing` are None as far as they could not be had.

    `against` holds the refusals that an entry would meet now, `drift_r` how far price moved against the setup, in R.
    `past` says what came of setups like this one, `changes` what has moved since the candle that made it (both None by
    hand); `past_error` why there are no statistics.
    """

    setup: Setup
    quote: Quote | None
    drift_r: Decimal | None
    sizing: Sizing | None
    against: tuple[BotboxError, ...]
    past: Similar | None = None
    past_error: BotboxError | None = None
    changes: Changes | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a setup's market looked like in the candle that made it, and in the newest closed one, `candles` later."""

    candles: int
    close: tuple[float, float]
    rsi: tuple[float, float]
    volume_ratio: tuple[float, float]
    regime_ratio: tuple[float, float]


def card(desk: Desk, setup_id: int, *, waiting: Waiting | None = None) -> Card:
    """Return the card of a setup; of one that is decided, without a size. Raises NotFound.

    `waiting` is told when the statistics take more than a second, as after an update.
    """
    with desk.store.read(desk.account) as books:
        setup = books.setup(setup_id)
    past, past_error = statistics_of(desk, setup, waiting=waiting)
    if setup.status not in LIVING:
        return Card(setup, None, None, None, (), past, past_error)
    planner = Planner(desk, setup, accept_price=False)
    against: list[BotboxError] = []
    for name, check in planner.checks():
        if not all(hasattr(planner, found) for found in _NEEDS.get(name, ())):
            break
        try:
            check()
        except BotboxError as e:
            against.append(e)
    quote = getattr(planner, "quote", None)
    drift = None if quote is None else planner.drift_r
    changes = changes_since(desk, setup)
    sizing = getattr(planner, "sizing", None)
    return Card(setup, quote, drift, sizing, tuple(against), past, past_error, changes)


def statistics_of(
    desk: Desk, setup: Setup, *, waiting: Waiting | None = None
) -> tuple[Similar | None, BotboxError | None]:
    """Return what came of setups like this one, or why that is not known; neither for a setup by hand."""
    if setup.source is SetupSource.MANUAL:
        return None, None
    from botbox_cli.services.past import silent
    from botbox_cli.services.similar import similar

    try:
        return similar(desk, setup, waiting=waiting or silent), None
    except BotboxError as e:
        return None, e


def changes_since(desk: Desk, setup: Setup) -> Changes | None:
    """Return what has moved since the candle of a setup; None by hand, or when its candles are not there."""
    interval = INTERVALS.get(setup.timeframe)
    if setup.source is SetupSource.MANUAL or interval is None or setup.candle_time is None:
        return None
    from botbox_cli.services.evidence import load_evidence

    at_ms = to_ms(setup.candle_time)
    newest, _ = desk.candles.tail(desk.account.venue, setup.symbol, interval, 1)
    if not len(newest.open_ms):
        return None
    now_ms = int(newest.open_ms[-1])
    seen = load_evidence(desk.candles, desk.account.venue, setup.symbol, interval, at_ms, now_ms)
    if not len(seen.candles.open_ms) or int(seen.candles.open_ms[0]) != at_ms:
        return None
    volume = seen.candles.volume / seen.indicators.volume_ma
    then_and_now = [
        (float(column[0]), float(column[-1]))
        for column in (seen.candles.close, seen.indicators.rsi, volume, seen.regime_ratio)
    ]
    return Changes((now_ms - at_ms) // interval.length_ms, *then_and_now)


def card_facts(card: Card) -> dict[str, Any]:
    """Return what a card shows as JSON has it: for scripts, and to be stored with the decision."""
    quote = card.quote
    return {
        "quote": None
        if quote is None
        else {name: plain(getattr(quote, name)) for name in ("bid", "ask", "last")},
        "drift_r": None if card.drift_r is None else plain(card.drift_r),
        "sizing": None if card.sizing is None else sizing_facts(card.sizing),
        "statistics": statistics_facts(card.past),
        "changes": None if card.changes is None else _changes_facts(card.changes),
        "against": [e.message for e in card.against],
    }


def statistics_facts(past: Similar | None) -> dict[str, Any] | None:
    """Return the statistics of a card as JSON has them."""
    if past is None:
        return None
    from botbox_cli.services.similar import similar_document

    return similar_document(past)


def _changes_facts(changes: Changes) -> dict[str, Any]:
    names = ("close", "rsi", "volume_ratio", "regime_ratio")
    facts: dict[str, Any] = {"candles": changes.candles}
    for name in names:
        then, now = (None if math.isnan(value) else value for value in getattr(changes, name))
        facts[name] = {"then": then, "now": now}
    return facts
