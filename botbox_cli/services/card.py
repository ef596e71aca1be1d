"""The card of a setup: what it is, what it would be worth trading now, and what stands against it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from botbox_cli.domain.instrument import Quote
from botbox_cli.domain.setup import LIVING, Setup
from botbox_cli.domain.sizing import Sizing
from botbox_cli.errors import BotboxError
from botbox_cli.services.desk import Desk
from botbox_cli.services.plan import Planner

_NEEDS = {"size": ("instrument", "quote"), "risk": ("sizing",)}
"""What an earlier check must have found before a later one can work."""


@dataclass(frozen=True, slots=True)
class Card:
    """A setup at the present moment. `quote` and `sizing` are None as far as they could not be had.

    `against` holds the refusals that an entry would meet now, `drift_r` how far price moved against the setup, in R.
    """

    setup: Setup
    quote: Quote | None
    drift_r: Decimal | None
    sizing: Sizing | None
    against: tuple[BotboxError, ...]


def card(desk: Desk, setup_id: int) -> Card:
    """Return the card of a setup; of one that is decided, without a size. Raises NotFound."""
    with desk.store.read(desk.account) as books:
        setup = books.setup(setup_id)
    if setup.status not in LIVING:
        return Card(setup, None, None, None, ())
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
    return Card(setup, quote, drift, getattr(planner, "sizing", None), tuple(against))
