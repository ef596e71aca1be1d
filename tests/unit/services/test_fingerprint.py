import numpy as np
import pytest

from botbox_cli.analysis.columns import cut
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import from_ms
from botbox_cli.domain.setup import Setup
from botbox_cli.services.fingerprint import CANDLES, REGIME_CANDLES, fingerprint
from tests.support.books import a_setup
from tests.support.candle_store import MemoryCandles
from tests.support.candles import FOUR_HOURS, HOUR, walk

VENUE = Venue.REPLAY


@pytest.fixture
def candles() -> MemoryCandles:
    store = MemoryCandles()
    store.put(VENUE, "BTCUSDT", "60", walk(1000))
    store.put(VENUE, "BTCUSDT", "240", walk(250, interval=FOUR_HOURS))
    return store


def setup_at(row: int) -> Setup:
    return a_setup(candle_time=from_ms(int(walk(1000).open_ms[row])))


def test_series_are_named_with_what_they_span(candles: MemoryCandles) -> None:
    facts = fingerprint(candles, VENUE, setup_at(799))

    assert facts is not None
    assert (facts["candles"]["count"], facts["regime"]["count"]) == (CANDLES, REGIME_CANDLES)
    assert facts["candles"]["last"] == "2024-02-03T07:00:00+00:00"
    assert facts["regime"]["last"] == "2024-02-03T04:00:00+00:00"


def test_later_candles_change_nothing(candles: MemoryCandles) -> None:
    whole = fingerprint(candles, VENUE, setup_at(799))
    earlier = MemoryCandles()
    earlier.put(VENUE, "BTCUSDT", "60", cut(walk(1000), slice(0, 800)))
    earlier.put(VENUE, "BTCUSDT", "240", cut(walk(250, interval=FOUR_HOURS), slice(0, 200)))

    assert fingerprint(earlier, VENUE, setup_at(799)) == whole


@pytest.mark.parametrize("timeframe", ["60", "240"])
@pytest.mark.parametrize("name", ["low", "volume"])
def test_changed_candle_changes_the_hash(candles: MemoryCandles, timeframe: str, name: str) -> None:
    before = fingerprint(candles, VENUE, setup_at(799))
    batch, _ = candles.columns[VENUE, "BTCUSDT", timeframe]
    getattr(batch, name)[790 * HOUR.length_ms // (int(timeframe) * 60_000)] *= 1.0001

    after = fingerprint(candles, VENUE, setup_at(799))

    assert before is not None
    assert after is not None
    changed = "candles" if timeframe == "60" else "regime"
    assert [name for name in before if before[name] != after[name]] == [changed]


def test_setup_by_hand_has_none(candles: MemoryCandles) -> None:
    assert fingerprint(candles, VENUE, a_setup(timeframe="", candle_time=None)) is None


def test_setup_without_candles_has_the_hash_of_nothing() -> None:
    facts = fingerprint(MemoryCandles(), VENUE, setup_at(0))

    assert facts is not None
    assert facts["candles"]["count"] == 0
    assert not np.any([facts["candles"]["first"], facts["candles"]["last"]])
