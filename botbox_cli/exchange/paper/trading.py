"""What happens to orders: accepted, matched, triggered, cancelled, amended, along the path of prices.

Everything that time brings is brought by `Trading.advance`, in the order of its moments, whenever a request looks:
a stop that would have triggered while nobody asked has triggered, at its moment and its price.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from functools import partial
from typing import Any, NamedTuple

from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.market import Book, Market, Move, price_at
from botbox_cli.exchange.paper.matching import (
    Bound,
    Fill,
    Taken,
    protective_bound,
    take,
    takes_at_once,
)
from botbox_cli.exchange.paper.number import ZERO, ceil_to, floor_to, parse, round_to
from botbox_cli.exchange.paper.orders import Draft, check_filters, read_draft
from botbox_cli.exchange.paper.protocol import HOUR_MS, Refusal
from botbox_cli.exchange.paper.state import Account, Effects, Execution, Lag, Order

MAX_OPEN = 500
MAX_TRIGGERS_PER_SYMBOL = 30
_COUNTED_FILTERS = ("tpslOrder", "StopOrder")


@dataclass(frozen=True, slots=True)
class Terms:
    """How this exchange behaves where Bybit's behaviour varies or tests want it different.

    `value_buy_status` is how a market buy by value ends when less than one step of it stays unspent: captures show
    both `PartiallyFilledCanceled` and `Filled`. `fee_in_mnt` takes fees in MNT, at `mnt_price` USDT, while there is
    enough of it. `hourly_interest` is charged on borrowed coins at each full hour; at most (`spot_leverage` − 1) × net
    worth may be borrowed.
    """

    taker_fee: Decimal = Decimal("0.001")
    maker_fee: Decimal = Decimal("0.001")
    match_delay_ms: int = 0
    cancel_delay_ms: int = 0
    lag: Lag = field(default_factory=Lag)
    value_buy_status: str = "PartiallyFilledCanceled"
    fee_in_mnt: bool = False
    mnt_price: Decimal = Decimal("0.7")
    hourly_interest: Decimal = Decimal("0.000005")
    spot_leverage: Decimal = Decimal(3)


class Event(NamedTuple):
    """The next thing that time brings to an order. Sorts by moment, then by the order's age."""

    at_ms: int
    number: int
    apply: Callable[[], None]
    order: Order


