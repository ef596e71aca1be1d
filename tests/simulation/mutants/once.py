"""Mutants of "at most one entry" and of "absence is proved"."""

from tests.simulation.mutants.mutant import Edit, Mutant
from tests.simulation.mutants.places import (
    ATTEND,
    BOOK,
    BYBIT,
    CODES,
    DECLARE,
    EXECUTE,
    FIRST_TABLES,
    LEASE,
    SEND,
    SESSION,
    SETTLE,
    STATEMENTS,
    T_BACKUP,
    T_BOOKS,
    T_BYBIT,
    T_CODES,
    T_DECLARE,
    T_ENTRY,
    T_INTENT,
    T_LATE,
    T_RACES,
    T_SESSION,
    T_STOP,
    T_VIEWS,
    UNKEPT,
)

ONE_ENTRY = (
    Mutant(
        "send-before-saving",
        "an order is sent before it is saved that it is: a crash between the two loses it",
        (
            Edit(
                SEND,
                "    with desk.store.write(desk.account) as books:\n        books.move_order(\n            link,\n",
                "    failure: BotboxError | None = None\n"
                "    try:\n"
                "        exchange_order_id = desk.exchange.place(request)\n"
                "    except BotboxError as e:\n"
                "        failure = e\n"
                "    with desk.store.write(desk.account) as books:\n        books.move_order(\n            link,\n",
            ),
            Edit(
                SEND,
                "    try:\n        exchange_order_id = desk.exchange.place(request)\n    except DuplicateOrder",
                "    try:\n        if failure is not None:\n            raise failure\n    except DuplicateOrder",
            ),
        ),
        (f"{T_RACES}::test_command_killed_at_any_step_is_settled_by_the_next_pass",),
    ),
    Mutant(
        "new-id-on-resend",
        "what is sent again gets a new id, so that both may land",
        (
            Edit(
                SEND,
                "        order_link_id=order.order_link_id,\n        instrument=instrument,",
                "        order_link_id=order.order_link_id[:-1] + str(int(order.order_link_id[-1]) + order.sends),\n"
                "        instrument=instrument,",
            ),
        ),
        (f"{T_ENTRY}::test_entry_that_did_not_land_at_first_is_sent_again_with_its_id",),
    ),
    Mutant(
        "resend-from-a-later-process",
        "a later process sends an old entry again instead of giving it up",
        (
            Edit(
                ATTEND,
                "    if sight.seen is Seen.ABSENT:\n        mark_absent(work, order, f",
                "    if sight.seen is Seen.ABSENT and order.role is Role.ENTRY:\n"
                "        from botbox_cli.services.send import send\n"
                "        send(work, order, instrument_of(work.desk, order.symbol))\n"
                "    elif sight.seen is Seen.ABSENT:\n        mark_absent(work, order, f",
            ),
        ),
        (f"{T_RACES}::test_later_process_does_not_send_an_old_entry_again",),
    ),
    Mutant(
        "second-trade-of-a-setup",
        "the database takes a second living trade of one setup",
        (
            Edit(
                FIRST_TABLES,
                '        "trades",\n        ["setup_id"],\n        unique=True,\n',
                '        "trades",\n        ["setup_id"],\n',
            ),
        ),
        (f"{T_BOOKS}::test_setup_has_one_trade_that_has_not_failed",),
        in_days=False,
    ),
    Mutant(
        "move-without-comparing",
        "a status moves from whatever it is, so that of two deciders both win",
        (
            Edit(
                STATEMENTS,
                "    return _of(key).where(_is_among(key.table.c.status, count))",
                "    return _of(key)",
            ),
            UNKEPT,
        ),
        (
            f"{T_BOOKS}::test_setup_moves_once",
            f"{T_BOOKS}::test_trade_moves_once_and_carries_its_fields",
            f"{T_BOOKS}::test_order_moves_once",
        ),
        in_days=False,
    ),
    Mutant(
        "no-lease-on-a-new-trade",
        "a trade is not leased in the transaction that makes it",
        (Edit(EXECUTE, "books.grant_lease(lease_name(trade.id), desk.holder, now, LEASE_TTL_S)", "pass"),),
        (f"{T_INTENT}::test_new_trade_is_leased_from_its_first_moment",),
    ),
    Mutant(
        "duplicate-is-a-refusal",
        "the answer that an id is known counts as a rejection of the order",
        (Edit(CODES, "        return DuplicateOrder(", "        return ExchangeRejected("),),
        (
            T_CODES,
            f"{T_ENTRY}::test_answer_that_the_id_is_known_means_that_an_earlier_send_landed",
        ),
    ),
    Mutant(
        "own-future-taken-for-ours",
        "a restored database takes the orders of its own earlier life for its new ones",
        (Edit(BOOK, "    return at < made_at - EARLIER_LIFE_MARGIN", "    return False"),),
        (T_BACKUP,),
    ),
    Mutant(
        "drop-the-lease",
        "two processes work on one trade at once",
        (Edit(LEASE, "        if other is not None:\n", "        if other is not None and False:\n"),),
        (f"{T_RACES}::test_close_is_refused_while_another_process_works_on_the_trade",),
    ),
    Mutant(
        "immortal-lease",
        "the lease of a dead process never ends",
        (Edit(LEASE, "LEASE_TTL_S = 15.0", "LEASE_TTL_S = 1e7"),),
        (f"{T_RACES}::test_dead_holder_keeps_others_out_for_15_seconds_only",),
    ),
)

