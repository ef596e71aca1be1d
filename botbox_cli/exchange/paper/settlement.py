"""The coins of an order: occupied, exchanged, released."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal

from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.matching import Fill
from botbox_cli.exchange.paper.number import ZERO
from botbox_cli.exchange.paper.state import Account, Execution, Order
from botbox_cli.exchange.paper.terms import Terms


class Settlement:
    """Moves the coins of one account's orders, and ends the orders."""

    def __init__(self, account: Account, terms: Terms) -> None:
        self._account = account
        self._terms = terms

    def lock(self, order: Order, coin: str, amount: Decimal) -> None:
        """Occupy `amount`, or what is free of it: leverage covers the rest."""
        amount = min(amount, self._account.ledger.free(coin))
        order.lock_coin, order.locked = coin, amount
        self._account.ledger.of(coin).locked += amount

    def release(self, order: Order, amount: Decimal) -> None:
        """Free a part of what the order occupies."""
        if amount > ZERO:
            order.locked -= amount
            self._account.ledger.of(order.lock_coin).locked -= amount

    def spendable(self, order: Order, coin: str) -> Decimal:
        """Return what the order may spend of its own coins: what it occupies and what is free."""
        return order.locked + self._account.ledger.free(coin)

    def end(self, order: Order, reason: str, now_ms: int, status: str = "") -> None:
        """Give the order its end: `status`, or the one that follows from its fills and from why it stopped short."""
        if not status:
            complete = "PartiallyFilledCanceled" if reason else "Filled"
            status = complete if order.cum_qty else "Cancelled"
        order.status, order.reject_reason = status, reason or "EC_NoError"
        self.release(order, order.locked)
        self._account.touch(order, now_ms)

    def fill(
        self,
        order: Order,
        instrument: Instrument,
        fill: Fill,
        now_ms: int,
        *,
        is_maker: bool,
        order_price: Decimal,
    ) -> None:
        """Exchange the coins of one fill, take its fee, and record it."""
        ledger, value = self._account.ledger, fill.price * fill.qty
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
        seq = self._account.next_number()
        self._account.record(
            Execution(
                seq=seq,
                exec_id=f"2{(now_ms << 20) | seq & 0xFFFFF}",
                order_id=order.order_id,
                link_id=order.link_id,
                symbol=order.symbol,
                side=order.side,
                order_type=order.order_type,
                stop_order_type=order.stop_order_type,
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
        ledger = self._account.ledger
        if self._terms.fee_in_mnt:
            in_mnt = (quote_fee / self._terms.mnt_price).quantize(Decimal("1E-8"), ROUND_UP)
            if ledger.free("MNT") >= in_mnt:
                ledger.of("MNT").wallet -= in_mnt
                return "MNT", in_mnt
        ledger.of(got_coin).wallet -= fee
        return got_coin, fee

    def _spend(self, order: Order, coin: str, amount: Decimal) -> None:
        balance = self._account.ledger.of(coin)
        used = min(order.locked, amount)
        order.locked -= used
        balance.locked -= used
        missing = amount - balance.free
        if missing > ZERO:
            assert order.is_leverage, "an order without leverage spends what it locked or what is free"
            self._account.ledger.borrow(coin, missing)
        balance.wallet -= amount