class Trading:
    """The life of orders on one account. Prices are fetched before a change: a silent market changes nothing."""

    def __init__(
        self, account: Account, market: Market, terms: Terms, instrument: Callable[[str], Instrument | None]
    ) -> None:
        self.account = account
        self._market = market
        self._terms = terms
        self._instrument = instrument

    # Requests

    def create(self, params: Mapping[str, Any], now_ms: int, effects: Effects | None = None) -> Order:
        """Accept a new order, and match it when no delay is set."""
        instrument = self._known(params.get("symbol"))
        last = self._market.last(instrument.symbol, now_ms)
        if last is None:
            raise Refusal(170151, "The trading pair is not open yet")
        draft = read_draft(params, instrument, last)
        if draft.link_id and draft.link_id in self.account.by_link:
            raise Refusal(170141, "Duplicate clientOrderId")
        self._check_counts(instrument.symbol, draft.order_filter)
        book = self._market.book(instrument, now_ms)
        bound = protective_bound(instrument, book, last, draft.is_buy, draft.tolerance_type, draft.tolerance)
        lock = _lock_of(draft, instrument, bound)
        self._check_funds(draft, instrument, lock, now_ms)
        order = self._open(draft, instrument, last, now_ms, effects)
        if draft.order_filter != "StopOrder":
            self._lock(order, *lock)
        if order.status == "Untriggered":
            return order
        if self._terms.match_delay_ms:
            order.due_ms = now_ms + self._terms.match_delay_ms
        else:
            self._match(order, instrument, book, last, now_ms)
        return order

    def find(self, params: Mapping[str, Any]) -> Order | None:
        """Return the order named by orderId or, failing that, orderLinkId; None when there is none."""
        order_id = params.get("orderId")
        if order_id:
            return self.account.orders.get(str(order_id))
        return self.account.by_link.get(str(params.get("orderLinkId") or ""))

    def cancel(self, params: Mapping[str, Any], now_ms: int) -> Order:
        """Accept the cancelling of one order; a TP/SL or conditional one is only found under its orderFilter."""
        if not params.get("orderId") and not params.get("orderLinkId"):
            raise Refusal(10001, "Request parameter error: orderId or orderLinkId is required")
        order = self.find(params)
        wanted = params.get("orderFilter") or "Order"
        if order is None or order.symbol != params.get("symbol") or order.order_filter != wanted:
            raise Refusal(170213, "Order does not exist.")
        if order.status == "Filled":
            raise Refusal(170139, "Order has been filled.")
        if not order.is_open:
            raise Refusal(170142, "Order has been cancelled.")
        self._start_cancel(order, now_ms)
        return order

    def cancel_all(self, params: Mapping[str, Any], now_ms: int) -> list[Order]:
        """Accept the cancelling of all open orders of one orderFilter, of one symbol or base coin if named."""
        wanted = params.get("orderFilter") or "Order"
        symbol, base = params.get("symbol"), params.get("baseCoin")
        chosen = [
            order
            for order in self.account.open.values()
            if order.order_filter == wanted
            and (not symbol or order.symbol == symbol)
            and (not base or self._known(order.symbol).base == base)
        ]
        for order in chosen:
            self._start_cancel(order, now_ms)
        return chosen

    def amend(self, params: Mapping[str, Any], now_ms: int) -> Order:
        """Change the quantity, price or trigger price of an order that waits."""
        order = self.find(params)
        if order is None or order.symbol != params.get("symbol"):
            raise Refusal(170213, "Order does not exist.")
        if order.status not in ("Untriggered", "New", "PartiallyFilled") or order.due_ms is not None:
            raise Refusal(170312, "The current order does not support modification")
        instrument = self._known(order.symbol)
        last = self._market.last(order.symbol, now_ms)
        assert last is not None, "an order exists on this symbol, so it has traded"
        book = self._market.book(instrument, now_ms)
        draft = _amended(order, params, last, instrument)
        if draft.qty <= order.cum_qty:
            raise Refusal(170313, "The modified contract quantity cannot be less than to the filled quantity")
        self._relock(order, draft, instrument)
        order.qty, order.price = draft.qty, draft.price
        if draft.trigger_price != order.trigger_price:
            order.trigger_price = draft.trigger_price
            order.rising = draft.trigger_price > last
        order.active_ms = now_ms
        self.account.touch(order, now_ms)
        if order.status != "Untriggered":
            self._match_limit(order, instrument, book, now_ms)
        return order

    def repay(self, coin: str, amount: Decimal | None) -> Decimal:
        """Pay back borrowed coins from what is free; return what was paid."""
        balance = self.account.ledger.of(coin)
        return self.account.ledger.repay(coin, balance.free if amount is None else amount)

    # Time

    def advance(self, now_ms: int) -> None:
        """Bring the account from where it stood to `now_ms`."""
        account = self.account
        after_ms = account.advanced_ms
        if after_ms is None or now_ms <= after_ms:
            account.advanced_ms = max(now_ms, after_ms or now_ms)
            return
        if account.open:
            self._walk(after_ms, now_ms)
        self._accrue_interest(after_ms, now_ms)
        account.advanced_ms = now_ms

    def _walk(self, after_ms: int, now_ms: int) -> None:
        symbols = {order.symbol for order in self.account.open.values()}
        moves = {symbol: list(self._market.path(symbol, after_ms, now_ms)) for symbol in symbols}
        events = [
            event
            for order in self.account.open.values()
            if (event := self._next_event(order, moves[order.symbol], now_ms))
        ]
        heapq.heapify(events)
        while events:
            event = heapq.heappop(events)
            event.apply()
            order = event.order
            if order.is_open:
                following = self._next_event(order, moves[order.symbol], now_ms)
                if following:
                    heapq.heappush(events, following)

    def _next_event(self, order: Order, moves: Sequence[Move], now_ms: int) -> Event | None:
        event = self._price_event(order, moves)
        cancel_ms = order.cancel_due_ms
        if cancel_ms is not None and cancel_ms <= now_ms and (event is None or cancel_ms <= event.at_ms):
            return Event(cancel_ms, order.number, partial(self._cancel, order, cancel_ms), order)
        return event if event is not None and event.at_ms <= now_ms else None

    def _price_event(self, order: Order, moves: Sequence[Move]) -> Event | None:
        due_ms = order.due_ms
        if due_ms is not None:
            return Event(due_ms, order.number, partial(self._meet, order, due_ms), order)
        tick = self._known(order.symbol).tick
        if order.status == "Untriggered":
            hit = _reached(moves, order.trigger_price, order.rising, order.active_ms, tick)
            if hit is None:
                return None
            return Event(hit.at_ms, order.number, partial(self._trigger, order, hit), order)
        # A resting order fills when the price has gone through it: at its price there are others before it.
        beyond = order.price - tick if order.is_buy else order.price + tick
        hit = _reached(moves, beyond, not order.is_buy, order.active_ms, tick)
        if hit is None:
            return None
        return Event(hit.at_ms, order.number, partial(self._rest_fills, order, hit.at_ms), order)

    def _accrue_interest(self, after_ms: int, now_ms: int) -> None:
        hours = now_ms // HOUR_MS - after_ms // HOUR_MS
        if not hours:
            return
        for balance in list(self.account.ledger.balances.values()):
            if balance.borrowed:
                hourly = (balance.borrowed * self._terms.hourly_interest).quantize(Decimal("1E-8"), ROUND_UP)
                self.account.ledger.of(balance.coin).interest += hourly * hours

    # Accepting

    def _known(self, symbol: object) -> Instrument:
        instrument = self._instrument(symbol) if isinstance(symbol, str) else None
        if instrument is None:
            raise Refusal(170121, "Invalid symbol.")
        return instrument

    def _check_counts(self, symbol: str, order_filter: str) -> None:
        waiting = self.account.open.values()
        full = len(waiting) >= MAX_OPEN
        if order_filter in _COUNTED_FILTERS:
            same = sum(1 for o in waiting if o.symbol == symbol and o.order_filter == order_filter)
            full = full or same >= MAX_TRIGGERS_PER_SYMBOL
        if full:
            raise Refusal(170810, "Cannot exceed maximum of 500 conditional, TP/SL and active orders. ")

    def _check_funds(
        self, draft: Draft, instrument: Instrument, lock: tuple[str, Decimal], now_ms: int
    ) -> None:
        if draft.order_filter == "StopOrder":
            return
        coin, amount = lock
        missing = amount - self.account.ledger.free(coin)
        if missing <= ZERO:
            return
        if not draft.is_leverage:
            raise Refusal(170131, "Insufficient balance.")
        if not self.account.margin_mode:
            raise Refusal(
                170036,
                "You haven't enabled Cross Margin Trading yet. To do so, please head to the PC trading site"
                " or the Bybit app",
            )
        if not instrument.margin:
            raise Refusal(170344, "Symbol is not supported on Margin Trading")
        if missing > self.borrowable(coin, now_ms):
            raise Refusal(170033, "margin Insufficient account balance")

    def borrowable(self, coin: str, now_ms: int) -> Decimal:
        """Return how much of `coin` may still be borrowed: (leverage − 1) × net worth, less what is owed."""
        price = self.usdt_price(coin, now_ms)
        if not price:
            return ZERO
        worth = owed = ZERO
        for balance in self.account.ledger.balances.values():
            each = self.usdt_price(balance.coin, now_ms)
            debt = balance.borrowed + balance.interest
            worth += (balance.wallet - debt) * each
            owed += debt * each
        room = worth * (self._terms.spot_leverage - 1) - owed
        return max(ZERO, room / price)

    def usdt_price(self, coin: str, now_ms: int) -> Decimal:
        """Return what one `coin` is worth in USDT, 0 when no market says."""
        if coin in ("USDT", "USDC"):
            return Decimal(1)
        if self._instrument(coin + "USDT") is None:
            return self._terms.mnt_price if coin == "MNT" else ZERO
        return self._market.last(coin + "USDT", now_ms) or ZERO

    def _open(
        self, draft: Draft, instrument: Instrument, last: Decimal, now_ms: int, effects: Effects | None
    ) -> Order:
        number = self.account.next_number()
        # As Bybit's: 19 digits, rising with time; its own link id is the next number.
        order_id = str((now_ms << 20) | (number << 1) & 0xFFFFF)
        order = Order(
            number=number,
            order_id=order_id,
            link_id=draft.link_id or str(int(order_id) + 1),
            symbol=instrument.symbol,
            side=draft.side,
            order_type=draft.order_type,
            time_in_force=draft.time_in_force,
            market_unit=draft.market_unit,
            order_filter=draft.order_filter,
            qty=draft.qty,
            price=draft.price,
            trigger_price=draft.trigger_price,
            rising=draft.trigger_price > last,
            is_leverage=draft.is_leverage,
            tolerance_type=draft.tolerance_type,
            tolerance=draft.tolerance,
            last_at_creation=last,
            created_ms=now_ms,
            updated_ms=now_ms,
            active_ms=now_ms,
            status="Untriggered" if draft.trigger_price else "New",
            effects=effects,
        )
        self.account.add(order)
        return order

    def _lock(self, order: Order, coin: str, amount: Decimal) -> None:
        amount = min(amount, self.account.ledger.free(coin))
        order.lock_coin, order.locked = coin, amount
        self.account.ledger.of(coin).locked += amount

    def _relock(self, order: Order, draft: Draft, instrument: Instrument) -> None:
        if order.order_filter == "StopOrder":
            return
        coin, amount = _lock_of(draft._replace(qty=draft.qty - order.cum_qty), instrument, None)
        if amount - order.locked > self.account.ledger.free(coin):
            raise Refusal(170131, "Insufficient balance.")
        self._release(order)
        self._lock(order, coin, amount)

    def _release(self, order: Order) -> None:
        if order.locked:
            self.account.ledger.of(order.lock_coin).locked -= order.locked
            order.locked = ZERO

    # Matching

    def _meet(self, order: Order, now_ms: int) -> None:
        """Let an order whose matching was delayed meet the book of that moment."""
        instrument = self._known(order.symbol)
        last = self._market.last(order.symbol, now_ms) or order.last_at_creation
        self._match(order, instrument, self._market.book(instrument, now_ms), last, now_ms)

    def _match(self, order: Order, instrument: Instrument, book: Book, last: Decimal, now_ms: int) -> None:
        order.due_ms = None
        effects = order.effects
        if effects is not None and effects.reject_reason:
            self._end(order, "Rejected", effects.reject_reason, now_ms)
        elif order.order_type == "Market":
            self._match_market(order, instrument, book, last, now_ms)
        else:
            self._match_limit(order, instrument, book, now_ms)

    def _match_market(
        self, order: Order, instrument: Instrument, book: Book, last: Decimal, now_ms: int
    ) -> None:
        bound = protective_bound(instrument, book, last, order.is_buy, order.tolerance_type, order.tolerance)
        taken = self._take(order, instrument, book, bound)
        leaves_value = order.qty - sum((f.price * f.qty for f in taken.fills), ZERO)
        for fill in taken.fills:
            self._fill(order, instrument, fill, now_ms, is_maker=False, order_price=bound.price)
        reason = taken.reason
        if not order.by_value and not reason and order.cum_qty < order.qty:
            reason = "EC_CancelForNoFullFill"
        if order.is_buy and order.by_value and not reason and leaves_value:
            # The ordinary end of a buy by value: less than one step's price stays unspent.
            filled = self._terms.value_buy_status == "Filled"
            reason = "" if filled and order.cum_qty else "EC_CancelForNoFullFill"
        self._end(order, _ended(order, reason), reason or "EC_NoError", now_ms)

    def _match_limit(self, order: Order, instrument: Instrument, book: Book, now_ms: int) -> None:
        against = book.asks if order.is_buy else book.bids
        if order.time_in_force == "PostOnly" and takes_at_once(against, order.price, order.is_buy):
            self._end(order, "Cancelled", "EC_PostOnlyWillTakeLiquidity", now_ms)
            return
        taken = self._take(order, instrument, book, Bound(order.price, ""))
        got = sum((fill.qty for fill in taken.fills), ZERO)
        if order.time_in_force == "FOK" and got < order.qty:
            self._end(order, "Cancelled", "EC_NoEnoughQtyToFill", now_ms)
            return
        for fill in taken.fills:
            self._fill(order, instrument, fill, now_ms, is_maker=False, order_price=order.price)
        if order.cum_qty == order.qty:
            self._end(order, "Filled", "EC_NoError", now_ms)
        elif order.time_in_force == "IOC":
            reason = "EC_CancelForNoFullFill" if got else "EC_NoImmediateQtyToFill"
            self._end(order, _ended(order, reason), reason, now_ms)
        else:
            self._rest(order, now_ms)

    def _rest(self, order: Order, now_ms: int) -> None:
        order.status = "PartiallyFilled" if order.cum_qty else "New"
        order.active_ms = now_ms
        if order.is_buy:
            # What was taken cheaper than the limit need not stay locked.
            spare = order.locked - (order.qty - order.cum_qty) * order.price
            if spare > ZERO:
                order.locked -= spare
                self.account.ledger.of(order.lock_coin).locked -= spare
        self.account.touch(order, now_ms)

    def _take(self, order: Order, instrument: Instrument, book: Book, bound: Bound) -> Taken:
        wanted = order.qty - (order.cum_value if order.by_value else order.cum_qty)
        cut = order.effects.fill_fraction if order.effects else None
        if cut is not None:
            step = instrument.quote_step if order.by_value else instrument.base_step
            wanted = floor_to(wanted * cut, step)
            if not wanted:
                return Taken([], "EC_NoImmediateQtyToFill")
        qty, value = (None, wanted) if order.by_value else (wanted, None)
        if not order.is_leverage:
            spendable = order.locked + self.account.ledger.free(
                instrument.quote if order.is_buy else instrument.base
            )
            if order.is_buy:
                taken = take(instrument, book, True, bound, qty=qty, value=value, budget=spendable)
            else:
                most = spendable if qty is None else min(qty, spendable)
                taken = take(instrument, book, False, bound, qty=most, value=value)
        else:
            taken = take(instrument, book, order.is_buy, bound, qty=qty, value=value)
        if cut is not None and not taken.reason and cut < 1:
            return Taken(taken.fills, "EC_NoImmediateQtyToFill")
        return taken

    def _rest_fills(self, order: Order, now_ms: int) -> None:
        """Fill what rests of a limit order at its own price: somebody took it."""
        instrument = self._known(order.symbol)
        fill = Fill(order.price, order.qty - order.cum_qty)
        self._fill(order, instrument, fill, now_ms, is_maker=True, order_price=order.price)
        self._end(order, "Filled", "EC_NoError", now_ms)

    def _trigger(self, order: Order, hit: Hit) -> None:
        instrument = self._known(order.symbol)
        book = self._market.book(instrument, hit.at_ms, hit.price)
        order.status, order.triggered_ms, order.active_ms = "Triggered", hit.at_ms, hit.at_ms
        self.account.touch(order, hit.at_ms)
        if order.order_filter == "StopOrder" and not self._occupy(order, instrument, book, hit):
            return
        if self._terms.match_delay_ms:
            order.due_ms = hit.at_ms + self._terms.match_delay_ms
        else:
            self._match(order, instrument, book, hit.price, hit.at_ms)

    def _occupy(self, order: Order, instrument: Instrument, book: Book, hit: Hit) -> bool:
        """Lock what a conditional order needs now that it triggered; without it, the order is cancelled."""
        bound = protective_bound(instrument, book, hit.price, order.is_buy, "", "")
        draft = _draft_of(order)._replace(trigger_price=ZERO)
        coin, amount = _lock_of(draft, instrument, bound)
        if amount > self.account.ledger.free(coin) and not order.is_leverage:
            self._end(order, "Cancelled", "EC_Others", hit.at_ms)
            return False
        self._lock(order, coin, amount)
        return True

    def _fill(
        self,
        order: Order,
        instrument: Instrument,
        fill: Fill,
        now_ms: int,
        *,
        is_maker: bool,
        order_price: Decimal,
    ) -> None:
        ledger, value = self.account.ledger, fill.price * fill.qty
        rate = self._terms.maker_fee if is_maker else self._terms.taker_fee
        if order.is_buy:
            spent_coin, spent, got_coin, got = instrument.quote, value, instrument.base, fill.qty
        else:
            spent_coin, spent, got_coin, got = instrument.base, fill.qty, instrument.quote, value
        self._spend(order, spent_coin, spent)
        ledger.of(got_coin).wallet += got
        fee_coin, fee = self._charge(got_coin, got * rate, value * rate)
        order.cum_qty += fill.qty
        order.cum_value += value
        order.fees[fee_coin] = order.fees.get(fee_coin, ZERO) + fee
        seq = self.account.next_number()
        self.account.record(
            Execution(
                seq=seq,
                exec_id=f"2{(now_ms << 20) | seq & 0xFFFFF}",
                order_id=order.order_id,
                link_id=order.link_id,
                symbol=order.symbol,
                side=order.side,
                order_type=order.order_type,
                stop_order_type=stop_order_type(order),
                market_unit=order.market_unit,
                price=fill.price,
                qty=fill.qty,
                value=value,
                fee=fee,
                fee_coin=fee_coin,
                fee_rate=rate,
                is_maker=is_maker,
                order_price=order_price,
                order_qty=ZERO if order.by_value else order.qty,
                leaves_qty=ZERO if order.by_value else order.qty - order.cum_qty,
                time_ms=now_ms,
            )
        )

    def _charge(self, got_coin: str, fee: Decimal, quote_fee: Decimal) -> tuple[str, Decimal]:
        """Take the fee out of the received coin, or out of MNT where that is switched on and suffices."""
        ledger = self.account.ledger
        if self._terms.fee_in_mnt:
            in_mnt = (quote_fee / self._terms.mnt_price).quantize(Decimal("1E-8"), ROUND_UP)
            if ledger.free("MNT") >= in_mnt:
                ledger.of("MNT").wallet -= in_mnt
                return "MNT", in_mnt
        ledger.of(got_coin).wallet -= fee
        return got_coin, fee

    def _spend(self, order: Order, coin: str, amount: Decimal) -> None:
        balance = self.account.ledger.of(coin)
        used = min(order.locked, amount)
        order.locked -= used
        balance.locked -= used
        missing = amount - balance.free
        if missing > ZERO:
            assert order.is_leverage, "an order without leverage spends what it locked or what is free"
            self.account.ledger.borrow(coin, missing)
        balance.wallet -= amount

    # Ends

    def _start_cancel(self, order: Order, now_ms: int) -> None:
        if self._terms.cancel_delay_ms:
            order.cancel_due_ms = now_ms + self._terms.cancel_delay_ms
            self.account.dirty_orders[order.order_id] = order
        else:
            self._cancel(order, now_ms)

    def _cancel(self, order: Order, now_ms: int) -> None:
        order.cancel_type = "CancelByUser"
        if order.status == "Untriggered":
            self._end(order, "Deactivated", "EC_PerCancelRequest", now_ms)
        else:
            self._end(order, _ended(order, "EC_PerCancelRequest"), "EC_PerCancelRequest", now_ms)

    def _end(self, order: Order, status: str, reason: str, now_ms: int) -> None:
        order.status, order.reject_reason = status, reason
        order.due_ms = order.cancel_due_ms = None
        self._release(order)
        self.account.touch(order, now_ms)


