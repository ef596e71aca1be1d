"""What a day is played on: the exchange with the day's prices and terms, and a process's own view of time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from botbox_cli.exchange.paper.bundled import instrument_rows
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.limits import LimitRules
from botbox_cli.exchange.paper.market import Book, made_book
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.store import MemoryBooks
from botbox_cli.exchange.paper.terms import Terms
from tests.simulation.baton import Baton
from tests.simulation.weather import START_PRICES, Weather


class DayClock(ManualClock):
    """The day's time, and what a process's clock shows then that is off by some seconds."""

    def __init__(self, start: datetime, skew_s: float) -> None:
        super().__init__(start)
        self._shown = start + timedelta(seconds=skew_s)

    def sleep(self, seconds: float) -> None:
        passed = timedelta(0, seconds)
        self._now += passed
        self._shown += passed

    def shown(self) -> datetime:
        """Return the moment as processes see it."""
        return self._shown


class TaskClock:
    """A process's view of time: its sleep lets others run."""

    def __init__(self, clock: DayClock, baton: Baton) -> None:
        self._clock, self._baton = clock, baton
        self.now = clock.shown

    def sleep(self, seconds: float) -> None:
        if self._baton.is_racing:
            self._baton.pause(seconds)
        else:
            self._clock.sleep(seconds)


MNT = {**instrument_rows()[0], "symbol": "MNTUSDT", "baseCoin": "MNT"}
"""The pair that values fees taken in MNT; the bundled rules have none."""


class SimMarket(ScriptedMarket):
    """Scripted prices whose book has levels of the same worth in every symbol, however small its price."""

    def __init__(self, prices: Mapping[str, Decimal], worth: Decimal | None) -> None:
        super().__init__({**prices, "MNTUSDT": Terms().mnt_price}, rows=[*instrument_rows(), MNT])
        self._worth = worth
        self._books: dict[tuple[str, Decimal], Book] = {}
        self._tickers: dict[tuple[str, Decimal], list[dict[str, str]]] = {}

    def book(self, instrument: Instrument, at_ms: int, last: Decimal | None = None) -> Book:
        price = last if last is not None else self.last(instrument.symbol, at_ms)
        if self._worth is None or price is None:
            return super().book(instrument, at_ms, last)
        made = self._books.get((instrument.symbol, price))
        if made is None:
            step = instrument.base_step
            depth = max(step, (self._worth / price / step).to_integral_value() * step)
            made = self._books[instrument.symbol, price] = made_book(
                instrument, price, self.spread_ticks, depth
            )
        return made

    def tickers(self, symbol: str | None, at_ms: int) -> list[dict[str, str]]:
        last = None if symbol is None else self.last(symbol, at_ms)
        if symbol is None or last is None:
            return super().tickers(symbol, at_ms)
        found = self._tickers.get((symbol, last))
        if found is None:
            found = self._tickers[symbol, last] = super().tickers(symbol, at_ms)
        return found


def exchange_of(weather: Weather, market: SimMarket, clock: ManualClock) -> PaperExchange:
    """Return the exchange with the account of the day."""
    opening = {"USDT": weather.balance}
    for symbol in weather.own_coins:
        opening[symbol.removesuffix("USDT")] = Decimal(500) / START_PRICES[symbol]
    if weather.terms.fee_in_mnt:
        opening["MNT"] = Decimal(20)
    books = MemoryBooks(opening)
    books.begin().margin_mode = weather.is_margin_on
    books.commit()
    return PaperExchange(
        books,
        market,
        clock,
        terms=weather.terms,
        limits=LimitRules(is_on=False),
        checks_signature=False,
    )
