"""Leaving a position under every class of answer: sold once, or protected again, and never both sold and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from botbox_cli.documents import fill_document, trade_document
from botbox_cli.domain.order import OrderStatus, Role, Side
from botbox_cli.domain.trade import (
    CLOSED_BY_HAND,
    SOLD_OUTSIDE,
    STOP_LOSS_HIT,
    TOO_SMALL,
    TradeStatus,
)
from botbox_cli.exchange.paper.protocol import Request
from botbox_cli.exchange.paper.state import Lag
from botbox_cli.exchange.paper.trading import Terms
from botbox_cli.services.book import read_trade
from botbox_cli.services.close import close
from botbox_cli.services.desk import Policy
from botbox_cli.services.lease import Budget, Work
from botbox_cli.services.monitor import monitor
from botbox_cli.services.outside import adopt_outside_sales
from botbox_cli.services.trades import view
from tests.support.faults import LOOK_UPS, Action, Faults, after, broken, code, first, http, nothing, then
from tests.support.process import Process, at, die, kill_at
from tests.support.verdict import (
    exit_code_of,
    only_trade,
    open_trade,
    orders_of,
    settle,
    tell_close,
    tell_execute,
    told_truly,
    truth,
)
from tests.support.world import World, a_world
from tests.unit.services.test_protect_stop import by_hand, ending, live_stops, own_coins
from tests.unit.services.test_settle_entry import FATAL, LANDED, LOST, NOT_TAKEN, PASSING, REFUSED


@pytest.fixture
def rich() -> Iterator[World]:
    """A world whose owner has a whole bitcoin of their own beside botbox's."""
    with a_world(balances={"USDT": Decimal(10000), "BTC": Decimal(1)}) as made:
        yield made


# -- answers to the exit


@pytest.mark.parametrize("action", (PASSING | LANDED).values(), ids=(PASSING | LANDED).keys())
def test_exit_that_got_no_clear_answer_sells_once(rich: World, action: Action) -> None:
    faults = Faults(rich)
    trade = open_trade(rich)
    faults.on("place_order", action, link="exit")

    told = told_truly(rich, lambda: tell_close(rich.desk, trade.id))

    assert told.exit_code == 0
    assert [o.link for o in truth(rich).orders if "-exit" in o.link] == ["bb-test01-1-exit1"]
    assert only_trade(rich).close_reason == CLOSED_BY_HAND
    assert settle(rich, faults) == []


@pytest.mark.parametrize(
    ("action", "exit_code"),
    [
        *((a, 5) for a in REFUSED.values()),
        *((a, 3) for a in FATAL.values()),
        *((a, 6) for a in NOT_TAKEN.values()),
    ],
)
def test_exit_that_is_not_taken_leaves_the_position_protected(
    world: World, faults: Faults, action: Action, exit_code: int
) -> None:
    trade = open_trade(world)
    faults.on("place_order", action, link="exit", times=999)

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == exit_code
    assert only_trade(world).status is TradeStatus.OPEN
    assert live_stops(world) == ["bb-test01-1-stop2"]
    assert settle(world, faults) == []


@pytest.mark.parametrize("action", LOST.values(), ids=LOST.keys())
def test_exit_that_is_lost_each_time_ends_protected(world: World, faults: Faults, action: Action) -> None:
    trade = open_trade(world)
    faults.on("place_order", action, link="exit", times=999)

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code in (6, 7)
    assert settle(world, faults) == []


def test_exit_and_stop_both_refused_is_a_position_without_a_stop(world: World, faults: Faults) -> None:
    trade = open_trade(world)
    faults.on("place_order", code(170131), times=999)

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 10
    assert settle(world, faults) == []


def test_exit_refused_while_the_price_is_through_the_stop_is_a_position_without_a_stop(
    world: World, faults: Faults
) -> None:
    trade = open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    world.set_price("BTCUSDT", "57000")
    faults.on("place_order", code(170131), times=999)

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 10
    assert settle(world, faults) == []
    assert only_trade(world).status is TradeStatus.CLOSED


