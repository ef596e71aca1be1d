"""The same few situations on every exchange: an account, a market, an order that is finished, one that never was."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

import vcr  # type: ignore[import-untyped]  # It has no types.
from requests.adapters import BaseAdapter

from botbox_cli.domain.account import Mode
from botbox_cli.domain.candle import from_ms, to_ms
from botbox_cli.domain.instrument import Instrument
from botbox_cli.exchange.bybit import BybitExchange
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.exchange.paper.direct import DirectSession
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.server import serve
from botbox_cli.exchange.paper.store import MemoryBooks
from botbox_cli.exchange.paper.transport import HOST, PaperAdapter
from botbox_cli.exchange.session import Access, Session, open_session
from botbox_cli.ports import OrderRequest
from tests.contract.cassettes import FOLDER, STORIES, Story

D = Decimal
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BTC = Instrument("BTCUSDT", "BTC", "USDT", D("0.1"), D("0.000001"), D("0.000011"), D(5))
DAY_MS = 86_400_000


class Scene:
    """An exchange at one moment. What a test can't know beforehand, it asks the scene."""

    def __init__(self, exchange: BybitExchange, clock: ManualClock) -> None:
        self.exchange = exchange
        self.clock = clock
        self.symbol = "BTCUSDT"

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def link_id(self) -> str:
        """The id of the order that the test sends, or looks for in vain."""
        return "bb-test01-1-entry1"

    def buy(self, qty: str = "0.001", *, sent_at: datetime | None = None) -> OrderRequest:
        """Return an order that would be accepted, unless for its quantity or for being late."""
        return OrderRequest(self.link_id, BTC, True, D(qty), sent_at or self.now)

    def stop(self, qty: str = "0.001", trigger: str = "90000") -> OrderRequest:
        return OrderRequest(self.link_id, BTC, False, D(qty), self.now, trigger_price=D(trigger))

    def arrange(self, situation: str) -> None:
        """Bring the situation of a test about."""


class PaperScene(Scene):
    """BTCUSDT at 100,000 with the account holding 10,000 USDT and 1 BTC; time passes when the test says so."""

    def __init__(self, exchange: BybitExchange, clock: ManualClock, market: ScriptedMarket) -> None:
        super().__init__(exchange, clock)
        self.market = market

    def set_price(self, price: str) -> None:
        """Move the last price now."""
        self.market.set_price("BTCUSDT", price, to_ms(self.now))

    def order(self, role: str, **fields: Any) -> OrderRequest:
        """Return one of several orders, told apart by their role."""
        given: dict[str, Any] = {"is_buy": True, "qty": D("0.001")} | fields
        return OrderRequest(f"bb-test01-1-{role}", BTC, timestamp=self.now, **given)

    def arrange(self, situation: str) -> None:
        if situation in ("finished_order", "fills_of_an_order", "same_id_again"):
            self.exchange.place(self.buy())
        elif situation == "order_cut_short":
            self.market.depth = D("0.0001")
            bound = OrderRequest(self.link_id, BTC, True, D("0.05"), self.now, max_slippage_percent=D("0.01"))
            self.exchange.place(bound)
        elif situation == "accepted_cancel":
            self.exchange.place(self.stop())
        elif situation == "open_candle":
            today = to_ms(self.now) // DAY_MS * DAY_MS
            self.market.set_klines(
                "BTCUSDT",
                "D",
                [[str(today - n * DAY_MS), "1", "2", "0.5", "1.5", "3", "4"] for n in range(4)],
            )


class CassetteScene(Scene):
    """Recorded Bybit: the story says whose order it is about, and all has happened already."""

    def __init__(self, exchange: BybitExchange, clock: ManualClock, story: Story) -> None:
        super().__init__(exchange, clock)
        self.symbol = story.symbol
        self._story = story

    @property
    def link_id(self) -> str:
        return self._story.link_id


class Way(StrEnum):
    """How requests reach the paper exchange."""

    DIRECT = "paper without pybit"
    IN_PROCESS = "paper in process"
    OVER_HTTP = "paper over HTTP"


@contextmanager
def paper_scene(way: Way, *, wrong_secret: bool = False) -> Iterator[PaperScene]:
    """Open the paper exchange. Without pybit nothing is signed, so no secret can be wrong."""
    clock = ManualClock(START)
    market = ScriptedMarket({"BTCUSDT": "100000", "ETHUSDT": "2500"})
    books = MemoryBooks({"USDT": D(10_000), "BTC": D(1)})
    paper = PaperExchange(books, market, clock, checks_signature=way is not Way.DIRECT)
    secret = "not-the-secret" if wrong_secret else paper.identity.api_secret

    def exchange_at(endpoint: str, adapter: BaseAdapter | None = None) -> Iterator[PaperScene]:
        access = Access(Mode.PAPER, paper.identity.api_key, secret, endpoint=endpoint, adapter=adapter)
        session = open_session(access, clock)
        yield PaperScene(BybitExchange(session, clock, secrets=access.secrets), clock, market)
        session.close()

    if way is Way.DIRECT:
        direct = cast("Session", DirectSession(paper))
        yield PaperScene(BybitExchange(direct, clock), clock, market)
    elif way is Way.OVER_HTTP:
        with serve(paper) as host:
            yield from exchange_at(host.url)
    else:
        yield from exchange_at(HOST, PaperAdapter(paper))


@contextmanager
def cassette_scene(name: str) -> Iterator[CassetteScene]:
    """Play a cassette: every request must be in it, as it is asked, and each is answered once."""
    story = STORIES[name]
    clock = ManualClock(from_ms(story.at_ms))
    access = Access(Mode.TESTNET, "MARKEDKEYMARKEDKEY", "MARKEDSECRETMARKEDSECRET")
    session = open_session(access, clock)
    with _PLAYER.use_cassette(str(FOLDER / f"{name}.yaml")) as cassette:
        yield CassetteScene(BybitExchange(session, clock, secrets=access.secrets), clock, story)
        assert cassette.all_played, "the cassette has more to tell"
    session.close()


def _json_body(ours: Any, recorded: Any) -> None:
    assert _json(ours) == _json(recorded)


def _json(request: Any) -> Any:
    return json.loads(request.body) if request.body else None


_PLAYER = vcr.VCR(record_mode=vcr.mode.NONE, match_on=["method", "path", "query", "json_body"])
_PLAYER.register_matcher("json_body", _json_body)

A_WHILE = timedelta(hours=1)
"""How long before a scene's moment its orders may have been made."""
