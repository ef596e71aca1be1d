"""The best prices of each symbol on one connection: older frames and repeated ones change nothing."""

from __future__ import annotations

from dataclasses import replace

from botbox_cli.exchange.frames import Best, price_of
from botbox_cli.ports import Price

# Bybit's service numbers updates from 1 again when it restarts.
RESTARTED = 1


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
            if best.update_id < known.update_id and best.update_id != RESTARTED:
                return None
            if best.update_id == known.update_id and best.at <= known.at:
                return None
            if best.is_delta:
                best = replace(best, bid=best.bid or known.bid, ask=best.ask or known.ask)
        self._tops[best.symbol] = best
        return price_of(best)
