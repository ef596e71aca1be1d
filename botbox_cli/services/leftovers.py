"""What is left of a trade when the exchange takes no order so small: dust, until it is worth enough to be sold."""

from __future__ import annotations

from decimal import Decimal

from botbox_cli.domain.trade import TAKE_PROFIT_HIT, TOO_SMALL, TradeStatus
from botbox_cli.ports import Books
from botbox_cli.services.book import TradeBook, instrument_of, read_trade
from botbox_cli.services.desk import Desk
from botbox_cli.services.lease import Work
from botbox_cli.services.margin import close_out
from botbox_cli.services.protect import wanted_stop_qty

LEFTOVERS_MARKER = "leftovers"


def give_up(work: Work) -> None:
    """Close a trade of which nothing can be sold now. Raises as `close_out`."""
    desk = work.desk
    with desk.store.write(desk.account) as books:
        _set(books, _ids(books) | {work.trade_id})
    close_out(work, TOO_SMALL)
    book = work.read()
    if not wanted_stop_qty(book, instrument_of(desk, book.trade.symbol)):
        # A short that has bought back all: no pass need look again.
        with desk.store.write(desk.account) as books:
            _set(books, _ids(books) - {work.trade_id})


def leftovers(desk: Desk) -> list[TradeBook]:
    """Return the closed trades that still hold what was too small to be sold."""
    with desk.store.read(desk.account) as books:
        known = [read_trade(books, trade_id) for trade_id in sorted(_ids(books))]
    return [book for book in known if book.trade.status is TradeStatus.CLOSED]


def can_be_sold(desk: Desk, book: TradeBook, price: Decimal) -> bool:
    """Tell whether the exchange would take an order for what is left."""
    instrument = instrument_of(desk, book.trade.symbol)
    return instrument.is_sellable(wanted_stop_qty(book, instrument), price)


def take_up(work: Work) -> bool:
    """Take a closed trade up again, to sell what is left of it; False if another process has done so."""
    with work.desk.store.write(work.desk.account) as books:
        trade = books.trade(work.trade_id)
        if trade.status is not TradeStatus.CLOSED or trade.id not in _ids(books):
            return False
        _set(books, _ids(books) - {trade.id})
        # A trade that is on its way out at a target would be kept while the price is not there.
        reason = TOO_SMALL if trade.close_reason == TAKE_PROFIT_HIT else trade.close_reason
        books.move_trade(trade.id, [TradeStatus.CLOSED], TradeStatus.CLOSING, close_reason=reason)
        work.log(books, "reopened", "what was left is worth enough to be sold now")
    return True


def _ids(books: Books) -> set[int]:
    return {int(trade_id) for trade_id in (books.marker(LEFTOVERS_MARKER) or "").split()}


def _set(books: Books, trade_ids: set[int]) -> None:
    books.set_marker(LEFTOVERS_MARKER, " ".join(str(trade_id) for trade_id in sorted(trade_ids)))
