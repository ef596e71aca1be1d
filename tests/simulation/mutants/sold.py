"""Mutants of "at most the held quantity is sold"."""

from tests.simulation.mutants.mutant import Edit, Mutant
from tests.simulation.mutants.places import (
    ATTEND,
    CANCEL,
    LATE,
    LEAVE,
    MARGIN,
    OUTSIDE,
    SETTLE,
    T_BACKUP,
    T_EXIT,
    T_LIFE,
    T_MOVED,
    T_OWNER,
    T_SHORTS,
    T_STOP,
    T_VANISHED,
    TRADE,
)

FORGOTTEN_BY_WORD = (
    "        return e.code == NOT_FILLED or (e.code != FILLED and has_all_coins(work, order.qty))\n"
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
                CANCEL,
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
            Edit(SETTLE, FORGOTTEN_BY_WORD, "        return True\n"),
        ),
        (
            f"{T_STOP}::test_fired_stop_that_can_not_be_looked_up_is_not_sold_a_second_time",
            f"{T_STOP}::test_stop_that_is_nowhere_is_not_forgotten_while_a_cancel_calls_it_filled",
        ),
    ),
    Mutant(
        "forget-on-any-refused-cancel",
        "an order is taken for gone when its cancel is refused for being filled",
        (Edit(SETTLE, FORGOTTEN_BY_WORD, '        return e.code != ""\n'),),
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
                "        if missing >= instrument.lot_size:\n            _book",
                "        if total >= 0:\n            _book",
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
    ),
    Mutant(
        "close-in-debt",
        "a short counts as closed although what it borrowed was not paid back",
        (
            Edit(
                MARGIN,
                "                desk.exchange.repay(coin, payable)\n",
                '                return ""\n',
            ),
        ),
        (f"{T_SHORTS}::test_short_buys_back_and_repays",),
    ),
    Mutant(
        "repay-for-others",
        "a short that is closed pays the debts of the other shorts in its coin",
        (
            Edit(
                MARGIN,
                "    return share_of_debt(\n        balance,",
                "    return balance.owed, max(ZERO, balance.owed - own)\n    return share_of_debt(\n        balance,",
            ),
        ),
        (f"{T_SHORTS}::test_closed_short_leaves_the_debt_of_another",),
    ),
    Mutant(
        "repay-with-any-coins",
        "a short repays with coins that another one has bought back",
        (Edit(MARGIN, "balance.free, own_coins) if is_shown", "balance.free) if is_shown"),),
        (f"{T_SHORTS}::test_short_repays_with_its_own_coins_only",),
    ),
    Mutant(
        "believe-in-payments",
        "a short counts as paid back because it asked for that",
        (
            Edit(
                MARGIN,
                "            own_coins = _bought_back(book)",
                "            is_shown, owed = True, ZERO if payments.total else owed\n"
                "            own_coins = _bought_back(book)",
            ),
        ),
        (f"{T_SHORTS}::test_repayment_that_had_no_effect_is_seen_and_asked_for_again",),
        in_days=False,
    ),
    Mutant(
        "debt-need-not-fall",
        "a short counts as paid back while the debt is as large as before, if another has borrowed as much",
        (Edit(MARGIN, "        return has_fallen and owed <=", "        return owed <="),),
        (f"{T_SHORTS}::test_lost_repayment_is_not_believed_for_the_debt_of_another_as_large",),
    ),
    Mutant(
        "one-exit-back",
        "a sale by hand is not found any more once two exits have passed it on",
        (Edit(OUTSIDE, "        begun = min(beside)\n", "        return min(beside)\n"),),
        (f"{T_OWNER}::test_sale_by_hand_is_found_however_many_exits_have_passed_it_on",),
    ),
    Mutant(
        "interest-stays-owed",
        "a short buys back what it borrowed, whatever that has cost",
        (Edit(LEAVE, "        note_interest(work)\n", "        pass\n"),),
        (f"{T_SHORTS}::test_exit_buys_back_what_the_debt_has_cost",),
        in_days=False,
    ),
    Mutant(
        "charge-for-the-dead",
        "a short pays the loan of another that has bought back and not repaid, and calls it interest",
        (
            Edit(
                MARGIN,
                "        bought_back,\n        is_loan_whole",
                "        bought_back[:0],\n        is_loan_whole",
            ),
        ),
        (f"{T_SHORTS}::test_short_is_not_charged_for_one_that_died_between_buying_back_and_repaying",),
    ),
    Mutant(
        "pay-what-is-not-booked",
        "a short pays the loan of an entry whose fills are not booked yet",
        (
            Edit(
                MARGIN,
                "    if _is_entering(other_books):\n",
                "    if _is_entering(other_books[:0]):\n",
            ),
        ),
        (f"{T_SHORTS}::test_short_does_not_pay_the_loan_of_an_entry_that_is_not_booked_yet",),
    ),
    Mutant(
        "no-debt-at-first-sight",
        "a short counts as paid back when the first look shows no debt",
        (Edit(MARGIN, "(owed <= most_interest and (look or payments.total))", "owed <= most_interest"),),
        (f"{T_SHORTS}::test_old_answer_without_the_debt_is_not_believed",),
    ),
    Mutant(
        "finished-is-unfilled",
        "an order is taken for gone on any word but filled, although coins are missing",
        (
            Edit(
                SETTLE,
                FORGOTTEN_BY_WORD,
                "        return e.code != FILLED\n",
            ),
        ),
        (f"{T_VANISHED}::test_finished_stop_is_not_taken_for_forgotten_while_coins_are_missing",),
    ),
    Mutant(
        "coins-of-other-trades",
        "what another trade's stop holds counts as what is left of this one's coins",
        (
            Edit(
                OUTSIDE,
                "for b in _longs_in(books, coin) if b.trade.id != trade.id and b.ways_out",
                "for b in _longs_in(books, coin)[:0]",
            ),
        ),
        (f"{T_MOVED}::test_what_is_left_of_one_trade_is_not_what_another_holds",),
    ),
    Mutant(
        "dust-of-other-trades",
        "what fees have left another trade below the lot counts as what is left of this one's coins",
        (
            Edit(
                OUTSIDE,
                "min(balance.locked, in_lots) + sum(others, ZERO) - in_lots",
                "min(balance.locked, in_lots)",
            ),
        ),
        (f"{T_OWNER}::test_half_of_one_trade_sold_by_hand_is_booked_whole_beside_the_dust_of_another",),
    ),
    Mutant(
        "lost-orders-are-nobodys",
        "a pass acts on a trade without the orders that a copy of the books lacks",
        (
            Edit(
                ATTEND,
                "    if adopted := adopt_shown(work, book, snapshot.alive.values(), snapshot.fills):\n",
                "    if adopted := adopt_shown(work, book, (), ()):\n",
            ),
        ),
        (f"{T_BACKUP}::test_trade_that_was_closed_since_the_copy_is_not_sold_again",),
        in_days=False,
    ),
    Mutant(
        "exit-without-the-lost",
        "an exit sells without the orders that a copy of the books lacks",
        (
            Edit(
                LEAVE,
                "    return bool(stops) and adopt_lost(work) and clear_stops(work)\n",
                "    return False\n",
            ),
        ),
        (f"{T_BACKUP}::test_close_after_a_copy_was_put_back_sells_no_more_than_is_held",),
        in_days=False,
    ),
    Mutant(
        "older-than-the-order",
        "what a trade sent before its books were put back counts as another trade's",
        (
            Edit(
                SETTLE,
                "    return is_of_an_earlier_life(work.read().trade.created_at, report.created_at)\n",
                "    return True\n",
            ),
        ),
        (f"{T_BACKUP}::test_next_entry_settles_the_trade_with_the_stop_that_it_has",),
        in_days=False,
    ),
    Mutant(
        "mark-past-the-lost",
        "executions that the books could not take in are not looked at again",
        (
            Edit(
                LATE,
                "        if not any(_is_lost(books, desk.store.installation, fill, trades) for fill in fills):\n"
                "            books.set_marker(FILLS_MARKER, now.isoformat())\n",
                "        books.set_marker(FILLS_MARKER, now.isoformat())\n",
            ),
        ),
        (
            f"{T_BACKUP}::test_sale_since_the_copy_that_could_not_be_looked_up_at_first_is_found_by_a_later_pass",
        ),
        in_days=False,
    ),
)
