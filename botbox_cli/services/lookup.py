"""Names that people type: intervals and symbols, with the nearest known ones when they are not found."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from botbox_cli.domain.candle import INTERVALS, Interval
from botbox_cli.errors import NotFound


def interval_of(code: str) -> Interval:
    """Return the interval of a Bybit code. Raises NotFound."""
    try:
        return INTERVALS[code]
    except KeyError:
        raise NotFound(f"no such interval: {code!r}", f"use one of {' '.join(INTERVALS)}") from None


def unknown_symbol(symbol: str, known: Iterable[str]) -> NotFound:
    """Return the error for a symbol that is not among `known`, naming the nearest that are."""
    near = get_close_matches(symbol.upper(), list(known), n=3)
    return NotFound(f"no such symbol: {symbol!r}", f"did you mean {' or '.join(near)}?" if near else "")
