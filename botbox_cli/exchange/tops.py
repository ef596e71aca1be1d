"""The best prices of each symbol on one connection: older frames and repeated ones change nothing."""

from __future__ import annotations

from datetime import timedelta

from botbox_cli.exchange.frames import Best, price_of
from botbox_cli.ports import Price

# Bybit's service numbers updates from 1 again when it restarts. No frame is late by so much on one connection: a lower
# number at a later time is taken for such a restart, too, so that no price stands still for good.
RESTARTED = 1
LATE = timedelta(seconds=3)


class Tops:
    """Forget it with its connection: what comes first on a new one is the present."""

    def __init__(self) -> None:
        self._tops: dict[str, Best] = {}

    def price(self, best: Best) -> Price | None:
        """Return the prices after a frame, or None if it is an old one, or leaves a side empty.

        A snapshot that is sent again carries the number of the last change and a newer time: the price still holds.
        """
        known = self._tops.get(best.symbol)
        if known is not None:
            if not _is_newer(best, known):
                return None
            if best.is_delta:
                best = best._replace(bid=best.bid or known.bid, ask=best.ask or known.ask)
        self._tops[best.symbol] = best
        return price_of(best)


def _is_newer(best: Best, known: Best) -> bool:
    if best.update_id == known.update_id:
        return best.at > known.at
    return best.update_id > known.update_id or best.update_id == RESTARTED or best.at >= known.at + LATE
