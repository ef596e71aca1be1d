"""Which series are stored: what is known of candles without numpy and without SQLAlchemy."""

from __future__ import annotations

from botbox_cli.domain.account import Venue
from botbox_cli.ports import Series
from botbox_cli.storage.engine import Database
from botbox_cli.storage.run import Runner, statement

SERIES = statement("SERIES")


def stored_series(database: Database, venue: Venue) -> list[Series]:
    """Return every stored series of a venue, in one query."""
    with database.reads() as hand:
        return [Series(*row) for row in Runner(hand).rows(SERIES, {"venue_": venue})]
