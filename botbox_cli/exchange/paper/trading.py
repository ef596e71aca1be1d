"""What happens to orders: accepted, matched, triggered, cancelled, amended, along the path of prices.

Everything that time brings is brought by `Trading.advance`, in the order of its moments, whenever a request looks:
a stop that would have triggered while nobody asked has triggered, at its moment and its price.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from botbox_cli.exchange.paper.crossing import Hit, reached
from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.margin import Margin
from botbox_cli.exchange.paper.market import Book, Market, Move
from botbox_cli.exchange.paper.matcher import Matcher
from botbox_cli.exchange.paper.matching import protective_bound
from botbox_cli.exchange.paper.number import ZERO
from botbox_cli.exchange.paper.orders import Draft, amended, draft_of, lock_of, read_draft
from botbox_cli.exchange.paper.protocol import Refusal
from botbox_cli.exchange.paper.settlement import Settlement
from botbox_cli.exchange.paper.state import Account, Effects, Order
from botbox_cli.exchange.paper.terms import Terms

MAX_OPEN = 500
MAX_TRIGGERS_PER_SYMBOL = 30
_COUNTED_FILTERS = ("tpslOrder", "StopOrder")


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
        self.margin = Margin(account, market, terms, instrument)
        self._market = market
        self._terms = terms
        self._instrument = instrument
        self._settlement = Settlement(account, terms)
        self._matcher = Matcher(account, terms, self._settlement)

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
        lock = lock_of(draft, instrument, bound.price)
        self._check_funds(draft, instrument, lock, now_ms)
        order = self._open(draft, instrument, last, now_ms, effects)
        if draft.order_filter != "StopOrder":
            self._settlement.lock(order, *lock)
        if order.status == "Untriggered":
            return order
        if self._terms.match_delay_ms:
            order.due_ms = now_ms + self._terms.match_delay_ms
        else:
            self._matcher.match(order, instrument, book, last, now_ms)
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
        draft = amended(order, params, instrument, last)
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
            self._matcher.match_limit(order, instrument, book, now_ms)
        return order

    # Time

    def advance(self, now_ms: int) -> None:
        """Bring the account from where it stood to `now_ms`."""
        account = self.account
        after_ms = account.advanced_ms
        if after_ms is None:
            account.advanced_ms = now_ms
            return
        if now_ms < after_ms:
            return
        if account.open:
            self._walk(after_ms, now_ms)
        self.margin.accrue(after_ms, now_ms)
        account.advanced_ms = now_ms

    def _walk(self, after_ms: int, now_ms: int) -> None:
        """Let prices, delays and delistings happen to the open orders, in the order of their moments."""
        moves = {}
        for symbol in sorted({order.symbol for order in self.account.open.values()}):
            if self._instrument(symbol) is not None:
                moves[symbol] = list(self._market.path(symbol, after_ms, now_ms))
                continue
            for order in [each for each in self.account.open.values() if each.symbol == symbol]:
                order.cancel_type = "CancelByAdmin"
                self._withdraw(order, "EC_InvalidSymbolStatus", now_ms)
        events = []
        for order in self.account.open.values():
            way = moves[order.symbol]
            if way or order.due_ms is not None or order.cancel_due_ms is not None:
                event = self._next_event(order, way, now_ms)
                if event is not None:
                    events.append(event)
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
        event = self._price_event(order, moves) if moves or order.due_ms is not None else None
        cancel_ms = order.cancel_due_ms
        if cancel_ms is not None and cancel_ms <= now_ms and (event is None or cancel_ms <= event.at_ms):
            return Event(cancel_ms, order.number, partial(self._cancel, order, cancel_ms), order)
        return event if event is not None and event.at_ms <= now_ms else None

    def _price_event(self, order: Order, moves: Sequence[Move]) -> Event | None:
        due_ms = order.due_ms
        if due_ms is not None:
            return Event(due_ms, order.number, partial(self._meet, order, due_ms), order)
        instrument = self._known(order.symbol)
        tick = instrument.tick
        if order.status == "Untriggered":
            hit = reached(moves, order.trigger_price, order.rising, order.active_ms, tick)
            if hit is None:
                return None
            return Event(hit.at_ms, order.number, partial(self._trigger, order, hit), order)
        # A resting order fills when the price has gone through it: at its price there are others before it.
        beyond = order.price - tick if order.is_buy else order.price + tick
        hit = reached(moves, beyond, not order.is_buy, order.active_ms, tick)
        if hit is None:
            return None
        fill = partial(self._matcher.fill_resting, order, instrument, hit.at_ms)
        return Event(hit.at_ms, order.number, fill, order)

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
        self.margin.check(instrument, coin, missing, now_ms)

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

    def _relock(self, order: Order, draft: Draft, instrument: Instrument) -> None:
        if order.order_filter == "StopOrder":
            return
        coin, amount = lock_of(draft._replace(qty=draft.qty - order.cum_qty), instrument)
        if amount - order.locked > self.account.ledger.free(coin):
            raise Refusal(170131, "Insufficient balance.")
        self._settlement.release(order, order.locked)
        self._settlement.lock(order, coin, amount)

    # Matching

    def _meet(self, order: Order, now_ms: int) -> None:
        """Let an order whose matching was delayed meet the book of that moment."""
        instrument = self._known(order.symbol)
        last = self._market.last(order.symbol, now_ms) or order.last_at_creation
        self._matcher.match(order, instrument, self._market.book(instrument, now_ms), last, now_ms)

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
            self._matcher.match(order, instrument, book, hit.price, hit.at_ms)

    def _occupy(self, order: Order, instrument: Instrument, book: Book, hit: Hit) -> bool:
        """Lock what a conditional order needs now that it triggered; without it, the order is cancelled."""
        bound = protective_bound(instrument, book, hit.price, order.is_buy, "", "")
        draft = draft_of(order)._replace(trigger_price=ZERO)
        coin, amount = lock_of(draft, instrument, bound.price)
        if amount > self.account.ledger.free(coin) and not order.is_leverage:
            self._settlement.end(order, "EC_Others", hit.at_ms)
            return False
        self._settlement.lock(order, coin, amount)
        return True

    # Ends

    def _start_cancel(self, order: Order, now_ms: int) -> None:
        if self._terms.cancel_delay_ms:
            order.cancel_due_ms = now_ms + self._terms.cancel_delay_ms
            self.account.dirty_orders[order.order_id] = order
        else:
            self._cancel(order, now_ms)

    def _cancel(self, order: Order, now_ms: int) -> None:
        order.cancel_type = "CancelByUser"
        self._withdraw(order, "EC_PerCancelRequest", now_ms)

    def _withdraw(self, order: Order, reason: str, now_ms: int) -> None:
        status = "Deactivated" if order.status == "Untriggered" else ""
        self._settlement.end(order, reason, now_ms, status)
