"""Mutants of the brakes."""

from tests.simulation.mutants.mutant import Edit, Mutant
from tests.simulation.mutants.places import (
    BRAKES,
    EXECUTE,
    PLAN,
    T_BRAKES,
    T_ENTRY,
    T_INTENT,
)

BRAKED = (
    Mutant(
        "no-halt-in-the-transaction",
        "a halt between the plan and the saving of the intent does not stop the entry",
        (Edit(EXECUTE, "        check_halt(books)\n", ""),),
        (f"{T_INTENT}::test_halt_after_the_plan_was_made_stops_the_entry",),
    ),
    Mutant(
        "no-second-look-at-the-limit",
        "two entries planned at once both pass the limit of positions",
        (Edit(EXECUTE, "        check_positions(books, desk.policy)\n", ""),),
        (f"{T_INTENT}::test_position_opened_after_the_plan_was_made_counts_to_the_limit",),
    ),
    Mutant(
        "no-second-look-at-the-money",
        "day loss, loss streak and open risk are checked when the entry is planned only",
        (Edit(EXECUTE, "        check_money(books, desk, plan.sizing)\n", ""),),
        (f"{T_BRAKES}::test_brake_that_is_tripped_after_the_plan_was_made_stops_the_entry",),
    ),
    Mutant(
        "no-day-loss-limit",
        "BOTBOX_MAX_DAY_LOSS_PERCENT stops nothing",
        (Edit(BRAKES, "    if lost >= allowed:\n", "    if lost >= equity:\n"),),
        (f"{T_BRAKES}::test_day_loss_stops_entries_until_midnight",),
    ),
    Mutant(
        "stops-unseen-by-an-entry",
        "what stops have sold since the last pass counts in no brake, and as held in the equity",
        (Edit(EXECUTE, "    catch_up(desk)\n", ""),),
        (f"{T_BRAKES}::test_loss_that_no_pass_has_seen_yet_counts",),
    ),
    Mutant(
        "no-loss-streak",
        "BOTBOX_MAX_LOSS_STREAK stops nothing",
        (Edit(BRAKES, "        if result >= 0:\n", "        if result < 0:\n"),),
        (f"{T_BRAKES}::test_loss_streak_stops_entries_until_midnight",),
    ),
    Mutant(
        "new-risk-alone",
        "BOTBOX_MAX_OPEN_RISK_PERCENT counts the new trade only, not those that are open",
        (
            Edit(
                BRAKES,
                "    total = new_risk + sum(at_risk, ZERO)\n",
                "    total = new_risk\n",
            ),
        ),
        (f"{T_BRAKES}::test_open_risk_of_all_trades_together_is_capped",),
    ),
    Mutant(
        "enter-beside-a-doubt",
        "a symbol with an order in doubt takes new entries",
        (
            Edit(
                BRAKES,
                "        if doubtful is not None or book.trade.status is TradeStatus.OPENING:\n",
                "        if doubtful is not None and book.trade.status is TradeStatus.CLOSED:\n",
            ),
        ),
        (f"{T_ENTRY}::test_id_said_to_be_known_but_found_nowhere_blocks_its_symbol_only",),
    ),
    Mutant(
        "expired-is-good",
        "a setup that has expired is traded",
        (Edit(PLAN, "    if now >= setup.expires_at:\n", "    if now < setup.detected_at:\n"),),
        (f"{T_BRAKES}::test_setup_that_has_expired_is_not_traded",),
    ),
)
