"""Orders of ours that the books lack, as after an older copy of them was put back: taken back into their trade."""

from __future__ import annotations

from collections.abc import Iterable

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.order import Order, OrderReport, OrderStatus, OrderType, parse_order_link_id
from botbox_cli.domain.trade import LIVING_TRADES
from botbox_cli.errors import EXCHANGE_FAILED, NotFound
from botbox_cli.services.book import TradeBook, is_from, is_of_an_earlier_life
from botbox_cli.services.late_fills import new_fills
from botbox_cli.services.lease import Work
from botbox_cli.services.settle import take_report


def adopt_shown(
    work: Work, book: TradeBook, alive: Iterable[OrderReport], fills: Iterable[Fill]
) -> list[str]:
    """Take those orders of this trade back that are shown and that its `book` lacks; return their ids."""
    known = {order.order_link_id for order in book.orders}
    shown = [
        *((o.order_link_id, o.symbol, o.created_at) for o in alive),
        *((f.order_link_id, f.symbol, f.executed_at) for f in fills),
    ]
    installation = work.desk.store.installation
    lost = [s[0] for s in shown if s[0] not in known and is_from(book.trade, installation, *s)]
    return [link for link in dict.fromkeys(lost) if adopt(work, link)]


def adopt_lost(work: Work) -> bool:
    """Ask for orders of this trade that the books lack and take them back; tell whether there were any.

    Where that can't be asked there are taken to be none.
    """
    desk, book = work.desk, work.read()
    if book.trade.status not in LIVING_TRADES:
        return False
    try:
        fills = new_fills(desk, [book.trade])
        alive = desk.exchange.open_orders()
    except EXCHANGE_FAILED:
        return False
    return bool(adopt_shown(work, book, alive, fills))


def adopt(work: Work, link: str) -> bool:
    """Take an order of ours that the books lost back into its trade, and book what it did.

    Tells whether it was taken: not if it is older than the trade, for then another one had this number before.

    Raises:
        NotFound: It is not on the exchange any more, or the trade can't take it.
    """
    parsed = parse_order_link_id(link)
    assert parsed is not None, "only our own ids are adopted"
    _, trade_id, role, attempt = parsed
    desk, trade = work.desk, work.read().trade
    report = desk.exchange.look_up(trade.symbol, link, since=trade.created_at).report
    if report is None:
        raise NotFound(f"order {link} of {trade.symbol} is not on the exchange any more")
    if is_of_an_earlier_life(trade.created_at, report.created_at):
        return False
    with desk.store.write(desk.account) as books:
        trade = books.trade(trade_id)
        if trade.status not in LIVING_TRADES or trade.symbol != report.symbol:
            raise NotFound(f"trade {trade_id} is {trade.status}: it can't take order {link}")
        order = books.add_order(
            Order(
                trade_id=trade_id,
                role=role,
                attempt=attempt,
                order_link_id=report.order_link_id,
                symbol=report.symbol,
                side=report.side,
                order_type=OrderType.STOP_MARKET if report.is_stop else OrderType.MARKET,
                qty=report.qty,
                status=OrderStatus.WORKING,
                created_at=report.created_at,
                updated_at=desk.clock.now(),
                trigger_price=report.trigger_price,
                exchange_order_id=report.exchange_order_id,
                sent_at=report.created_at,
                sends=1,
                reason="adopted from the exchange",
            )
        )
        work.log(books, "adopted", f"{role} {order.order_link_id}")
    take_report(work, order, report)
    return True
