"""Each guarantee, and the smallest edit that breaks it. `old` must occur exactly once in its file."""

from __future__ import annotations

from typing import NamedTuple


class Edit(NamedTuple):
    """One replacement in a file of the package."""

    path: str
    old: str
    new: str


class Mutant(NamedTuple):
    """A name, what it breaks in words, and how."""

    name: str
    breaks: str
    edits: tuple[Edit, ...]


SEND, SETTLE, PROTECT, LEAVE = (f"services/{name}.py" for name in ("send", "settle", "protect", "leave"))
ATTEND, BOOK, LEASE, EXECUTE = (f"services/{name}.py" for name in ("attend", "book", "lease", "execute"))
LATE, OUTSIDE = "services/late_fills.py", "services/outside.py"
BYBIT, CODES, TRADE = "exchange/bybit.py", "exchange/codes.py", "domain/trade.py"

MUTANTS: tuple[Mutant, ...] = (
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
    ),
    Mutant(
        "no-fence",
        "absence is believed at once, while the request may still be on its way",
        (Edit(SETTLE, "return found.at > fence and (", "return fence is not None and ("),),
    ),
    Mutant(
        "one-place-only",
        "absence from the open orders alone counts as absence",
        (
            Edit(
                BYBIT,
                "        for span in _spans_back(since - CLOCK_MARGIN, min([now, *told])):\n",
                "        for span in ():\n",
            ),
            Edit(
                BYBIT,
                "        if report is None:\n            rows = self._executions(",
                "        if report is None and not told:\n            rows = self._executions(",
            ),
        ),
    ),
    Mutant(
        "send-before-saving",
        "an order is marked as sent only after the answer: a crash between loses it",
        (
            Edit(
                SEND,
                "            [OrderStatus.INTENDED, OrderStatus.UNKNOWN],\n            OrderStatus.UNKNOWN,\n",
                "            [OrderStatus.INTENDED, OrderStatus.UNKNOWN],\n            OrderStatus.INTENDED,\n",
            ),
            Edit(
                SEND,
                "books.move_order(order.order_link_id, [OrderStatus.UNKNOWN], status, **fields)",
                "books.move_order(order.order_link_id, [OrderStatus.INTENDED], status, **fields)",
            ),
        ),
    ),
    Mutant(
        "new-id-on-resend",
        "what is sent again gets a new id, so that both may land",
        (
            Edit(
                SEND,
                "        order_link_id=order.order_link_id,\n        instrument=instrument,",
                '        order_link_id=order.order_link_id + "x" * order.sends,\n        instrument=instrument,',
            ),
        ),
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
    ),
    Mutant(
        "drop-the-pinned-timestamp",
        "a request that was saved long ago is stamped anew when it leaves",
        (Edit(BYBIT, "stamp = to_ms(request.timestamp)", "stamp = to_ms(self._clock.now())"),),
    ),
    Mutant(
        "duplicate-is-a-refusal",
        "the answer that an id is known counts as a rejection",
        (
            Edit(
                CODES,
                "        return DuplicateOrder(",
                "        return ExchangeRejected(",
            ),
        ),
    ),
    Mutant(
        "timeout-is-a-refusal",
        "no answer counts as not placed",
        (Edit(CODES, "    if _never_connected(error):\n", "    if _never_connected(error) or True:\n"),),
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
    ),
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
    ),
    Mutant(
        "drop-the-lease",
        "two processes work on one trade at once",
        (Edit(LEASE, "        if other is not None:\n", "        if other is not None and False:\n"),),
    ),
    Mutant(
        "immortal-lease",
        "the lease of a dead process never ends",
        (Edit(LEASE, "LEASE_TTL_S = 15.0", "LEASE_TTL_S = 1e7"),),
    ),
    Mutant(
        "ignore-late-fills",
        "a fill that comes after its order has ended is never booked",
        (
            Edit(
                LATE,
                "    for book, new in unbooked(desk, fills):",
                "    for book, new in unbooked(desk, fills[:0]):",
            ),
        ),
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
    ),
    Mutant(
        "trust-the-order-not-the-fills",
        "the sum of a partial end is taken for the whole",
        (
            Edit(
                SETTLE,
                "    return OrderStatus.PARTIAL_CANCELLED\n",
                "    return OrderStatus.FILLED\n",
            ),
        ),
    ),
    Mutant(
        "sell-beside-the-stop",
        "the position is sold without the stop having been seen gone",
        (
            Edit(
                PROTECT,
                "        was_alive = True\n    sight = follow(",
                "        was_alive = True\n"
                "    with desk.store.write(desk.account) as books:\n"
                "        books.move_order(order.order_link_id, [order.status], OrderStatus.CANCELLED)\n"
                "    return was_alive\n"
                "    sight = follow(",
            ),
        ),
    ),
    Mutant(
        "forgotten-at-once",
        "a stop that can't be looked up is taken for gone",
        (
            Edit(SETTLE, "order.role is Role.ENTRY or not sight.is_nowhere:", "order.role is Role.ENTRY:"),
            Edit(
                SETTLE,
                "    if nowhere_s < FORGOTTEN_AFTER_S and not (",
                "    if nowhere_s < 0 and not (",
            ),
            Edit(
                SETTLE,
                "        return e.code == NOT_FILLED or (e.code != FILLED and has_all_coins(work, order.qty))\n",
                "        return True\n",
            ),
        ),
    ),
    Mutant(
        "no-re-arm",
        "a stop that is missing stays missing",
        (
            Edit(
                ATTEND,
                "    else:\n        _arm_or_get_out(work, price)\n",
                "    else:\n        return []\n",
            ),
        ),
    ),
    Mutant(
        "believe-the-moved-stop",
        "a stop that was moved or cut by hand is taken for the recorded one",
        (
            Edit(PROTECT, "        and report.trigger_price == trade.stop_loss\n", ""),
            Edit(PROTECT, "        and report.qty - report.filled_qty == qty\n", ""),
        ),
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
    ),
    Mutant(
        "unknown-told-as-not-placed",
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
    ),
    Mutant(
        "sell-the-wallet",
        "an exit sells what the wallet holds, not what the trade bought",
        (
            Edit(
                LEAVE,
                "            qty = exit_qty(book, instrument, keep)\n",
                "            qty = instrument.floor_qty(wallet[book.trade.base_coin].free - keep)\n",
            ),
            Edit(
                LEAVE,
                "        work.renew()\n        with desk.store.write(desk.account) as books:\n"
                "            book = read_trade",
                "        work.renew()\n        wallet = desk.exchange.wallet()\n"
                "        with desk.store.write(desk.account) as books:\n            book = read_trade",
            ),
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
    ),
)
