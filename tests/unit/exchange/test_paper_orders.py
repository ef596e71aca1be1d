"""A paper account's file tells of its orders, whichever process wrote them."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from botbox_cli.exchange.inbox import Inbox
from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.exchange.paper.identity import identity
from botbox_cli.exchange.paper.store import FileBooks
from botbox_cli.exchange.paper_orders import PaperOrders
from botbox_cli.exchange.stream import SocketStream, public_channel
from botbox_cli.ports import OrderNews
from tests.support.paper import PaperDesk
from tests.support.sockets import Heard


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "account.sqlite"
    identity(path)
    return path


@pytest.fixture
def heard(file: Path) -> Iterator[Heard]:
    """Nothing but the meta table is there when the looking begins."""
    inbox = Inbox()
    public = public_channel("ws://127.0.0.1:1", inbox, WallClock())
    with closing(SocketStream(public, PaperOrders(file, inbox, WallClock(), 0.01), inbox)) as stream:
        yield Heard(stream)


def test_orders_of_any_process_are_told_as_they_change(file: Path, heard: Heard) -> None:
    heard.state("private", is_up=True)
    with ExitStack() as stack:
        first, second = (PaperDesk(books=stack.enter_context(closing(FileBooks(file)))) for _ in range(2))
        first.buy(link="bb-1")
        heard.order("bb-1")
        second.stop("0.005", "99000", link="bb-2")
        heard.order("bb-2")
        first.post("order/cancel", symbol="BTCUSDT", orderLinkId="bb-2", orderFilter="tpslOrder")
        heard.order("bb-2")

    assert not [each for each in heard.stream.news(0.1) if isinstance(each, OrderNews)]


def test_orders_from_before_are_not_told(file: Path) -> None:
    with closing(FileBooks(file)) as books:
        PaperDesk(books=books).buy(link="old")
        inbox = Inbox()
        orders = PaperOrders(file, inbox, WallClock(), 0.01)
        orders.start()
        try:
            inbox.take(30)
            PaperDesk(books=books).buy(link="new")
            told = inbox.take(30)
        finally:
            orders.close()

    assert told == [OrderNews("BTCUSDT", "new")]


def test_a_file_that_can_t_be_read_is_told_and_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "not there yet"
    path.mkdir()
    inbox = Inbox()
    with closing(
        SocketStream(
            public_channel("ws://127.0.0.1:1", inbox, WallClock()),
            PaperOrders(path, inbox, WallClock(), 0.01),
            inbox,
        )
    ) as stream:
        heard = Heard(stream)
        down = heard.state("private", is_up=False)
        path.rmdir()
        heard.state("private", is_up=True)

    assert down.detail.startswith("the paper account can't be read: ")


def test_no_thread_is_left(file: Path) -> None:
    before = set(threading.enumerate())
    orders = PaperOrders(file, Inbox(), WallClock())
    orders.start()
    orders.close()

    assert set(threading.enumerate()) <= before