def test_exit_that_fills_in_part_sells_the_rest(world: World, faults: Faults) -> None:
    trade = open_trade(world)
    faults.on("place_order", first(lambda: ending(world, fill_fraction=Decimal("0.5"))), link="exit")

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 0
    exits = orders_of(world, Role.EXIT)
    assert [o.status for o in exits] == [OrderStatus.PARTIAL_CANCELLED, OrderStatus.FILLED]
    assert settle(world, faults) == []


def test_exit_that_only_ever_fills_in_part_leaves_the_rest_protected(world: World, faults: Faults) -> None:
    trade = open_trade(world)
    faults.on(
        "place_order", first(lambda: ending(world, fill_fraction=Decimal("0.3"))), link="exit", times=999
    )

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 5
    assert only_trade(world).status is TradeStatus.OPEN
    assert len(live_stops(world)) == 1
    assert settle(world, faults) == []


def test_exit_that_fills_nothing_puts_the_stop_back(world: World, faults: Faults) -> None:
    trade = open_trade(world)
    faults.on("place_order", first(lambda: ending(world, fill_fraction=Decimal(0))), link="exit", times=999)

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 5
    assert live_stops(world) == ["bb-test01-1-stop2"]
    assert settle(world, faults) == []


def test_exit_rejected_after_its_acceptance_puts_the_stop_back(world: World, faults: Faults) -> None:
    trade = open_trade(world)
    faults.on("place_order", first(lambda: ending(world, reject_reason="EC_Others")), link="exit")

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 5
    assert settle(world, faults) == []


def test_exit_partly_filled_and_then_refused_is_no_plain_rejection(world: World, faults: Faults) -> None:
    trade = open_trade(world)
    faults.on("place_order", first(lambda: ending(world, fill_fraction=Decimal("0.5"))), link="exit1")
    faults.on("place_order", code(170131), link="exit", times=999)

    told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert settle(world, faults) == []


@pytest.mark.parametrize("lag_s", [3, 20, 90])
def test_exit_whose_executions_are_late_is_not_sold_a_second_time(rich: World, lag_s: int) -> None:
    faults = Faults(rich)
    trade = open_trade(rich)
    lag = Lag(executions_ms=lag_s * 1000)
    faults.on("place_order", first(lambda: ending(rich, lag=lag)), link="exit")

    told = told_truly(rich, lambda: tell_close(rich.desk, trade.id))
    for _ in range(4):
        rich.pass_time(30)
        monitor(rich.desk)

    assert told.exit_code in (0, 7)
    assert own_coins(rich) >= 1
    assert settle(rich, faults) == []


@pytest.mark.parametrize("lag_s", [3, 20, 90])
def test_exit_that_becomes_visible_late_is_not_sold_a_second_time(rich: World, lag_s: int) -> None:
    faults = Faults(rich)
    trade = open_trade(rich)
    lag = Lag(lag_s * 1000, lag_s * 1000, lag_s * 1000)
    faults.on("place_order", first(lambda: ending(rich, lag=lag)), link="exit")

    told = told_truly(rich, lambda: tell_close(rich.desk, trade.id))
    for _ in range(4):
        rich.pass_time(30)
        monitor(rich.desk)

    assert told.exit_code in (0, 7)
    assert own_coins(rich) >= 1
    assert settle(rich, faults) == []


# -- answers to the cancel


CANCEL_ANSWERS = {
    "filled": code(170139),
    "cancelled": code(170142),
    "finished": code(170190),
    "not on the book": code(170143),
    "does not exist": code(170213),
    "unified not found": code(110001),
    "locked": code(170144),
    "not now": code(170191),
    "being cancelled": code(170212),
    "not cancellable": code(170145),
    "cancel failed": code(170150),
    "cancel timed out": code(170147),
    "duplicate": code(10014),
}


CANCEL_LATER = {name: CANCEL_ANSWERS[name] for name in ("locked", "not now", "being cancelled")}


