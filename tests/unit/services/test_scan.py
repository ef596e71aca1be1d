"""Scanning: setups of the newest closed candle, reasons for the rest, and what happens to stale setups."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from botbox_cli.analysis.columns import cut
from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.candle import from_ms
from botbox_cli.domain.setup import Direction, Setup, SetupSource, SetupStatus
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.errors import ExchangeUnavailable, NotFound
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.ports import CandleBatch
from botbox_cli.services.scan import ScanResult, Skipped, SkipReason, scan
from botbox_cli.storage.store import SqlStore
from tests.support.candle_store import MemoryCandles
from tests.support.candles import FOUR_HOURS, HOUR, START_MS, level
from tests.support.market import Market, instrument

V = Venue.REPLAY
H = HOUR.length_ms
COUNT = 480
"""Hours of history: 120 candles of four hours."""
NOW = from_ms(START_MS) + timedelta(hours=COUNT, minutes=5)
OPENED = from_ms(START_MS) + timedelta(hours=COUNT - 1)


def dip(
    *, close: float = 99.65, low: float = 97.5, volume: float = 3000.0, hours: int = COUNT
) -> CandleBatch:
    """A calm market around 100 whose newest candle falls through the lower band on volume."""
    candles = level(hours)
    candles.close[:-1] += np.where(np.arange(hours - 1) % 2, 0.02, -0.02)
    candles.low[-1], candles.close[-1], candles.volume[-1] = low, close, volume
    return candles


def peak() -> CandleBatch:
    candles = dip()
    candles.low[-1], candles.high[-1], candles.close[-1] = 99.5, 102.5, 100.35
    return candles


class Desk:
    """A store, candles and a market; `scan` looks at what a test has put there."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.market = Market(self.clock)
        self.candles = MemoryCandles()
        self.store = SqlStore("sqlite://")
        self.account = self.store.save_account(Mode.PAPER, "1", "hash", V)

    def put(self, symbol: str, hours: CandleBatch, fours: CandleBatch | None = None) -> None:
        self.store.save_instruments(V, [instrument(symbol)], NOW)
        self.candles.put(V, symbol, "60", hours)
        self.candles.put(V, symbol, "240", level(120, interval=FOUR_HOURS) if fours is None else fours)

    def scan(self, *symbols: str, **options) -> ScanResult:
        options = {"exchange": self.market} | options
        exchange = options.pop("exchange")
        return scan(
            self.store,
            self.candles,
            self.account,
            exchange,
            self.clock,
            symbols=symbols or ("BTCUSDT",),
            **options,
        )

    def skipped(self, *symbols: str, **options) -> Skipped:
        result = self.scan(*symbols, **options)
        assert result.detected == ()
        (only,) = result.skipped
        return only

    def stored(self, setup_id: int) -> Setup:
        with self.store.read(self.account) as books:
            return books.setup(setup_id)

    def add_setup(self, **fields) -> Setup:
        setup = Setup(
            symbol="BTCUSDT",
            timeframe="60",
            kind="LOWER_BB_BOUNCE",
            direction=Direction.LONG,
            source=SetupSource.SCAN,
            entry_price=Decimal(100),
            stop_loss=Decimal(98),
            take_profit_1=Decimal(102),
            take_profit_2=None,
            detected_at=NOW,
            expires_at=NOW + timedelta(hours=24),
            candle_time=OPENED - timedelta(hours=3),
            atr=Decimal(1),
        )
        with self.store.write(self.account) as books:
            stored = books.add_setup(replace(setup, **fields))
        assert stored is not None
        return stored

    def add_trade(self, setup: Setup, status: TradeStatus) -> None:
        trade = Trade(
            setup_id=setup.id,
            symbol=setup.symbol,
            base_coin="BTC",
            quote_coin="USDT",
            direction=setup.direction,
            mode=Mode.PAPER,
            status=status,
            initial_stop=setup.stop_loss,
            stop_loss=setup.stop_loss,
            take_profit_1=setup.take_profit_1,
            take_profit_2=None,
            created_at=NOW,
        )
        with self.store.write(self.account) as books:
            books.add_trade(trade)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.store.close()


