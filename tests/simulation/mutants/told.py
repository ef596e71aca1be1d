"""Mutants of "the books equal the executions", of the exit codes, the brakes, the accounts, the log and the secrets."""

from tests.simulation.mutants.mutant import Edit, Mutant
from tests.simulation.mutants.places import (
    ATTEND,
    AUDIT,
    BOOK,
    BRAKES,
    CHANNEL,
    CODES,
    EXECUTE,
    LATE,
    LOGIN,
    MARGIN,
    PLAN,
    PNL,
    SETTLE,
    SQL_BOOKS,
    T_BOOKS,
    T_BRAKES,
    T_CHAIN,
    T_CHANNEL,
    T_CODES,
    T_CONSOLE,
    T_ENTRY,
    T_ERRORS,
    T_EXIT,
    T_FEES,
    T_INTENT,
    T_LIVE,
    T_MOVED,
    T_RACES,
    T_SERVE,
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
                "            if order is None or is_of_an_earlier_life(order, fill.executed_at):\n",
                "            if order is None or not order.is_open:\n",
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
                "    adopt_outside_sales(work, snapshot.fills, at_most=ZERO * (wanted - covered))\n",
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
                "            if qty < wanted:\n                raise coins_missing(work, qty)\n",
                "",
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
                "    total = new_risk + sum((open_risk(b.trade, b.position) for b in living), ZERO)\n",
                "    total = new_risk + sum((open_risk(b.trade, b.position) for b in living[:0]), ZERO)\n",
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

OWN_ACCOUNT = (
    Mutant(
        "read-every-account",
        "the books show the rows of all accounts",
        (
            Edit(
                SQL_BOOKS,
                "    return select(*columns).where(table.c.account_id == ACCOUNT)",
                "    return select(*columns).where(ACCOUNT == ACCOUNT)",
            ),
        ),
        (
            f"{T_BOOKS}::test_books_of_another_account_do_not_exist",
            f"{T_LIVE}::test_accounts_never_see_each_other",
        ),
        in_days=False,
    ),
    Mutant(
        "change-every-account",
        "a row of another account can be moved by its number",
        (
            Edit(
                SQL_BOOKS,
                "    return update(key.table).where(key == KEY, key.table.c.account_id == ACCOUNT)",
                "    return update(key.table).where(key == KEY, ACCOUNT == ACCOUNT)",
            ),
        ),
        (f"{T_BOOKS}::test_books_of_another_account_do_not_exist",),
        in_days=False,
    ),
    Mutant(
        "armed-for-anyone",
        "BOTBOX_ARM_LIVE of another account arms this one",
        (Edit("bootstrap.py", "    if info.user_id != settings.arm_live:\n", "    if not info.user_id:\n"),),
        (f"{T_LIVE}::test_another_account_than_the_armed_one_is_refused",),
        in_days=False,
    ),
    Mutant(
        "live-unarmed",
        "a live account needs no BOTBOX_ARM_LIVE",
        (
            Edit(
                "bootstrap.py",
                "    return settings.mode is not Mode.LIVE or settings.arm_live is not None\n",
                "    return True\n",
            ),
            Edit(
                "bootstrap.py",
                "    if info.user_id != settings.arm_live:\n",
                "    if settings.arm_live and info.user_id != settings.arm_live:\n",
            ),
        ),
        (f"{T_LIVE}::test_no_command_moves_money_of_an_account_that_is_not_armed",),
        in_days=False,
    ),
)

EDITS_SHOW = (
    Mutant(
        "hash-without-the-past",
        "an entry's hash does not follow from the one before",
        (
            Edit(
                "ports.py",
                "        facts = [before, at, self.event, self.detail, self.trade_id, self.setup_id, self.data]\n",
                "        facts = [at, self.event, self.detail, self.trade_id, self.setup_id, self.data]\n",
            ),
        ),
        (
            f"{T_CHAIN}::test_edit_with_a_hash_that_fits_shows_at_the_entry_behind_it",
            f"{T_CHAIN}::test_deletion_is_named_by_the_entry_behind_it",
        ),
        in_days=False,
    ),
    Mutant(
        "hash-without-the-facts",
        "what was decided on can be edited without a trace",
        (
            Edit(
                "ports.py",
                "        facts = [before, at, self.event, self.detail, self.trade_id, self.setup_id, self.data]\n",
                "        facts = [before, at, self.event, self.trade_id, self.setup_id]\n",
            ),
        ),
        (f"{T_CHAIN}::test_edited_entry_is_named",),
        in_days=False,
    ),
    Mutant(
        "cut-without-a-trace",
        "the newest entries can be deleted without a trace",
        (
            Edit(
                AUDIT,
                "        if stored == head.count and newest == head.hash:\n",
                "        if stored <= head.count:\n",
            ),
        ),
        (f"{T_CHAIN}::test_deletion_at_the_end_shows",),
        in_days=False,
    ),
    Mutant(
        "fills-not-compared",
        "a fill that was edited in the books passes for the logged one",
        (
            Edit(
                AUDIT,
                "            if found.get(name) != value:\n",
                "            if name not in found:\n",
            ),
        ),
        (f"{T_CHAIN}::test_edited_fill_is_told_from_the_log",),
        in_days=False,
    ),
)

SECRETS_KEPT = (
    Mutant(
        "secrets-in-errors",
        "the exchange's text is taken over with the key in it",
        (
            Edit(
                CODES,
                '            text = text.replace(secret, "…")\n',
                "            text = text.replace(secret, secret)\n",
            ),
        ),
        (T_CODES,),
        in_days=False,
    ),
    Mutant(
        "secrets-on-the-terminal",
        "what a command writes is not searched for secrets",
        (
            Edit(
                "cli/console.py",
                '            text = text.replace(secret, "***")\n',
                "            text = text.replace(secret, secret)\n",
            ),
        ),
        (f"{T_CONSOLE}::test_secrets_are_blotted_out_wherever_text_is_written",),
        in_days=False,
    ),
    Mutant(
        "secrets-in-the-cause",
        "the exchange's own error stays the cause of ours with the key in it",
        (Edit(CODES, "    _scrub_in_place(error, secrets)\n", ""),),
        (T_CODES,),
        in_days=False,
    ),
    Mutant(
        "token-in-the-clear",
        "the login token and the sessions' secrets are stored as they are",
        (Edit(LOGIN, "    return hashlib.sha256(secret.encode()).hexdigest()\n", "    return secret\n"),),
        (f"{T_SERVE}::test_new_token_is_printed_once_and_stored_as_a_hash",),
        in_days=False,
    ),
    Mutant(
        "address-in-the-error",
        "a channel that fails is named with its address, which most often holds a token",
        (
            Edit(
                CHANNEL,
                'f"{self._what} of BOTBOX_NOTIFY did not',
                'f"{self._service.url(privacy=False)} of BOTBOX_NOTIFY did not',
            ),
        ),
        (f"{T_CHANNEL}::test_a_refused_message_raises_without_the_address",),
        in_days=False,
    ),
)