@pytest.mark.parametrize("name", [*CANCEL_ANSWERS, *LOST, *NOT_TAKEN, *FATAL])
def test_nothing_is_sold_beside_a_stop_that_is_not_seen_gone(world: World, faults: Faults, name: str) -> None:
    """The cancel does nothing, whatever is answered."""
    trade = open_trade(world)
    faults.on("cancel_order", (CANCEL_ANSWERS | LOST | NOT_TAKEN | FATAL)[name], times=999)

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    refused = {"not cancellable": 5} | dict.fromkeys([*CANCEL_LATER, *NOT_TAKEN], 6) | dict.fromkeys(FATAL, 3)
    assert told.exit_code == refused.get(name, 7)
    assert only_trade(world).status is TradeStatus.OPEN
    assert live_stops(world) == ["bb-test01-1-stop1"]
    world.pass_time(60)
    assert exit_code_of(monitor(world.desk)) == 0
    assert only_trade(world).status is TradeStatus.OPEN
    assert settle(world, faults) == []


@pytest.mark.parametrize("name", [*CANCEL_LATER, *PASSING])
def test_cancel_that_was_not_taken_at_first_is_asked_for_again(
    world: World, faults: Faults, name: str
) -> None:
    trade = open_trade(world)
    faults.on("cancel_order", (CANCEL_LATER | PASSING)[name])

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 0
    assert only_trade(world).close_reason == CLOSED_BY_HAND
    assert settle(world, faults) == []


@pytest.mark.parametrize("action", (CANCEL_ANSWERS | LOST).values(), ids=(CANCEL_ANSWERS | LOST).keys())
def test_cancel_that_was_done_whatever_it_answered_lets_the_position_be_sold(
    world: World, faults: Faults, action: Action
) -> None:
    trade = open_trade(world)
    faults.on("cancel_order", after(action))

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 0
    assert settle(world, faults) == []


@pytest.mark.parametrize("moment", [first, then], ids=["before the cancel", "after the cancel"])
def test_stop_that_fires_while_it_is_cancelled_is_the_exit(
    rich: World, moment: Callable[[Callable[[], object]], Action]
) -> None:
    faults = Faults(rich)
    trade = open_trade(rich)

    def crash() -> None:
        rich.set_price("BTCUSDT", "57900")
        rich.pass_time(0.05)

    faults.on("cancel_order", moment(crash))

    told = told_truly(rich, lambda: tell_close(rich.desk, trade.id))

    assert told.exit_code == 0
    assert own_coins(rich) >= 1
    assert settle(rich, faults) == []
    assert only_trade(rich).close_reason == (STOP_LOSS_HIT if moment is first else CLOSED_BY_HAND)


@pytest.mark.parametrize("delay_ms", [300, 3000, 20000])
def test_stop_whose_cancel_takes_its_time_may_still_fire(delay_ms: int) -> None:
    """Cancel accepted is not cancelled: until it is, the stop may still sell."""
    balances = {"USDT": Decimal(10000), "BTC": Decimal(1)}
    with a_world(terms=Terms(cancel_delay_ms=delay_ms), balances=balances) as world:
        faults = Faults(world)
        trade = open_trade(world)
        faults.on("cancel_order", then(lambda: world.set_price("BTCUSDT", "57900")))

        told_truly(world, lambda: tell_close(world.desk, trade.id))

        assert own_coins(world) >= 1
        assert settle(world, faults) == []


def test_stop_that_fires_in_part_while_it_is_cancelled_leaves_the_rest_to_the_exit(
    world: World, faults: Faults
) -> None:
    faults.on("place_order", first(lambda: ending(world, fill_fraction=Decimal("0.4"))), link="stop")
    trade = open_trade(world)

    def crash() -> None:
        world.set_price("BTCUSDT", "57900")
        world.pass_time(0.05)

    faults.on("cancel_order", first(crash))

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 0
    assert [o.role for o in orders_of(world)] == [Role.ENTRY, Role.STOP, Role.EXIT]
    assert settle(world, faults) == []


def test_key_trouble_at_the_cancel_does_not_close_the_trade_later(world: World, faults: Faults) -> None:
    """The person was told that nothing was done; a pass an hour later must not sell by itself."""
    trade = open_trade(world)
    faults.on("cancel_order", code(10010))
    told = told_truly(world, lambda: tell_close(world.desk, trade.id))
    faults.clear()
    world.pass_time(3600)

    monitor(world.desk)

    assert told.exit_code == 3
    assert only_trade(world).status is TradeStatus.OPEN
    assert settle(world) == []


