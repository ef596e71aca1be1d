"""The exchange itself: one request in, the answer of the real host out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botbox_cli.exchange.paper import auth, rows
from botbox_cli.exchange.paper.answers import Answers, Call, Json
from botbox_cli.exchange.paper.identity import Identity
from botbox_cli.exchange.paper.instrument import Instrument, delisted
from botbox_cli.exchange.paper.limits import LimitRules, Limits
from botbox_cli.exchange.paper.market import Market, Pairs
from botbox_cli.exchange.paper.protocol import Clock, Refusal, Reply, Request, to_ms
from botbox_cli.exchange.paper.public import PublicData
from botbox_cli.exchange.paper.pushes import Changes, Seen, execution_push, order_push, wallet_push
from botbox_cli.exchange.paper.state import Account, Effects
from botbox_cli.exchange.paper.store import Books
from botbox_cli.exchange.paper.terms import Terms
from botbox_cli.exchange.paper.trading import Trading
from botbox_cli.exchange.paper.views import Views


class Route(NamedTuple):
    """An endpoint that needs a signature, and how often a second an account may ask it."""

    answer: Callable[[Answers, Call], Json]
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
        self.pairs = Pairs(market)
        self.instrument: Callable[[str], Instrument | None] = self.pairs.find
        self._public = PublicData(market, self.instrument)
        self._answers = Answers(books.identity, market, self._terms, self.instrument)
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
            account = self.advanced()
            orders = [rows.order_row(each, self._rules_of(each.symbol)) for each in account.orders.values()]
            return orders, [
                rows.execution_row(each, self._rules_of(each.symbol)) for each in account.executions
            ]

    def advanced(self) -> Account:
        """Return the account itself, brought to now: to be read, and not changed."""
        with self._lock:
            account = self._books.begin()
            trading, _ = self._desk_of(account)
            self._within(lambda: trading.advance(to_ms(self.clock.now())))
            return account

    def seen(self) -> Seen:
        """Return a mark of the account as it is, for `changes`."""
        with self._lock:
            account = self._books.begin()
            mark: Seen = self._within(lambda: Seen(account))
            return mark

    def changes(self, seen: Seen) -> Changes:
        """Return what has changed since `seen` was passed last, whoever did it, after bringing the account to now.

        Raises:
            Unavailable, Refusal: When prices were needed and their source is silent; `seen` is where it was.
        """
        with self._lock:
            account = self._books.begin()
            trading, views = self._desk_of(account)
            now_ms = to_ms(self.clock.now())

            def work() -> Changes:
                trading.advance(now_ms)
                orders, executions, is_paid = seen.missed(account)
                wallet = views.wallet({"accountType": "UNIFIED"}, now_ms)["list"][0] if is_paid else None
                seen.note(account)
                return Changes(
                    [order_push(rows.order_row(each, self._rules_of(each.symbol))) for each in orders],
                    [
                        execution_push(rows.execution_row(each, self._rules_of(each.symbol)))
                        for each in executions
                    ],
                    wallet_push(wallet) if wallet is not None else None,
                )

            changes: Changes = self._within(work)
            return changes

    def _rules_of(self, symbol: str) -> Instrument:
        return self.instrument(symbol) or delisted(symbol)

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
            if not self._limits.spend(request.path, route.per_second, now_ms, headers):
                raise Refusal(10006, "Too many visits!")
            trading, views = self._desk_of(account)
            trading.advance(now_ms)
            if route.needs_category:
                _check_category(request.params)
            return route.answer(self._answers, Call(request.params, now_ms, effects, account, trading, views))

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


def _refused(refusal: Refusal, headers: dict[str, str], now_ms: int) -> Reply:
    return Reply(refusal.status, headers, _body(refusal.code, refusal.message, {}, now_ms))


def _check_category(params: Mapping[str, Any]) -> None:
    if params.get("category") != "spot":
        raise Refusal(10001, "Illegal category")


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
    ("POST", "/v5/order/create"): Route(Answers.create_order, 20),
    ("POST", "/v5/order/amend"): Route(Answers.amend_order, 10),
    ("POST", "/v5/order/cancel"): Route(Answers.cancel_order, 20),
    ("POST", "/v5/order/cancel-all"): Route(Answers.cancel_all, 20),
    ("GET", "/v5/order/realtime"): Route(Answers.realtime, 50),
    ("GET", "/v5/order/history"): Route(Answers.history, 50),
    ("GET", "/v5/execution/list"): Route(Answers.executions, 50),
    ("GET", "/v5/order/spot-borrow-check"): Route(Answers.borrow_check, 50),
    ("GET", "/v5/account/wallet-balance"): Route(Answers.wallet, 50, False),
    ("GET", "/v5/account/info"): Route(Answers.account_info, 50, False),
    ("GET", "/v5/account/fee-rate"): Route(Answers.fee_rate, 5),
    ("GET", "/v5/account/user-setting-config"): Route(Answers.user_setting, 50, False),
    ("GET", "/v5/user/query-api"): Route(Answers.key_information, 10, False),
    ("GET", "/v5/spot-margin-trade/state"): Route(Answers.margin_state, 5, False),
    ("POST", "/v5/spot-margin-trade/switch-mode"): Route(Answers.switch_margin, 5, False),
    ("POST", "/v5/account/borrow"): Route(Answers.borrow, 1, False),
    ("POST", "/v5/account/no-convert-repay"): Route(Answers.repay, 1, False),
}
