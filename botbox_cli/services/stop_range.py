"""How far from the price a stop may lie: Bybit's texts speak of 10 %, and do not say for which orders.

So nothing is refused beforehand until the exchange has refused a stop for that. From then on an entry that would need
such a stop is refused, until it takes one after all.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from botbox_cli.domain.number import HUNDRED
from botbox_cli.errors import Denied
from botbox_cli.ports import Books
from botbox_cli.services.lease import Work

RANGE = Decimal("0.1")
MARKER = "stop_refused_as_too_far"


def is_far(stop: Decimal, price: Decimal) -> bool:
    """Tell whether a stop lies farther from the price than Bybit's texts allow."""
    return abs(stop - price) > price * RANGE


def check_range(books: Books, stop: Decimal, price: Decimal) -> str:
    """Return what to say of a stop's distance, "" if nothing.

    Raises:
        Denied: The exchange has refused one as far away.
    """
    if not is_far(stop, price):
        return ""
    distance = f"{abs(stop - price) / price * HUNDRED:.1f} %"
    refused_at = books.marker(MARKER)
    if refused_at:
        raise Denied(
            f"the stop {stop} lies {distance} from the price {price}: the exchange refuses what is beyond 10 %, "
            f"as it did on {datetime.fromisoformat(refused_at):%Y-%m-%d %H:%M} UTC",
            "a position without a stop would be the result; `botbox propose` a setup with a nearer one",
            code="stop_too_far",
        )
    return f"; a stop {distance} away may be refused, then BOTBOX_ON_STOP_FAILURE applies"


def note_refused(work: Work) -> None:
    """Remember that the exchange has refused a stop for its distance."""
    with work.desk.store.write(work.desk.account) as books:
        books.set_marker(MARKER, work.desk.clock.now().isoformat())


def note_taken(work: Work, stop: Decimal, price: Decimal | None) -> None:
    """Forget it once the exchange has taken a stop that lay so far from the price."""
    if price is None or not is_far(stop, price):
        return
    with work.desk.store.write(work.desk.account) as books:
        if books.marker(MARKER):
            books.set_marker(MARKER, "")
