"""The owner of the account, who trades on the website as they like, beside botbox and on its orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from random import Random
from typing import Any

from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.protocol import Request, to_ms
from botbox_cli.exchange.paper.state import Order
from tests.simulation.truth import name_of

Acts = tuple[Callable[["Owner", str], str], ...]


class Owner:
    """One hand on the account. What the exchange refuses is simply not done."""

    def __init__(self, engine: PaperExchange, rng: Random, *, only_stops: bool = False) -> None:
        """`only_stops`: the owner trades nothing, for coins of their own would be taken by a short."""
        self._engine = engine
        self._rng = rng
        self._acts: Acts = (Owner._cancel_stop, Owner._cancel_stop, Owner._move_stop)
        if not only_stops:
            trades = (
                Owner._sell_ours,
                Owner._buy,
                Owner._sell_own,
                Owner._rest,
                Owner._rest,
                Owner._cancel_own,
            )
            self._acts = self._acts + trades
        self._resting = 0
        self.cancelled: set[str] = set()
        """Link ids of what the owner cancelled."""
        self.moved: dict[str, Decimal] = defaultdict(Decimal)
        """What the owner moved away, by coin."""

    def act(self, symbols: tuple[str, ...]) -> str:
        """Do one thing and say what."""
        return self._rng.choice(self._acts)(self, self._rng.choice(symbols))

    def move_away(self, symbols: Iterable[str]) -> None:
        """Move what shorts in these symbols, now flat, left over: beside coins of one's own there is no short."""
        account = self._engine._books.begin()
        for symbol in symbols:
            balance = account.ledger.of(self._rules(symbol).base)
            if not self._open(symbol) and not (balance.borrowed or balance.interest or balance.locked):
                self.moved[balance.coin] += balance.wallet
                balance.wallet = Decimal(0)
        self._engine._books.commit()

    def _cancel_stop(self, symbol: str) -> str:
        stop = self._some_stop(symbol)
        if stop is None:
            return "looks on"
        self._cancel(stop)
        return f"cancels {stop.link_id}"

    def _move_stop(self, symbol: str) -> str:
        stop = self._some_stop(symbol)
        if stop is None:
            return "looks on"
        if self._rng.random() < 0.5:
            tick = self._rules(symbol).tick
            moved = stop.trigger_price * Decimal(self._rng.choice(("0.97", "0.99", "1.005")))
            price = (moved / tick).to_integral_value() * tick
            self._post("amend", symbol=symbol, orderLinkId=stop.link_id, triggerPrice=str(price))
            return f"moves {stop.link_id} to {price}"
        step = self._rules(symbol).base_step
        qty = (stop.qty / 2 / step).to_integral_value() * step
        self._post("amend", symbol=symbol, orderLinkId=stop.link_id, qty=str(qty))
        return f"cuts {stop.link_id} to {qty}"

    def _sell_ours(self, symbol: str) -> str:
        stop = self._some_stop(symbol)
        if stop is None:
            return "looks on"
        self._cancel(stop)
        step = self._rules(symbol).base_step
        share = Decimal(self._rng.choice(("1", "1", "0.5")))
        qty = (stop.qty * share / step).to_integral_value() * step
        self._trade(symbol, "Sell", qty)
        return f"cancels {stop.link_id} and sells {qty}"

    def _buy(self, symbol: str) -> str:
        step = self._rules(symbol).base_step
        last = self._last(symbol)
        qty = (Decimal(20) / last / step).to_integral_value() * step
        self._trade(symbol, "Buy", qty)
        return f"buys {qty} {symbol}"

    def _sell_own(self, symbol: str) -> str:
        """Sell what is free of a coin, which botbox's stops have not locked."""
        rules = self._rules(symbol)
        free = self._engine._books.begin().ledger.free(rules.base)
        qty = (free * Decimal("0.6") / rules.base_step).to_integral_value() * rules.base_step
        self._trade(symbol, "Sell", qty)
        return f"sells {qty} {symbol}"

    def _rest(self, symbol: str) -> str:
        """Leave an order of one's own on the book: below the price, or a stop that another installation made."""
        self._resting += 1
        rules, last = self._rules(symbol), self._last(symbol)
        qty = format((Decimal(30) / last / rules.base_step).to_integral_value() * rules.base_step, "f")
        at = last * Decimal(self._rng.choice(("0.93", "0.98", "0.995")))
        price = format((at / rules.tick).to_integral_value() * rules.tick, "f")
        if self._rng.random() < 0.3:
            link = f"bb-other1-{self._resting}-stop1"
            shape = {"orderType": "Market", "triggerPrice": price, "orderFilter": "StopOrder"}
            shape |= {"side": "Buy", "marketUnit": "baseCoin"}
        else:
            link = f"own-{self._resting}"
            shape = {"orderType": "Limit", "price": price, "side": "Buy"}
        self._post("create", symbol=symbol, qty=qty, orderLinkId=link, **shape)
        return f"leaves {link} at {price}"

    def _cancel_own(self, symbol: str) -> str:
        own = [o for o in self._open(symbol) if not _is_botboxes(o)]
        if not own:
            return "looks on"
        order = self._rng.choice(own)
        self._cancel(order)
        return f"cancels {order.link_id}"

    def _some_stop(self, symbol: str) -> Order | None:
        stops = [o for o in self._open(symbol) if _is_botboxes(o)]
        return self._rng.choice(stops) if stops else None

    def _open(self, symbol: str) -> list[Order]:
        return [o for o in self._engine._books.begin().open.values() if o.symbol == symbol]

    def _cancel(self, order: Order) -> None:
        self.cancelled.add(order.link_id)
        self._post("cancel", symbol=order.symbol, orderLinkId=order.link_id, orderFilter=order.order_filter)

    def _trade(self, symbol: str, side: str, qty: Decimal) -> None:
        self._post(
            "create",
            symbol=symbol,
            side=side,
            orderType="Market",
            qty=format(qty, "f"),
            marketUnit="baseCoin",
        )

    def _post(self, what: str, **params: str) -> None:
        self._engine.handle(Request("POST", f"/v5/order/{what}", {"category": "spot", **params}))

    def _rules(self, symbol: str) -> Any:
        rules = self._engine.instrument(symbol)
        assert rules is not None, symbol
        return rules

    def _last(self, symbol: str) -> Decimal:
        last = self._engine.market.last(symbol, to_ms(self._engine.clock.now()))
        assert last is not None, symbol
        return last


def _is_botboxes(order: Order) -> bool:
    name = name_of(order.link_id)
    return name is not None and not name.installation.startswith("other")
