"""However a recording was cut short before, the next pass ends with exactly what the exchange has."""

from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from botbox_cli.analysis.columns import cut
from botbox_cli.analysis.indicators import indicators_of
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import from_ms
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.services.record import record
from botbox_cli.storage.store import SqlStore
from tests.support.candle_store import MemoryCandles
from tests.support.candles import HOUR, START_MS, walk
from tests.support.market import Market

COUNT = 2300
V = Venue.REPLAY
NAMES = ("bb_upper", "bb_middle", "bb_lower", "rsi", "atr", "volume_ma")

rows = st.integers(0, COUNT - 1)
spans = st.lists(st.tuples(rows, st.integers(1, 1500)), max_size=4)


class Killed(BaseException):
    """Stands for SIGKILL."""


@given(
    stored=spans,
    lacking=st.sets(rows, max_size=5),
    kills=st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=3),
    since=st.integers(0, COUNT - 1),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60)
def test_pass_ends_with_exactly_what_the_exchange_has(
    stored: list[tuple[int, int]],
    lacking: set[int],
    kills: list[tuple[int, bool]],
    since: int,
    seed: int,
):
    """`stored` are spans recorded before, `lacking` what the exchange has not, `kills` the writes that die."""
    history = walk(COUNT, seed=seed)
    offered = cut(history, np.delete(np.arange(COUNT), sorted(lacking)))
    clock = ManualClock(from_ms(START_MS) + timedelta(hours=COUNT, minutes=1))
    market, candles, store = Market(clock), MemoryCandles(), SqlStore("sqlite://")
    market.list_candles("BTCUSDT", "60", offered)
    kept = sorted(
        {row for start, length in stored for row in range(start, min(COUNT, start + length))} - lacking
    )
    if kept:
        candles.put(V, "BTCUSDT", "60", cut(history, np.array(kept)))

    def run() -> int:
        result = record(
            store,
            candles,
            market,
            clock,
            venue=V,
            symbols=["BTCUSDT"],
            timeframes=["60"],
            since_ms=START_MS + since * HOUR.length_ms,
        )
        return result.recorded

    for write, is_after in kills:
        _run_and_kill(candles, write, is_after, run)
    run()

    first = min([since, *kept])
    expected = cut(offered, offered.open_ms >= START_MS + first * HOUR.length_ms)
    found, indicators = candles.columns.get((V, "BTCUSDT", "60"), (expected, indicators_of(expected, HOUR)))
    assert found.open_ms.tolist() == expected.open_ms.tolist()
    assert found.close.tolist() == expected.close.tolist()
    whole = indicators_of(expected, HOUR)
    for name in NAMES:
        np.testing.assert_allclose(
            getattr(indicators, name), getattr(whole, name), rtol=1e-9, atol=0, err_msg=name
        )
    assert run() == 0
    store.close()


def _run_and_kill(candles: MemoryCandles, write: int, is_after: bool, run) -> None:
    left = [write]

    def kill() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    hook = "after_upsert" if is_after else "before_upsert"
    setattr(candles, hook, kill)
    try:
        run()
    except Killed:
        pass
    finally:
        setattr(candles, hook, lambda: None)