# -- what is found


def test_dip_through_the_lower_band_becomes_a_long_with_the_levels_of_the_design(desk: Desk):
    desk.put("BTCUSDT", dip())
    _, seen = desk.candles.columns[V, "BTCUSDT", "60"]

    (setup,) = desk.scan().detected

    lower, atr = float(seen.bb_lower[-1]), float(seen.atr[-1])
    assert (setup.kind, setup.direction, setup.source) == ("LOWER_BB_BOUNCE", "long", "scan")
    assert (setup.rule, setup.timeframe, setup.status) == ("bb-mean-reversion@1", "60", "ACTIVE")
    assert setup.entry_price == Decimal("99.65")
    assert 0 <= float(setup.stop_loss) - (lower - 1.5 * atr) < 0.01
    assert 0 <= float(seen.bb_middle[-1]) - float(setup.take_profit_1) < 0.01
    assert 0 <= float(seen.bb_upper[-1]) - float(setup.take_profit_2) < 0.01
    assert float(setup.atr) == atr
    assert (setup.candle_time, setup.detected_at) == (OPENED, NOW)
    assert setup.expires_at == NOW + timedelta(hours=24)


def test_peak_through_the_upper_band_becomes_a_short(desk: Desk):
    desk.put("BTCUSDT", peak())
    _, seen = desk.candles.columns[V, "BTCUSDT", "60"]

    (setup,) = desk.scan().detected

    assert (setup.kind, setup.direction) == ("UPPER_BB_REJECTION", "short")
    assert 0 <= float(seen.bb_upper[-1] + 1.5 * seen.atr[-1]) - float(setup.stop_loss) < 0.01
    assert 0 <= float(setup.take_profit_1) - float(seen.bb_middle[-1]) < 0.01
    assert 0 <= float(setup.take_profit_2) - float(seen.bb_lower[-1]) < 0.01


def test_all_four_signals_are_stored_with_their_figures(desk: Desk):
    desk.put("BTCUSDT", dip())
    _, seen = desk.candles.columns[V, "BTCUSDT", "60"]

    (setup,) = desk.scan().detected

    signals = desk.stored(setup.id).signals
    assert [(s.type, round(s.value, 6)) for s in signals] == [
        ("PRICE_AT_LOWER_BB", 97.5),
        ("RSI_OVERSOLD", round(float(seen.rsi[-1]), 6)),
        ("VOLUME_CONFIRMATION", round(3000 / 1100, 6)),
        ("RANGING_MARKET", 1.0),
    ]


def test_short_carries_the_mirrored_signals(desk: Desk):
    desk.put("BTCUSDT", peak())

    (setup,) = desk.scan().detected

    assert [s.type for s in setup.signals] == [
        "PRICE_AT_UPPER_BB",
        "RSI_OVERBOUGHT",
        "VOLUME_CONFIRMATION",
        "RANGING_MARKET",
    ]


def test_other_timeframe_is_scanned_when_asked_for(desk: Desk):
    desk.put("BTCUSDT", level(COUNT))
    fours = level(120, interval=FOUR_HOURS)
    fours.close[:-1] += np.where(np.arange(119) % 2, 0.02, -0.02)
    fours.low[-1], fours.close[-1], fours.volume[-1] = 97.5, 99.65, 3000.0
    desk.candles.put(V, "BTCUSDT", "240", fours)

    (setup,) = desk.scan(timeframe="240").detected

    assert (setup.timeframe, setup.candle_time) == ("240", from_ms(START_MS + 119 * 4 * H))


def test_only_the_newest_closed_candle_counts(desk: Desk):
    calm = level(COUNT)
    desk.put("BTCUSDT", calm)
    before = dip(hours=COUNT - 1)
    later = CandleBatch(*(np.append(getattr(before, n), getattr(calm, n)[-1]) for n in CandleBatch.__slots__))
    desk.candles.put(V, "BTCUSDT", "60", later)

    assert desk.skipped().reason is SkipReason.NO_SIGNAL


