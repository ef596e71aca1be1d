"""Taking over a stop price that the person moved on the exchange's website."""

from __future__ import annotations

from botbox_cli.domain.order import OrderReport, ReportStatus, Role
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.errors import Conflict, Denied, NotFound
from botbox_cli.services.book import read_trade
from botbox_cli.services.close import WAIT_FOR_OTHERS_S
from botbox_cli.services.desk import Desk
from botbox_cli.services.lease import Budget, Work, hurried, working_on


def adopt_stop(desk: Desk, trade_id: int) -> Trade:
    """Make the trigger price that the exchange shows for the trade's stop the recorded one; return the trade.

    Raises:
        NotFound: No such trade, or it has no stop alive on the exchange.
        Conflict: It is not open, or another process works on it.
        Denied: The stop on the exchange does not lie on the protective side of the present price.
    """
    with desk.store.read(desk.account) as books:
        status = books.trade(trade_id).status
    if status is not TradeStatus.OPEN:
        raise Conflict(f"trade {trade_id} is {status}, not OPEN", f"`botbox trade {trade_id}` shows it")
    budget = Budget(desk.clock)
    with working_on(hurried(desk, budget), trade_id, budget, wait_s=WAIT_FOR_OTHERS_S) as work:
        return _adopt(work)


def _adopt(work: Work) -> Trade:
    desk, trade = work.desk, work.read().trade
    stop = next((o for o in work.read().open_orders if o.role is Role.STOP), None)
    found = desk.exchange.look_up(stop.symbol, stop.order_link_id, since=stop.created_at) if stop else None
    report = found.report if found else None
    if (
        stop is None
        or report is None
        or report.status is not ReportStatus.LIVE
        or report.trigger_price is None
    ):
        raise NotFound(
            f"trade {trade.id} has no stop alive on the exchange", "`botbox monitor --once` arms one"
        )
    level = report.trigger_price
    _refuse_wrong_side(work, trade, report)
    work.renew()
    with desk.store.write(desk.account) as books:
        now = desk.clock.now()
        books.update_trade(trade.id, stop_loss=level, detail="")
        books.move_order(stop.order_link_id, [stop.status], stop.status, trigger_price=level, updated_at=now)
        work.log(books, "stop_adopted", f"from {trade.stop_loss} to {level}")
        return read_trade(books, trade.id).trade


def _refuse_wrong_side(work: Work, trade: Trade, report: OrderReport) -> None:
    quote = work.desk.exchange.quotes([trade.symbol]).get(trade.symbol)
    if quote is None or report.trigger_price is None:
        raise NotFound(f"the exchange gives no price for {trade.symbol}")
    if (quote.last - report.trigger_price) * trade.direction.sign <= 0:
        raise Denied(
            f"the stop on the exchange at {report.trigger_price} does not protect trade {trade.id} at {quote.last}",
            "`botbox monitor --once` puts the recorded one back",
            code="wrong_side",
        )