# -- targets


def half() -> Policy:
    return Policy(tp1_fraction=Decimal("0.5"))


def test_price_that_falls_through_break_even_while_tp1_is_taken_closes_the_rest() -> None:
    with a_world(policy=half()) as world:
        faults = Faults(world)
        open_trade(world)
        world.set_price("BTCUSDT", "62000")
        faults.on("place_order", first(lambda: world.set_price("BTCUSDT", "59500")), link="stop2")

        result = monitor(world.desk)

        assert only_trade(world).status is TradeStatus.CLOSED or exit_code_of(result) == 10
        assert settle(world, faults) == []


def test_stop_that_fires_instead_of_tp1_is_a_stop_not_a_target() -> None:
    with a_world(policy=half()) as world:
        faults = Faults(world)
        open_trade(world)
        world.set_price("BTCUSDT", "62000")

        def crash() -> None:
            world.set_price("BTCUSDT", "57900")
            world.pass_time(0.05)

        faults.on("cancel_order", first(crash))

        monitor(world.desk)

        assert only_trade(world).status is TradeStatus.CLOSED
        assert only_trade(world).close_reason == STOP_LOSS_HIT
        assert settle(world, faults) == []


def test_stop_that_fires_in_part_instead_of_tp1_closes_the_trade() -> None:
    with a_world(policy=half()) as world:
        faults = Faults(world)
        faults.on("place_order", first(lambda: ending(world, fill_fraction=Decimal("0.7"))), link="stop1")
        open_trade(world)
        world.set_price("BTCUSDT", "62000")

        def crash() -> None:
            world.set_price("BTCUSDT", "57900")
            world.pass_time(0.05)

        faults.on("cancel_order", first(crash))

        result = monitor(world.desk)

        assert only_trade(world).status is TradeStatus.CLOSED or exit_code_of(result) == 10
        assert settle(world, faults) == []
        assert only_trade(world).status is TradeStatus.CLOSED


def steps_of_tp1() -> int:
    with a_world(policy=half()) as world:
        open_trade(world)
        world.set_price("BTCUSDT", "62000")
        process = Process(world.desk, world.session, "counted")
        process.run(monitor)
        return len(process.steps)


@pytest.mark.parametrize("price", ["62000", "60500", "57500"], ids=["at target", "back", "through the stop"])
def test_tp1_killed_at_any_step_is_taken_up_without_loss(price: str) -> None:
    for step in range(steps_of_tp1()):
        with a_world(policy=half()) as world:
            open_trade(world)
            world.set_price("BTCUSDT", "62000")
            process = Process(world.desk, world.session, "doomed", kill_at(step))
            process.run(monitor)
            assert process.is_dead, step
            world.set_price("BTCUSDT", price)

            assert settle(world) == [], f"killed at step {step}, {process.steps[-1]}"


def test_close_that_sold_what_was_decided_earlier_and_then_had_no_time_says_so() -> None:
    """Nothing of its own was placed, but something was sold."""
    with a_world(policy=half()) as world:
        faults = Faults(world)
        open_trade(world)
        world.set_price("BTCUSDT", "62000")
        Process(world.desk, world.session, "doomed", at("told cancel_order", die)).run(monitor)
        world.pass_time(60)
        faults.on("place_order", then(lambda: world.pass_time(25)), link="stop2")

        outcome = close(world.new_desk("closing", tp1_fraction=Decimal("0.5")), 1)

        assert outcome.error is not None
        assert (outcome.error.exit_code, outcome.error.code) == (4, "closed_in_part")
        assert outcome.trade.trade.tp1_done
        assert live_stops(world)
        assert settle(world, faults) == []


# -- dust and sales by hand


def test_entry_that_filled_less_than_can_be_sold_is_dust(world: World, faults: Faults) -> None:
    faults.on("place_order", first(lambda: ending(world, fill_fraction=Decimal("0.003"))), link="entry")
    told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))
    world.pass_time(60)

    monitor(world.desk)

    assert only_trade(world).status is TradeStatus.CLOSED
    assert only_trade(world).close_reason == TOO_SMALL
    assert settle(world, faults) == []


