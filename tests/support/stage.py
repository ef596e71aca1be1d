"""One account on a stage: botbox's database, the exchange's file and clock, and the real commands that work on them.

A stage is a folder, so it can be copied: a situation is prepared once and met by many commands. Time is the replay
clock in the exchange's file. It stands still but when a process sleeps, so every wait is waited and none takes long.
(Where processes work side by side, one's sleep would age the other's lease: those take the wall's clock.)
"""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botbox_cli.exchange.paper.bundled import recording
from botbox_cli.exchange.paper.clocks import ReplayClock, WallClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.identity import identity
from botbox_cli.exchange.paper.limits import LimitRules
from botbox_cli.exchange.paper.market import Market
from botbox_cli.exchange.paper.protocol import Clock, Request, to_ms
from botbox_cli.exchange.paper.replay import ReplayMarket
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.server import Sandbox, serve
from botbox_cli.exchange.paper.store import FileBooks, MemoryBooks
from botbox_cli.storage.store import SqlStore
from tests.simulation.checkers import Case, case_of, judge
from tests.simulation.truth import truth_of
from tests.support.forkserver import Ended, Forkserver, Running

START = datetime(2025, 4, 28, tzinfo=UTC)
OPENING = {"USDT": Decimal(10000)}
DAY_MS = 86_400_000


class Stage(ABC):
    """A folder with both sides of one account. Commands run on it while it is entered."""

    def __init__(self, server: Forkserver, folder: Path, *, url: str = "", wall: bool = False) -> None:
        self.server = server
        self.folder = folder
        self.wall = wall
        self.database_url = url or f"sqlite:///{folder / 'botbox.sqlite'}"
        self.settings: dict[str, str] = {}
        self.owns: dict[str, Decimal] = {}

    def build(self, *, owns: Mapping[str, Decimal] | None = None, **settings: str) -> None:
        """Make the account, with 10,000 USDT and the coins that its owner has beside, and botbox's database."""
        self.folder.mkdir(parents=True)
        self.settings, self.owns = settings, dict(owns or {})
        FileBooks(self.exchange_file, OPENING | self.owns).close()
        with self:
            self.must("init")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @property
    @abstractmethod
    def exchange_file(self) -> Path: ...

    @property
    @abstractmethod
    def market(self) -> Market: ...

    @abstractmethod
    def copy(self, folder: Path) -> Self:
        """Return the same stage in another folder."""

    @abstractmethod
    def levels(self, fate: str, symbol: str) -> dict[str, str]:
        """Return entry, stop, tp1 and tp2 of a long that is going to meet its fate: `target`, `stop` or `stay`."""

    @abstractmethod
    def meet(self, fate: str, symbol: str) -> None:
        """Let time pass and the price go to where the levels of that fate are."""

    # -- commands

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "DATABASE_URL": self.database_url,
            "BOTBOX_SYMBOLS": "BTCUSDT",
            "BOTBOX_TIMEFRAMES": "60",
            "NO_PROXY": "127.0.0.1",
            **self.way,
            **self.settings,
        }

    @property
    @abstractmethod
    def way(self) -> dict[str, str]:
        """The settings that name the exchange."""

    def start(self, *argv: str, fault: str = "") -> Running:
        """Start a command; `fault` goes into BOTBOX_FAULTPOINT."""
        words = fault if self.wall else f"clock={self.exchange_file} {fault}"
        env = {**self.environment, "BOTBOX_FAULTPOINT": words} if words else self.environment
        return self.server.start(argv, env=env, folder=self.folder)

    def run(self, *argv: str, fault: str = "") -> Ended:
        """Run a command to its end, whatever that is."""
        return self.start(*argv, fault=fault).wait()

    def must(self, *argv: str) -> Ended:
        """Run a command that has to succeed."""
        ended = self.run(*argv)
        assert ended.code == 0, ended
        return ended

    def steps(self, *argv: str) -> list[str]:
        """Run a command to its end and return its numbered steps."""
        file = self.folder / "steps.txt"
        self.run(*argv, fault=f"steps={file}")
        return file.read_text().splitlines() if file.exists() else []

    # -- the other side

    @contextmanager
    def exchange(self) -> Iterator[PaperExchange]:
        """Look at the exchange, or act there as its owner does on the website: nothing needs a signature."""
        with closing(FileBooks(self.exchange_file)) as books, self.clock() as clock:
            yield PaperExchange(
                books, self.market, clock, limits=LimitRules(is_on=False), checks_signature=False
            )

    @contextmanager
    def clock(self) -> Iterator[Clock]:
        """The time of this stage."""
        if self.wall:
            yield WallClock()
        else:
            with closing(ReplayClock(self.exchange_file, START)) as clock:
                yield clock

    def pass_time(self, seconds: float) -> None:
        """Let time pass while nobody works."""
        with self.clock() as clock:
            clock.sleep(seconds)

    def by_hand(self, path: str, **params: str) -> dict[str, Any]:
        """Send a request as the owner does on the website; return its result."""
        with self.exchange() as engine:
            body = engine.handle(Request("POST", f"/v5/{path}", {"category": "spot", **params})).body
        assert isinstance(body, dict)
        assert body["retCode"] == 0, body
        result: dict[str, Any] = body["result"]
        return result

    # -- judging

    @contextmanager
    def store(self) -> Iterator[SqlStore]:
        """The books."""
        with closing(SqlStore(self.database_url)) as store:
            yield store

    def case(self) -> Case:
        """Return both sides as they are now."""
        with self.exchange() as engine, self.store() as store:
            return case_of(truth_of(engine), store, store.accounts()[0])

    def verdict(self) -> tuple[Case, list[str]]:
        """Return both sides of the settled account, and what the judges find wrong with it."""
        with self.exchange() as engine, self.store() as store:
            truth, account = truth_of(engine), store.accounts()[0]
            sold = [
                f"of the account's own {qty} {coin} only {truth.wallet.get(coin)} are left"
                for coin, qty in self.owns.items()
                if truth.wallet.get(coin, 0) < qty
            ]
            return case_of(truth, store, account), [*judge(truth, store, account), *sold]

    def faults(self) -> list[str]:
        """Return what the judges find wrong with the settled account."""
        return self.verdict()[1]


