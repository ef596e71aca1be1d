"""Mutants of "at most the held quantity is sold" and of "flat, or protected by a stop"."""

from tests.simulation.mutants.mutant import Edit, Mutant
from tests.simulation.mutants.places import (
    ADOPT,
    ATTEND,
    EXECUTE,
    LEAVE,
    MARGIN,
    OUTSIDE,
    PROTECT,
    SETTLE,
    T_ADOPT,
    T_APPLY,
    T_EXIT,
    T_LIFE,
    T_OWNER,
    T_SHORTS,
    T_STOP,
    T_VIEWS,
    TRADE,
)

SOLD_ONCE = (
    Mutant(
        "forget-the-base-fee",
        "the fee taken from the bought coins is counted as held",
        (
            Edit(
                TRADE,
                "return self.entered - self.entry_fee - self.exited - self.exit_fee",
                "return self.entered - self.exited",
            ),
        ),
        (T_LIFE,),
    ),
    Mutant(
        "sell-beside-the-stop",
        "the position is sold although its stop was not seen gone",
        (
            Edit(
                PROTECT,
                '    else:\n        raise OutcomeUnknown(\n            f"stop {order.order_link_id} of trade',
                "    else:\n        mark_forgotten(work, order)\n        return False\n"
                '        raise OutcomeUnknown(\n            f"stop {order.order_link_id} of trade',
            ),
        ),
        (f"{T_EXIT}::test_nothing_is_sold_beside_a_stop_that_is_not_seen_gone",),
    ),
    Mutant(
        "forgotten-at-once",
        "an order that can't be looked up is taken for gone at once",
        (
            Edit(SETTLE, "order.role is Role.ENTRY or not sight.is_nowhere:", "order.role is Role.ENTRY:"),
            Edit(
                SETTLE,
                "    if nowhere_s < FORGOTTEN_AFTER_S and not (",
                "    if nowhere_s < 0 and not (",
            ),
            Edit(SETTLE, "        return e.code == NOT_FILLED\n", "        return True\n"),
        ),
        (
            f"{T_STOP}::test_fired_stop_that_can_not_be_looked_up_is_not_sold_a_second_time",
            f"{T_STOP}::test_stop_that_is_nowhere_is_not_forgotten_while_a_cancel_calls_it_filled",
        ),
    ),
    Mutant(
        "forget-on-any-refused-cancel",
        "an order is taken for gone when its cancel is refused for being filled",
        (Edit(SETTLE, "        return e.code == NOT_FILLED\n", '        return e.code != ""\n'),),
        (
            f"{T_STOP}::test_stop_that_is_nowhere_is_not_forgotten_while_a_cancel_calls_it_filled",
            f"{T_EXIT}::test_exit_that_is_nowhere_is_not_forgotten_while_a_cancel_calls_it_filled",
        ),
    ),
    Mutant(
        "sell-the-wallet",
        "an exit sells what the wallet holds, not what the trade bought",
        (
            Edit(
                LEAVE,
                "            qty = exit_qty(book, instrument, keep)\n",
                "            qty = instrument.floor_qty(desk.exchange.wallet()[book.trade.base_coin].total - keep)\n",
            ),
        ),
        (f"{T_EXIT}::test_exit_that_got_no_clear_answer_sells_once",),
    ),
    Mutant(
        "any-sale-is-ours",
        "coins that the owner sold of their own are taken for botbox's",
        (
            Edit(
                OUTSIDE,
                "_held_by_all(books, trade.base_coin) - total < instrument.lot_size:\n            return False\n",
                "total < 0:\n            return False\n",
            ),
            Edit(
                OUTSIDE,
                "        if missing >= instrument.lot_size:\n            missing -= _book",
                "        if total >= 0:\n            missing -= _book",
            ),
            Edit(OUTSIDE, "min(missing, book.position.held)", "book.position.held"),
        ),
        (T_OWNER,),
    ),
    Mutant(
        "claim-a-sale-twice",
        "one sale by hand pays for every trade in the coin",
        (
            Edit(
                OUTSIDE,
                "            claimed[execution_id] = claimed.get(execution_id, ZERO) + fill.qty\n",
                "            pass\n",
            ),
        ),
        (f"{T_OWNER}::test_sale_by_hand_pays_for_one_trade_only",),
    ),
    Mutant(
        "short-sells-the-owners-coins",
        "a short is opened although the account owns coins that it would sell first",
        (
            Edit(
                MARGIN,
                "    if direction is Direction.SHORT and balance is not None and balance.total > 0:\n",
                "    if direction is Direction.SHORT and balance is not None and balance.total < 0:\n",
            ),
        ),
        (f"{T_SHORTS}::test_short_never_sells_coins_that_the_account_owns",),
        in_days=False,
    ),
    Mutant(
        "close-in-debt",
        "a short counts as closed although what it borrowed was not paid back",
        (Edit(MARGIN, "        if payable <= 0:\n", "        if payable <= owed:\n"),),
        (f"{T_SHORTS}::test_short_buys_back_and_repays",),
        in_days=False,
    ),
    Mutant(
        "repay-for-others",
        "a short that is closed pays the debts of the other shorts in its coin",
        (
            Edit(
                MARGIN,
                "        others = owed_by_shorts(books, coin, without=trade.id)\n",
                "        others = ZERO\n",
            ),
        ),
        (f"{T_SHORTS}::test_closed_short_leaves_the_debt_of_another",),
        in_days=False,
    ),
)