PROVED_ABSENCE = (
    Mutant(
        "skip-the-look-up",
        "an order without a clear answer is taken for absent without being looked for",
        (
            Edit(
                SETTLE,
                "    if order.status is OrderStatus.INTENDED:\n        return Sight(Seen.ABSENT)\n    found",
                "    if order.status is not OrderStatus.WORKING:\n        return Sight(Seen.ABSENT)\n    found",
            ),
        ),
        (f"{T_ENTRY}::test_entry_that_landed_without_an_answer_is_found_and_not_sent_again",),
    ),
    Mutant(
        "no-fence",
        "absence is believed at once, while the request may still be on its way",
        (Edit(SETTLE, "return found.at > fence and (", "return fence is not None and ("),),
        (
            f"{T_ENTRY}::test_entry_that_is_lost_each_time_is_unknown_until_a_later_pass_proves_its_absence",
            f"{T_STOP}::test_stop_that_becomes_visible_late_is_the_only_one",
        ),
    ),
    Mutant(
        "one-place-only",
        "an order that the open orders lack counts as absent, history and executions unasked",
        (
            Edit(
                BYBIT,
                "        if report is None and not is_brief:\n",
                "        if report is None and not told:\n",
            ),
        ),
        (
            f"{T_VIEWS}::test_entry_without_an_answer_is_not_taken_for_absent_while_any_view_shows_it",
            f"{T_BYBIT}::test_order_that_is_nowhere_was_asked_for_everywhere",
        ),
    ),
    Mutant(
        "silence-is-absence",
        "a look-up that got no answer counts as one that found nothing",
        (
            Edit(
                SETTLE,
                "    except EXCHANGE_FAILED as e:\n        return Sight(Seen.PENDING, error=e.with_traceback(None))",
                "    except EXCHANGE_FAILED:\n        return Sight(Seen.ABSENT)",
            ),
        ),
        (f"{T_ENTRY}::test_entry_in_doubt_before_the_fence_is_unknown_not_failed",),
    ),
    Mutant(
        "stamp-anew",
        "a request that was saved long ago is stamped anew when it leaves",
        (Edit(BYBIT, "stamp = to_ms(request.timestamp)", "stamp = to_ms(self._clock.now())"),),
        (f"{T_RACES}::test_entry_sent_by_a_process_that_was_frozen_is_refused_by_the_exchange",),
    ),
    Mutant(
        "sign-another-time",
        "the pinned timestamp does not reach the signature",
        (
            Edit(
                SESSION,
                "timestamp = self._timestamp if self._timestamp is not None else to_ms(self._clock.now())",
                "timestamp = to_ms(self._clock.now())",
            ),
        ),
        (f"{T_SESSION}::test_order_carries_the_pinned_time_and_a_signature_over_it",),
        in_days=False,
    ),
    Mutant(
        "latest-clock",
        "a look is dated by the clock that is ahead of the others, so that the fence seems passed too soon",
        (
            Edit(
                BYBIT,
                "        return Look(report, min([now, *told]), ",
                "        return Look(report, max([now, *told]), ",
            ),
        ),
        (
            f"{T_BYBIT}::test_look_is_dated_by_the_exchanges_clock_at_the_oldest_answer",
            f"{T_BYBIT}::test_look_is_never_dated_later_than_our_own_clock",
        ),
    ),
    Mutant(
        "a-day-later-is-proof",
        "an entry that the exchange may have forgotten after a day counts as proved absent",
        (
            Edit(
                SETTLE,
                "is_certain = found.at < order.sent_at + RETENTION_OF_UNFILLED and order.reason",
                "is_certain = order.reason",
            ),
        ),
        (f"{T_ENTRY}::test_entry_that_nobody_could_look_up_for_a_day_stays_unknown",),
    ),
    Mutant(
        "known-id-is-absent",
        "an entry whose id the exchange said to know counts as proved absent",
        (Edit(SETTLE, " + RETENTION_OF_UNFILLED and order.reason != ID_TAKEN", " + RETENTION_OF_UNFILLED"),),
        (f"{T_ENTRY}::test_id_said_to_be_known_but_found_nowhere_blocks_its_symbol_only",),
    ),
    Mutant(
        "believe-a-hasty-end",
        "an entry shown as ended without a fill is believed at once, before its fills surface",
        (
            Edit(
                SETTLE,
                "    return work.desk.clock.now() < ended_at + timedelta(seconds=UNFILLED_LAG_S)",
                "    return ended_at is None",
            ),
        ),
        (T_LATE,),
    ),
    Mutant(
        "keep-an-end-without-a-fill",
        "an entry that was shown as ended without a fill is not looked for again, only its executions are",
        (
            Edit(
                SETTLE,
                "    return report.status is not ReportStatus.LIVE and report.filled_qty > 0",
                "    return report.status is not ReportStatus.LIVE",
            ),
        ),
        (f"{T_ENTRY}::test_entry_shown_as_ended_without_a_fill_is_looked_for_again",),
    ),
    Mutant(
        "word-before-the-exchange",
        "a person's word that an entry never filled ends it, whatever the exchange shows",
        (
            Edit(DECLARE, "import FENCE_MARGIN_S, Seen, look\n", "import FENCE_MARGIN_S, Seen, Sight\n"),
            Edit(
                DECLARE,
                "    sight = look(work, order)\n",
                "    sight = Sight(Seen.PENDING, is_nowhere=True)\n",
            ),
        ),
        (
            f"{T_DECLARE}::test_what_the_exchange_shows_counts_more",
            f"{T_DECLARE}::test_an_exchange_that_can_not_be_asked_leaves_it_in_doubt",
        ),
        in_days=False,
    ),
    Mutant(
        "word-before-the-fence",
        "a person's word ends an entry whose request may still arrive",
        (
            Edit(
                DECLARE,
                "    if sight.seen is Seen.PENDING and desk.exchange.server_time() <= fence:\n",
                "    if sight.seen is Seen.LIVE and desk.exchange.server_time() <= fence:\n",
            ),
        ),
        (f"{T_DECLARE}::test_nobody_can_say_so_while_the_request_may_still_arrive",),
        in_days=False,
    ),
)
