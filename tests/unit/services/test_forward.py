"""Moving the clock of a replay."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from botbox_cli.exchange.paper.clocks import ReplayClock
from botbox_cli.services.forward import forward
from tests.support.candles import START_MS, level
from tests.support.market import Market

START = datetime.fromtimestamp(START_MS // 1000, UTC)


def test_time_passes_for_every_process(tmp_path: Path) -> None:
    mine, other = (ReplayClock(tmp_path / "paper.sqlite", START) for _ in range(2))
    market = Market(mine)
    market.list_candles("BTCUSDT", "60", level(48))

    moved = forward(mine, market, ["BTCUSDT"], timedelta(hours=6))

    assert (moved.before, moved.now) == (START, START + timedelta(hours=6))
    assert other.now() == moved.now
    assert moved.is_recorded
    mine.close()
    other.close()


def test_says_when_the_recording_is_over(tmp_path: Path) -> None:
    clock = ReplayClock(tmp_path / "paper.sqlite", START)
    market = Market(clock)
    market.list_candles("BTCUSDT", "60", level(48))

    assert forward(clock, market, ["BTCUSDT"], timedelta(hours=48)).is_recorded
    assert not forward(clock, market, ["BTCUSDT"], timedelta(hours=2)).is_recorded
    clock.close()