def a_leftover(world: World, faults: Faults) -> None:
    """Close a trade whose entry filled for less than the exchange takes: 4.8 USDT."""
    filled = Decimal("0.00008") / Decimal("0.016666")
    faults.on("place_order", first(lambda: ending(world, fill_fraction=filled)), link="entry")
    told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))
    world.pass_time(60)
    monitor(world.desk)
    assert only_trade(world).close_reason == TOO_SMALL


def test_leftover_is_sold_once_it_is_worth_enough(world: World, faults: Faults) -> None:
    a_leftover(world, faults)
    world.set_price("BTCUSDT", "64000")

    [action] = monitor(world.desk).trades

    assert (action.action, action.detail) == ("closed", TOO_SMALL)
    [exit_] = [o for o in truth(world).orders if "-exit" in o.link]
    assert exit_.filled == exit_.qty == Decimal("0.000079")
    assert settle(world, faults) == []


def test_leftover_costs_no_order_while_it_is_worth_too_little(world: World, faults: Faults) -> None:
    a_leftover(world, faults)
    before = world.session.asked.copy()
    world.pass_time(2 * 3600)

    assert monitor(world.desk).trades == []

    assert world.session.asked - before == {"get_tickers": 1}
    assert settle(world, faults) == []


def test_pass_without_leftovers_asks_for_nothing(world: World) -> None:
    assert monitor(world.desk).trades == []
    assert not world.session.asked


def test_leftover_that_was_sold_by_hand_is_not_sold_again(world: World, faults: Faults) -> None:
    a_leftover(world, faults)
    world.set_price("BTCUSDT", "64000")
    sell_by_hand(world, "0.000079")

    monitor(world.desk)

    assert only_trade(world).close_reason == SOLD_OUTSIDE
    assert [o.link for o in truth(world).orders if "-exit" in o.link] == []
    assert settle(world, faults) == []


def test_leftover_whose_sale_dies_half_way_is_sold_by_the_next_pass() -> None:
    for step in range(99):
        with a_world() as other:
            a_leftover(other, Faults(other))
            other.set_price("BTCUSDT", "64000")
            process = Process(other.desk, other.session, "doomed", kill_at(step))
            process.run(monitor)
            assert settle(other) == [], f"killed at step {step}"
            assert [o.filled for o in truth(other).orders if "-exit" in o.link] == [Decimal("0.000079")]
            if not process.is_dead:
                break


def test_position_that_no_stop_may_be_so_small_for_is_sold_while_it_can_be(
    world: World, faults: Faults
) -> None:
    filled = Decimal("0.000086") / Decimal("0.016666")  # 5.1 USDT now, 4.9 at the stop
    faults.on("place_order", first(lambda: ending(world, fill_fraction=filled)), link="entry")
    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))
    assert told.exit_code == 10

    result = monitor(world.desk)

    assert [t.detail for t in result.trades] == [TOO_SMALL]
    assert not result.errors
    assert settle(world, faults) == []


def test_close_that_has_not_seen_the_end_of_the_entry_does_not_claim_success(world: World) -> None:
    """What the entry may still buy is not sold with the rest."""
    trade = open_trade(world)
    entry = orders_of(world, Role.ENTRY)[0]
    with world.store.write(world.account) as books:
        books.move_order(entry.order_link_id, [OrderStatus.FILLED], OrderStatus.WORKING)

    assert tell_close(world.desk, trade.id).exit_code == 7
    assert exit_code_of(monitor(world.desk)) == 0
    assert only_trade(world).status is TradeStatus.CLOSED
    assert settle(world) == []


def test_exit_that_is_still_open_in_the_books_is_not_lost_with_its_trade(world: World) -> None:
    """Its executions are booked while somebody looks for sales by hand: its own end closes the trade, not they."""
    trade = open_trade(world)
    Process(world.desk, world.session, "doomed", at("told place_order", die)).run(
        lambda desk: tell_close(desk, trade.id)
    )
    world.pass_time(60)

    assert not adopt_outside_sales(Work(world.desk, trade.id, Budget(world.desk.clock)), ())
    assert only_trade(world).status is TradeStatus.CLOSING
    assert exit_code_of(monitor(world.desk)) == 0
    assert only_trade(world).status is TradeStatus.CLOSED
    assert settle(world) == []