class Hit(NamedTuple):
    """Where the path first reached a price: when, and what the price was then (beyond it after a gap)."""

    at_ms: int
    price: Decimal


def _reached(
    moves: Sequence[Move], price: Decimal, rising: bool, active_ms: int, tick: Decimal
) -> Hit | None:
    """Return where `moves` first reach `price` from below (`rising`) or from above, not before `active_ms`."""
    for move in moves:
        if move.end_ms < active_ms or (move.since_ms is not None and move.since_ms < active_ms):
            continue
        if _is_beyond(move.start, price, rising):
            hit = Hit(move.start_ms, move.start)
        elif _is_beyond(move.end, price, rising):
            share = (price - move.start) / (move.end - move.start)
            hit = Hit(move.start_ms + int(share * (move.end_ms - move.start_ms)), price)
        else:
            continue
        if hit.at_ms >= active_ms:
            return hit
        # The order came when this move was on its way: is the price beyond at that moment?
        present = round_to(price_at(move, active_ms), tick)
        if _is_beyond(present, price, rising):
            return Hit(active_ms, present)
    return None


def _is_beyond(value: Decimal, price: Decimal, rising: bool) -> bool:
    return value >= price if rising else value <= price


def _ended(order: Order, reason: str) -> str:
    if not order.cum_qty:
        return "Cancelled"
    return "PartiallyFilledCanceled" if reason else "Filled"


