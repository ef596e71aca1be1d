"""The exchange itself: one request in, the answer of the real host out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from botbox_cli.exchange.paper import auth, rows
from botbox_cli.exchange.paper.identity import Identity
from botbox_cli.exchange.paper.instrument import Instrument, from_row
from botbox_cli.exchange.paper.limits import LimitRules, Limits
from botbox_cli.exchange.paper.market import Market
from botbox_cli.exchange.paper.number import ZERO, floor_to, parse, plain
from botbox_cli.exchange.paper.protocol import Clock, Refusal, Reply, Request, to_ms
from botbox_cli.exchange.paper.public import PublicData
from botbox_cli.exchange.paper.state import Account, Effects, Order
from botbox_cli.exchange.paper.store import Books
from botbox_cli.exchange.paper.trading import Terms, Trading
from botbox_cli.exchange.paper.views import Views

Json = dict[str, Any]


class Call(NamedTuple):
    """One signed request at work, at its moment."""

    params: Mapping[str, Any]
    now_ms: int
    effects: Effects | None
    account: Account
    trading: Trading
    views: Views


class Route(NamedTuple):
    """An endpoint that needs a signature, and how often a second an account may ask it."""

    answer: Callable[[PaperExchange, Call], Json]
    per_second: int
    needs_category: bool = True


class PaperExchange:
    """Bybit v5 spot on one account. Safe to call from several threads; several processes may share its state file."""

    def __init__(
        self,
        books: Books,
        market: Market,
        clock: Clock,
        *,
        terms: Terms | None = None,
        limits: LimitRules | None = None,
        checks_signature: bool = True,
    ) -> None:
        self.clock = clock
        self.market = market
        self._books = books
        self._terms = terms or Terms()
        self._limits = Limits(limits or LimitRules())
        self._checks_signature = checks_signature
        self._lock = threading.RLock()
        self._rules: dict[str, Instrument] = {}
        self._public = PublicData(market, self.instrument)
        self._desk: tuple[Account, Trading, Views] | None = None

    @property
    def identity(self) -> Identity:
        """The account's user id, key and secret."""
        return self._books.identity

    def handle(self, request: Request, effects: Effects | None = None, at_ms: int | None = None) -> Reply:
        """Answer one request, at the clock's moment or at `at_ms`. `effects` befall the order that it creates, if any.

        Raises:
            Unavailable: When prices were needed and their source is silent; nothing has changed.
        """
        now_ms = self._moment(at_ms)
        if self._limits.is_banned(now_ms):
            return Reply(403, {}, "403, access too frequent")
        try:
            public = _PUBLIC.get(request.path)
            if public is not None and request.method == "GET":
                result = self._answer_public(public, request, now_ms)
            else:
                route = _SIGNED.get((request.method, request.path))
                if route is None:
                    raise Refusal(10017, "Route not found", status=404)
                if self._checks_signature:
                    auth.check_signature(request, self.identity)
                with self._lock:
                    return self._answer_signed(route, request, effects, at_ms)
        except Refusal as refusal:
            return _refused(refusal, {}, now_ms)
        return Reply(200, {}, _body(0, "OK", result, now_ms))

    def restart(self) -> None:
        """Restart the service: order/realtime forgets what is closed, and only history still has it."""
        with self._lock:
            account = self._books.begin()

            def forget() -> None:
                account.restarted_ms = to_ms(self.clock.now())

            self._within(forget)

    def look(self) -> tuple[list[Json], list[Json]]:
        """Return all order rows and all execution rows, oldest first, as of now: for those who check the books."""
        with self._lock:
            account = self._books.begin()
            trading, _ = self._desk_of(account)
            self._within(lambda: trading.advance(to_ms(self.clock.now())))
            rules = self.instrument
            orders = [rows.order_row(each, _known(rules(each.symbol))) for each in account.orders.values()]
            fills = [rows.execution_row(each, _known(rules(each.symbol))) for each in account.executions]
            return orders, fills

    def instrument(self, symbol: str) -> Instrument | None:
        """Return the rules of a symbol, None when it is not traded."""
        if not self._rules:
            self._rules = {row["symbol"]: from_row(row) for row in self.market.rows()}
        return self._rules.get(symbol)

    def _moment(self, at_ms: int | None) -> int:
        return to_ms(self.clock.now()) if at_ms is None else at_ms

    def _answer_public(
        self, answer: Callable[[PublicData, Mapping[str, Any], int], Json], request: Request, now_ms: int
    ) -> Json:
        if answer is not PublicData.time:
            _check_category(request.params)
        return answer(self._public, request.params, now_ms)

    def _answer_signed(
        self, route: Route, request: Request, effects: Effects | None, at_ms: int | None
    ) -> Reply:
        account = self._books.begin()
        # Taken here, not before: a request that waited for its turn longer than its recv_window comes too late.
        now_ms = self._moment(at_ms)
        headers: dict[str, str] = {}

        def work() -> Json:
            if self._checks_signature or request.headers.get("X-BAPI-TIMESTAMP"):
                auth.check_clock(request, now_ms)
            is_within, stated = self._limits.spend(request.path, route.per_second, now_ms)
            headers.update(stated)
            if not is_within:
                raise Refusal(10006, "Too many visits!")
            trading, views = self._desk_of(account)
            trading.advance(now_ms)
            if route.needs_category:
                _check_category(request.params)
            return route.answer(self, Call(request.params, now_ms, effects, account, trading, views))

        try:
            return Reply(200, headers, _body(0, "OK", self._within(work), now_ms))
        except Refusal as refusal:
            return _refused(refusal, headers, now_ms)

    def _within(self, work: Callable[[], Any]) -> Any:
        """Do the work of a transaction that has begun: a refusal is an outcome like any other, a failure undoes all."""
        try:
            result = work()
        except Refusal:
            self._books.commit()
            raise
        except BaseException:
            self._books.rollback()
            raise
        self._books.commit()
        return result

    def _desk_of(self, account: Account) -> tuple[Trading, Views]:
        if self._desk is None or self._desk[0] is not account:
            trading = Trading(account, self.market, self._terms, self.instrument)
            views = Views(account, trading, self._terms.lag, self.instrument)
            self._desk = (account, trading, views)
        return self._desk[1], self._desk[2]

    # Signed answers

    def create_order(self, call: Call) -> Json:
        return _ids(call.trading.create(call.params, call.now_ms, call.effects))

    def amend_order(self, call: Call) -> Json:
        return _ids(call.trading.amend(call.params, call.now_ms))

    def cancel_order(self, call: Call) -> Json:
        return _ids(call.trading.cancel(call.params, call.now_ms))

    def cancel_all(self, call: Call) -> Json:
        chosen = call.trading.cancel_all(call.params, call.now_ms)
        return {"list": [_ids(order) for order in chosen], "success": "1"}

    def realtime(self, call: Call) -> Json:
        return call.views.realtime(call.params, call.now_ms)

    def history(self, call: Call) -> Json:
        return call.views.history(call.params, call.now_ms)

    def executions(self, call: Call) -> Json:
        return call.views.executions(call.params, call.now_ms)

    def wallet(self, call: Call) -> Json:
        return call.views.wallet(call.params, call.now_ms)

    def account_info(self, call: Call) -> Json:
        return {
            "marginMode": "REGULAR_MARGIN",
            "updatedTime": "0",
            "unifiedMarginStatus": 5,
            "dcpStatus": "OFF",
            "timeWindow": 10,
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
        }

    def fee_rate(self, call: Call) -> Json:
        symbol = call.params.get("symbol")
        if symbol and self.instrument(symbol) is None:
            raise Refusal(10001, "Not supported symbols")
        terms = self._terms
        taker, maker = plain(terms.taker_fee), plain(terms.maker_fee)
        symbols = [symbol] if symbol else [row["symbol"] for row in self.market.rows()]
        return {
            "category": "spot",
            "list": [{"symbol": each, "takerFeeRate": taker, "makerFeeRate": maker} for each in symbols],
        }

    def user_setting(self, call: Call) -> Json:
        return {"lpaSpot": False, "lpaPerp": False, "smsef": self._terms.fee_in_mnt, "fmsef": False}

    def key_information(self, call: Call) -> Json:
        identity = self.identity
        permissions: dict[str, list[str]] = {
            "ContractTrade": [],
            "Spot": ["SpotTrade"],
            "Wallet": [],
            "Options": [],
            "Derivatives": [],
            "CopyTrading": [],
            "BlockTrade": [],
            "Exchange": [],
            "NFT": [],
            "Affiliate": [],
            "Earn": [],
        }
        return {
            "id": identity.user_id,
            "note": "paper",
            "apiKey": identity.api_key,
            "readOnly": 0,
            "secret": "",
            "permissions": permissions,
            "ips": ["127.0.0.1"],
            "type": 1,
            "deadlineDay": -2,
            "expiredAt": "1970-01-01T00:00:00Z",
            "createdAt": "2025-01-01T00:00:00Z",
            "unified": 0,
            "uta": 1,
            "userID": int(identity.user_id),
            "inviterID": 0,
            "vipLevel": "No VIP",
            "mktMakerLevel": "0",
            "affiliateID": 0,
            "rsaPublicKey": "",
            "isMaster": True,
            "parentUid": "0",
            "kycLevel": "LEVEL_DEFAULT",
            "kycRegion": "",
            "userIDInt64": "0",
            "inviterIDInt64": "0",
            "affiliateIDInt64": "0",
        }

    # Margin

    def margin_state(self, call: Call) -> Json:
        leverage = plain(self._terms.spot_leverage)
        mode = "1" if call.account.margin_mode else "0"
        return {"spotLeverage": leverage, "spotMarginMode": mode, "effectiveLeverage": "1"}

    def switch_margin(self, call: Call) -> Json:
        mode = str(call.params.get("spotMarginMode"))
        if mode not in ("0", "1"):
            raise Refusal(10001, "Request parameter error: spotMarginMode")
        owes = any(balance.borrowed for balance in call.account.ledger.balances.values())
        if mode == "0" and owes:
            raise Refusal(
                176138, "You need to repay all your debts before closing your disabling cross margin account"
            )
        call.account.margin_mode = mode == "1"
        return {"spotMarginMode": mode}

    def borrow_check(self, call: Call) -> Json:
        params = call.params
        instrument = self.instrument(str(params.get("symbol")))
        if instrument is None:
            raise Refusal(170121, "Invalid symbol.")
        if params.get("side") not in ("Buy", "Sell"):
            raise Refusal(170117, "Invalid side.")
        is_buy = params["side"] == "Buy"
        price = self.market.last(instrument.symbol, call.now_ms) or ZERO
        coin = instrument.quote if is_buy else instrument.base
        own = call.account.ledger.free(coin)
        room = call.trading.borrowable(coin, call.now_ms) if call.account.margin_mode else ZERO

        def in_base(amount: Decimal) -> str:
            qty = (amount / price if price else ZERO) if is_buy else amount
            return plain(floor_to(qty, Decimal("0.0001")))

        def in_quote(amount: Decimal) -> str:
            return plain(floor_to(amount if is_buy else amount * price, Decimal("1E-8")))

        return {
            "symbol": instrument.symbol,
            "side": params["side"],
            "borrowCoin": coin,
            "spotMaxTradeQty": in_base(own),
            "spotMaxTradeAmount": in_quote(own),
            "maxTradeQty": in_base(own + room),
            "maxTradeAmount": in_quote(own + room),
        }

    def borrow(self, call: Call) -> Json:
        coin, amount = str(call.params.get("coin") or ""), parse(call.params.get("amount"))
        if not coin or not amount:
            raise Refusal(10001, "Request parameter error: coin or amount")
        if not call.account.margin_mode:
            raise Refusal(
                176009,
                "You haven't enabled Cross Margin Trading yet. Confirm that if you have turned on margin trade",
            )
        if amount > call.trading.borrowable(coin, call.now_ms):
            raise Refusal(176029, "Amount to borrow has exceeded the user's estimated max. amount to borrow")
        call.account.ledger.borrow(coin, amount)
        return {"coin": coin, "amount": plain(amount)}

    def repay(self, call: Call) -> Json:
        coin = str(call.params.get("coin") or "")
        text = call.params.get("amount")
        amount = parse(text) if text not in (None, "") else None
        if text not in (None, "") and not amount:
            raise Refusal(10001, "Request parameter error: amount")
        coins = [coin] if coin else [b.coin for b in call.account.ledger.balances.values() if b.borrowed]
        paid = [call.trading.repay(each, amount) for each in coins]
        if not any(paid):
            raise Refusal(176016, "No repayment required")
        return {"resultStatus": "SU"}