def test_coins_sold_by_hand_close_the_trade(world: World) -> None:
    open_trade(world)
    qty = truth(world).by_link["bb-test01-1-stop1"].qty
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    sell_by_hand(world, str(qty))

    monitor(world.desk)

    assert only_trade(world).close_reason == SOLD_OUTSIDE
    assert settle(world) == []


def sell_by_hand(world: World, qty: str, symbol: str = "BTCUSDT") -> None:
    """Sell at market as the owner does on the website."""
    request = Request(
        "POST",
        "/v5/order/create",
        {
            "category": "spot",
            "symbol": symbol,
            "side": "Sell",
            "orderType": "Market",
            "qty": qty,
            "marketUnit": "baseCoin",
        },
    )
    reply = world.engine.handle(request)
    assert isinstance(reply.body, dict)
    assert reply.body["retCode"] == 0, reply.body


def test_sale_by_hand_is_told_under_the_ids_of_the_exchange(world: World) -> None:
    open_trade(world)
    qty = truth(world).by_link["bb-test01-1-stop1"].qty
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    sell_by_hand(world, str(qty))
    monitor(world.desk)

    with world.store.read(world.account) as books:
        book = read_trade(books, 1)
    told = trade_document(view(book))["orders"][-1]
    told_fills = [fill_document(f) for f in book.fills if f.side is Side.SELL]

    sale = truth(world).by_link[told["order_link_id"]]
    assert told["exchange_order_id"] == sale.order_id
    known = {f.execution_id for f in truth(world).fills}
    assert {f["execution_id"] for f in told_fills} <= known
    assert {f["order_link_id"] for f in told_fills} == {sale.link}


def test_part_of_our_coins_sold_by_hand_leaves_the_rest_protected(world: World) -> None:
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    sell_by_hand(world, "0.01")

    monitor(world.desk)

    assert only_trade(world).status is TradeStatus.OPEN
    assert settle(world) == []


def test_one_sale_by_hand_of_the_coins_of_two_trades_closes_both(world: World) -> None:
    open_trade(world)
    open_trade(world)
    stops = [o for o in truth(world).orders if "-stop" in o.link]
    for stop in stops:
        by_hand(world, "cancel", orderLinkId=stop.link, orderFilter="tpslOrder")
    sell_by_hand(world, str(sum(stop.qty for stop in stops)))

    monitor(world.desk)

    with world.store.read(world.account) as books:
        assert [t.close_reason for t in books.trades()] == [SOLD_OUTSIDE, SOLD_OUTSIDE]
    assert settle(world) == []


