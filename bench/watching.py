"""The live desk: from a price frame to the first request, and what a hundred streaming pairs cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from bench.measure import BOTBOX, Row, environment, run
from botbox_cli.domain.candle import Interval
from botbox_cli.ports import News, Price, StreamState
from botbox_cli.services.execute import execute
from botbox_cli.services.propose import propose
from botbox_cli.services.watch import Sight, Watch
from botbox_cli.storage.candles import SqlCandles
from tests.support.watching import InlineClerk
from tests.support.world import START, a_world

SYMBOLS = 100
FRAMES_PER_SYMBOL = 20
CROSSINGS = 100
CPU_S = 20.0
HOUR_S = 3600


def rows(folder: Path) -> Iterator[Row]:
    """Measure a real `botbox watch` against exchanges in processes of their own; memory in this process."""
    yield from _crossings(folder / "crossing")
    yield _load(folder / "load")
    yield _memory()


def _crossings(home: Path) -> Iterator[Row]:
    home.mkdir()
    with _a_host("bench.crossing", "--symbols", str(CROSSINGS)) as (host, told):
        env = _environment(home, told)
        _open_trades(env, home, told["symbols"])
        with _a_watch(env, home) as lines:
            _until(lines, "monitored")
            time.sleep(3)
            assert host.stdin is not None
            assert host.stdout is not None
            values = []
            for symbol in told["symbols"]:
                host.stdin.write(f"{symbol} 106\n")
                host.stdin.flush()
                values.append(float(host.stdout.readline()))
                _until(lines, "trade", action="closed", symbol=symbol)
                time.sleep(0.2)
    values.sort()
    yield Row("price frame through the target, to the first request at the exchange", tuple(values), 5, "ms")
    slowest = values[int(len(values) * 0.99) - 1]
    yield Row(f"the same, 99 % of {len(values)}", (slowest,), 25, "ms")


def _open_trades(env: dict[str, str], home: Path, symbols: Sequence[str]) -> None:
    """Make the database and open a long in each pair: entry 100, stop 95, target 105."""
    from botbox_cli import bootstrap, config

    file = home / ".dev.vars"
    file.write_text("".join(f"{name}={value}\n" for name, value in env.items() if name not in os.environ))
    file.chmod(0o600)
    settings = config.load(file)
    bootstrap.migrate(settings)
    with bootstrap.wired(settings, moves_money=True) as wiring:
        desk = wiring.desk()
        desk.store.save_instruments(
            desk.account.venue, desk.exchange.instruments().values(), desk.clock.now()
        )
        for symbol in symbols:
            setup = propose(desk, symbol, entry=Decimal(100), stop=Decimal(95), tp1=Decimal(105)).setup
            assert execute(desk, setup.id, approve=True).success


def _load(home: Path) -> Row:
    """Return the share of one core that a watch takes at 2,000 price frames a second."""
    home.mkdir()
    rate = SYMBOLS * FRAMES_PER_SYMBOL
    with _a_host("bench.frames", "--symbols", str(SYMBOLS), "--rate", str(rate)) as (_, told):
        env = _environment(home, told)
        run([BOTBOX, "init"], env, home)
        with _a_watch(env, home) as lines:
            _until(lines, "scanned")
            time.sleep(3)
            before = _cpu_s(lines.pid)
            time.sleep(CPU_S)
            share = (_cpu_s(lines.pid) - before) / CPU_S * 100
    return Row(
        f"watch, {SYMBOLS} symbols at {FRAMES_PER_SYMBOL} frames a second, of one core", (share,), 25, "%"
    )


class _HourOfPrices:
    """A stream that sends each pair's price every 50 ms of a clock that it moves itself."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.seconds = 0.0
        self._symbols = symbols
        self._first = True
        self.sizes: list[float] = []

    def follow(self, symbols: Sequence[str], intervals: Sequence[Interval]) -> None: ...

    def put_first(self, symbols: AbstractSet[str]) -> None: ...

    def news(self, timeout_s: float) -> list[News]:
        self.seconds += 1 / FRAMES_PER_SYMBOL
        if len(self.sizes) < int(self.seconds / (HOUR_S / 20)):
            self.sizes.append(_rss_mb())
        at = START + timedelta(seconds=self.seconds)
        bid = Decimal(6000 + int(self.seconds * 20) % 97) / 100
        news: list[News] = [Price(s, bid, bid, at) for s in self._symbols]
        if self._first:
            self._first = False
            news.insert(0, StreamState("public", True, "", at))
        return news

    def wake(self) -> None: ...

    def close(self) -> None: ...


def _memory() -> Row:
    """Return by how much this process grows over the later nine tenths of an hour of prices."""
    symbols = ["BTCUSDT", *(f"X{number:03}USDT" for number in range(1, SYMBOLS))]
    with a_world(prices=dict.fromkeys(symbols, "60")) as world:
        setup = world.add_setup(symbol=symbols[0], entry="60", stop="58", tp1="62", tp2="64")
        assert execute(world.desk, setup.id).success
        stream = _HourOfPrices(symbols)
        watch = Watch(
            lambda: replace(world.new_desk("bench"), candles=SqlCandles(world.store.database)),
            InlineClerk(),
            stream,
            lambda: stream.seconds,
            Sight((), ("60",)),
            lambda _: watch.stop() if stream.seconds >= HOUR_S else None,
        )
        watch.run()
    grown = stream.sizes[-1] - stream.sizes[1]
    return Row(f"memory that watch gains in an hour of {SYMBOLS} symbols' prices", (grown,), 2, "MB")


# -- processes


class _Lines:
    """The documents of a running watch."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process, self.pid = process, process.pid
        self.out: IO[str] = process.stdout


@contextmanager
def _a_host(module: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
        process.stdin.close()


def _environment(home: Path, told: dict[str, Any]) -> dict[str, str]:
    return environment(
        home,
        DATABASE_URL=f"sqlite:///{home / 'botbox.sqlite'}",
        BOTBOX_MODE="testnet",
        BYBIT_ENDPOINT=told["url"],
        BYBIT_WS_ENDPOINT=told["url"].replace("http", "ws", 1),
        BYBIT_API_KEY=told["key"],
        BYBIT_API_SECRET=told["secret"],
        BOTBOX_SYMBOLS=",".join(told["symbols"]),
        BOTBOX_TIMEFRAMES="60",
        BOTBOX_MAX_OPEN_POSITIONS=str(SYMBOLS),
        BOTBOX_MAX_POSITION_SIZE_PERCENT="0.9",
    )


@contextmanager
def _a_watch(env: dict[str, str], home: Path) -> Iterator[_Lines]:
    with subprocess.Popen(
        [BOTBOX, "watch", "--json"],
        env=env,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None,
        text=True,
    ) as process:
        yield _Lines(process)
        process.terminate()


def _until(lines: _Lines, event: str, **facts: str) -> None:
    """Read on until a watch has told this event."""
    line = ""
    for line in lines.out:
        if {"event": event, **facts}.items() <= json.loads(line).items():
            return
    raise RuntimeError(f"the watch has ended with {lines.process.wait()}: {line}")


def _cpu_s(pid: int) -> float:
    """Return the seconds of processor time that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb() -> float:
    """Return the memory of this process in megabytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
