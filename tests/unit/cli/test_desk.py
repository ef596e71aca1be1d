"""The desk through its keys, at both sizes; what it does is judged by the books and the exchange."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from textual.pilot import Pilot

from botbox_cli.domain.account import Mode
from botbox_cli.domain.setup import SetupStatus
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.decide import reject
from tests.support.desk import DeskTest
from tests.support.faults import Faults, broken
from tests.support.verdict import only_trade, open_trade, orders_of, settle
from tests.support.world import World, a_world

SIZES = [(80, 24), (120, 40)]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Cards have local times."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def world() -> Iterator[World]:
    with a_world(prices={"BTCUSDT": "60000", "ETHUSDT": "2500"}) as made:
        yield made


def statuses(world: World) -> list[SetupStatus]:
    with world.store.read(world.account) as books:
        return [s.status for s in books.setups()]


async def drawn(desk: DeskTest, pilot: Pilot[int]) -> None:
    """Wait until the first scan is told."""
    await desk.shows(pilot, "streaming", "0 setups found")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_screen(world: World, width: int, height: int) -> None:
    open_trade(world)
    world.add_setup(symbol="ETHUSDT", approved=False, entry="2500", stop="2450", tp1="2600", tp2="2700")
    world.clock.sleep(60)
    desk = DeskTest(world)
    desk.list_candles("ETHUSDT", 2480)
    desk.price("60500", "60500.1")
    desk.price("2499.5", "2500", "ETHUSDT")

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await drawn(desk, pilot)
        await desk.shows(pilot, "60500", "+0.00R")
        if width >= 116:
            await desk.shows(pilot, "Setup 2: ETHUSDT", "target 2600")
        await desk.looks_like(pilot, f"desk-{width}x{height}")

    desk.run(script, width=width, height=height)


@pytest.mark.parametrize("width", [110, 115, 116, 120])
def test_names_of_the_levels_stay_in_their_line(world: World, width: int) -> None:
    """From 116 columns on the card stands beside the lists, before it is opened over them."""
    world.add_setup(
        symbol="ETHUSDT", approved=False, entry="2500", stop="2450", tp1="2600.125", tp2="2700.125"
    )
    desk = DeskTest(world)
    desk.list_candles("ETHUSDT", 2480)
    desk.price("2499.5", "2500", "ETHUSDT")

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await drawn(desk, pilot)
        if width < 116:
            await pilot.press("enter")
        await desk.shows(pilot, " target 2 2700.125", " target 2600.125", " entry 2500", " stop 2450")

    desk.run(script, width=width, height=70)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_question_names_what_will_be_done(world: World, width: int, height: int) -> None:
    world.add_setup(approved=False)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await drawn(desk, pilot)
        await desk.shows(pilot, "Setups waiting: 1", "BTCUSDT    long  hand 60000")
        await pilot.press("a")
        await desk.shows(pilot, "Approve and trade setup 1", "stop 58000", "Yes")
        await desk.looks_like(pilot, f"question-{width}x{height}", dialog=True)

    DeskTest(world).run(script, width=width, height=height)
    assert orders_of(world) == []


@pytest.mark.parametrize("answer", ["enter", "n", "escape"])
def test_anything_but_yes_is_no(world: World, answer: str) -> None:
    world.add_setup(approved=False)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.shows(pilot, "Setups waiting: 1")
        await pilot.press("a")
        await desk.shows(pilot, "Approve and trade setup 1")
        await pilot.press(answer)
        await desk.until(pilot, lambda: "Approve and trade" not in desk.text)

    DeskTest(world).run(script)
    assert statuses(world) == [SetupStatus.ACTIVE]
    assert orders_of(world) == []


def test_approve_trades_and_the_trade_appears(world: World) -> None:
    world.add_setup(approved=False)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.shows(pilot, "Setups waiting: 1")
        await pilot.press("a", "a")
        await desk.shows(pilot, "Approve and trade setup 1")
        await pilot.press("y")
        await desk.shows(pilot, "Open trades: 1", "Setups waiting: 0", "trade 1 OPEN")

    DeskTest(world).run(script)
    assert only_trade(world).status is TradeStatus.OPEN
    with world.store.read(world.account) as books:
        [approved] = books.log_of(event="approved")
    assert approved.data is not None
    assert "@" in approved.data["by"]
    assert settle(world) == []


def test_refused_approval_is_shown_with_its_hint(world: World) -> None:
    world.add_setup(approved=False)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.shows(pilot, "Setups waiting: 1")
        desk.price("61500")
        await pilot.press("a")
        await desk.shows(pilot, "0.75 R", "--accept-price")

    DeskTest(world).run(script)
    assert orders_of(world) == []


def test_setup_that_another_terminal_rejects_meanwhile_is_refused(world: World) -> None:
    setup = world.add_setup(approved=False)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.shows(pilot, "Setups waiting: 1")
        await pilot.press("a")
        await desk.shows(pilot, "Approve and trade setup 1")
        reject(world.desk, setup.id, reason="no")
        await pilot.press("y")
        await desk.shows(pilot, "setup 1 is REJECTED")

    DeskTest(world).run(script)
    assert orders_of(world) == []


def test_reject_keeps_the_reason(world: World) -> None:
    world.add_setup(approved=False)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.shows(pilot, "Setups waiting: 1")
        await pilot.press("r")
        await desk.shows(pilot, "Reject setup 1?")
        await desk.types(pilot, "aqh")
        await desk.shows(pilot, "Setups waiting: 0")

    DeskTest(world).run(script)
    with world.store.read(world.account) as books:
        [setup] = books.setups()
    assert (setup.status, setup.reason) == (SetupStatus.REJECTED, "aqh")


def test_reject_without_a_reason_is_called_off(world: World) -> None:
    world.add_setup(approved=False)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.shows(pilot, "Setups waiting: 1")
        await pilot.press("r")
        await desk.shows(pilot, "Reject setup 1?")
        await desk.types(pilot, "")
        await desk.until(pilot, lambda: "Reject setup" not in desk.text)

    DeskTest(world).run(script)
    assert statuses(world) == [SetupStatus.ACTIVE]


def test_close_asks_and_sells(world: World) -> None:
    open_trade(world)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.shows(pilot, "Open trades: 1")
        await pilot.press("c")
        await desk.shows(pilot, "Close trade 1", "its stop 58000 is cancelled")
        await pilot.press("y")
        await desk.shows(pilot, "Open trades: 0", "trade 1 CLOSED")

    DeskTest(world).run(script)
    assert only_trade(world).close_reason == "Closed by hand"
    assert settle(world) == []


def test_halt_and_resume(world: World) -> None:
    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        for question, text in (("Halt all", "HALTED"), ("Allow new", "streaming")):
            await pilot.press("h")
            await desk.shows(pilot, question)
            await pilot.press("y")
            await desk.shows(pilot, text)
        await desk.until(pilot, lambda: "HALTED" not in desk.text)

    DeskTest(world).run(script)
    with world.store.read(world.account) as books:
        assert [entry.event for entry in books.log_of() if entry.event in ("halted", "resumed")] == [
            "halted",
            "resumed",
        ]


def test_filter_shows_the_pairs_that_are_asked_for(world: World) -> None:
    world.add_setup(approved=False)
    world.add_setup(symbol="ETHUSDT", approved=False, entry="2500", stop="2450", tp1="2600", tp2="2700")

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.shows(pilot, "Setups waiting: 2")
        await pilot.press("slash")
        await desk.types(pilot, "eth")
        await desk.shows(pilot, "Setups waiting: 1, filter ETH")
        await pilot.press("escape")
        await desk.shows(pilot, "Setups waiting: 2")

    DeskTest(world).run(script)


def test_card_opens_over_a_narrow_screen(world: World) -> None:
    world.add_setup(approved=False)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.shows(pilot, "Setups waiting: 1")
        await pilot.press("enter")
        await desk.shows(pilot, "Setup 1: BTCUSDT long, by hand", "risk now")
        await pilot.press("escape")
        await desk.shows(pilot, "Setups waiting: 1")

    DeskTest(world).run(script, width=80, height=24)


def test_help_names_the_keys(world: World) -> None:
    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await pilot.press("question_mark")
        await desk.shows(pilot, "approve the chosen setup", "Stops rest on the exchange")

    DeskTest(world).run(script, width=80, height=24)


def test_live_account_cannot_be_missed(world: World) -> None:
    world.add_setup(approved=False)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.shows(pilot, " LIVE ", "Setups waiting: 1")
        await pilot.press("a")
        await desk.shows(pilot, "REAL MONEY", "LIVE account 1")

    DeskTest(world, mode=Mode.LIVE).run(script)


def test_price_that_crosses_the_target_closes_the_trade_on_screen(world: World) -> None:
    open_trade(world)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await drawn(desk, pilot)
        desk.price("62000")
        await desk.shows(pilot, "has reached its target", "Take profit hit", "Open trades: 0")

    DeskTest(world).run(script)
    assert len(orders_of(world)) == 3
    assert settle(world) == []


def test_exchange_that_fails_is_told_and_no_key_waits_for_it(world: World) -> None:
    open_trade(world)
    faults = Faults(world)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await drawn(desk, pilot)
        every = "get_open_orders get_executions get_tickers get_instruments_info get_server_time"
        faults.on(every, broken("refused"), times=10**6)
        desk.up()
        await desk.shows(pilot, "EXCHANGE FAILS")
        await pilot.press("question_mark")
        await desk.shows(pilot, "approve the chosen setup")
        faults.clear()

    DeskTest(world).run(script)
    assert settle(world) == []


def test_watch_that_ends_over_a_wrong_key_ends_the_desk_with_it(world: World) -> None:
    from botbox_cli.errors import ConfigError
    from tests.support.faults import code

    open_trade(world)
    faults = Faults(world)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        faults.on("get_open_orders", code(10003), times=99)
        desk.up()
        await desk.until(pilot, lambda: desk.app.ended_by is not None)

    with pytest.raises(ConfigError):
        DeskTest(world).run(script)


def test_keys_work_on_the_card_that_lies_over_a_narrow_desk(world: World) -> None:
    world.add_setup(approved=False)

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.shows(pilot, "Setups waiting: 1")
        await pilot.press("enter")
        await desk.shows(pilot, "target 1")
        await pilot.press("a")
        await desk.shows(pilot, "Approve and trade setup 1")
        await pilot.press("y")
        await desk.shows(pilot, "Open trades: 1")

    DeskTest(world).run(script, width=80, height=24)
    assert only_trade(world).status is TradeStatus.OPEN


def test_card_is_drawn_for_the_width_that_the_terminal_has_now(world: World) -> None:
    world.add_setup(symbol="ETHUSDT", approved=False, entry="2500", stop="2450", tp1="2600", tp2="2700")
    desk = DeskTest(world)
    desk.list_candles("ETHUSDT", 2480)

    def target_line() -> str:
        return next((line for line in desk.text.splitlines() if "target 2 2700" in line), "")

    async def script(desk: DeskTest, pilot: Pilot[int]) -> None:
        await desk.until(pilot, lambda: "──" in target_line())
        await pilot.resize_terminal(160, 40)
        await desk.until(pilot, lambda: len(target_line()) > 130)
        await pilot.resize_terminal(116, 40)
        await desk.until(pilot, lambda: 0 < len(target_line()) <= 116 and "──" in target_line())

    desk.run(script)