def test_candle_that_is_open_by_the_clock_is_not_looked_at(desk: Desk):
    """A store may be ahead of a replay's clock."""
    calm, after = level(COUNT), dip(hours=COUNT + 1)
    desk.put("BTCUSDT", after)

    assert desk.skipped().reason is SkipReason.NO_SIGNAL
    assert len(calm.open_ms) == COUNT


# -- why nothing was found


def test_symbol_without_candles(desk: Desk):
    assert desk.skipped() == ("BTCUSDT", "NO_CANDLES", "no 60 candles are stored")


def test_symbol_without_regime_candles(desk: Desk):
    desk.put("BTCUSDT", dip())
    del desk.candles.columns[V, "BTCUSDT", "240"]

    assert desk.skipped() == ("BTCUSDT", "NO_CANDLES", "no 240 candles are stored")


def test_symbol_without_instrument(desk: Desk):
    desk.candles.put(V, "BTCUSDT", "60", dip())
    desk.candles.put(V, "BTCUSDT", "240", level(120, interval=FOUR_HOURS))

    skipped = desk.skipped()

    assert skipped.reason is SkipReason.NO_CANDLES
    assert "botbox record" in skipped.detail


def test_stale_series_is_not_scanned(desk: Desk):
    desk.put("BTCUSDT", dip(hours=COUNT - 2))

    skipped = desk.skipped()

    assert skipped.reason is SkipReason.STALE
    assert skipped.detail == "newest 60 candle opened 2024-01-20 21:00 UTC, 3.1 intervals ago (limit 2)"


@pytest.mark.parametrize(
    ("age", "reason"),
    [(timedelta(hours=2), SkipReason.NO_SIGNAL), (timedelta(hours=2, seconds=1), SkipReason.STALE)],
)
def test_series_is_stale_after_two_intervals(desk: Desk, age: timedelta, reason: SkipReason):
    desk.put("BTCUSDT", level(COUNT))
    desk.clock = ManualClock(OPENED + age)

    assert desk.skipped().reason is reason


def test_stale_regime_series_is_not_scanned(desk: Desk):
    desk.put("BTCUSDT", dip(), level(118, interval=FOUR_HOURS))

    skipped = desk.skipped()

    assert (skipped.reason, skipped.detail[:31]) == ("STALE", "newest 240 candle opened 2024-0")


def test_long_stale_series_says_how_old_it_is(desk: Desk):
    desk.put("BTCUSDT", dip(hours=100))

    assert (
        desk.skipped().detail == "newest 60 candle opened 2024-01-05 03:00 UTC, 381.1 intervals ago (limit 2)"
    )


def test_regime_is_unknown_below_sixty_four_candles(desk: Desk):
    desk.put("BTCUSDT", dip(), cut(level(120, interval=FOUR_HOURS), slice(-63, None)))

    assert desk.skipped() == ("BTCUSDT", "REGIME_UNKNOWN", "49 of 50 ATR values on 240 without a gap")


def test_regime_is_known_with_sixty_four_candles(desk: Desk):
    desk.put("BTCUSDT", dip(), cut(level(120, interval=FOUR_HOURS), slice(-64, None)))

    assert len(desk.scan().detected) == 1


def test_gap_among_the_regime_candles_makes_it_unknown(desk: Desk):
    desk.put("BTCUSDT", dip(), cut(level(120, interval=FOUR_HOURS), np.delete(np.arange(120), 100)))

    assert desk.skipped() == ("BTCUSDT", "REGIME_UNKNOWN", "5 of 50 ATR values on 240 without a gap")


def test_market_that_never_moves_has_no_regime(desk: Desk):
    desk.put("BTCUSDT", dip(), level(120, spread=0.0, interval=FOUR_HOURS))

    assert desk.skipped() == ("BTCUSDT", "REGIME_UNKNOWN", "no movement in 50 candles of 240")


