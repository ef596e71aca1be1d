"""Mutants of "flat, or protected by a stop"."""

from tests.simulation.mutants.mutant import Edit, Mutant
from tests.simulation.mutants.places import (
    ADOPT,
    ATTEND,
    LEAVE,
    MONITOR,
    PAIR_RULES,
    PROTECT,
    T_ADOPT,
    T_APPLY,
    T_CTRL_C,
    T_EXIT,
    T_LIFE,
    T_MOVED,
    T_PAIR,
    T_STOP,
    T_VIEWS,
    UNBROKEN,
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
                "        return instrument.floor_qty(book.position.held)\n",
                "        return instrument.floor_qty(book.position.held) - instrument.lot_size\n",
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
                LEAVE,
                "    if not work.desk.policy.close_when_stop_fails or not is_settled:\n",
                "    if True:\n",
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
    ),
    Mutant(
        "adopt-the-wrong-side",
        "--adopt-stop takes over a stop that does not protect the position",
        (Edit(ADOPT, "    _refuse_wrong_side(work, trade, report)\n", ""),),
        (T_ADOPT,),
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
    Mutant(
        "rules-read-once",
        "a stop that the pair's new rules forbid is sent again as it was",
        (Edit(PROTECT, "                have_rules_changed(work)\n", ""),),
        (
            f"{T_PAIR}::test_lot_that_grew_after_the_entry_leaves_the_position_protected",
            f"{T_PAIR}::test_rules_that_change_between_entry_and_stop_do_not_leave_it_naked",
        ),
        in_days=False,
    ),
    Mutant(
        "stop-on-the-far-tick",
        "a stop between two new ticks moves away from the entry, to a larger loss",
        (
            Edit(
                PAIR_RULES,
                "    to_step = ceil_to_step if trade.direction is Direction.LONG else floor_to_step\n",
                "    to_step = floor_to_step if trade.direction is Direction.LONG else ceil_to_step\n",
            ),
        ),
        (f"{T_PAIR}::test_tick_that_grew_after_the_entry_moves_the_stop_nearer_to_it",),
        in_days=False,
    ),
    Mutant(
        "all-or-nothing",
        "when coins were moved away what is left of them has no stop",
        (
            Edit(
                PROTECT,
                "                left = _what_is_left(work) if e.is_short_of_coins else None\n",
                "                left = None\n",
            ),
        ),
        (f"{T_MOVED}::test_stop_covers_what_is_left_and_each_pass_says_that_coins_are_missing",),
        in_days=False,
    ),
    Mutant(
        "keep-what-is-left",
        "what is left of coins that were moved away can't be sold",
        (
            Edit(
                LEAVE,
                "    left = coins_left(work) if refusal.is_short_of_coins else order.qty\n",
                "    left = order.qty\n",
            ),
        ),
        (f"{T_MOVED}::test_close_sells_what_is_left_and_ends_the_trade",),
        in_days=False,
    ),
    Mutant(
        "believe-a-fresh-wallet",
        "an entry's coins that the wallet does not show yet are taken for moved away, and the trade ends",
        (Edit(LEAVE, "    elif _may_be_late(work):\n", "    elif False:\n"),),
        (
            f"{T_MOVED}::test_wallet_that_lags_behind_a_fresh_entry_ends_nothing",
            f"{T_MOVED}::test_close_just_after_the_entry_sells_what_is_left_but_does_not_end_the_trade_yet",
        ),
    ),
    Mutant(
        "dust-for-good",
        "what was too small to be sold is never looked at again, however much it is worth",
        (Edit(MONITOR, "    _sell_leftovers(desk, budget, result)\n", ""),),
        (f"{T_EXIT}::test_leftover_is_sold_once_it_is_worth_enough",),
    ),
    Mutant(
        "ctrl-c-breaks-off",
        "a Ctrl-C between a fill and its stop leaves the position without one",
        (
            Edit(
                UNBROKEN,
                "        for number in AGAIN:\n",
                "        for number in ():\n",
            ),
        ),
        (f"{T_CTRL_C}::test_ctrl_c_after_the_entry_is_sent_waits_for_the_stop",),
        in_days=False,
    ),
)
