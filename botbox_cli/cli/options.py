"""Options that several commands share, with one meaning each, and the parsers of what people type."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from botbox_cli.domain.number import decimal_of
from botbox_cli.errors import NotFound, UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
EnvFile = Annotated[
    Path | None,
    typer.Option("--env-file", metavar="FILE", help="Settings to read instead of ./.dev.vars."),
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Answer the question of live mode from a script; lifts no limit.")
]
AcceptPrice = Annotated[
    bool,
    typer.Option("--accept-price", help="Trade at the present price even if it moved against the setup."),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="From then on: 2y, 90d, 12h, or an ISO date (UTC)."),
]


def id_of(text: str) -> int:
    """Return the id that somebody typed. Raises UsageError."""
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise UsageError(
            f"{text!r} is no id", "ids are numbers, as `botbox setups` and `botbox trades` list them"
        )
    return int(text)


SetupId = Annotated[
    int, typer.Argument(metavar="ID", parser=id_of, help="The setup, as `botbox setups` lists it.")
]
TradeId = Annotated[
    int, typer.Argument(metavar="ID", parser=id_of, help="The trade, as `botbox trades` lists it.")
]
ModeFilter = Annotated[
    str | None,
    typer.Option(
        "--mode", metavar="MODE", help="paper, demo, testnet, live or all; else this account's own."
    ),
]

_AGE = re.compile(r"([0-9]{1,6})\s*([hdwy])", re.IGNORECASE)
_HOURS = {"h": 1, "d": 24, "w": 24 * 7, "y": 24 * 365}
GREATEST_ID = 2**63 - 1


def parse_when(text: str | None, now: datetime, *, option: str = "--since") -> datetime | None:
    """Return the time that `2y`, `90d`, `12h` (before `now`) or an ISO date or time (UTC) names; None for None.

    Raises:
        UsageError: For anything else, and for a time after `now`.
    """
    if text is None:
        return None
    wanted = UsageError(
        f"{option} {text!r} is no time", "write 2y, 90d, 12h, 2026-01-31 or 2026-01-31T09:00Z"
    )
    age = _AGE.fullmatch(text.strip())
    try:
        if age is not None:
            at = now - timedelta(hours=int(age[1]) * _HOURS[age[2].lower()])
        else:
            at = datetime.fromisoformat(text.strip())
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wanted from None
    if at > now:
        raise UsageError(f"{option} {text!r} lies in the future", wanted.hint)
    return at


def parse_price(text: str, option: str) -> Decimal:
    """Return a price above zero. Raises UsageError."""
    try:
        price = decimal_of(text.strip())
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a number", "write it like 61250.5") from None
    if price <= 0:
        raise UsageError(f"{option} must be above zero, not {text}", "write it like 61250.5")
    return price


def parse_word(text: str, words: tuple[str, ...], option: str) -> str:
    """Return `text` in lower case if it is one of `words`. Raises UsageError."""
    word = text.strip().lower()
    if word not in words:
        raise UsageError(f"{option} {text!r} is not known", f"one of {', '.join(words)}")
    return word


def checked_id(number: int, noun: str, lister: str) -> int:
    """Return an id that a database can hold. Raises NotFound for one that no row can have."""
    if not 0 < number <= GREATEST_ID:
        raise NotFound(f"no {noun} {number}", f"`botbox {lister} --status all` lists them")
    return number
