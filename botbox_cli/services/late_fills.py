"""Executions that came after their order had ended in the books, or that a dead process never booked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.number import ZERO, plain
from botbox_cli.domain.order import parse_order_link_id
from botbox_cli.domain.trade import ENDED_TRADES, LIVING_TRADES, Trade
from botbox_cli.errors import Conflict, Mismatch
from botbox_cli.ports import Books
from botbox_cli.services.book import (
    TradeBook,
    add_fills,
    instrument_of,
    is_from,
    is_of_an_earlier_life,
    project,
    read_trade,
    set_unvalued,
    unvalued,
    with_fee_values,
)
from botbox_cli.services.desk import Desk

FILLS_MARKER = "fills_seen_until"
OVERLAP = timedelta(minutes=10)
"""How far back a pass looks again for executions that became visible late."""
REMEMBERED = timedelta(hours=1)
"""For so long after its end a trade is still looked at for a fill that came after all."""


def trades_with_fills(desk: Desk) -> tuple[list[Trade], list[Trade]]:
    """Return the living trades, and those that ended but are young enough for a late fill."""
    with desk.store.read(desk.account) as books:
        living = books.trades(LIVING_TRADES)
        return living, books.trades(ENDED_TRADES, ended_since=desk.clock.now() - REMEMBERED)


def book_new_fills(desk: Desk, trades: Sequence[Trade]) -> tuple[list[Fill], list[tuple[int, Mismatch]]]:
    """Return executions since the last pass (with an overlap), those of orders we know booked, whatever their state.

    The second list is what the books can't take, by trade. `trades` are all that may have new fills; not empty.
    An execution of an order that the books lack keeps the mark of this pass back until that order is taken in.
    """
    now = desk.clock.now()
    fills = new_fills(desk, trades)
    refused = book_known_fills(desk, fills)
    with desk.store.write(desk.account) as books:
        if not any(_is_lost(books, desk.store.installation, fill, trades) for fill in fills):
            books.set_marker(FILLS_MARKER, now.isoformat())
    return fills, refused


def _is_lost(books: Books, installation: str, fill: Fill, trades: Sequence[Trade]) -> bool:
    """Tell whether an execution is of an order that one of these trades has sent and the books lack."""
    link, at = fill.order_link_id, fill.executed_at
    if parse_order_link_id(link) is None or books.order_by_link_id(link) is not None:
        return False
    return any(is_from(trade, installation, link, fill.symbol, at) for trade in trades)


def new_fills(desk: Desk, trades: Sequence[Trade]) -> list[Fill]:
    """Return executions since the last pass (with an overlap), none from before the first of `trades`."""
    with desk.store.read(desk.account) as books:
        marker = books.marker(FILLS_MARKER)
    oldest = min(t.created_at for t in trades)
    since = max(oldest, datetime.fromisoformat(marker)) if marker else oldest
    return desk.exchange.fills_since(since - OVERLAP)


def unbooked(desk: Desk, fills: Sequence[Fill]) -> list[tuple[TradeBook, list[Fill]]]:
    """Return the trades that `fills` belong to by their link ids, each with those that its books lack."""
    by_trade: dict[int, list[Fill]] = {}
    found = []
    with desk.store.read(desk.account) as books:
        for fill in fills:
            order = books.order_by_link_id(fill.order_link_id)
            if order is not None and order.symbol == fill.symbol:
                by_trade.setdefault(order.trade_id, []).append(fill)
        for trade_id, candidates in by_trade.items():
            book = read_trade(books, trade_id)
            known = {f.execution_id for f in book.fills}
            made_at = book.trade.created_at
            new = [
                f
                for f in candidates
                if f.execution_id not in known and not is_of_an_earlier_life(made_at, f.executed_at)
            ]
            if new:
                found.append((book, new))
    return found


def book_known_fills(desk: Desk, fills: Sequence[Fill]) -> list[tuple[int, Mismatch]]:
    """Book executions of orders that the books know and that are not booked yet; return what the books can't take.

    That is an entry which was proved absent and has filled after all, while its setup was traded anew: by trade.
    """
    refused = []
    for book, new in unbooked(desk, fills):
        trade = book.trade
        valued = with_fee_values(desk, trade, new)
        instrument = instrument_of(desk, trade.symbol)
        try:
            with desk.store.write(desk.account) as books:
                add_fills(books, valued, desk.clock.now(), trade.id)
                project(books, trade.id, instrument, desk.clock.now())
        except Conflict as e:
            refused.append((trade.id, _beside_another(book, new, e)))
    return refused


def value_fees(desk: Desk) -> None:
    """Find out what fees were worth whose coin had no price when they were booked; as near to their time as can be."""
    with desk.store.read(desk.account) as books:
        waiting = [read_trade(books, trade_id) for trade_id in sorted(unvalued(books))]
    silent: set[str] = set()
    for book in waiting:
        fills = [f for f in book.fills if f.fees_quote is None]
        coins = {c for f in fills for c in f.third_coins(book.trade.base_coin, book.trade.quote_coin)}
        if coins & silent:
            continue  # asked for already: a pass has better to do than to wait for the same price again
        valued = [f for f in with_fee_values(desk, book.trade, fills) if f.fees_quote is not None]
        with desk.store.write(desk.account) as books:
            for fill in valued:
                assert fill.fees_quote is not None, "only valued ones are left"
                books.set_fill_fees_quote(fill.execution_id, fill.fees_quote)
            if len(valued) == len(fills):
                set_unvalued(books, unvalued(books) - {book.trade.id})
            else:
                silent |= coins


def _beside_another(book: TradeBook, fills: Sequence[Fill], conflict: Conflict) -> Mismatch:
    qty = plain(sum((f.qty for f in fills), ZERO))
    trade = book.trade
    return Mismatch(
        f"{fills[0].order_link_id} of trade {trade.id} ({trade.status}) filled {qty} {trade.base_coin}, "
        f"and the books can't take it: {conflict.message}",
        f"sell {qty} {trade.base_coin} on the exchange's website: no stop protects them",
    )