def test_sale_by_hand_of_more_than_ours_is_booked_to_the_last_digit(rich: World) -> None:
    open_trade(rich)
    by_hand(rich, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    sell_by_hand(rich, "1.013")

    monitor(rich.desk)

    assert settle(rich) == []


def test_owners_own_coins_sold_by_hand_are_not_ours(rich: World) -> None:
    open_trade(rich)
    sell_by_hand(rich, "0.7")

    monitor(rich.desk)

    assert only_trade(rich).status is TradeStatus.OPEN
    assert settle(rich) == []


def test_coins_moved_away_leave_what_is_there_protected_or_told(world: World) -> None:
    """A withdrawal leaves no execution: nothing is invented, and the pass says that books and account differ."""
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    world.engine._books.begin().ledger.of("BTC").wallet -= Decimal("0.01")

    result = monitor(world.desk)

    assert exit_code_of(result) in (8, 10)
    assert only_trade(world).status is TradeStatus.OPEN


def test_look_ups_that_fail_while_leaving_are_no_reason_to_sell_again(rich: World) -> None:
    faults = Faults(rich)
    trade = open_trade(rich)
    faults.on("place_order", after(broken("timeout")), link="exit")
    faults.on(LOOK_UPS, http(502), link="exit", times=999)

    told = told_truly(rich, lambda: tell_close(rich.desk, trade.id))
    rich.pass_time(300)
    again = told_truly(rich, lambda: tell_close(rich.desk, trade.id))

    assert told.exit_code == again.exit_code == 7
    assert own_coins(rich) >= 1
    assert settle(rich, faults) == []


def test_exit_that_is_nowhere_is_not_forgotten_while_a_cancel_calls_it_filled(rich: World) -> None:
    faults = Faults(rich)
    trade = open_trade(rich)
    faults.on(LOOK_UPS, nothing, link="exit", times=9999)
    faults.on("get_executions", nothing, times=9999)

    for _ in range(4):
        told_truly(rich, lambda: tell_close(rich.desk, trade.id))
        rich.pass_time(120)

    assert own_coins(rich) >= 1
    assert settle(rich, faults) == []


@pytest.mark.parametrize(
    "price", ["62500", "57000", "60000"], ids=["beyond the target", "through the stop", "between"]
)
@pytest.mark.parametrize("qty", ["0.01", "0.016649"], ids=["a part", "all"])
def test_coins_sold_by_hand_are_booked_wherever_the_price_is(world: World, price: str, qty: str) -> None:
    """At a target or a stop, what is left is sold; what is not there any more is not tried to be sold for ever."""
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    sell_by_hand(world, qty)
    world.set_price("BTCUSDT", price)

    result = monitor(world.desk)

    assert exit_code_of(result) == 0
    assert settle(world) == []


def test_close_sells_what_a_sale_by_hand_has_left(world: World) -> None:
    trade = open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    sell_by_hand(world, "0.01")

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 0
    assert only_trade(world).status is TradeStatus.CLOSED
    assert settle(world) == []


def test_close_of_a_trade_whose_coins_were_all_sold_by_hand_says_so(world: World) -> None:
    trade = open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    sell_by_hand(world, "0.016649")

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 0
    assert only_trade(world).close_reason == SOLD_OUTSIDE
    assert settle(world) == []


def test_close_does_not_sell_the_coins_of_another_trade(world: World) -> None:
    """A part of the first trade's coins was sold by hand; the second trade's coins must not make up for it."""
    first_trade = open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    sell_by_hand(world, "0.01")
    faults = Faults(world)
    faults.on("place_order", code(170131), link="2-stop", times=999)
    open_second = tell_execute(world.desk, world.add_setup().id)
    faults.clear()

    told = told_truly(world, lambda: tell_close(world.desk, first_trade.id))

    assert open_second.exit_code == 10
    assert told.exit_code == 0
    assert settle(world, faults) == []


def test_sale_by_hand_that_another_trades_exit_has_covered_up_is_found(world: World) -> None:
    """The first trade's coins were sold by hand; its exit went through with the coins of an entry of that moment."""
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    sell_by_hand(world, "0.016649")
    world.pass_time(60)
    world.set_price("BTCUSDT", "57500")
    second = world.add_setup(entry="57500", stop="55500", tp1="60000", tp2=None)
    enter = Process(world.new_desk("other"), world.session, "other", at("told place_order", die))
    leave = Process(
        world.desk,
        world.session,
        "first",
        at("ask get_wallet_balance", lambda: enter.run(lambda desk: tell_execute(desk, second.id))),
    )

    leave.run(monitor)

    assert settle(world) == []


def test_tp1_that_was_once_taken_in_part_is_not_stuck_when_its_second_try_is_killed() -> None:
    """An exit of the first try has filled; killed between deciding and cancelling, the second has sold nothing yet."""
    with a_world(policy=half()) as world:
        faults = Faults(world)
        open_trade(world)
        world.set_price("BTCUSDT", "62000")
        faults.on("place_order", first(lambda: ending(world, fill_fraction=Decimal("0.2"))), link="exit1")
        faults.on("place_order", code(170131), link="exit2")
        monitor(world.desk)
        faults.clear()
        world.pass_time(60)
        process = Process(world.desk, world.session, "doomed", at("ask cancel_order", die))
        process.run(monitor)
        world.pass_time(60)

        monitor(world.new_desk("later"))

        assert only_trade(world).tp1_done
        held = truth(world).by_link[live_stops(world)[0]].qty
        assert held == Decimal("0.008325")
        assert settle(world, faults) == []
