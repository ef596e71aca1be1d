"""The exchange's rules of a pair, asked for anew when it has refused an order of a position that must be kept safe."""

from __future__ import annotations

from decimal import Decimal

from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import ceil_to_step, floor_to_step
from botbox_cli.domain.setup import Direction
from botbox_cli.domain.trade import Trade
from botbox_cli.errors import EXCHANGE_FAILED
from botbox_cli.services.book import instrument_of
from botbox_cli.services.lease import Work


def have_rules_changed(work: Work) -> bool:
    """Read the rules of a trade's pair again; True if an order made by them differs from one made by the stored ones.

    A stop price that lies between two new ticks moves to the one nearer to the entry, a smaller loss.
    """
    desk, trade = work.desk, work.read().trade
    try:
        found = desk.exchange.instruments(trade.symbol).get(trade.symbol)
    except EXCHANGE_FAILED:
        return False
    if found is None:
        return False
    stored = instrument_of(desk, trade.symbol)
    level = _on_tick(trade, found)
    now = work.renew()
    desk.store.save_instruments(desk.account.venue, [found], now)
    if level != trade.stop_loss:
        with desk.store.write(desk.account) as books:
            books.update_trade(trade.id, stop_loss=level)
            work.log(
                books, "stop_rounded", f"from {trade.stop_loss} to {level}: the tick is {found.tick_size} now"
            )
    return found != stored or level != trade.stop_loss


def _on_tick(trade: Trade, instrument: Instrument) -> Decimal:
    to_step = ceil_to_step if trade.direction is Direction.LONG else floor_to_step
    return to_step(trade.stop_loss, instrument.tick_size)
