"""Mutants of "the books equal the executions" and of the exit codes."""

from tests.simulation.mutants.mutant import Edit, Mutant
from tests.simulation.mutants.places import (
    ATTEND,
    BOOK,
    CODES,
    EXECUTE,
    LATE,
    MARGIN,
    PNL,
    SETTLE,
    T_CODES,
    T_ENTRY,
    T_ERRORS,
    T_EXIT,
    T_FEES,
    T_MOVED,
    T_RACES,
    T_SHORTS,
    T_STOP,
    T_VIEWS,
)

BOOKS_EQUAL = (
    Mutant(
        "ignore-a-fill-after-cancel",
        "an execution of an order that has ended in the books is never booked",
        (
            Edit(
                LATE,
                "            if order is not None and order.symbol == fill.symbol:\n",
                "            if order is not None and order.is_open:\n",
            ),
        ),
        (f"{T_RACES}::test_fill_that_appears_after_its_entry_was_given_up_is_protected",),
    ),
    Mutant(
        "double-count-a-fill",
        "a fill counts once for each time it is seen",
        (
            Edit(
                BOOK,
                "        if books.add_fill(fill):\n",
                '        if books.add_fill(replace(fill, execution_id=f"{fill.execution_id}/{at:%H%M%S%f}")):\n',
            ),
        ),
        (f"{T_VIEWS}::test_fill_that_another_process_has_just_booked_is_booked_once",),
    ),
    Mutant(
        "end-before-the-fills",
        "an order is finished in the books although fills of it are missing",
        (
            Edit(
                SETTLE,
                "    if report.status is ReportStatus.LIVE or booked < report.filled_qty:\n",
                "    if report.status is ReportStatus.LIVE:\n",
            ),
        ),
        (
            f"{T_EXIT}::test_exit_whose_executions_are_late_is_not_sold_a_second_time",
            f"{T_STOP}::test_fired_stop_whose_executions_are_late_is_not_sold_a_second_time",
        ),
    ),
    Mutant(
        "partial-is-whole",
        "an order that ended partly filled is booked as filled",
        (Edit(SETTLE, "    return OrderStatus.PARTIAL_CANCELLED\n", "    return OrderStatus.FILLED\n"),),
        (
            f"{T_EXIT}::test_exit_that_fills_in_part_sells_the_rest",
            f"{T_STOP}::test_stop_that_fills_in_part_leaves_nothing_behind",
        ),
    ),
    Mutant(
        "fee-never-valued",
        "a fee whose coin had no price at the fill stays without a worth",
        (
            Edit(
                LATE,
                "for trade_id in sorted(unvalued(books))]\n",
                "for trade_id in sorted(unvalued(books))[:0]]\n",
            ),
        ),
        (T_FEES,),
    ),
    Mutant(
        "interest-not-counted",
        "the interest of a short is left out of its P&L",
        (Edit(PNL, "        fees += trade.interest * exit_\n", "        fees += ZERO\n"),),
        (f"{T_SHORTS}::test_interest_is_part_of_the_result",),
    ),
    Mutant(
        "late-sale-is-lost",
        "a sale by hand that is seen only after what it left was protected is never booked",
        (
            Edit(
                ATTEND,
                "    adopt_outside_sales(work, snapshot.fills, at_most=wanted - covered)\n",
                "    adopt_outside_sales(work, snapshot.fills, at_most=0 * (wanted - covered))\n",
            ),
        ),
        (f"{T_MOVED}::test_sale_by_hand_that_is_seen_late_is_booked_after_all",),
    ),
)

TRUE_CODES = (
    Mutant(
        "doubt-is-not-placed",
        "an entry in doubt is told with 6, certainly not placed",
        (
            Edit(
                EXECUTE,
                "        if book.trade.status is TradeStatus.OPENING:\n"
                "            return entry_in_doubt(book)\n        _protect",
                "        if book.trade.status is TradeStatus.OPENING:\n"
                "            from botbox_cli.errors import ExchangeUnavailable\n"
                '            return ExchangeUnavailable("not placed")\n        _protect',
            ),
        ),
        (f"{T_ENTRY}::test_entry_in_doubt_before_the_fence_is_unknown_not_failed",),
    ),
    Mutant(
        "naked-in-silence",
        "an entry without a stop is told as a success",
        (
            Edit(
                EXECUTE,
                "    except (StopMissing, OutcomeUnknown, Mismatch) as e:\n        return e\n",
                "    except (StopMissing, OutcomeUnknown, Mismatch):\n        return None\n",
            ),
        ),
        (f"{T_STOP}::test_stop_that_can_not_be_placed_is_shouted_about_and_armed_by_the_next_pass",),
    ),
    Mutant(
        "timeout-is-not-placed",
        "a request that got no answer counts as not placed",
        (Edit(CODES, "    if _never_connected(error):\n", "    if _never_connected(error) or True:\n"),),
        (T_CODES,),
    ),
    Mutant(
        "unlisted-code-is-a-refusal",
        "a code that nobody knows counts as a rejection of an order",
        (
            Edit(
                CODES,
                "    if request is Request.READ:\n        return _rejected(said, request, code)\n",
                "    if request is not Request.CANCEL:\n        return _rejected(said, request, code)\n",
            ),
        ),
        (T_CODES,),
    ),
    Mutant(
        "mildest-code-wins",
        "a pass over several trades ends with the code of the least of its failures",
        (
            Edit(
                "errors.py",
                "        key=lambda code: SEVERITY.index(code) if code in SEVERITY else 0,\n",
                "        key=lambda code: -SEVERITY.index(code) if code in SEVERITY else 0,\n",
            ),
        ),
        (T_ERRORS,),
        in_days=False,
    ),
    Mutant(
        "missing-coins-in-silence",
        "a position of which coins were moved away is told as in order once the rest is protected",
        (
            Edit(
                ATTEND,
                "            if qty < wanted:\n                if not has_coins:\n",
                "            if qty < wanted and has_coins:\n                if not has_coins:\n",
            ),
        ),
        (f"{T_MOVED}::test_stop_covers_what_is_left_and_each_pass_says_that_coins_are_missing",),
        in_days=False,
    ),
    Mutant(
        "debt-is-not-placed",
        "a short that bought back and could not repay is told as if nothing had been placed",
        (
            Edit(
                MARGIN,
                '        raise OutcomeUnknown(\n            f"trade {trade.id} has bought back, and',
                '        raise ExchangeUnavailable(\n            f"trade {trade.id} has bought back, and',
            ),
        ),
        (
            f"{T_SHORTS}::test_close_that_bought_back_and_could_not_repay_does_not_say_that_nothing_was_placed",
        ),
    ),
)
