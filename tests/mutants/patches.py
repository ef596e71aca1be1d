"""The patches: each takes one guarantee away, in the way that a hurried change would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SEND = "botbox_cli/services/send.py"
SETTLE = "botbox_cli/services/settle.py"
PROTECT = "botbox_cli/services/protect.py"
LEAVE = "botbox_cli/services/leave.py"
ATTEND = "botbox_cli/services/attend.py"
BOOK = "botbox_cli/services/book.py"
EXECUTE = "botbox_cli/services/execute.py"
MONITOR = "botbox_cli/services/monitor.py"
OUTSIDE = "botbox_cli/services/outside.py"
BYBIT = "botbox_cli/exchange/bybit.py"

UNIT = "tests/unit/services/"
ENTRY = UNIT + "test_settle_entry.py"
STOP = UNIT + "test_protect_stop.py"
EXIT = UNIT + "test_leave_exit.py"
RACES = UNIT + "test_races.py"
LIFE = UNIT + "test_trade_life.py"
LATE = UNIT + "test_late_entry_fill.py"
BRAKES = UNIT + "test_intent_checks.py"
VIEWS = UNIT + "test_look_ups.py"


class NotFound(Exception):
    """The source has moved away from under a patch, which then proves nothing."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A piece of source that stands exactly once in a file, and what takes its place."""

    file: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Change the file below `root`. Raises NotFound."""
        path = root / self.file
        path.write_text(self.applied_to(path.read_text(encoding="utf-8")), encoding="utf-8")

    def applied_to(self, source: str) -> str:
        """Return the changed source. Raises NotFound."""
        if (count := source.count(self.old)) != 1:
            raise NotFound(f"{self.file} has this {count} times, not once:\n{self.old}")
        return source.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken guarantee: its name, what holds no more, the edits, and the tests that should tell."""

    name: str
    guarantee: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "skip the look-up",
        "an order without an answer is looked up before anything else is done",
        (
            Edit(
                SETTLE,
                "found = work.desk.exchange.look_up(order.symbol, order.order_link_id, since=order.created_at)",
                "found = Look(None, work.desk.clock.now())",
            ),
        ),
        (ENTRY, EXIT),
    ),
    Mutant(
        "send before saving",
        "that an order is being sent is committed before it is sent",
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
        (RACES,),
    ),
    Mutant(
        "new id on re-send",
        "an order is sent again under its own id only",
        (
            Edit(
                SEND,
                "        order_link_id=order.order_link_id,\n        instrument=instrument,",
                "        order_link_id=order.order_link_id[:-1] + str(int(order.order_link_id[-1]) + order.sends),\n"
                "        instrument=instrument,",
            ),
        ),
        (ENTRY,),
    ),
    Mutant(
        "no fence",
        "absence is proved only once the request can't arrive any more",
        (Edit(SETTLE, "return found.at > fence and (is_certain", "return (is_certain"),),
        (ENTRY, STOP, RACES),
    ),
    Mutant(
        "one place to look",
        "an order is absent only if open orders, history and executions all lack it",
        (
            Edit(
                BYBIT, "for span in _spans_back(since - CLOCK_MARGIN, min([now, *told])):", "for span in ():"
            ),
            Edit(
                BYBIT,
                "        if report is None:\n            rows = self._executions(",
                "        if False:\n            rows = self._executions(",
            ),
        ),
        (VIEWS,),
    ),
    Mutant(
        "forget the base fee",
        "no more is sold than the entry left after its fee in the coin itself",
        (
            Edit(
                PROTECT,
                "    if book.trade.direction is Direction.LONG:\n        return instrument.floor_qty(held)",
                "    if book.trade.direction is Direction.LONG:\n"
                "        return instrument.floor_qty(book.position.entered - book.position.exited)",
            ),
        ),
        (LIFE, EXIT),
    ),
    Mutant(
        "drop the lease",
        "one process at a time works on a trade",
        (
            Edit(
                "botbox_cli/services/lease.py",
                "other = self.desk.store.take_lease(lease_name(self.trade_id), self.desk.holder, now, LEASE_TTL_S)",
                "other = None",
            ),
        ),
        (RACES + "::test_close_is_refused_while_another_process_works_on_the_trade",),
    ),
    Mutant(
        "no lease on a new trade",
        "a trade is leased in the transaction that makes it",
        (Edit(EXECUTE, "books.grant_lease(lease_name(trade.id), desk.holder, now, LEASE_TTL_S)", "pass"),),
        (BRAKES, RACES),
    ),
    Mutant(
        "ignore a late fill",
        "an execution of ours is booked whenever it becomes visible",
        (
            Edit(
                MONITOR,
                "for trade_id, error in book_known_fills(desk, fills)]",
                "for trade_id, error in ()]",
            ),
        ),
        (RACES + "::test_fill_that_appears_after_its_entry_was_given_up_is_protected",),
    ),
    Mutant(
        "sell beside the stop",
        "nothing is sold before the stop is seen gone",
        (
            Edit(
                PROTECT,
                '    else:\n        raise OutcomeUnknown(\n            f"stop {order.order_link_id} of trade',
                "    else:\n        mark_forgotten(work, order)\n        return False\n"
                '        raise OutcomeUnknown(\n            f"stop {order.order_link_id} of trade',
            ),
        ),
        (EXIT, STOP),
    ),
    Mutant(
        "no re-arm",
        "each pass puts back a stop that is missing",
        (
            Edit(
                ATTEND,
                "    else:\n        _arm_or_get_out(work, price)\n    return []",
                "    return []",
            ),
        ),
        (STOP,),
    ),
    Mutant(
        "no read-back",
        "a position counts as protected only once its stop was seen on the exchange",
        (
            Edit(
                PROTECT,
                "    if sight.seen is Seen.LIVE:\n        _refuse_misarmed",
                "    if sight.seen in (Seen.LIVE, Seen.PENDING):\n        _refuse_misarmed",
            ),
        ),
        (VIEWS,),
    ),
    Mutant(
        "trust a stop on the wrong side",
        "a stop that was overtaken by the price on its way does not count",
        (
            Edit(PROTECT, "        _refuse_misarmed(work, book.trade, sight.report)\n", ""),
            Edit(PROTECT, "        not is_misarmed(report, trade)\n        and report", "        report"),
        ),
        (STOP, EXIT),
    ),
    Mutant(
        "drop the pinned timestamp",
        "a request that was held up is refused by the exchange, not done later",
        (
            Edit(
                BYBIT,
                "self._session.place_order(timestamp=stamp, **params)",
                "self._session.place_order(**params)",
            ),
        ),
        (RACES + "::test_entry_sent_by_a_process_that_was_frozen_is_refused_by_the_exchange",),
    ),
    Mutant(
        "re-send from a later process",
        "an entry is never sent again by a command that the person did not start for it",
        (
            Edit(
                ATTEND,
                "        mark_absent(work, order, f\"never reached the exchange ({order.reason or 'no answer'})\")",
                "        from botbox_cli.services.send import deliver\n\n"
                "        instrument = instrument_of(work.desk, order.symbol)\n"
                "        deliver(work, order, instrument, until=Seen.DONE, limit_s=limit_s)",
            ),
        ),
        (RACES + "::test_later_process_does_not_send_an_old_entry_again",),
    ),
    Mutant(
        "count a fill twice",
        "each execution is booked once, however often it is shown",
        (
            Edit(
                BOOK,
                "        if books.add_fill(fill):",
                "        if books.add_fill(fill) or books.add_fill("
                'replace(fill, execution_id=fill.execution_id + "2")):',
            ),
        ),
        (VIEWS,),
    ),
    Mutant(
        "sell the wallet",
        "only what botbox bought is sold, whatever else the account holds",
        (
            Edit(
                LEAVE,
                "            qty = exit_qty(book, instrument, keep)\n",
                "            qty = instrument.floor_qty(desk.exchange.wallet()[book.trade.base_coin].total - keep)\n",
            ),
        ),
        (EXIT,),
    ),
    Mutant(
        "final before its fills",
        "an order ends in the books only once all its fills are booked",
        (
            Edit(
                SETTLE,
                "if report.status is ReportStatus.LIVE or booked < report.filled_qty:",
                "if report.status is ReportStatus.LIVE:",
            ),
        ),
        (STOP, EXIT),
    ),
    Mutant(
        "believe a hasty end",
        "an entry shown as ended without a fill is believed only a while later",
        (
            Edit(
                SETTLE,
                "    return work.desk.clock.now() < ended_at + timedelta(seconds=UNFILLED_LAG_S)",
                "    return ended_at is None",
            ),
        ),
        (LATE,),
    ),
    Mutant(
        "forget on any refused cancel",
        "an order is gone only if its cancel is answered that no such order is known",
        (Edit(SETTLE, "        return e.code == NOT_FILLED\n", '        return e.code != ""\n'),),
        (STOP, EXIT),
    ),
    Mutant(
        "no halt in the transaction",
        "a halt between the check and the saving of the intent still stops the entry",
        (Edit(EXECUTE, "        check_halt(books)\n", ""),),
        (BRAKES,),
    ),
    Mutant(
        "no second look at the limits",
        "two entries planned at once don't both pass the limit of positions",
        (Edit(EXECUTE, "        check_positions(books, desk.policy)\n", ""),),
        (BRAKES,),
    ),
    Mutant(
        "doubt is a failure",
        "an entry in doubt is told as unknown (7), never as not placed",
        (
            Edit(
                EXECUTE,
                "            return entry_in_doubt(book)\n        _protect",
                "            return ExchangeRejected(entry_in_doubt(book).message)\n        _protect",
            ),
        ),
        (ENTRY,),
    ),
    Mutant(
        "any sale is ours",
        "coins that the owner sold of their own are not taken for botbox's",
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
        (UNIT + "test_owners_coins.py",),
    ),
)
