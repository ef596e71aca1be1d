"""Where the path of prices first reaches a price."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from botbox_cli.exchange.paper.market import Move, price_at
from botbox_cli.exchange.paper.number import round_to


class Hit(NamedTuple):
    """Where the path first reached a price: when, and what the price was then (beyond it after a gap)."""

    at_ms: int
    price: Decimal


def reached(moves: Sequence[Move], price: Decimal, rising: bool, active_ms: int, tick: Decimal) -> Hit | None:
    """Return where `moves` first reach `price` from below (`rising`) or from above, not before `active_ms`."""
    for move in moves:
        if move.end_ms < active_ms or (move.since_ms is not None and move.since_ms < active_ms):
            continue
        if _is_beyond(move.start, price, rising):
            hit = Hit(move.start_ms, move.start)
        elif _is_beyond(move.end, price, rising):
            share = (price - move.start) / (move.end - move.start)
            hit = Hit(move.start_ms + int(share * (move.end_ms - move.start_ms)), price)
        else:
            continue
        if hit.at_ms >= active_ms:
            return hit
        # The order came when this move was on its way: is the price beyond at that moment?
        present = round_to(price_at(move, active_ms), tick)
        if _is_beyond(present, price, rising):
            return Hit(active_ms, present)
    return None


def _is_beyond(value: Decimal, price: Decimal, rising: bool) -> bool:
    return value >= price if rising else value <= price
