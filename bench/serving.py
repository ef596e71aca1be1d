"""`botbox serve` with ten thousand trades: pages of trades by keep-alive connections, and the page in a browser."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

from bench.measure import BOTBOX, RUNS, Row, environment, run
from botbox_cli.domain.account import Account, Mode
from botbox_cli.domain.order import OrderStatus, OrderType, Role, Side
from botbox_cli.domain.setup import SetupStatus
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.ports import LogEntry
from botbox_cli.storage.store import SqlStore
from tests.support.books import NOW, a_fill, a_setup, a_trade, an_order

TRADES = 10_000
PAGE = 100
CLIENTS = 4
REQUESTS = 1_500
"""A run, over all clients."""
COMMITS_PER_S = 2


@dataclass(frozen=True, slots=True)
class Serving:
    """A server in a process of its own."""

    url: str
    token: str
    pid: int


def rows(folder: Path) -> Iterator[Row]:
    """Measure requests a second and the slowest hundredth, at rest and while another process commits; and the page."""
    home = folder / "serving"
    home.mkdir()
    url = f"sqlite:///{home / 'botbox.sqlite'}"
    settings = {"BOTBOX_MARKET": "replay", "BOTBOX_SYMBOLS": "BTCUSDT,ETHUSDT", "BOTBOX_TIMEFRAMES": "60,240"}
    env = environment(home, DATABASE_URL=url, **settings)
    token = str(json.loads(run([BOTBOX, "init", "--json"], env, home).output)["web_token"])
    for command in ("record --once --since 60d", "forward 16h", "run --once"):
        run([BOTBOX, *command.split()], env, home)
    with closing(SqlStore(url)) as store:
        account = next(a for a in store.accounts() if a.mode is Mode.PAPER)
        _fill(store, account)
        with _serving(env, home, token) as server:
            what = f"GET /api/trades, {TRADES:,} trades, page of {PAGE}"
            yield from _rates(what, server)
            with _committing(store, account):
                yield next(_rates(f"{what}, {COMMITS_PER_S} commits a second", server))
            yield from _page(server)


def _fill(store: SqlStore, account: Account) -> None:
    """Store closed trades with entry, stop and exit, and their fills."""
    with store.write(account) as books:
        for number in range(TRADES):
            at = NOW + timedelta(minutes=number)
            setup = books.add_setup(a_setup(candle_time=at, detected_at=at, status=SetupStatus.TRIGGERED))
            assert setup is not None
            made = a_trade(
                setup,
                status=TradeStatus.CLOSED,
                created_at=at,
                entry_time=at,
                exit_time=at + timedelta(hours=1),
                close_reason="Take profit hit",
            )
            trade = books.add_trade(made)
            for role, side, kind, status in (
                (Role.ENTRY, Side.BUY, OrderType.MARKET, OrderStatus.FILLED),
                (Role.STOP, Side.SELL, OrderType.STOP_MARKET, OrderStatus.CANCELLED),
                (Role.EXIT, Side.SELL, OrderType.MARKET, OrderStatus.FILLED),
            ):
                link = f"bb-bench0-{trade.id}-{role}1"
                order = an_order(
                    trade, role=role, side=side, order_type=kind, status=status, order_link_id=link
                )
                books.add_order(order)
                if role is not Role.STOP:
                    price = Decimal(100) + number % 7
                    books.add_fill(a_fill(order, price=price, fees_quote=Decimal("0.01")))


@contextmanager
def _serving(env: dict[str, str], home: Path, token: str) -> Iterator[Serving]:
    command = [BOTBOX, "serve", "--port", "0", "--json"]
    process = subprocess.Popen(command, env=env, cwd=home, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Serving(json.loads(process.stdout.readline())["url"], token, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _rates(what: str, server: Serving) -> Iterator[Row]:
    _ask(server, 100)  # Warm.
    rates, slow = [], []
    for _ in range(RUNS):
        start = time.perf_counter()
        latencies = _ask(server, REQUESTS)
        rates.append(len(latencies) / (time.perf_counter() - start))
        slow.append(quantiles(latencies, n=100)[98] * 1000)
    yield Row(what, tuple(rates), 500, "/s", at_least=True)
    yield Row("  99 % of them", tuple(slow), 50, "ms")


def _ask(server: Serving, requests: int) -> list[float]:
    """Send so many requests over all clients, each waiting for its answer; return the seconds of each."""
    latencies: list[float] = []

    def client() -> None:
        mine = _talk(server, requests // CLIENTS)
        latencies.extend(mine)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(latencies) == requests // CLIENTS * CLIENTS, "a client failed"
    return latencies


def _talk(server: Serving, requests: int) -> list[float]:
    """Ask over one connection. The client must cost little: it reads a page into one buffer, and looks at its ends."""
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    assert parts.port is not None
    asked = (
        f"GET /api/trades?status=all&limit={PAGE} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer {server.token}\r\n\r\n"
    ).encode()
    buffer = memoryview(bytearray(2_000_000))
    latencies = []
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        for _ in range(requests):
            start = time.perf_counter()
            connection.sendall(asked)
            end, size = 0, -1
            while size < 0 or end < size:
                end += connection.recv_into(buffer[end:])
                if size < 0 and (head := bytes(buffer[:2000]).find(b"\r\n\r\n")) > 0:
                    lines = bytes(buffer[:head]).lower()
                    assert lines.startswith(b"http/1.1 200"), lines
                    length = lines.partition(b"content-length: ")[2].split(b"\r\n")[0]
                    size = head + 4 + int(length)
            latencies.append(time.perf_counter() - start)
            assert buffer[end - 1] == ord("}")
    return latencies


@contextmanager
def _committing(store: SqlStore, account: Account) -> Iterator[None]:
    """Let another connection commit all the time, so that nothing that was remembered holds for long."""
    is_over = threading.Event()

    def commit() -> None:
        while not is_over.wait(1 / COMMITS_PER_S):
            with store.write(account) as books:
                books.log(LogEntry(NOW, "event", "somebody does something"))

    thread = threading.Thread(target=commit)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _page(server: Serving) -> Iterator[Row]:
    from tests.support.chromium import a_browser, missing_for_chromium

    if reason := missing_for_chromium():
        print(f"the page is not measured: it {reason}", file=sys.stderr)
        return
    with a_browser() as browser:
        values = [_drawn_s(browser, server) for _ in range(RUNS + 1)]
    yield Row("page usable (chart drawn) in headless Chromium, nothing cached", tuple(values[1:]), 1.0)
    assert median(values) > 0


def _drawn_s(browser: object, server: Serving) -> float:
    """Log in, then open the page anew with an empty cache; return when the chart stood, since the navigation began."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})  # type: ignore[attr-defined]
    page = context.new_page()
    page.goto(server.url)
    page.get_by_label("Login token").fill(server.token)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("html[data-drawn]")
    cookies = context.cookies()
    context.close()
    context = browser.new_context(viewport={"width": 1280, "height": 900})  # type: ignore[attr-defined]
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_selector("html[data-drawn]")
    drawn: float = page.evaluate("performance.getEntriesByName('drawn')[0].startTime")
    context.close()
    return drawn / 1000