def _refused(refusal: Refusal, headers: dict[str, str], now_ms: int) -> Reply:
    return Reply(refusal.status, headers, _body(refusal.code, refusal.message, {}, now_ms))


def _check_category(params: Mapping[str, Any]) -> None:
    if params.get("category") != "spot":
        raise Refusal(10001, "Illegal category")


def _known(instrument: Instrument | None) -> Instrument:
    assert instrument is not None, "an order's symbol has rules"
    return instrument


def _ids(order: Order) -> Json:
    return {"orderId": order.order_id, "orderLinkId": order.link_id}


def _body(code: int, message: str, result: Json, now_ms: int) -> Json:
    return {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": now_ms}


_PUBLIC: dict[str, Callable[[PublicData, Mapping[str, Any], int], Json]] = {
    "/v5/market/time": PublicData.time,
    "/v5/market/instruments-info": PublicData.instruments,
    "/v5/market/kline": PublicData.klines,
    "/v5/market/tickers": PublicData.tickers,
    "/v5/market/orderbook": PublicData.orderbook,
    "/v5/market/price-limit": PublicData.price_limit,
}

# Limits per second: Bybit's rate limit table for spot without a VIP level.
_SIGNED: dict[tuple[str, str], Route] = {
    ("POST", "/v5/order/create"): Route(PaperExchange.create_order, 20),
    ("POST", "/v5/order/amend"): Route(PaperExchange.amend_order, 10),
    ("POST", "/v5/order/cancel"): Route(PaperExchange.cancel_order, 20),
    ("POST", "/v5/order/cancel-all"): Route(PaperExchange.cancel_all, 20),
    ("GET", "/v5/order/realtime"): Route(PaperExchange.realtime, 50),
    ("GET", "/v5/order/history"): Route(PaperExchange.history, 50),
    ("GET", "/v5/execution/list"): Route(PaperExchange.executions, 50),
    ("GET", "/v5/order/spot-borrow-check"): Route(PaperExchange.borrow_check, 50),
    ("GET", "/v5/account/wallet-balance"): Route(PaperExchange.wallet, 50, False),
    ("GET", "/v5/account/info"): Route(PaperExchange.account_info, 50, False),
    ("GET", "/v5/account/fee-rate"): Route(PaperExchange.fee_rate, 5),
    ("GET", "/v5/account/user-setting-config"): Route(PaperExchange.user_setting, 50, False),
    ("GET", "/v5/user/query-api"): Route(PaperExchange.key_information, 10, False),
    ("GET", "/v5/spot-margin-trade/state"): Route(PaperExchange.margin_state, 5, False),
    ("POST", "/v5/spot-margin-trade/switch-mode"): Route(PaperExchange.switch_margin, 5, False),
    ("POST", "/v5/account/borrow"): Route(PaperExchange.borrow, 5, False),
    ("POST", "/v5/account/no-convert-repay"): Route(PaperExchange.repay, 5, False),
}
