"""Setups: a table, and the card that a person decides by."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from botbox_cli.cli.console import Column, Console
from botbox_cli.cli.render.numbers import amount, price, ratio
from botbox_cli.cli.render.parts import show_facts, show_table, show_text

if TYPE_CHECKING:
    from botbox_cli.domain.account import Venue
    from botbox_cli.domain.setup import Setup
    from botbox_cli.ports import CandleStore
    from botbox_cli.services.card import Card
    from botbox_cli.services.similar import Tally

_SETUPS = (
    Column("id", right=True),
    Column("symbol"),
    Column("timeframe", 3),
    Column("kind", 2),
    Column("direction", label="side"),
    Column("status"),
    Column("entry_price", right=True, label="entry"),
    Column("stop_loss", right=True, label="stop"),
    Column("take_profit_1", right=True, label="target 1"),
    Column("take_profit_2", 3, right=True, label="target 2"),
    Column("expires_at", 1, label="expires"),
    Column("source", 4),
    Column("detected_at", 4),
    Column("note", 5),
    Column("reason", 4),
)


def setups_table(console: Console, setups: Iterable[Setup]) -> None:
    rows = [
        (
            str(s.id),
            s.symbol,
            s.timeframe,
            s.kind,
            str(s.direction),
            str(s.status),
            price(console, s.entry_price),
            price(console, s.stop_loss),
            price(console, s.take_profit_1),
            price(console, s.take_profit_2),
            console.time(s.expires_at),
            str(s.source),
            console.time(s.detected_at),
            s.note,
            s.reason,
        )
        for s in setups
    ]
    show_table(console, _SETUPS, rows)


def setup_card(console: Console, card: Card) -> None:
    """Write what there is to know of a setup before deciding on it."""
    setup = card.setup
    by = "by hand" if setup.source == "manual" else f"{setup.kind} on {setup.timeframe}"
    show_text(console, f"Setup {setup.id}: {setup.symbol} {setup.direction}, {by}, {setup.status}")
    facts = [
        ("entry", price(console, setup.entry_price)),
        ("stop", _level(console, setup, setup.stop_loss)),
        ("target 1", _level(console, setup, setup.take_profit_1)),
    ]
    if setup.take_profit_2 is not None:
        facts.append(("target 2", _level(console, setup, setup.take_profit_2)))
    facts += [("signal", f"{s.type} {s.value:g}") for s in setup.signals]
    facts += [
        ("detected", console.time(setup.detected_at)),
        ("expires", console.time(setup.expires_at)),
        ("decided", console.time(setup.decided_at)),
        ("note", setup.note),
        ("reason", setup.reason),
    ]
    if card.quote is not None and card.drift_r is not None:
        drift = f"{ratio(console, card.drift_r, sign=True)} R against the entry"
        facts.append(("price now", f"{card.quote.bid} / {card.quote.ask}, {drift}"))
    facts += _size_facts(console, card)
    facts += evidence_facts(card)
    facts += [("refused now", f"{e.message}; {e.hint}" if e.hint else e.message) for e in card.against]
    show_facts(console, facts)


def _level(console: Console, setup: Setup, level: Decimal) -> str:
    distance = (level - setup.entry_price) / setup.entry_price * 100
    multiple = abs(level - setup.entry_price) / abs(setup.entry_price - setup.stop_loss)
    return f"{price(console, level)}  ({distance:+.2f} %, {multiple:.2f} R)"


def _size_facts(console: Console, card: Card) -> list[tuple[str, str]]:
    s = card.sizing
    if s is None:
        return []
    risk = f"{amount(console, s.risk)} = {ratio(console, s.risk_percent)} % of {amount(console, s.equity)} equity"
    return [
        ("size now", f"{price(console, s.qty)} for {amount(console, s.value)}"),
        ("risk now", f"{risk}, bound by {s.limited_by.replace('_', ' ')}"),
    ]


def evidence_facts(card: Card) -> list[tuple[str, str]]:
    """Return what came of setups like this one, and what has changed since its candle."""
    facts = []
    past, changes = card.past, card.changes
    if past is not None:
        facts.append(("like it", f"{past.rule}, {past.kind}, {in_words(past.regime_band)}"))
        facts.append((card.setup.symbol, _tally_text(past.symbol)))
        left_out = f" ({past.left_out} more not counted yet)" if past.left_out else ""
        facts.append((f"{past.all_symbols.symbols} symbols", _tally_text(past.all_symbols) + left_out))
    if card.past_error is not None:
        facts.append(("like it", f"not known: {card.past_error.message}"))
    if changes is not None and changes.candles:
        pairs = (("RSI", changes.rsi), ("volume", changes.volume_ratio), ("regime", changes.regime_ratio))
        moved = ", ".join(
            f"{name} {then:.4g} to {now:.4g}" for name, (then, now) in pairs if not math.isnan(now)
        )
        close = f"close {changes.close[0]:.8g} to {changes.close[1]:.8g}"
        facts.append(("since then", f"{changes.candles} candles: {close}, {moved}"))
    return facts


def in_words(regime_band: str) -> str:
    """Return what kind of market a band of the regime is."""
    words = {"calm": "calm market", "trending": "trending market", "between": "neither calm nor trending"}
    band, _, bound = regime_band.partition(" ")
    return f"{words.get(band, 'market unknown')} {bound}".rstrip()


def _tally_text(tally: Tally) -> str:
    s = tally.summary
    if s is None or s.hit_rate is None or s.expectancy is None:
        return f"{tally.n} ended, too few for a rate (30)" if tally.n else "none ended before"
    text = f"{tally.n} ended: {s.hit_rate:.0%} hit"
    if s.hit_low is not None and s.hit_high is not None:
        text += f" ({s.hit_low:.0%} to {s.hit_high:.0%})"
    text += f", {s.expectancy:+.2f} R each"
    if s.expectancy_low is not None and s.expectancy_high is not None:
        text += f" ({s.expectancy_low:+.2f} to {s.expectancy_high:+.2f})"
    return f"{text}, net; median {tally.median_hours:g} h, worst run {s.worst_run} losses"


def evidence_lines(console: Console, card: Card) -> None:
    """Tell a person who decides what came of setups like this one."""
    for name, text in evidence_facts(card):
        console.say(f"{name}: {text}")


def setup_chart(console: Console, candles: CandleStore, venue: Venue, setup: Setup) -> None:
    """Draw the candles around a setup with its levels; nothing in a pipe, or where none are stored."""
    if console.width is None:
        return
    from botbox_cli.cli.chart import candles_that_fit, draw
    from botbox_cli.domain.candle import INTERVALS

    interval = INTERVALS.get(setup.timeframe) or INTERVALS["60"]
    batch, indicators = candles.tail(venue, setup.symbol, interval, candles_that_fit(console.width))
    if not len(batch.open_ms):
        return
    levels = [("target", setup.take_profit_1), ("entry", setup.entry_price), ("stop", setup.stop_loss)]
    if setup.take_profit_2 is not None:
        levels.insert(0, ("target 2", setup.take_profit_2))
    console.write()
    console.write_drawing(
        draw(
            batch,
            indicators,
            levels,
            title=f"{setup.symbol}, {interval.code}",
            width=console.width,
            colour=console.colour,
            is_unicode=console.is_unicode,
        )
    )
