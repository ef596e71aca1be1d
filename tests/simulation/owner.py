"""The owner of the account, who trades on the website as they like, beside botbox and on its orders."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.protocol import Request, to_ms
from botbox_cli.exchange.paper.state import Order
from tests.simulation.truth import name_of


class Owner:
    """One hand on the account. What the exchange refuses is simply not done."""

    def __init__(self, engine: PaperExchange, rng: Random) -> None:
        self._engine = engine
        self._rng = rng

    def act(self, symbols: tuple[str, ...]) -> str:
        """Do one thing and say what."""
        act = self._rng.choice(
            (
                self._cancel_stop,
                self._cancel_stop,
                self._move_stop,
                self._sell_ours,
                self._buy,
                self._sell_own,
            )
        )
        return act(self._rng.choice(symbols))

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

    def _some_stop(self, symbol: str) -> Order | None:
        account = self._engine._books.begin()
        stops = [o for o in account.open.values() if o.symbol == symbol and name_of(o.link_id)]
        return self._rng.choice(stops) if stops else None

    def _cancel(self, stop: Order) -> None:
        self._post("cancel", symbol=stop.symbol, orderLinkId=stop.link_id, orderFilter="tpslOrder")

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
