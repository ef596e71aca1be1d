"""A whole small world in memory: the paper exchange, a manual clock, a store, and desks that work on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pybit.exceptions import InvalidRequestError

from botbox_cli.domain.account import Account, Mode, Venue
from botbox_cli.domain.number import decimal_of
from botbox_cli.domain.setup import Direction, Setup, SetupSource, SetupStatus
from botbox_cli.exchange.bybit import BybitExchange
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.limits import LimitRules
from botbox_cli.exchange.paper.protocol import Reply, Request, to_ms
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.store import MemoryBooks
from botbox_cli.exchange.paper.terms import Terms
from botbox_cli.exchange.session import READ_TIMEOUT_S
from botbox_cli.ports import Holder
from botbox_cli.services.desk import Desk, Policy
from botbox_cli.storage.store import SqlStore

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

_ROUTES = {
    "get_server_time": ("GET", "/v5/market/time"),
    "get_instruments_info": ("GET", "/v5/market/instruments-info"),
    "get_kline": ("GET", "/v5/market/kline"),
    "get_tickers": ("GET", "/v5/market/tickers"),
    "get_api_key_information": ("GET", "/v5/user/query-api"),
    "get_wallet_balance": ("GET", "/v5/account/wallet-balance"),
    "get_fee_rates": ("GET", "/v5/account/fee-rate"),
    "spot_margin_trade_get_status_and_leverage": ("GET", "/v5/spot-margin-trade/state"),
    "manual_no_convert_repay": ("POST", "/v5/account/no-convert-repay"),
    "place_order": ("POST", "/v5/order/create"),
    "cancel_order": ("POST", "/v5/order/cancel"),
    "get_open_orders": ("GET", "/v5/order/realtime"),
    "get_order_history": ("GET", "/v5/order/history"),
    "get_executions": ("GET", "/v5/execution/list"),
}

Hook = Callable[[str, dict[str, Any], Callable[[], Any]], Any]


class WorldSession:
    """pybit's methods straight into the engine. A hook may stand in front of each request.

    The hook gets (method name, params, send) and answers, raises, or sends.
    """

    def __init__(self, engine: PaperExchange) -> None:
        self.engine = engine
        self.asked: Counter[str] = Counter()
        self.hook: Hook | None = None
        self.patience_s = READ_TIMEOUT_S

    def wait_at_most(self, seconds: float) -> None:
        self.patience_s = min(READ_TIMEOUT_S, seconds)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method, path = _ROUTES[name]

        def ask(**params: Any) -> Any:
            self.asked[name] += 1
            stamp = params.pop("timestamp", None)

            def send() -> Any:
                if stamp is not None and to_ms(self.engine.clock.now()) > stamp + 5000:
                    raise _refused(10002, "invalid request, please check your server timestamp")
                return _answer(self.engine.handle(Request(method, path, params)))

            return self.hook(name, params, send) if self.hook else send()

        return ask


def _answer(reply: Reply) -> Any:
    assert isinstance(reply.body, dict), reply
    if reply.body["retCode"] != 0:
        raise _refused(reply.body["retCode"], reply.body["retMsg"])
    return reply.body


def _refused(code: int, message: str) -> InvalidRequestError:
    return InvalidRequestError(request="", message=message, status_code=code, time="", resp_headers={})


class NoCandles:
    """A candle store with nothing in it: setups by hand need none."""

    def series(self, venue: Venue) -> list[Any]:
        return []


@dataclass
class World:
    """The exchange, its market and clock, one store, and the account that works on them."""

    prices: dict[str, Decimal | str] = field(default_factory=lambda: {"BTCUSDT": "60000"})
    policy: Policy = field(default_factory=Policy)
    terms: Terms = field(default_factory=Terms)
    balances: dict[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(10000)})

    def __post_init__(self) -> None:
        self.clock = ManualClock(START)
        self.market = ScriptedMarket(self.prices)
        self.engine = PaperExchange(
            MemoryBooks(self.balances),
            self.market,
            self.clock,
            terms=self.terms,
            limits=LimitRules.off() if hasattr(LimitRules, "off") else LimitRules(),
            checks_signature=False,
        )
        self.session = WorldSession(self.engine)
        self.store = SqlStore("sqlite://", new_tag=lambda: "test01")
        self.account: Account = self.store.save_account(Mode.PAPER, "1", "hash", Venue.REPLAY)
        self.desk = self.new_desk("desk")

    def new_desk(self, token: str, **policy: Any) -> Desk:
        """Return a desk of another process."""
        return Desk(
            self.store,
            NoCandles(),  # type: ignore[arg-type]
            self.account,
            BybitExchange(self.session, self.clock),
            self.clock,
            replace(self.policy, **policy),
            Holder("host", 1, "then", token),
        )

    def close(self) -> None:
        self.store.close()

    def set_price(self, symbol: str, price: Decimal | str) -> None:
        """Move the last price now."""
        self.market.set_price(symbol, price, to_ms(self.clock.now()))

    def pass_time(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def add_setup(self, *, symbol: str = "BTCUSDT", approved: bool = True, **levels: str | None) -> Setup:
        """Store a long by hand: entry 60000, stop 58000, tp1 62000, tp2 64000, unless told otherwise."""
        wanted = {"entry": "60000", "stop": "58000", "tp1": "62000", "tp2": "64000"} | levels
        entry, stop, tp1, tp2 = (None if v is None else decimal_of(v) for v in wanted.values())
        assert entry is not None
        assert stop is not None
        assert tp1 is not None
        now = self.clock.now()
        setup = Setup(
            symbol=symbol,
            timeframe="",
            kind="MANUAL",
            direction=Direction.LONG if tp1 > entry else Direction.SHORT,
            source=SetupSource.MANUAL,
            entry_price=entry,
            stop_loss=stop,
            take_profit_1=tp1,
            take_profit_2=tp2,
            detected_at=now,
            expires_at=now + timedelta(hours=24),
            status=SetupStatus.APPROVED if approved else SetupStatus.ACTIVE,
        )
        with self.store.write(self.account) as books:
            stored = books.add_setup(setup)
        assert stored is not None
        return stored


@contextmanager
def a_world(**kwargs: Any) -> Iterator[World]:
    """Make a world and close it."""
    world = World(**kwargs)
    try:
        yield world
    finally:
        world.close()
