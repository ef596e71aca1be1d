"""Numbers for people and for pipes: on a terminal rounded, in a pipe exact."""

from __future__ import annotations

from decimal import Context, Decimal

from botbox_cli.cli.console import Console
from botbox_cli.domain.number import plain

_PRICE_DIGITS = Context(prec=8)
_QUOTIENT_DIGITS = Context(prec=16)
"""What a division made has 28 digits: more than anybody measures, and more than exchange and books ever write."""
_CENT = Decimal("0.01")


def price(console: Console, value: Decimal | None) -> str:
    """Return a price or quantity: eight digits for people, all of them for a pipe."""
    if value is None:
        return ""
    return _whole(value) if console.width is None else rounded(value)


def rounded(value: Decimal) -> str:
    """Return a number with eight digits."""
    return plain(_PRICE_DIGITS.plus(value))


def _whole(value: Decimal) -> str:
    """Return a number with all its digits; a quotient that never ends with sixteen."""
    return plain(value if len(value.as_tuple().digits) < 28 else _QUOTIENT_DIGITS.plus(value))


def ratio(console: Console, value: Decimal | None, *, sign: bool = False) -> str:
    """Return a percentage or an R-multiple: two decimals for people, eight digits for a pipe."""
    if value is None or console.width is not None:
        return amount(console, value, sign=sign)
    return rounded(value)


def amount(console: Console, value: Decimal | None, *, sign: bool = False) -> str:
    """Return an amount of quote coin: two decimals for people, all for a pipe."""
    if value is None:
        return ""
    if console.width is None:
        return _whole(value)
    return format(value.quantize(_CENT), "+f" if sign else "f")


def fees_text(console: Console, fees: dict[str, Decimal]) -> str:
    return ", ".join(f"{price(console, value)} {coin}" for coin, value in fees.items())
