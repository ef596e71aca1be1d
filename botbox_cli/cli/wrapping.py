"""Lines that go on below their own beginning."""

from __future__ import annotations

import textwrap

LEAST = 20


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Return lines of at most `width` columns (never fewer than 20) behind `indent`; words are not cut."""
    lines = textwrap.wrap(text, max(LEAST, width), break_long_words=False, break_on_hyphens=False)
    return [indent + line for line in lines] or [indent]