PROTECTED = (
    Mutant(
        "no-re-arm",
        "a stop that is missing stays missing",
        (
            Edit(
                ATTEND, "    else:\n        _arm_or_get_out(work, price)\n", "    else:\n        return []\n"
            ),
        ),
        (f"{T_STOP}::test_stop_cancelled_by_hand_is_told_and_armed_again",),
    ),
    Mutant(
        "no-read-back",
        "a stop that was accepted and never seen counts as protection",
        (
            Edit(
                PROTECT,
                "    if sight.seen is Seen.LIVE:\n        _refuse_misarmed",
                "    if sight.seen in (Seen.LIVE, Seen.PENDING):\n        _refuse_misarmed",
            ),
        ),
        (f"{T_VIEWS}::test_accepted_stop_that_can_not_be_seen_is_not_taken_for_protection",),
    ),
    Mutant(
        "stop-for-a-part",
        "the stop covers a lot less than is held",
        (
            Edit(
                PROTECT,
                "        return instrument.floor_qty(held)\n",
                "        return instrument.floor_qty(held) - instrument.lot_size\n",
            ),
        ),
        (
            T_LIFE,
            f"{T_STOP}::test_stop_cancelled_by_hand_is_told_and_armed_again",
        ),
    ),
    Mutant(
        "believe-the-moved-stop",
        "a stop that was moved or cut by hand is taken for the recorded one",
        (
            Edit(PROTECT, "        and report.trigger_price == trade.stop_loss\n", ""),
            Edit(PROTECT, "        and report.qty - report.filled_qty == qty\n", ""),
        ),
        (f"{T_STOP}::test_stop_changed_by_hand_is_told_and_put_back",),
    ),
    Mutant(
        "believe-the-overtaken-stop",
        "a stop that was armed below the price it guards is taken for protection",
        (
            Edit(
                PROTECT,
                "    return report.base_price is not None and is_through(trade, report.base_price)\n",
                "    return False\n",
            ),
            Edit(ATTEND, "            if not _is_passed_over(work, stop):\n", "            if True:\n"),
        ),
        (
            f"{T_STOP}::test_price_that_falls_through_the_stop_before_it_is_armed_ends_the_trade",
            f"{T_STOP}::test_price_that_falls_through_the_stop_before_it_is_armed_again_ends_the_trade",
        ),
    ),
    Mutant(
        "no-stop-put-back",
        "after an exit that did not sell the stop is not put back",
        (
            Edit(
                LEAVE,
                "    if not book.open_orders:\n        arm_unless_through(work, price)\n",
                "    if not book.open_orders:\n        return\n",
            ),
            Edit(ATTEND, "        _arm_or_get_out(work, price)\n", "        pass\n"),
        ),
        (f"{T_EXIT}::test_exit_that_is_not_taken_leaves_the_position_protected",),
    ),
    Mutant(
        "no-way-out-without-a-stop",
        "BOTBOX_ON_STOP_FAILURE=close is not heeded: a position that can't be protected is kept",
        (
            Edit(
                EXECUTE,
                "        if not work.desk.policy.close_when_stop_fails or work.read().open_orders:\n",
                "        if True:\n",
            ),
            Edit(
                ATTEND,
                "        if not work.desk.policy.close_when_stop_fails or work.read().open_orders:\n",
                "        if True:\n",
            ),
        ),
        (f"{T_STOP}::test_position_without_a_possible_stop_is_closed_if_the_person_wants_it",),
    ),
    Mutant(
        "adopt-in-words-only",
        "--adopt-stop leaves the recorded level as it was, so that the next pass moves the stop back",
        (
            Edit(
                ADOPT,
                '        books.update_trade(trade.id, stop_loss=level, detail="")\n',
                '        books.update_trade(trade.id, detail="")\n',
            ),
        ),
        (T_ADOPT,),
        in_days=False,
    ),
    Mutant(
        "adopt-the-wrong-side",
        "--adopt-stop takes over a stop that does not protect the position",
        (Edit(ADOPT, "    _refuse_wrong_side(work, trade, report)\n", ""),),
        (T_ADOPT,),
        in_days=False,
    ),
    Mutant(
        "apply-without-arming",
        "`reconcile --apply` leaves a missing stop missing",
        (
            Edit(
                "services/reconcile.py",
                "        arm(work)\n",
                "        return\n",
            ),
        ),
        (T_APPLY,),
    ),
)
