"""Coins of ours that someone sold by hand: seen from the wallet, booked from the executions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from botbox_cli.domain.account import Balance
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.number import ZERO
from botbox_cli.domain.order import PART, Order, OrderStatus, OrderType, Role, Side, parse_order_link_id
from botbox_cli.domain.setup import Direction
from botbox_cli.domain.trade import LIVING_TRADES, SOLD_OUTSIDE, Trade
from botbox_cli.errors import EXCHANGE_FAILED, Mismatch
from botbox_cli.ports import Books
from botbox_cli.services.book import (
    TradeBook,
    add_fills,
    books_of,
    close_books,
    instrument_of,
    read_trade,
    with_fee_values,
)
from botbox_cli.services.late_fills import book_known_fills
from botbox_cli.services.lease import Work

ENOUGH = Decimal("Infinity")
PASSED_ON_WITHIN = timedelta(days=7)
"""Trades that overlap without end would else have the executions of years asked for."""
DUST_SHARE = Decimal("0.1")
"""What earlier trades may have left in the wallet, as a share of one trade's coins."""


def adopt_outside_sales(work: Work, recent: Iterable[Fill], *, at_most: Decimal | None = None) -> bool:
    """Book sales of this trade's coins that botbox did not make; True if the trade is closed by them.

    Only asked when no stop holds the coins, or one that holds all but `at_most` of them. While the wallet still covers
    all that botbox's trades hold of the coin, whatever was sold by hand was the owner's own. Coins that the wallet
    lacks without an execution (moved away, or the wallet's view is late) change nothing here: what is left of them is
    known once the exchange refuses an order.
    """
    desk = work.desk
    trade = work.read().trade
    if trade.direction is not Direction.LONG:
        return False
    instrument = instrument_of(desk, trade.symbol)
    balance = desk.exchange.wallet().get(trade.base_coin)
    total = balance.total if balance else ZERO
    with desk.store.read(desk.account) as books:
        if _held_by_all(books, trade.base_coin) - total < instrument.lot_size:
            return False
        since = _first_entry(books, trade)
    fills = [*recent, *desk.exchange.fills_since(since)]
    # What botbox itself has sold, and nobody has booked yet, is no sale by hand.
    book_known_fills(desk, fills)
    sales = with_fee_values(desk, trade, _foreign_sales(work, trade, fills, since))
    work.renew()
    with desk.store.write(desk.account) as books:
        # Reckoned anew: another process may just have booked a part of the same sale for another trade.
        missing = _held_by_all(books, trade.base_coin) - total
        if at_most is not None:
            missing = min(missing, at_most)
        if missing >= instrument.lot_size:
            _book_sales(books, work, sales, missing)
        book = read_trade(books, work.trade_id)
        # (With an order of ours still open, that one's end closes the trade.)
        if instrument.floor_qty(book.position.held) <= 0 and not book.open_orders:
            close_books(books, book, desk.clock.now(), SOLD_OUTSIDE)
            return True
    return False


def coins_left(work: Work) -> Decimal:
    """Return how many of the coins that a long holds by the books the account still has, floored to the lot.

    What other trades' stops and exits hold is theirs: no more than is locked, since one that has just fired may not be
    booked yet; and what fees have left them below the lot, which no order holds. The wallet's view may be late: only
    believe it together with a refusal of the exchange. (A short buys its coins: there are always ENOUGH.)
    """
    desk, book = work.desk, work.read()
    trade, coin = book.trade, book.trade.base_coin
    instrument = instrument_of(desk, trade.symbol)
    if trade.direction is not Direction.LONG:
        return ENOUGH
    held = instrument.floor_qty(book.position.held)
    balance = desk.exchange.wallet().get(coin) or Balance(coin, ZERO)
    with desk.store.read(desk.account) as books:
        others = [b.position.held for b in _longs_in(books, coin) if b.trade.id != trade.id and b.ways_out]
    in_lots = sum((instrument.floor_qty(each) for each in others), ZERO)
    theirs = min(balance.locked, in_lots) + sum(others, ZERO) - in_lots
    return min(held, instrument.floor_qty(max(ZERO, balance.total - theirs)))


def coins_missing(work: Work, left: Decimal) -> Mismatch:
    """Return the news that the account has only `left` of a trade's coins, and no execution says why."""
    book = work.read()
    trade = book.trade
    return Mismatch(
        f"trade {trade.id} holds {book.position.held} {trade.base_coin} by the books, but the account has only {left}",
        f"`botbox reconcile` shows the difference; `botbox close {trade.id}` sells what is there",
    )


def has_all_coins(work: Work, qty: Decimal) -> bool:
    """Tell whether the wallet shows that none of the trade's coins, `qty`, were sold.

    It has all that botbox's open longs hold of the coin, and hardly more: where the owner has coins too, theirs would
    cover up a sale. Never sure beside a short.
    """
    desk, trade = work.desk, work.read().trade
    if trade.direction is not Direction.LONG:
        return False
    try:
        balance = desk.exchange.wallet().get(trade.base_coin)
    except EXCHANGE_FAILED:
        return False
    with desk.store.read(desk.account) as books:
        held = _held_by_all(books, trade.base_coin)
    return balance is not None and 0 <= balance.total - held < qty * DUST_SHARE


