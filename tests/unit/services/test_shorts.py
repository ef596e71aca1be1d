"""Shorts on margin: borrow and sell, stop above, buy back, repay, interest counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import ROUND_UP, Decimal
from typing import Any

import pytest

from botbox_cli.domain.account import Balance
from botbox_cli.domain.setup import Setup
from botbox_cli.domain.trade import TOO_SMALL, TradeStatus
from botbox_cli.errors import Denied
from botbox_cli.exchange.bybit import BybitExchange
from botbox_cli.exchange.paper.direct import DirectSession
from botbox_cli.exchange.paper.faults import FaultSchedule, FaultyExchange, Rule
from botbox_cli.exchange.paper.protocol import Request
from botbox_cli.exchange.paper.terms import Terms
from botbox_cli.services.close import close
from botbox_cli.services.desk import Desk
from botbox_cli.services.execute import execute
from botbox_cli.services.late_fills import book_new_fills, trades_with_fills
from botbox_cli.services.lease import Budget, working_on
from botbox_cli.services.margin import share_of_debt
from botbox_cli.services.monitor import monitor
from botbox_cli.services.reconcile import reconcile
from botbox_cli.services.trades import list_trades, one_trade
from tests.support.faults import LOOK_UPS, Action, Faults, after, broken, code, first, http, then
from tests.support.process import Process, at, die
from tests.support.world import World, a_world

REPAY = "manual_no_convert_repay"
LEVELS = {"entry": "60000", "stop": "62000", "tp1": "58000", "tp2": "56000"}


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        made.engine.handle(Request("POST", "/v5/spot-margin-trade/switch-mode", {"spotMarginMode": "1"}))
        yield made


def short(world: World) -> Setup:
    return world.add_setup(**LEVELS)


def costly_short(world: World) -> tuple[Desk, int, Decimal]:
    """Return a desk with an open short, its trade, and what its debt has cost in three hours."""
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(world).id).trade.trade.id
    world.pass_time(3 * 3600)
    return desk, trade_id, world.desk.exchange.wallet()["BTC"].interest


def debt(world: World) -> Decimal:
    balance = world.desk.exchange.wallet().get("BTC")
    return balance.owed if balance else Decimal(0)


def test_short_is_refused_while_the_setting_is_off(world: World) -> None:
    with pytest.raises(Denied, match="spot margin"):
        execute(world.desk, short(world).id)


def test_short_is_refused_while_margin_is_off_on_the_account(world: World) -> None:
    world.engine.handle(Request("POST", "/v5/spot-margin-trade/switch-mode", {"spotMarginMode": "0"}))

    with pytest.raises(Denied, match="not switched on"):
        execute(world.new_desk("shorts", shorts=True), short(world).id)


def test_short_never_sells_coins_that_the_account_owns() -> None:
    with a_world(balances={"USDT": Decimal(10000), "BTC": Decimal("0.5")}) as world:
        world.engine.handle(Request("POST", "/v5/spot-margin-trade/switch-mode", {"spotMarginMode": "1"}))

        with pytest.raises(Denied, match="of its own"):
            execute(world.new_desk("shorts", shorts=True), short(world).id)


def test_what_earlier_trades_have_left_over_is_no_coin_of_the_owner(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    long_one = execute(desk, world.add_setup().id).trade.trade.id
    assert close(desk, long_one).success
    for _ in range(3):
        trade_id = execute(desk, short(world).id).trade.trade.id
        world.pass_time(3 * 3600)
        assert close(desk, trade_id).success

        assert debt(world) == 0
        dust = [v.pnl.dust or Decimal(0) for v in list_trades(world.store, world.account)]
        assert world.desk.exchange.wallet()["BTC"].total == sum(dust) > 0


def test_coins_of_the_owner_beside_what_a_trade_has_left_over_are_never_sold(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    assert close(desk, execute(desk, short(world).id).trade.trade.id).success
    world.engine._books.begin().ledger.of("BTC").wallet += Decimal("0.00001")

    with pytest.raises(Denied, match=r"holds 0\.00001 BTC of its own"):
        execute(desk, short(world).id)


def test_coins_that_were_missing_when_a_trade_was_closed_are_not_taken_for_left_over(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, world.add_setup().id).trade.trade.id
    world.pass_time(60)
    cancel = {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "bb-test01-1-stop1"}
    world.engine.handle(Request("POST", "/v5/order/cancel", cancel | {"orderFilter": "tpslOrder"}))
    wallet = world.engine._books.begin().ledger.of("BTC")
    wallet.wallet -= Decimal("0.01")
    assert close(desk, trade_id).success
    wallet.wallet += Decimal("0.005")

    with pytest.raises(Denied, match="of its own"):
        execute(desk, short(world).id)


def test_coins_that_a_short_has_bought_back_are_not_sold_by_another(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True, tp1_fraction=Decimal("0.5"))
    first = execute(desk, short(world).id).trade.trade.id
    world.set_price("BTCUSDT", "57900")
    world.pass_time(1)
    assert [t.action for t in monitor(desk).trades] == ["partly_closed"]

    with pytest.raises(Denied, match=f"trade {first} has bought back"):
        execute(desk, world.add_setup(**LEVELS | {"tp1": "57000"}).id, accept_price=True)


@pytest.mark.parametrize(("price", "reason"), [("57900", "Take profit hit"), ("62100", "Stop loss hit")])
def test_short_buys_back_and_repays(world: World, price: str, reason: str) -> None:
    desk = world.new_desk("shorts", shorts=True)
    outcome = execute(desk, short(world).id)
    assert outcome.error is None
    assert debt(world) == outcome.trade.position.entered
    world.pass_time(5 * 3600)
    world.set_price("BTCUSDT", price)
    world.pass_time(1)

    result = monitor(desk)

    assert not result.errors
    view, _, _ = one_trade(world.store, world.account, outcome.trade.trade.id)
    assert view.trade.status is TradeStatus.CLOSED
    assert view.trade.close_reason == reason
    assert debt(world) == 0
    assert view.trade.interest > 0
    assert view.pnl.dust is not None
    assert view.pnl.pnl is not None
    assert (view.pnl.pnl > 0) == (reason == "Take profit hit")


def test_wallet_after_a_short_holds_what_the_books_say(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(world).id).trade.trade.id
    world.pass_time(3 * 3600)

    outcome = close(desk, trade_id)

    wallet = world.desk.exchange.wallet()
    assert outcome.success
    assert wallet["BTC"].total == outcome.trade.pnl.dust


def test_interest_is_part_of_the_result(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(world).id).trade.trade.id
    world.pass_time(5 * 3600)

    closed = close(desk, trade_id).trade

    assert closed.trade.interest > 0
    assert closed.pnl.gross is not None
    assert closed.position.exit_price is not None
    fees = sum(
        fill.fees_quote or Decimal(0) for fill in one_trade(world.store, world.account, trade_id)[1].fills
    )
    assert closed.pnl.pnl == closed.pnl.gross - fees - closed.trade.interest * closed.position.exit_price


def test_closed_short_leaves_the_debt_of_another(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    first = execute(desk, short(world).id).trade
    second = execute(desk, short(world).id).trade
    assert debt(world) == first.position.entered + second.position.entered

    outcome = close(desk, first.trade.id)

    assert outcome.success
    assert debt(world) == second.position.entered


def test_short_that_has_bought_back_a_part_still_owes_all_that_it_borrowed(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True, tp1_fraction=Decimal("0.5"))
    first = execute(desk, short(world).id).trade.trade.id
    second = execute(desk, world.add_setup(**LEVELS | {"tp1": "57000"}).id).trade.trade.id
    borrowed = {t: one_trade(world.store, world.account, t)[0].position.entered for t in (first, second)}
    world.pass_time(2 * 3600)
    world.set_price("BTCUSDT", "57900")
    world.pass_time(1)
    assert [t.action for t in monitor(desk).trades] == ["partly_closed", "none"]

    outcome = close(desk, second)

    assert outcome.error is None
    assert outcome.trade.trade.interest < borrowed[second] / 1000
    assert debt(world) == borrowed[first]
    assert close(desk, first).success
    assert debt(world) == 0


@pytest.mark.parametrize("has_paid", [False, True])
def test_short_is_not_charged_for_one_that_died_between_buying_back_and_repaying(
    world: World, has_paid: bool
) -> None:
    desk = world.new_desk("shorts", shorts=True)
    first = execute(desk, short(world).id).trade.trade.id
    second = execute(desk, world.add_setup(**LEVELS | {"stop": "62500"}).id).trade.trade.id
    borrowed = {t: one_trade(world.store, world.account, t)[0].position.entered for t in (first, second)}
    faults = Faults(world)
    if has_paid:
        faults.on(REPAY, then(lambda: faults.on("get_wallet_balance", http(502), times=9)))
    else:
        faults.on("get_wallet_balance", http(502), times=9)
    assert not close(desk, first).success
    faults.clear()

    outcome = close(world.new_desk("other", shorts=True), second)

    assert outcome.error is None
    assert outcome.trade.trade.interest < borrowed[second] / 1000
    assert debt(world) == (0 if has_paid else borrowed[first])
    world.pass_time(60)
    assert not monitor(world.new_desk("later", shorts=True)).errors
    assert debt(world) == 0
    assert {v.trade.status for v in list_trades(world.store, world.account)} == {TradeStatus.CLOSED}


def test_short_does_not_pay_the_loan_of_an_entry_that_is_not_booked_yet(world: World) -> None:
    first = execute(world.new_desk("shorts", shorts=True), short(world).id).trade.trade.id
    faults = Faults(world)
    faults.on("place_order", after(broken("timeout")), link="entry")
    faults.on(LOOK_UPS, http(502), times=99, link="entry")
    assert execute(world.new_desk("entering", shorts=True), short(world).id).error is not None
    faults.clear()

    outcome = close(world.new_desk("closing", shorts=True), first)

    assert outcome.success
    assert outcome.trade.trade.interest == 0
    world.pass_time(60)
    desk = world.new_desk("later", shorts=True)
    assert not monitor(desk).errors
    [second] = list_trades(world.store, world.account, [TradeStatus.OPEN])
    assert debt(world) == second.position.entered
    assert close(desk, second.trade.id).success
    assert debt(world) == 0


def test_short_is_not_charged_for_what_an_earlier_one_could_not_buy_back(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    faulty = FaultyExchange(
        world.engine, FaultSchedule([Rule("partial_fill", fraction="0.004", link="-1-entry")])
    )
    session = DirectSession(faulty)
    tiny = execute(replace(desk, exchange=BybitExchange(session, world.clock)), short(world).id).trade
    world.pass_time(60)
    monitor(desk)
    left = one_trade(world.store, world.account, tiny.trade.id)[0]
    assert left.trade.close_reason == TOO_SMALL
    second = execute(desk, short(world).id).trade.trade.id
    world.pass_time(60)

    outcome = close(desk, second)

    assert outcome.error is None
    assert outcome.trade.trade.interest == 0
    assert debt(world) == left.position.held > 0


def test_short_whose_coins_an_entry_has_sold_is_charged_no_loan_as_interest(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    first = execute(desk, short(world).id).trade.trade.id
    second = world.add_setup(**LEVELS | {"stop": "64000"})
    faults = Faults(world)

    def overtaken(send: Callable[[], Any]) -> Any:
        world.set_price("BTCUSDT", "62100")  # the first one's stop fires just before
        return send()

    faults.on("place_order", overtaken, link="-2-entry", times=1)
    other = execute(desk, second.id).trade
    faults.clear()

    monitor(desk)

    trade = one_trade(world.store, world.account, first)[0].trade
    assert (trade.status, trade.interest) == (TradeStatus.CLOSED, 0)
    assert debt(world) == other.position.entered
    assert close(desk, other.trade.id).success
    assert debt(world) == 0


def test_short_repays_with_its_own_coins_only(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True, tp1_fraction=Decimal("0.5"))
    first = execute(desk, short(world).id).trade
    faulty = FaultyExchange(
        world.engine, FaultSchedule([Rule("partial_fill", fraction="0.004", link="-2-entry")])
    )
    session = DirectSession(faulty)
    tiny = execute(replace(desk, exchange=BybitExchange(session, world.clock)), short(world).id).trade
    world.set_price("BTCUSDT", "57900")
    world.pass_time(60)
    with working_on(world.new_desk("other"), tiny.trade.id, Budget(world.clock)):
        monitor(desk)  # The first one buys half of its loan back, and keeps it until its end.
    world.pass_time(60)

    monitor(desk)

    left = one_trade(world.store, world.account, tiny.trade.id)[0]
    assert left.trade.close_reason == TOO_SMALL
    assert debt(world) == first.position.entered + left.position.held
    assert close(desk, first.trade.id).success
    assert debt(world) == left.position.held


def test_rest_of_a_short_is_bought_back_once_it_is_worth_enough(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    first = execute(desk, short(world).id).trade.trade.id
    second = execute(desk, short(world).id).trade
    faulty = FaultyExchange(
        world.engine, FaultSchedule([Rule("partial_fill", fraction="0.996", link="-1-exit1")])
    )
    session = DirectSession(faulty)
    close(replace(desk, exchange=BybitExchange(session, world.clock)), first)
    left = one_trade(world.store, world.account, first)[0]
    assert left.trade.status is TradeStatus.CLOSED
    assert left.position.held > 0
    world.set_price("BTCUSDT", "61900")
    world.pass_time(60)
    assert [t.id for t in monitor(desk).trades] == [second.trade.id]
    world.set_price("BTCUSDT", "110000")
    world.pass_time(60)

    assert not monitor(desk).errors

    ended = one_trade(world.store, world.account, first)[0]
    assert (ended.trade.status, ended.trade.interest) == (TradeStatus.CLOSED, 0)
    assert ended.position.held < 0
    assert debt(world) == 0


def test_short_that_ends_beside_an_entry_in_doubt_pays_its_interest(world: World) -> None:
    first = execute(world.new_desk("shorts", shorts=True), short(world).id).trade.trade.id
    world.pass_time(2 * 3600)
    faults = Faults(world)
    faults.on("place_order", broken("timeout"), link="entry", times=99)
    faults.on(LOOK_UPS, http(502), times=99, link="entry")
    assert execute(world.new_desk("entering", shorts=True), short(world).id).error is not None
    faults.clear()

    outcome = close(world.new_desk("closing", shorts=True), first)

    assert outcome.success
    assert outcome.trade.trade.interest > 0
    assert debt(world) == 0


def test_wallet_that_was_read_before_another_short_had_paid_is_read_again(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    first = execute(desk, short(world).id).trade.trade.id
    second = execute(desk, short(world).id).trade.trade.id
    faults = Faults(world)

    def overtaken(send: Callable[[], Any]) -> Any:
        answer = send()
        faults.clear()
        assert close(world.new_desk("other", shorts=True), first).success
        return answer

    faults.on("get_wallet_balance", overtaken, times=1)
    outcome = close(desk, second)

    assert outcome.success
    assert outcome.trade.trade.interest == 0
    assert debt(world) == 0


def test_process_that_was_held_up_pays_no_second_time(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True, tp1_fraction=Decimal("0.5"))
    kept = execute(desk, short(world).id).trade
    ending = execute(desk, world.add_setup(**LEVELS | {"tp1": "57000"}).id).trade.trade.id
    world.set_price("BTCUSDT", "57900")
    world.pass_time(1)
    assert [t.action for t in monitor(desk).trades] == ["partly_closed", "none"]
    faults = Faults(world)

    def frozen(send: Callable[[], Any]) -> Any:
        answer = send()
        faults.clear()
        world.pass_time(20)
        monitor(world.new_desk("other", shorts=True, tp1_fraction=Decimal("0.5")))
        return answer

    faults.on("get_wallet_balance", frozen, times=1)
    outcome = close(world.new_desk("frozen", shorts=True), ending)

    assert outcome.success
    assert outcome.trade.trade.interest == 0
    assert debt(world) == kept.position.entered


@pytest.mark.parametrize("asked", ["get_wallet_balance", "manual_no_convert_repay"])
@pytest.mark.parametrize(
    "action", [broken("refused"), code(10006), code(170131)], ids=["refused", "busy", "no"]
)
def test_close_that_bought_back_and_could_not_repay_does_not_say_that_nothing_was_placed(
    world: World, asked: str, action: Action
) -> None:
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(world).id).trade.trade.id
    faults = Faults(world)
    faults.on(asked, action, times=99)

    outcome = close(desk, trade_id)

    assert outcome.error is not None
    assert outcome.error.exit_code == 7
    faults.clear()
    world.pass_time(60)
    assert not monitor(world.new_desk("later", shorts=True)).errors
    assert debt(world) == 0


def test_old_answer_without_the_debt_is_not_believed(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(world).id).trade.trade.id
    faults = Faults(world)
    faults.on("get_wallet_balance", lambda send: {**send(), "result": {"list": []}}, skip=1)

    assert close(desk, trade_id).success
    assert debt(world) == 0


def test_old_answer_with_a_debt_that_was_just_paid_is_no_interest(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(world).id).trade.trade.id
    seen: list[dict[str, Any]] = []
    faults = Faults(world)
    faults.on("get_wallet_balance", lambda send: seen.append(send()) or seen[0], times=2)

    close(desk, trade_id)

    monitor(desk)
    trade = one_trade(world.store, world.account, trade_id)[0].trade
    assert (trade.status, trade.interest) == (TradeStatus.CLOSED, 0)
    assert debt(world) == 0


def test_short_whose_exit_is_refused_for_the_balance_never_buys_back_less_than_it_owes(world: World) -> None:
    """Of a short nothing can be missing on the account: less bought back would be owed for ever."""
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(world).id).trade.trade.id
    Faults(world).on("place_order", code(170131), link="exit")

    outcome = close(desk, trade_id)

    assert outcome.error is not None
    assert outcome.error.exit_code == 5
    assert outcome.trade.trade.status is TradeStatus.OPEN
    assert close(desk, trade_id).success
    assert debt(world) == 0


def test_more_than_a_loan_can_have_cost_is_no_interest() -> None:
    """With other payments in doubt a part of a loan may be left in the debt: it is owed, but it is no cost."""
    balance = Balance("SOL", Decimal(0), debt=Decimal("0.19749"))

    owed, interest = share_of_debt(
        balance,
        Decimal("0.095"),
        Decimal("0.1"),
        [],
        is_loan_whole=True,
        most_interest=Decimal("0.00002"),
    )

    assert (owed, interest) == (Decimal("0.09749"), 0)


def test_what_ended_shorts_still_owe_is_no_debt_of_one_that_has_paid() -> None:
    """Another short had paid a part of it, so that it is no loan any more that anybody had."""
    balance = Balance("BTC", Decimal(0), debt=Decimal("0.000002948"))

    owed, interest = share_of_debt(
        balance,
        Decimal("0.000621"),
        Decimal(0),
        [],
        is_loan_whole=True,
        most_interest=Decimal("0.0000004968"),
        written_off=Decimal("0.000006"),
    )

    assert (owed, interest) == (0, 0)


def test_interest_that_is_known_is_paid_beside_an_entry_in_doubt(world: World) -> None:
    """The payment of another short has made a part of the loan of it, which the exchange tells apart no more."""
    desk = world.new_desk("shorts", shorts=True)
    first = execute(desk, short(world).id).trade.trade.id
    second = execute(desk, short(world).id).trade.trade.id
    world.pass_time(2 * 3600)
    faults = Faults(world)
    faults.on("cancel_order", http(502), times=99)
    assert not close(desk, first).success  # That has noted what its debt has cost.
    faults.clear()
    assert close(desk, second).success
    loan = one_trade(world.store, world.account, first)[0].position.entered
    cost = debt(world) - loan
    faults.on("place_order", broken("timeout"), link="entry", times=99)
    faults.on(LOOK_UPS, http(502), times=99, link="entry")
    assert execute(world.new_desk("entering", shorts=True), short(world).id).error is not None
    faults.clear()

    outcome = close(world.new_desk("closing", shorts=True), first)

    assert outcome.success
    assert outcome.trade.trade.interest == cost > 0
    assert debt(world) == 0


def answered(status: str) -> Action:
    """The repayment is answered with this status, and is not done."""
    return lambda send: {"retCode": 0, "retMsg": "success", "result": {"resultStatus": status}}


def repay(world: World, amount: Decimal) -> None:
    world.engine.handle(
        Request("POST", "/v5/account/no-convert-repay", {"coin": "BTC", "amount": str(amount)})
    )


@pytest.mark.parametrize("kind", ["failed", "done", "done in part"])
def test_repayment_that_had_no_effect_is_seen_and_asked_for_again(world: World, kind: str) -> None:
    desk = world.new_desk("shorts", shorts=True)
    opened = execute(desk, short(world).id).trade
    answer = answered("FA" if kind == "failed" else "SU")

    def in_part(send: Callable[[], Any]) -> Any:
        repay(world, opened.position.entered / 2)
        return answer(send)

    faults = Faults(world)
    faults.on(REPAY, in_part if kind == "done in part" else answer)
    outcome = close(desk, opened.trade.id)

    assert outcome.error is not None
    assert outcome.error.exit_code == 7
    assert debt(world) > 0
    world.pass_time(60)
    assert not monitor(world.new_desk("later", shorts=True)).errors
    trade = one_trade(world.store, world.account, opened.trade.id)[0].trade
    assert (trade.status, trade.interest) == (TradeStatus.CLOSED, 0)
    assert debt(world) == 0


@pytest.mark.parametrize("action", [broken("timeout"), http(502), code(10000)])
@pytest.mark.parametrize("is_done", [True, False])
def test_lost_answer_to_a_repayment_is_told_by_the_debt(world: World, action: Action, is_done: bool) -> None:
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(world).id).trade.trade.id
    Faults(world).on(REPAY, after(action) if is_done else action)

    outcome = close(desk, trade_id)

    assert (outcome.error.exit_code if outcome.error else 0) == (0 if is_done else 7)
    assert (debt(world) == 0) == is_done
    world.pass_time(60)
    assert not monitor(world.new_desk("later", shorts=True)).errors
    assert debt(world) == 0


@pytest.mark.parametrize("is_done", [True, False])
def test_lost_answer_to_a_repayment_beside_an_entry_in_doubt(world: World, is_done: bool) -> None:
    """What that entry has borrowed hides whether the loan is paid."""
    first = execute(world.new_desk("shorts", shorts=True), short(world).id).trade.trade.id
    faults = Faults(world)
    faults.on("place_order", after(broken("timeout")), link="entry")
    faults.on(LOOK_UPS, http(502), times=99, link="entry")
    assert execute(world.new_desk("entering", shorts=True), short(world).id).error is not None
    faults.clear()
    lost = broken("timeout")
    faults.on(REPAY, after(lost) if is_done else lost)

    outcome = close(world.new_desk("closing", shorts=True), first)

    assert (outcome.error.exit_code if outcome.error else 0) == (0 if is_done else 7)
    world.pass_time(60)
    desk = world.new_desk("later", shorts=True)
    monitor(desk)
    assert not monitor(desk).errors
    [second] = list_trades(world.store, world.account, [TradeStatus.OPEN])
    assert debt(world) == second.position.entered


def test_lost_repayment_is_not_believed_for_the_debt_of_another_as_large(world: World) -> None:
    """The other has paid and its process died: whose debt is left the wallet does not say, but it has not fallen."""
    desk = world.new_desk("shorts", shorts=True)
    first, second = (execute(desk, short(world).id).trade.trade.id for _ in range(2))
    doomed = Process(desk, world.session, "doomed", at("told " + REPAY, die))
    doomed.run(lambda desk: close(desk, first))
    assert doomed.is_dead
    Faults(world).on(REPAY, broken("timeout"))

    outcome = close(world.new_desk("closing", shorts=True), second)

    assert outcome.error is not None
    assert outcome.error.exit_code == 7
    world.pass_time(60)
    assert not monitor(world.new_desk("later", shorts=True)).errors
    assert {v.trade.status for v in list_trades(world.store, world.account)} == {TradeStatus.CLOSED}
    assert debt(world) == 0


def test_lost_repayment_is_not_believed_once_the_debt_is_known_to_be_of_another(world: World) -> None:
    first = execute(world.new_desk("shorts", shorts=True), short(world).id).trade.trade.id
    faults = Faults(world)
    faults.on("place_order", after(broken("timeout")), link="entry")
    faults.on(LOOK_UPS, http(502), times=99, link="entry")
    assert execute(world.new_desk("entering", shorts=True), short(world).id).error is not None
    faults.clear()
    lost = broken("timeout")

    def booked_meanwhile(send: Callable[[], Any]) -> Any:
        other = world.new_desk("booking", shorts=True)
        book_new_fills(other, trades_with_fills(other)[0])
        return lost(send)

    faults.on(REPAY, booked_meanwhile)
    outcome = close(world.new_desk("closing", shorts=True), first)

    assert outcome.error is not None
    assert outcome.error.exit_code == 7
    world.pass_time(60)
    assert not monitor(world.new_desk("later", shorts=True)).errors
    [second] = list_trades(world.store, world.account, [TradeStatus.OPEN])
    assert debt(world) == second.position.entered


def test_payment_that_shows_a_while_later_is_waited_for_and_not_repeated(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(world).id).trade.trade.id
    world.pass_time(3 * 3600)
    faults = Faults(world)
    faults.on(REPAY, lambda send: (faults.on("get_wallet_balance", old, times=3), send())[1])
    before = world.desk.exchange.wallet()["BTC"]
    row = {"coin": "BTC", "walletBalance": "0.0167", "locked": "0", "spotBorrow": str(before.debt)}

    def old(send: Callable[[], Any]) -> Any:
        rows = [{**row, "accruedInterest": str(before.interest)}]
        return {"retCode": 0, "retMsg": "OK", "result": {"list": [{"coin": rows}]}}

    outcome = close(desk, trade_id)

    assert outcome.success
    assert world.session.asked[REPAY] == 1
    assert outcome.trade.trade.interest == before.interest
    assert debt(world) == 0


def test_short_is_not_closed_before_the_coins_that_it_bought_back_show(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(world).id).trade.trade.id
    shown = world.session.get_wallet_balance(accountType="UNIFIED")
    faults = Faults(world)
    faults.on("get_wallet_balance", lambda send: shown, times=99)

    outcome = close(desk, trade_id)

    assert outcome.error is not None
    assert outcome.error.exit_code == 7
    assert outcome.trade.trade.status is TradeStatus.CLOSING
    faults.clear()
    world.pass_time(60)
    assert not monitor(desk).errors
    assert debt(world) == 0


@pytest.fixture
def costly() -> Iterator[World]:
    """A world where a day of debt costs more than what is bought back beyond a loan covers."""
    with a_world(terms=Terms(hourly_interest=Decimal("0.0001"))) as made:
        made.engine.handle(Request("POST", "/v5/spot-margin-trade/switch-mode", {"spotMarginMode": "1"}))
        yield made


def test_exit_buys_back_what_the_debt_has_cost(costly: World) -> None:
    desk = costly.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(costly).id).trade.trade.id
    costly.pass_time(24 * 3600)
    cost = costly.desk.exchange.wallet()["BTC"].interest

    outcome = close(desk, trade_id)

    assert outcome.success
    assert outcome.trade.trade.interest == cost > outcome.trade.position.entered / 500
    assert debt(costly) == 0
    assert costly.desk.exchange.wallet()["BTC"].total == outcome.trade.pnl.dust


def test_interest_that_a_stop_did_not_buy_back_is_told_and_bought_back_later(costly: World) -> None:
    desk = costly.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(costly).id).trade.trade.id
    costly.pass_time(24 * 3600)
    costly.set_price("BTCUSDT", "62100")
    costly.pass_time(1)

    result = monitor(desk)

    owed = debt(costly)
    assert owed > 0
    assert [t.action for t in result.trades] == ["closed"]
    assert f"{owed} BTC are still owed" in result.trades[0].detail
    trade = one_trade(costly.store, costly.account, trade_id)[0]
    assert trade.pnl.dust == -owed
    assert f"{owed} BTC are still owed" in trade.trade.detail
    costly.set_price("BTCUSDT", 5 / owed)
    costly.pass_time(60)
    assert not monitor(desk).errors
    assert debt(costly) == 0


def test_interest_that_is_shown_twice_is_paid_once(world: World) -> None:
    """An exchange may add interest to what is borrowed, and still say how much of it is interest."""
    desk, trade_id, cost = costly_short(world)

    def twice(send: Callable[[], Any]) -> Any:
        answer = send()
        for row in answer["result"]["list"][0]["coin"]:
            row["spotBorrow"] = row["borrowAmount"]
        return answer

    Faults(world).on("get_wallet_balance", twice, times=99)
    outcome = close(desk, trade_id)

    assert outcome.success
    assert outcome.trade.trade.interest == cost
    assert world.session.asked[REPAY] == 1
    assert debt(world) == 0


def test_interest_that_a_short_in_doubt_has_claimed_is_not_booked_by_another(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    first = execute(desk, short(world).id).trade.trade.id
    second = execute(desk, short(world).id).trade.trade.id
    world.pass_time(2 * 3600)
    cost = world.desk.exchange.wallet()["BTC"].interest
    Faults(world).on(REPAY, answered("FA"))
    assert not close(desk, first).success

    assert close(desk, second).success

    world.pass_time(60)
    assert not monitor(desk).errors
    assert debt(world) == 0
    assert sum(v.trade.interest for v in list_trades(world.store, world.account)) == cost > 0


def test_interest_that_comes_between_the_look_and_the_payment_is_booked() -> None:
    with a_world(terms=Terms(has_repay_pause=False)) as world:
        world.engine.handle(Request("POST", "/v5/spot-margin-trade/switch-mode", {"spotMarginMode": "1"}))
        desk = world.new_desk("shorts", shorts=True)
        trade_id = execute(desk, short(world).id).trade.trade.id
        hourly = world.desk.exchange.wallet()["BTC"].debt * world.terms.hourly_interest
        world.pass_time(5 * 60 - 1)
        Faults(world).on(REPAY, first(lambda: world.pass_time(2)))

        outcome = close(desk, trade_id)

        assert outcome.success
        assert outcome.trade.trade.interest == hourly.quantize(Decimal("1E-8"), ROUND_UP)
        assert debt(world) == 0


def test_interest_is_booked_where_the_exchange_repays_by_itself(world: World) -> None:
    desk, trade_id, cost = costly_short(world)
    Faults(world).on("place_order", then(lambda: repay(world, debt(world))), link="exit")

    outcome = close(desk, trade_id)

    assert outcome.success
    assert world.session.asked[REPAY] == 0
    assert outcome.trade.trade.interest == cost > 0
    assert debt(world) == 0


@pytest.mark.parametrize("shorts", [True, False])
def test_open_short_is_looked_after_whatever_the_setting_is_now(world: World, shorts: bool) -> None:
    trade_id = execute(world.new_desk("shorts", shorts=True), short(world).id).trade.trade.id
    cancel = {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "bb-test01-1-stop1"}
    world.engine.handle(Request("POST", "/v5/order/cancel", cancel | {"orderFilter": "tpslOrder"}))
    desk = world.new_desk("later", shorts=shorts)
    assert [t.action for t in monitor(desk).trades] == ["stop_armed"]

    assert close(desk, trade_id).success

    assert debt(world) == 0


def test_short_that_is_closed_while_no_repayment_is_taken_is_repaid_by_a_later_pass(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    trade_id = execute(desk, short(world).id).trade.trade.id
    world.pass_time(3600 + 4 * 60)

    outcome = close(desk, trade_id)

    assert outcome.error is not None
    assert outcome.error.exit_code == 7
    assert "has bought back" in outcome.error.message
    assert outcome.trade.position.held <= 0
    world.pass_time(60)
    assert [e.error.exit_code for e in monitor(desk).errors] == [7]
    world.pass_time(60)
    result = monitor(desk)
    assert (result.errors, [t.action for t in result.trades]) == ([], ["closed"])
    assert debt(world) == 0
    # Charged in between, a minute after the coins were bought.
    hourly = outcome.trade.position.entered * world.terms.hourly_interest
    interest = one_trade(world.store, world.account, trade_id)[0].trade.interest
    assert interest == 2 * hourly.quantize(Decimal("1E-8"), ROUND_UP)


def test_coins_that_were_bought_back_for_a_debt_that_is_paid_already_are_told(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    opened = execute(desk, short(world).id).trade
    hand = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market"}
    world.engine.handle(
        Request("POST", "/v5/order/create", hand | {"qty": "0.0167", "marketUnit": "baseCoin"})
    )
    assert not reconcile(desk).differences
    repay(world, opened.position.entered)
    [difference] = reconcile(desk).differences
    assert (difference.trade_id, difference.kind) == (opened.trade.id, "position_smaller")
    assert (difference.ours, difference.theirs) == (f"{opened.position.entered} BTC owed", "0 BTC owed")

    outcome = close(desk, opened.trade.id)

    assert outcome.success
    bought = outcome.trade.position.exited - outcome.trade.position.exit_fee
    assert outcome.trade.trade.detail == f"nothing was owed: {bought} BTC are on the account"


def test_passes_after_a_short_has_ended_ask_nothing_more_about_it(world: World) -> None:
    desk = world.new_desk("shorts", shorts=True)
    assert close(desk, execute(desk, short(world).id).trade.trade.id).success
    world.pass_time(60)
    monitor(desk)
    asked = world.session.asked["get_tickers"]

    world.pass_time(60)
    monitor(desk)

    assert world.session.asked["get_tickers"] == asked


@pytest.mark.parametrize("ret_code", [170036, 170344])
def test_short_is_protected_and_bought_back_where_margin_trading_has_ended(
    world: World, ret_code: int
) -> None:
    """Bybit's margin trading of a pair ends when the lending pool is empty."""
    trade_id = execute(world.new_desk("shorts", shorts=True), short(world).id).trade.trade.id
    cancel = {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "bb-test01-1-stop1"}
    world.engine.handle(Request("POST", "/v5/order/cancel", cancel | {"orderFilter": "tpslOrder"}))
    Faults(world).on("place_order", code(ret_code), times=99, params={"isLeverage": "1"})
    result = monitor(world.new_desk("later", shorts=True))
    assert ([e.error.message for e in result.errors], [t.action for t in result.trades]) == (
        [],
        ["stop_armed"],
    )

    outcome = close(world.new_desk("closing", shorts=True), trade_id)

    assert outcome.error is None
    assert outcome.trade.trade.status is TradeStatus.CLOSED
    assert debt(world) == 0


