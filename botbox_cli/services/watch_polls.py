"""Which prices a watch polls: all while nothing streams, else those of which nothing is heard."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from botbox_cli.ports import StreamState
from botbox_cli.services.watch_events import Event, Polling

STREAM_PATIENCE_S = 5.0
"""A stream may take so long to come up before prices are polled."""
MUTE_S, RESENT_S = 10.0, 3.0
"""Each symbol's prices are sent again every 3 s: one that is silent for long doesn't stream, whatever else does."""


class Polls:
    """`symbols` are to be polled now; a change is told. Seconds are `ticks`."""

    def __init__(self, ticks: Callable[[], float], tell: Callable[[Event], None], *, streams: bool) -> None:
        self.symbols: frozenset[str] = frozenset()
        self.is_of_all = False
        self._ticks, self._tell, self._streams = ticks, tell, streams
        self._began = ticks()
        self._is_up: bool | None = None
        self._heard: dict[str, float] = {}
        self._refused: frozenset[str] = frozenset()

    @property
    def followed(self) -> AbstractSet[str]:
        return self._heard.keys()

    def follow(self, symbols: Iterable[str]) -> None:
        """Count these in, from now."""
        self._heard |= dict.fromkeys(symbols, self._ticks())

    def state(self, state: StreamState) -> None:
        """Take note of what the public socket has come to."""
        if state.is_up and not self._is_up:
            self.follow(self._heard)
        self._is_up = state.is_up
        self._refused = frozenset(state.missing)
        for symbol in self._refused & self._heard.keys():
            self._heard[symbol] = self._ticks() - MUTE_S + RESENT_S  # It may be its candles that are refused.

    def heard(self, symbols: AbstractSet[str]) -> None:
        """Take note that prices of these have streamed."""
        now = self._ticks()
        for symbol in self._heard.keys() & symbols:
            self._heard[symbol] = now

    def judge(self, matters: AbstractSet[str]) -> None:
        """Poll what is missing of the symbols that matter, and no more once they stream again."""
        is_of_all = not self._is_up and self._is_given_up_on
        symbols = frozenset(self._heard) if is_of_all else self._mute(matters)
        if not is_of_all and symbols:
            why = f"no prices stream of {', '.join(sorted(symbols))}"
        elif is_of_all:
            why = "the public stream is down" if self._streams else "nothing streams here"
        else:
            why = "prices stream again"
        is_news = is_of_all != self.is_of_all or (not is_of_all and symbols != self.symbols)
        self.symbols, self.is_of_all = symbols, is_of_all
        if is_news:
            self._tell(Polling(bool(symbols), why))

    def _mute(self, matters: AbstractSet[str]) -> frozenset[str]:
        if not self._is_up:
            return frozenset()
        silent_since = self._ticks() - MUTE_S
        followed = self._heard.keys() & (self._refused | matters)
        return frozenset(symbol for symbol in followed if self._heard[symbol] <= silent_since)

    @property
    def _is_given_up_on(self) -> bool:
        return not self._streams or self._is_up is not None or self._ticks() - self._began > STREAM_PATIENCE_S