def _held_by_all(books: Books, coin: str) -> Decimal:
    return sum((book.position.held for book in _longs_in(books, coin)), ZERO)


def _longs_in(books: Books, coin: str) -> list[TradeBook]:
    trades = [t for t in books.trades(LIVING_TRADES) if t.base_coin == coin and t.direction is Direction.LONG]
    return books_of(books, trades)


def _first_entry(books: Books, trade: Trade) -> datetime:
    """Return when the first of the trades began whose coins lay beside this one's, or beside those of such a one.

    Coins have no names: when another trade's were sold by hand, its exit may have taken this one's; or those of a third
    one, whose exit then has taken this one's, some days long.
    """
    begun = trade.entry_time or trade.created_at
    oldest = begun - PASSED_ON_WITHIN
    entered = [
        (t.entry_time, t.exit_time) for t in books.trades(symbol=trade.symbol) if t.entry_time is not None
    ]
    while begun > oldest:
        beside = [at for at, ended in entered if at < begun and (ended is None or ended >= begun)]
        if not beside:
            break
        begun = min(beside)
    return begun


def _foreign_sales(work: Work, trade: Trade, fills: Iterable[Fill], since: datetime) -> list[Fill]:
    """Return the executions from `since` on that sold this coin and are not botbox's, oldest first."""
    found: dict[str, Fill] = {}
    with work.desk.store.read(work.desk.account) as books:
        for fill in fills:
            if fill.symbol != trade.symbol or fill.side is not Side.SELL or fill.executed_at < since:
                continue
            if not _is_ours(work, fill) and books.order_by_link_id(fill.order_link_id) is None:
                found[fill.execution_id] = fill
    return sorted(found.values(), key=lambda f: f.executed_at)


def _claimed(books: Books, symbol: str) -> dict[str, Decimal]:
    """Return how much of each sale by hand the trades have booked already."""
    claimed: dict[str, Decimal] = {}
    for fill in books.fills([t.id for t in books.trades(symbol=symbol)]):
        execution_id, part, _ = fill.execution_id.partition(PART)
        if part:
            claimed[execution_id] = claimed.get(execution_id, ZERO) + fill.qty
    return claimed


def _is_ours(work: Work, fill: Fill) -> bool:
    parsed = parse_order_link_id(fill.order_link_id)
    return parsed is not None and parsed[0] == work.desk.store.installation


def _book_sales(books: Books, work: Work, sales: list[Fill], missing: Decimal) -> None:
    """Add what nobody has claimed yet of foreign sales to the trade as exits, up to what is missing and held.

    The last sale may count in part.
    """
    book = read_trade(books, work.trade_id)
    left = min(missing, book.position.held)
    claimed = _claimed(books, book.trade.symbol)
    parts: dict[str, list[Fill]] = {}
    for fill in sales:
        before = claimed.get(fill.execution_id, ZERO)
        qty = min(left, fill.qty - before)
        if qty > 0:
            parts.setdefault(fill.order_link_id, []).append(_part_of(fill, before, qty))
            left -= qty
    for fills in parts.values():
        order = _foreign_order(read_trade(books, work.trade_id), fills)
        books.add_order(order)
        add_fills(books, [_claim(f, order) for f in fills], work.desk.clock.now(), work.trade_id)


def _part_of(fill: Fill, before: Decimal, qty: Decimal) -> Fill:
    """Return the next `qty` of a fill of which `before` is claimed; all parts together are the fill, to the digit."""

    def share(amount: Decimal) -> Decimal:
        first, last = (amount * part / fill.qty for part in (before, before + qty))
        step = Decimal(1).scaleb(min(0, int(amount.as_tuple().exponent)))
        return last.quantize(step) - first.quantize(step)

    return replace(
        fill,
        qty=qty,
        fees=tuple((coin, share(amount)) for coin, amount in fill.fees),
        fees_quote=None if fill.fees_quote is None else share(fill.fees_quote),
    )


def _claim(fill: Fill, order: Order) -> Fill:
    """Return a sale by hand under the ids by which the books know this trade's part of it."""
    part = order.order_link_id.removeprefix(fill.order_link_id)
    return replace(fill, execution_id=fill.execution_id + part, order_link_id=order.order_link_id)


def _foreign_order(book: TradeBook, fills: list[Fill]) -> Order:
    attempt = 1 + max((o.attempt for o in book.of_role(Role.EXIT)), default=0)
    first = fills[0]
    return Order(
        trade_id=book.trade.id,
        role=Role.EXIT,
        attempt=attempt,
        order_link_id=f"{first.order_link_id}{PART}{book.trade.id}-{attempt}",
        symbol=first.symbol,
        side=first.side,
        order_type=OrderType.MARKET,
        qty=sum((f.qty for f in fills), ZERO),
        status=OrderStatus.FILLED,
        created_at=first.executed_at,
        updated_at=fills[-1].executed_at,
        exchange_order_id=first.exchange_order_id,
        reason="not sent by botbox",
    )
