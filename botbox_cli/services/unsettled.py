"""What an earlier process left behind: trades with an order in doubt, settled before money moves again."""

from __future__ import annotations

from botbox_cli.domain.order import OrderStatus
from botbox_cli.domain.trade import LIVING_TRADES, TradeStatus
from botbox_cli.errors import BotboxError
from botbox_cli.services.attend import Snapshot, attend
from botbox_cli.services.book import TradeBook, books_of
from botbox_cli.services.desk import Desk
from botbox_cli.services.late_fills import book_new_fills, trades_with_fills
from botbox_cli.services.lease import Budget, working_on
from botbox_cli.services.settle import CANCEL_ASKED


def unsettled(desk: Desk) -> list[TradeBook]:
    """Return the living trades that are in between: opening, closing, with an order in doubt, or without a stop.

    So is one whose stop an exit was about to cancel that then did not come about: the stop may be gone.
    """
    with desk.store.read(desk.account) as books:
        living = books_of(books, books.trades(LIVING_TRADES))
    return [b for b in living if is_unsettled(b) or any(o.reason == CANCEL_ASKED for o in b.open_orders)]


def is_unsettled(book: TradeBook) -> bool:
    """Tell whether a living trade is anything but open with one order, accepted: its stop."""
    untouched = [o for o in book.open_orders if o.status is OrderStatus.WORKING and not book.filled(o)]
    return book.trade.status is not TradeStatus.OPEN or len(untouched) != 1 or len(book.open_orders) != 1


def catch_up(desk: Desk) -> None:
    """Book what stops have sold that no pass has seen yet.

    The brakes and the equity of a new entry would else take a position for held whose loss is made already.

    Raises:
        ExchangeUnavailable, ExchangeRejected, ConfigError: Nobody can say now.
    """
    living, ended = trades_with_fills(desk)
    with desk.store.read(desk.account) as books:
        may_have_sold = any(book.ways_out for book in books_of(books, living))
    if may_have_sold:
        book_new_fills(desk, [*living, *ended])


def settle_earlier(desk: Desk, budget: Budget) -> dict[int, BotboxError]:
    """Settle and protect what is in between, without taking profit; return what could not be settled, by trade.

    What stays in doubt blocks nothing here: the checks of the new command look at the books themselves.
    """
    errors: dict[int, BotboxError] = {}
    books = unsettled(desk)
    for number, book in enumerate(books, 1):
        budget.keep_for(len(books) - number)
        try:
            with working_on(desk, book.trade.id, budget) as work:
                attend(work, Snapshot(), act=False)
        except BotboxError as e:
            errors[book.trade.id] = e.with_traceback(None)  # Its frames hold this dict.
    return errors