@pytest.mark.parametrize("ret_code", [170036, 170344, 182021, 170033])
def test_entry_without_margin_is_rejected_and_never_sold_without(world: World, ret_code: int) -> None:
    Faults(world).on("place_order", code(ret_code), times=99)

    outcome = execute(world.new_desk("shorts", shorts=True), short(world).id)

    assert outcome.error is not None
    assert outcome.error.exit_code == 5
    assert outcome.trade.trade.status is TradeStatus.FAILED
    assert world.session.asked["place_order"] == 1


def test_repayment_that_is_asked_for_too_soon_after_another_is_asked_for_again(world: World) -> None:
    """Bybit takes one a second."""
    desk = world.new_desk("shorts", shorts=True)
    for _ in range(2):
        execute(desk, short(world).id)
    Faults(world).on(REPAY, code(10006), skip=1)
    world.set_price("BTCUSDT", "62100")
    world.pass_time(1)

    result = monitor(desk)

    assert ([e.error.message for e in result.errors], result.closed) == ([], 2)
    assert debt(world) == 0


def test_small_short_that_sold_what_others_had_left_over_is_no_difference(world: World) -> None:
    """Each exit buys a little more than it owes; a later entry sells that first, and borrows so much less."""
    desk = world.new_desk("shorts", shorts=True)
    for _ in range(5):
        close(desk, execute(desk, short(world).id).trade.trade.id)
    small = world.new_desk("small", shorts=True, max_position_percent=Decimal("0.06"))

    opened = execute(small, short(world).id)

    held = opened.trade.position.held
    assert Decimal(0) < debt(world) < held / 2
    assert reconcile(small).differences == ()
