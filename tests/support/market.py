"""A market to record and scan: the candles, instruments and quotes of `ports.Exchange`, and failures on request."""

import threading
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from botbox_cli.analysis.columns import NO_CANDLES, cut
from botbox_cli.domain.candle import INTERVALS, Interval, to_ms
from botbox_cli.domain.instrument import Instrument, Quote
from botbox_cli.errors import BotboxError
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.ports import CandleBatch

PAGE = 1000


def instrument(symbol: str, tick: str = "0.01") -> Instrument:
    """Return an instrument in USDT with small minimums."""
    base = symbol.removesuffix("USDT")
    return Instrument(symbol, base, "USDT", Decimal(tick), Decimal("0.001"), Decimal("0.001"), Decimal(5))


class Market:
    """Candles as the exchange has them, closed ones by the clock; up to 1000 an answer.

    `asked` holds every request for candles: symbol, interval code, start and end. `fault` may return the error that
    a request gets; `during` runs inside each, with its start, in the thread of the caller.
    """

    def __init__(self, clock: ManualClock, symbols: Iterable[str] = ()) -> None:
        self.clock = clock
        self.pairs = {symbol: instrument(symbol) for symbol in symbols}
        self.history: dict[tuple[str, str], CandleBatch] = {}
        self.prices: dict[str, Decimal] = {}
        self.asked: list[tuple[str, str, int | None, int | None]] = []
        self.quotes_asked: list[list[str]] = []
        self.down: BotboxError | None = None
        self.fault: Callable[[str, str], BotboxError | None] = lambda symbol, code: None
        self.during: Callable[[int | None], None] = lambda start_ms: None
        self._lock = threading.Lock()

    def instruments(self) -> dict[str, Instrument]:
        if self.down is not None:
            raise self.down
        return dict(self.pairs)

    def candles(
        self, symbol: str, interval: Interval, *, start_ms: int | None, end_ms: int | None
    ) -> CandleBatch:
        with self._lock:
            self.asked.append((symbol, interval.code, start_ms, end_ms))
        self.during(start_ms)
        error = self.down or self.fault(symbol, interval.code)
        if error is not None:
            raise error
        history = self.history.get((symbol, interval.code), NO_CANDLES)
        found = cut(history, history.open_ms <= interval.newest_closed_ms(to_ms(self.clock.now())))
        if end_ms is not None:
            found = cut(found, found.open_ms <= end_ms)
        if start_ms is None:
            return cut(found, slice(-PAGE, None))
        found = cut(found, found.open_ms >= start_ms)
        return cut(found, slice(PAGE) if end_ms is None else slice(-PAGE, None))

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        self.quotes_asked.append(list(symbols))
        if self.down is not None:
            raise self.down
        return {s: Quote(s, p, p, p) for s, p in self.prices.items() if s in symbols}

    def list_candles(self, symbol: str, timeframe: str, candles: CandleBatch) -> None:
        """Give the market a series, and the pair if it is new."""
        assert timeframe in INTERVALS
        self.pairs.setdefault(symbol, instrument(symbol))
        self.history[symbol, timeframe] = candles