def test_trending_market_is_passed_over_with_its_ratio(desk: Desk):
    fours = level(120, interval=FOUR_HOURS)
    fours.high[-10:] += 4
    desk.put("BTCUSDT", dip(), fours)

    skipped = desk.skipped()

    assert skipped.reason is SkipReason.TRENDING
    assert skipped.detail.startswith("ATR is 2.")
    assert skipped.detail.endswith("× the mean of its last 50 (limit 1.3)")


@pytest.mark.parametrize(
    "candles",
    [dip(low=99.9, close=99.9), dip(close=97.0, low=96.0), dip(volume=1000.0), level(COUNT)],
    ids=["no touch", "closed too far outside", "no volume", "calm"],
)
def test_candle_that_lacks_a_signal_is_passed_over(desk: Desk, candles: CandleBatch):
    desk.put("BTCUSDT", candles)

    assert desk.skipped().reason is SkipReason.NO_SIGNAL


def test_passed_over_candle_shows_its_figures(desk: Desk):
    desk.put("BTCUSDT", dip(volume=1000.0))

    assert desk.skipped().detail.endswith("volume 1.00 × its mean (above 1.1)")
    assert desk.skipped().detail.startswith("low 97.5, high 100.5, close 99.65, bands ")


def test_too_few_candles_for_the_indicators_is_no_signal(desk: Desk):
    desk.put("BTCUSDT", cut(dip(), slice(-19, None)))

    assert desk.skipped() == ("BTCUSDT", "NO_SIGNAL", "too few candles without a gap for the indicators")


def test_levels_that_fall_together_on_the_tick_are_no_setup(desk: Desk):
    desk.put("BTCUSDT", dip())
    desk.store.save_instruments(V, [instrument("BTCUSDT", tick="10")], NOW)

    skipped = desk.skipped()

    assert skipped.reason is SkipReason.NO_SIGNAL
    assert skipped.detail.startswith("LOWER_BB_BOUNCE, but ")


def test_second_scan_of_a_candle_finds_a_duplicate(desk: Desk):
    desk.put("BTCUSDT", dip())
    first = desk.scan()

    skipped = desk.skipped()

    assert len(first.detected) == 1
    assert skipped.reason is SkipReason.DUPLICATE
    assert skipped.detail == "LOWER_BB_BOUNCE of the candle of 2024-01-20 23:00 UTC is stored already"


def test_every_symbol_has_a_setup_or_a_reason_in_the_order_asked(desk: Desk):
    desk.put("BTCUSDT", dip())
    desk.put("ETHUSDT", level(COUNT))

    result = desk.scan("SOLUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT")

    assert [s.symbol for s in result.detected] == ["BTCUSDT"]
    assert [(s.symbol, s.reason) for s in result.skipped] == [
        ("SOLUSDT", "NO_CANDLES"),
        ("ETHUSDT", "NO_SIGNAL"),
    ]
    assert result.scanned == 3


def test_unknown_interval_is_refused(desk: Desk):
    with pytest.raises(NotFound, match="no such interval: 'hour'"):
        desk.scan(timeframe="hour")


def test_detection_is_logged(desk: Desk):
    desk.put("BTCUSDT", dip())

    (setup,) = desk.scan().detected

    with desk.store.read(desk.account) as books:
        (entry,) = books.log_of(setup_id=setup.id)
    assert (entry.event, entry.detail) == ("detected", "LOWER_BB_BOUNCE by bb-mean-reversion@1")


# -- setups that are no longer good


def test_expired_setup_is_invalidated_with_the_reason(desk: Desk):
    setup = desk.add_setup(expires_at=NOW)

    result = desk.scan()

    reason = f"expired at {NOW:%Y-%m-%d %H:%M} UTC"
    assert result.invalidated == ((setup.id, reason),)
    stored = desk.stored(setup.id)
    assert (stored.status, stored.reason) == (SetupStatus.INVALIDATED, reason)
    with desk.store.read(desk.account) as books:
        assert [e.event for e in books.log_of(setup_id=setup.id)] == ["invalidated"]


