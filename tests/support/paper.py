"""The paper exchange on a manual clock and scripted prices, spoken to in Bybit's own words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.limits import LimitRules
from botbox_cli.exchange.paper.market import Market
from botbox_cli.exchange.paper.protocol import Reply, Request, to_ms
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.state import Effects
from botbox_cli.exchange.paper.store import OPENING, Books, MemoryBooks
from botbox_cli.exchange.paper.terms import Terms

START = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)


class PaperDesk:
    """One account with 10,000 USDT, BTCUSDT at 100,000; requests go straight to the engine, unsigned and unlimited."""

    def __init__(
        self,
        *,
        terms: Terms | None = None,
        market: Market | None = None,
        opening: Mapping[str, Decimal] = OPENING,
        books: Books | None = None,
        clock: ManualClock | None = None,
    ) -> None:
        self.clock = clock or ManualClock(START)
        self.script = ScriptedMarket({"BTCUSDT": "100000", "ETHUSDT": "2500", "XRPUSDT": "0.5"})
        self.exchange = PaperExchange(
            books or MemoryBooks(opening),
            market or self.script,
            self.clock,
            terms=terms,
            limits=LimitRules(is_on=False),
            checks_signature=False,
        )

    @property
    def now_ms(self) -> int:
        return to_ms(self.clock.now())

    def reply(self, method: str, path: str, effects: Effects | None = None, **params: Any) -> Reply:
        """Send one request and return the answer whole."""
        return self.exchange.handle(Request(method, f"/v5/{path}", params), effects)

    def get(self, path: str, **params: Any) -> Any:
        """Return the result of a GET that must succeed; category=spot goes without saying."""
        return _result(self.reply("GET", path, **{"category": "spot", **params}))

    def post(self, path: str, effects: Effects | None = None, **params: Any) -> Any:
        """Return the result of a POST that must succeed."""
        return _result(self.reply("POST", path, effects, **{"category": "spot", **params}))

    def code(self, method: str, path: str, **params: Any) -> int:
        """Return the retCode of a request."""
        body = self.reply(method, path, **{"category": "spot", **params}).body
        assert isinstance(body, dict)
        return int(body["retCode"])

    # Orders

    def buy(self, qty: str = "0.01", link: str = "entry", **params: Any) -> None:
        """Buy at market, in base coin."""
        self.create(link=link, side="Buy", orderType="Market", qty=qty, marketUnit="baseCoin", **params)

    def sell(self, qty: str, link: str = "exit", **params: Any) -> None:
        """Sell at market."""
        self.create(link=link, side="Sell", orderType="Market", qty=qty, **params)

    def stop(self, qty: str, trigger: str, link: str = "stop", **params: Any) -> None:
        """Place a stop-market sell."""
        self.sell(qty, link, orderFilter="tpslOrder", triggerPrice=trigger, **params)

    def limit(self, side: str, qty: str, price: str, link: str = "limit", **params: Any) -> None:
        """Place a limit order."""
        self.create(link=link, side=side, orderType="Limit", qty=qty, price=price, **params)

    def create(
        self, *, link: str, symbol: str = "BTCUSDT", effects: Effects | None = None, **params: Any
    ) -> None:
        """Create an order that must be accepted."""
        self.post("order/create", effects, symbol=symbol, orderLinkId=link, **params)

    def refused(self, **params: Any) -> int:
        """Return the retCode with which a market buy of 0.01 BTC, changed by `params`, is answered."""
        base = {
            "symbol": "BTCUSDT",
            "side": "Buy",
            "orderType": "Market",
            "qty": "0.01",
            "marketUnit": "baseCoin",
        }
        asked = {name: value for name, value in {**base, **params}.items() if value is not None}
        return self.code("POST", "order/create", **asked)

    def cancel(self, link: str, **params: Any) -> None:
        """Cancel an order of BTCUSDT."""
        self.post("order/cancel", symbol="BTCUSDT", orderLinkId=link, **params)

    # Looking

    def order(self, link: str) -> dict[str, Any]:
        """Return an order's row."""
        [row] = self.get("order/realtime", orderLinkId=link)["list"]
        assert isinstance(row, dict)
        return row

    def status(self, link: str) -> str:
        """Return an order's status."""
        return str(self.order(link)["orderStatus"])

    def fills(self, link: str) -> list[dict[str, Any]]:
        """Return an order's executions, newest first."""
        rows = self.get("execution/list", orderLinkId=link)["list"]
        assert isinstance(rows, list)
        return rows

    def coin(self, name: str) -> dict[str, Any]:
        """Return a coin's row of the wallet."""
        [account] = self.get("account/wallet-balance", accountType="UNIFIED", coin=name)["list"]
        [row] = account["coin"]
        assert isinstance(row, dict)
        return row

    def wallet(self, name: str) -> Decimal:
        """Return what the wallet holds of a coin."""
        return Decimal(self.coin(name)["walletBalance"])

    def locked(self, name: str) -> Decimal:
        """Return what open orders lock of a coin."""
        return Decimal(self.coin(name)["locked"])

    # Moving

    def move(self, price: str, symbol: str = "BTCUSDT", after_s: float = 1) -> None:
        """Let time pass and the price jump at its end."""
        self.clock.sleep(after_s)
        self.script.set_price(symbol, price, self.now_ms)


def _result(reply: Reply) -> Any:
    assert isinstance(reply.body, dict), reply.body
    assert reply.body["retCode"] == 0, reply.body
    return reply.body["result"]