def stop_order_type(order: Order) -> str:
    """Return Bybit's stopOrderType of an order."""
    return {"Order": "", "StopOrder": "Stop"}.get(order.order_filter, order.order_filter)


def _lock_of(draft: Draft, instrument: Instrument, bound: Bound | None) -> tuple[str, Decimal]:
    """Return what an order occupies: (coin, amount).

    A market buy in base coin occupies its quantity at the dearest price it may pay, and a market sell by value the
    coins it needs at the cheapest it may take: what it can come to is covered, and what it does not need is released.
    """
    qty = draft.qty
    if draft.order_type == "Limit":
        return (instrument.quote, qty * draft.price) if draft.is_buy else (instrument.base, qty)
    if draft.trigger_price:
        trigger = draft.trigger_price
        worst = instrument.highest_buy(trigger) if draft.is_buy else instrument.lowest_sell(trigger)
    else:
        assert bound is not None, "a market order that is not waiting for a trigger has a bound"
        worst = bound.price
    if draft.is_buy:
        return instrument.quote, qty if draft.by_value else qty * worst
    return instrument.base, ceil_to(qty / worst, instrument.base_step) if draft.by_value else qty


def _draft_of(order: Order) -> Draft:
    return Draft(
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        market_unit=order.market_unit,
        order_filter=order.order_filter,
        qty=order.qty,
        price=order.price,
        trigger_price=order.trigger_price,
        is_leverage=order.is_leverage,
        tolerance_type=order.tolerance_type,
        tolerance=order.tolerance,
        link_id=order.link_id,
    )


def _amended(order: Order, params: Mapping[str, Any], last: Decimal, instrument: Instrument) -> Draft:
    changes: dict[str, Any] = {}
    for name, attribute in (("qty", "qty"), ("price", "price"), ("triggerPrice", "trigger_price")):
        text = params.get(name)
        if text in (None, ""):
            continue
        value = parse(text)
        if value is None or not value:
            raise Refusal(170130, f"Data sent for paramter '{name}' is not valid.")
        if not getattr(order, attribute):
            raise Refusal(170312, "The current order does not support modification")
        changes[attribute] = value
    if not changes:
        raise Refusal(10001, "Request parameter error: nothing to modify")
    draft = _draft_of(order)._replace(**changes)
    check_filters(draft, instrument, last)
    return draft
