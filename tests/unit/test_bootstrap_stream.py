"""Which sockets the settings lead to, and that they end with the wiring."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from botbox_cli import config
from botbox_cli.bootstrap import migrate, wired
from botbox_cli.exchange.paper.store import FileBooks
from botbox_cli.exchange.stream import SocketStream
from tests.support.paper import PaperDesk
from tests.support.sockets import Heard, SocketHost
from tests.support.waiting import until


@pytest.fixture
def host() -> Iterator[SocketHost]:
    with SocketHost() as running:
        yield running


@contextmanager
def heard(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Iterator[Heard]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = config.load(None)
    migrate(settings)
    with wired(settings) as wiring:
        stream = wiring.stream()
        assert isinstance(stream, SocketStream)
        yield Heard(stream)


def test_an_account_with_a_key_hears_both_sockets(host: SocketHost, monkeypatch: pytest.MonkeyPatch) -> None:
    who = host.exchange.identity
    keys = {"BYBIT_API_KEY": who.api_key, "BYBIT_API_SECRET": who.api_secret}
    before = set(threading.enumerate())
    with heard(monkeypatch, BOTBOX_MODE="testnet", BYBIT_ENDPOINT=host.url, **keys) as listener:
        listener.state("private", is_up=True)
        listener.stream.follow(["BTCUSDT"], [])
        listener.bid("100000.0")
        host.buy("bb-1")
        listener.order("bb-1")

    left = {thread for thread in threading.enumerate() if "stream" in thread.name} - before
    assert left == set()


def test_a_paper_account_hears_public_prices_and_its_own_file(
    host: SocketHost, monkeypatch: pytest.MonkeyPatch, private_home: Path
) -> None:
    with heard(monkeypatch, BYBIT_ENDPOINT=host.url, DATABASE_URL="sqlite:///books.sqlite") as listener:
        listener.state("private", is_up=True)
        listener.stream.follow(["BTCUSDT"], [])
        listener.bid("100000.0")
        books = FileBooks(private_home / "books-paper-live.sqlite")
        PaperDesk(books=books).buy(link="bb-1")
        books.close()
        listener.order("bb-1")

    until(lambda: host.sockets.control({})["clients"] == [])


def test_a_replay_has_no_sockets_but_those_it_is_given(
    host: SocketHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_MARKET", "replay")
    settings = config.load(None)
    migrate(settings)
    with wired(settings) as wiring:
        assert wiring.stream() is None

    with heard(monkeypatch, BYBIT_WS_ENDPOINT=host.ws_url) as listener:
        listener.stream.follow(["BTCUSDT"], [])
        listener.bid("100000.0")
