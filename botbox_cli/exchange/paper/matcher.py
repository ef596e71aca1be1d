"""Orders meeting the book."""

from __future__ import annotations

from decimal import Decimal

from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.market import Book
from botbox_cli.exchange.paper.matching import (
    Bound,
    Fill,
    Taken,
    least,
    protective_bound,
    take,
    takes_at_once,
)
from botbox_cli.exchange.paper.number import ZERO, floor_to
from botbox_cli.exchange.paper.settlement import Settlement
from botbox_cli.exchange.paper.state import Account, Order
from botbox_cli.exchange.paper.terms import Terms


class Matcher:
    """Fills orders, or leaves them resting, or ends them."""

    def __init__(self, account: Account, terms: Terms, settlement: Settlement) -> None:
        self._account = account
        self._terms = terms
        self._settlement = settlement

    def match(self, order: Order, instrument: Instrument, book: Book, last: Decimal, now_ms: int) -> None:
        """Let an accepted order meet the book of its moment."""
        order.due_ms = None
        effects = order.effects
        if effects is not None and effects.reject_reason:
            self._settlement.end(order, effects.reject_reason, now_ms, "Rejected")
        elif order.order_type == "Market":
            self._match_market(order, instrument, book, last, now_ms)
        else:
            self.match_limit(order, instrument, book, now_ms)

    def _match_market(
        self, order: Order, instrument: Instrument, book: Book, last: Decimal, now_ms: int
    ) -> None:
        bound = protective_bound(instrument, book, last, order.is_buy, order.tolerance_type, order.tolerance)
        taken = self._take(order, instrument, book, bound)
        leaves_value = order.qty - sum((f.price * f.qty for f in taken.fills), ZERO)
        for fill in taken.fills:
            self._settlement.fill(order, instrument, fill, now_ms, is_maker=False, order_price=bound.price)
        reason = taken.reason
        if not order.by_value and not reason and order.cum_qty < order.qty:
            reason = "EC_CancelForNoFullFill"
        if order.is_buy and order.by_value and not reason and leaves_value:
            # The ordinary end of a buy by value: less than one step's price stays unspent.
            filled = self._terms.value_buy_status == "Filled"
            reason = "" if filled and order.cum_qty else "EC_CancelForNoFullFill"
        self._settlement.end(order, reason, now_ms)

    def match_limit(self, order: Order, instrument: Instrument, book: Book, now_ms: int) -> None:
        """Let a limit order take what is there, and rest if it may."""
        against = book.asks if order.is_buy else book.bids
        if order.time_in_force == "PostOnly" and takes_at_once(against, order.price, order.is_buy):
            self._settlement.end(order, "EC_PostOnlyWillTakeLiquidity", now_ms)
            return
        taken = self._take(order, instrument, book, Bound(order.price, ""))
        got = sum((fill.qty for fill in taken.fills), ZERO)
        if order.time_in_force == "FOK" and got < order.qty:
            self._settlement.end(order, "EC_NoEnoughQtyToFill", now_ms)
            return
        for fill in taken.fills:
            self._settlement.fill(order, instrument, fill, now_ms, is_maker=False, order_price=order.price)
        if order.cum_qty == order.qty:
            self._settlement.end(order, "", now_ms)
        elif order.time_in_force == "IOC":
            reason = "EC_CancelForNoFullFill" if got else "EC_NoImmediateQtyToFill"
            self._settlement.end(order, reason, now_ms)
        else:
            self._rest(order, now_ms)

    def _rest(self, order: Order, now_ms: int) -> None:
        order.status = "PartiallyFilled" if order.cum_qty else "New"
        order.active_ms = now_ms
        if order.is_buy:
            # What was taken cheaper than the limit need not stay locked.
            spare = order.locked - (order.qty - order.cum_qty) * order.price
            self._settlement.release(order, spare)
        self._account.touch(order, now_ms)

    def _take(self, order: Order, instrument: Instrument, book: Book, bound: Bound) -> Taken:
        wanted = order.qty - (order.cum_value if order.by_value else order.cum_qty)
        cut = order.effects.fill_fraction if order.effects else None
        if cut is not None:
            step = instrument.quote_step if order.by_value else instrument.base_step
            wanted = floor_to(wanted * cut, step)
            if not wanted:
                return Taken([], "EC_NoImmediateQtyToFill")
        qty, value = (None, wanted) if order.by_value else (wanted, None)
        own = None
        if not order.is_leverage:
            own = self._settlement.spendable(order, instrument.quote if order.is_buy else instrument.base)
        if order.is_buy:
            taken = take(instrument, book, True, bound, qty=qty, value=value, budget=own)
        else:
            taken = take(instrument, book, False, bound, qty=least(qty, own), value=value)
        if cut is not None and not taken.reason and cut < 1:
            return Taken(taken.fills, "EC_NoImmediateQtyToFill")
        return taken

    def fill_resting(self, order: Order, instrument: Instrument, now_ms: int) -> None:
        """Fill what rests of a limit order at its own price: somebody took it."""
        fill = Fill(order.price, order.qty - order.cum_qty)
        self._settlement.fill(order, instrument, fill, now_ms, is_maker=True, order_price=order.price)
        self._settlement.end(order, "", now_ms)