@pytest.mark.parametrize("status", [SetupStatus.ACTIVE, SetupStatus.APPROVED])
def test_price_more_than_two_atr_away_invalidates(desk: Desk, status: SetupStatus):
    setup = desk.add_setup(status=status)
    desk.market.prices["BTCUSDT"] = Decimal("102.1")

    assert desk.scan().invalidated == ((setup.id, "price 102.1 is 2.1 ATR from entry 100"),)


def test_price_two_atr_away_is_near_enough(desk: Desk):
    desk.add_setup()
    desk.market.prices["BTCUSDT"] = Decimal(98)

    assert desk.scan().invalidated == ()


def test_prices_of_all_setups_come_in_one_request(desk: Desk):
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        desk.add_setup(symbol=symbol)

    desk.scan()

    assert desk.market.quotes_asked == [["BTCUSDT", "ETHUSDT", "SOLUSDT"]]


def test_no_price_is_asked_for_when_no_setup_lives(desk: Desk):
    desk.add_setup(status=SetupStatus.REJECTED)

    desk.scan()

    assert desk.market.quotes_asked == []


@pytest.mark.parametrize("exchange", ["down", "none"])
def test_last_stored_close_stands_in_for_the_exchange(desk: Desk, exchange: str):
    setup = desk.add_setup()
    desk.put("BTCUSDT", level(COUNT, 103.0))
    desk.market.down = ExchangeUnavailable("Bybit can't be reached")

    result = desk.scan(exchange=desk.market if exchange == "down" else None)

    assert result.invalidated == ((setup.id, "price 103.0 is 3.0 ATR from entry 100"),)


def test_setup_without_any_price_lives_on(desk: Desk):
    desk.add_setup()

    assert desk.scan(exchange=None).invalidated == ()


def test_setup_by_hand_ends_by_time_only(desk: Desk):
    desk.add_setup(timeframe="", source=SetupSource.MANUAL, atr=None, candle_time=None)
    desk.market.prices["BTCUSDT"] = Decimal(1000)

    assert desk.scan().invalidated == ()
    assert desk.market.quotes_asked == []


@pytest.mark.parametrize("status", [TradeStatus.OPENING, TradeStatus.OPEN, TradeStatus.CLOSING])
def test_setup_with_a_living_trade_is_left_alone(desk: Desk, status: TradeStatus):
    setup = desk.add_setup(status=SetupStatus.APPROVED, expires_at=NOW)
    desk.add_trade(setup, status)

    assert desk.scan().invalidated == ()
    assert desk.stored(setup.id).status is SetupStatus.APPROVED


def test_setup_whose_trade_failed_may_be_invalidated(desk: Desk):
    setup = desk.add_setup(status=SetupStatus.APPROVED, expires_at=NOW)
    desk.add_trade(setup, TradeStatus.FAILED)

    assert [i.id for i in desk.scan().invalidated] == [setup.id]


def test_decision_at_this_very_moment_wins(desk: Desk):
    setup, other = desk.add_setup(), desk.add_setup(kind="UPPER_BB_REJECTION")
    desk.market.prices["BTCUSDT"] = Decimal(110)
    quotes = desk.market.quotes

    def quotes_while_somebody_approves(symbols):
        with desk.store.write(desk.account) as books:
            books.move_setup(setup.id, [SetupStatus.ACTIVE], SetupStatus.APPROVED, decided_at=NOW)
        return quotes(symbols)

    desk.market.quotes = quotes_while_somebody_approves
    result = desk.scan()

    assert [i.id for i in result.invalidated] == [other.id]
    assert desk.stored(setup.id).status is SetupStatus.APPROVED


def test_final_setups_are_not_touched(desk: Desk):
    long_ago = datetime.fromtimestamp(0, NOW.tzinfo)
    for status in (SetupStatus.REJECTED, SetupStatus.TRIGGERED, SetupStatus.INVALIDATED):
        desk.add_setup(status=status, expires_at=long_ago, candle_time=from_ms(START_MS + len(status) * H))

    assert desk.scan().invalidated == ()
