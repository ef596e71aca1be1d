"""What would have become of setups that were left: hand-made candles, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import from_ms
from botbox_cli.domain.setup import Direction, Setup, SetupStatus
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.ports import CandleBatch
from botbox_cli.services.desk import Desk
from botbox_cli.services.shadow import Shadow, ShadowTrade, shadow
from tests.support.books import a_fill, a_setup, a_trade, an_order
from tests.support.candle_store import MemoryCandles
from tests.support.candles import START_MS, level
from tests.support.market import instrument
from tests.support.world import World, a_world

VENUE = Venue.REPLAY
HOUR_MS = 3_600_000
SIGNAL = 30
"""The row of the candle that every setup comes from; entry at the open of the next."""


def candles(count: int = 60, **highs_and_lows: tuple[float, float]) -> CandleBatch:
    """Return flat candles at 100; `r33=(high, low)` widens that one."""
    batch = level(count, spread=0.2)
    for name, (high, low) in highs_and_lows.items():
        row = int(name[1:])
        batch.high[row], batch.low[row] = high, low
    return batch


@dataclass
class Scene:
    """A desk whose candles and setups a test makes."""

    world: World
    candles: MemoryCandles
    desk: Desk

    def record(self, batch: CandleBatch, timeframe: str = "60") -> None:
        self.candles.put(VENUE, "BTCUSDT", timeframe, batch)

    def add(self, **fields: Any) -> Setup:
        """Store a decided long of BTCUSDT: entry 100, stop 98, target 104."""
        at = from_ms(START_MS + SIGNAL * HOUR_MS)
        defaults: dict[str, Any] = {
            "entry_price": Decimal(100),
            "stop_loss": Decimal(98),
            "take_profit_1": Decimal(104),
            "take_profit_2": None,
            "candle_time": at,
            "detected_at": at + timedelta(minutes=61),
            "expires_at": at + timedelta(hours=25),
            "status": SetupStatus.REJECTED,
        }
        with self.world.store.write(self.world.account) as books:
            stored = books.add_setup(a_setup(**defaults | fields))
        assert stored is not None
        return stored

    def shadow(self, **arguments: Any) -> Shadow:
        return shadow(self.desk, **arguments)

    def only(self) -> ShadowTrade:
        (trade,) = self.shadow().trades
        return trade


@pytest.fixture
def scene() -> Iterator[Scene]:
    with a_world() as world:
        world.store.save_instruments(VENUE, [instrument("BTCUSDT")], world.clock.now())
        found = MemoryCandles()
        yield Scene(world, found, replace(world.desk, candles=found))


def test_rejected_winner_was_a_costly_veto(scene: Scene) -> None:
    scene.record(candles(r33=(104.5, 99.9)))
    scene.add()

    trade = scene.only()

    assert (trade.group, trade.outcome) == ("rejected", "target")
    # 4 of a target less 0.05 % slippage twice, fees of 0.1 % twice and a tick, over a risk of 2.06.
    assert trade.r == pytest.approx(1.77, abs=0.02)
    assert trade.exit_time == from_ms(START_MS + 34 * HOUR_MS)
    rejected = scene.shadow().groups[0]
    assert (rejected.name, rejected.summary.n) == ("rejected", 1)
    assert rejected.made == -rejected.summary.total_r == -(trade.r or 0)


def test_rejected_loser_was_a_veto_that_earned(scene: Scene) -> None:
    scene.record(candles(r33=(100.1, 97.5), r40=(110.0, 99.9)))
    scene.add()

    assert scene.only().outcome == "stop"
    assert scene.shadow().groups[0].made > 1


@pytest.mark.parametrize(
    ("reason", "group"),
    [("expired at 2026-03-05 05:06 UTC", "expired"), ("price 90 is 8.0 ATR from entry 100", "invalidated")],
)
def test_delay_is_weighed_against_entering_at_once(scene: Scene, reason: str, group: str) -> None:
    scene.record(candles(r33=(104.5, 99.9)))
    scene.add(status=SetupStatus.INVALIDATED, reason=reason)

    assert (scene.only().group, scene.only().outcome) == (group, "target")


def test_candle_of_the_setup_itself_decides_nothing(scene: Scene) -> None:
    scene.record(candles(r30=(104.5, 97.0)))
    scene.add()

    assert scene.only().outcome == "open at the end"
    assert scene.shadow().groups[0].unfinished == 1


def test_gap_leaves_the_end_unknown(scene: Scene) -> None:
    batch = candles(r45=(104.5, 99.9))
    kept = np.r_[0:40, 44:60]
    scene.record(CandleBatch(*(getattr(batch, name)[kept] for name in CandleBatch.__slots__)))
    scene.add()

    assert scene.only().outcome == "open at the gap"


def test_price_that_had_run_away_was_no_entry(scene: Scene) -> None:
    batch = candles()
    batch.open[31] = batch.high[31] = 103.0
    scene.record(batch)
    scene.add()

    assert scene.only().outcome == "price moved"
    assert scene.shadow().groups[0].not_entered == {"price moved": 1}


def test_shorts_count_only_where_they_could_have_been_traded(scene: Scene) -> None:
    scene.record(candles(r33=(100.1, 95.0)))
    levels = {"stop_loss": Decimal(102), "take_profit_1": Decimal(96)}
    scene.add(direction=Direction.SHORT, **levels)

    assert scene.only().outcome == "shorts off"
    scene.desk = replace(scene.desk, policy=replace(scene.desk.policy, shorts=True))
    assert scene.only().outcome == "target"


def test_finer_candles_decide_what_came_first(scene: Scene) -> None:
    scene.record(candles(r33=(104.5, 97.5)))
    scene.add()
    assert scene.only().outcome == "stop"
    quarters = level(240, spread=0.2)
    quarters.open_ms[:] = START_MS + np.arange(240) * HOUR_MS // 4
    quarters.high[33 * 4 + 1] = 104.5
    quarters.low[33 * 4 + 3] = 97.5

    scene.record(quarters, "15")

    assert scene.only().outcome == "target"


def test_setup_by_hand_is_entered_behind_the_hour_of_its_proposal(scene: Scene) -> None:
    scene.record(candles(r30=(104.5, 99.9), r33=(100.1, 97.5)))
    at = from_ms(START_MS + SIGNAL * HOUR_MS + 1_800_000)
    scene.add(timeframe="", candle_time=None, rule="", atr=None, detected_at=at)

    assert scene.only().outcome == "stop"


def test_setup_without_candles_is_counted(scene: Scene) -> None:
    scene.add()
    assert scene.only().outcome == "no candles"

    scene.record(candles(count=20))
    assert scene.only().outcome == "no candles"


def test_undecided_setups_are_left_out(scene: Scene) -> None:
    scene.record(candles())
    scene.add(status=SetupStatus.ACTIVE)
    scene.add(status=SetupStatus.APPROVED, kind="OTHER")

    assert scene.shadow().trades == ()


def test_since_bounds_the_detection(scene: Scene) -> None:
    scene.record(candles())
    setup = scene.add()

    assert scene.shadow(since=setup.detected_at).trades
    assert not scene.shadow(since=setup.detected_at + timedelta(seconds=1)).trades


def test_traded_setup_stands_beside_what_was_made_of_it(scene: Scene) -> None:
    """Bought late at 101 and sold at 103: 2 of a risk of 3."""
    scene.record(candles(r33=(104.5, 99.9)))
    setup = scene.add(status=SetupStatus.TRIGGERED)
    with scene.world.store.write(scene.world.account) as books:
        trade = books.add_trade(
            a_trade(setup, status=TradeStatus.CLOSED, initial_stop=Decimal(98), stop_loss=Decimal(98))
        )
        entry = books.add_order(an_order(trade))
        exit_ = books.add_order(
            an_order(trade, role="exit", side="sell", order_link_id=f"bb-abc123-{trade.id}-exit1")
        )
        books.add_fill(a_fill(entry, price=Decimal(101), fees=(), execution_id="in"))
        books.add_fill(a_fill(exit_, price=Decimal(103), fees=(), execution_id="out"))

    found = scene.only()

    assert found.actual_r == pytest.approx(2 / 3)
    traded = scene.shadow().groups[3]
    assert traded.made == pytest.approx(2 / 3 - (found.r or 0))