class HttpHost:
    """A sandbox in this process; the stage that is entered is what it serves."""

    def __init__(self) -> None:
        nothing = PaperExchange(MemoryBooks(), ScriptedMarket({}), WallClock())
        self.sandbox: Sandbox = serve(nothing)
        self.idle = self.sandbox.faulty
        self.sandbox.start()

    def show(self, engine: PaperExchange) -> None:
        self.sandbox.exchange = engine
        self.sandbox.faulty = type(self.idle)(engine)

    def close(self) -> None:
        self.sandbox.close()


class HttpStage(Stage):
    """Botbox in testnet mode; the exchange is a sandbox on loopback, with prices that the test writes."""

    def __init__(
        self,
        server: Forkserver,
        folder: Path,
        host: HttpHost,
        script: Sequence[tuple[str, str, int]] = (),
        **kind: Any,
    ) -> None:
        super().__init__(server, folder, **kind)
        self.host = host
        self.script = list(script)
        self._market = ScriptedMarket({})
        for symbol, price, at_ms in self.script:
            self._market.set_price(symbol, price, at_ms)
        if not script:
            self.set_price("BTCUSDT", "60000", at_ms=0)
            self.set_price("ETHUSDT", "2500", at_ms=0)

    def __enter__(self) -> Self:
        self._open = ExitStack()
        books = self._open.enter_context(closing(FileBooks(self.exchange_file)))
        clock = self._open.enter_context(self.clock())
        self.host.show(PaperExchange(books, self._market, clock, limits=LimitRules(is_on=False)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def exchange_file(self) -> Path:
        return self.folder / "exchange.sqlite"

    @property
    def market(self) -> ScriptedMarket:
        return self._market

    @property
    def way(self) -> dict[str, str]:
        who = identity(self.exchange_file)
        return {
            "BOTBOX_MODE": "testnet",
            "BYBIT_ENDPOINT": self.host.sandbox.url,
            "BYBIT_API_KEY": who.api_key,
            "BYBIT_API_SECRET": who.api_secret,
        }

    def copy(self, folder: Path) -> Self:
        shutil.copytree(self.folder, folder)
        twin = type(self)(self.server, folder, self.host, self.script)
        twin.settings, twin.owns = dict(self.settings), self.owns
        for (symbol, interval), rows in self._market._klines.items():
            twin._market._klines[symbol, interval] = rows
        return twin

    def set_price(self, symbol: str, price: str, at_ms: int | None = None) -> None:
        """Let the last price be another one from now on."""
        if at_ms is None:
            with self.clock() as clock:
                at_ms = to_ms(clock.now())
        self.script.append((symbol, price, at_ms))
        self._market.set_price(symbol, price, at_ms)

    def levels(self, fate: str, symbol: str) -> dict[str, str]:
        if symbol == "ETHUSDT":
            return {"entry": "2500", "stop": "2400", "tp1": "2600", "tp2": "2700"}
        return {"entry": "60000", "stop": "58000", "tp1": "62000", "tp2": "64000"}

    def meet(self, fate: str, symbol: str) -> None:
        self.pass_time(60)
        goal = {"target": "tp1", "stop": "stop", "stay": "entry"}[fate]
        self.set_price(symbol, self.levels(fate, symbol)[goal])
        self.pass_time(60)


class PaperStage(Stage):
    """Botbox in paper mode on recorded candles: the exchange is inside each command's process."""

    _recorded = ReplayMarket(recording())

    @property
    def exchange_file(self) -> Path:
        return self.folder / "botbox-paper-replay.sqlite"

    @property
    def market(self) -> ReplayMarket:
        return self._recorded

    @property
    def way(self) -> dict[str, str]:
        return {"BOTBOX_MODE": "paper", "BOTBOX_MARKET": "replay"}

    def copy(self, folder: Path) -> Self:
        shutil.copytree(self.folder, folder)
        twin = type(self)(self.server, folder)
        twin.settings, twin.owns = dict(self.settings), self.owns
        return twin

    def levels(self, fate: str, symbol: str) -> dict[str, str]:
        prices = self._day(symbol)
        entry, low, high = prices[0], min(prices), max(prices)
        far = entry / 20
        stop, tp1 = {
            "stay": (low - far, high + far),
            "target": (low - far, (entry + high) / 2),
            "stop": ((entry + low) / 2, high + far),
        }[fate]
        values = {"entry": entry, "stop": stop, "tp1": tp1, "tp2": tp1 + far}
        return {name: str(value.quantize(Decimal("0.1"))) for name, value in values.items()}

    def meet(self, fate: str, symbol: str) -> None:
        wanted = self.levels(fate, symbol)
        stop, tp1 = Decimal(wanted["stop"]), Decimal(wanted["tp1"])
        for minute, price in enumerate(self._day(symbol)):
            if fate == "stay" or price <= stop or price >= tp1:
                self.pass_time(60 * max(1, minute))
                return
        raise AssertionError(f"the recorded day does not bring {fate} to {symbol}")

    def _day(self, symbol: str) -> list[Decimal]:
        """Return the prices of the first day, minute by minute."""
        prices = (self.market.last(symbol, to_ms(START) + ms) for ms in range(0, DAY_MS, 60_000))
        return [price for price in prices if price is not None]


def quick_folder() -> str | None:
    """Return a folder in memory for files that are synced all the time and thrown away; None if there is none."""
    memory = Path("/dev/shm")
    return str(memory) if os.access(memory, os.W_OK) else None
