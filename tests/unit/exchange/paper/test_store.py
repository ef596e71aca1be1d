"""The state file: what was accepted stays, whoever dies; several processes share it."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from botbox_cli.exchange.paper.bundled import instrument_rows
from botbox_cli.exchange.paper.clocks import ManualClock, ReplayClock
from botbox_cli.exchange.paper.identity import identity
from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.market import Book
from botbox_cli.exchange.paper.protocol import Unavailable
from botbox_cli.exchange.paper.state import Effects, Lag
from botbox_cli.exchange.paper.store import OPENING, FileBooks
from tests.support.paper import START, PaperDesk

ROOT = Path(__file__).parents[4]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "paper.sqlite"


@pytest.fixture
def opened() -> Iterator[list[FileBooks | ReplayClock]]:
    """What a test opened, closed after it."""
    files: list[FileBooks | ReplayClock] = []
    yield files
    for file in files:
        file.close()


@pytest.fixture
def desk(path: Path, opened: list[FileBooks | ReplayClock]) -> Callable[..., PaperDesk]:
    """Open another desk on the same file, as another process would."""

    def open_desk(clock: ManualClock | None = None, opening: Mapping[str, Decimal] = OPENING) -> PaperDesk:
        books = FileBooks(path, opening)
        opened.append(books)
        return PaperDesk(books=books, clock=clock)

    return open_desk


def test_everything_is_there_after_a_restart(desk: Callable[..., PaperDesk]) -> None:
    before = desk()
    effects = Effects(fill_fraction=Decimal("0.5"), lag=Lag(1, 2, 3))
    before.buy("0.01")
    before.stop("0.00999", "99000", effects=effects)
    before.limit("Buy", "0.01", "98000")
    before.clock.sleep(5)

    after = desk(before.clock)

    assert after.exchange.look() == before.exchange.look()
    assert after.locked("BTC") == Decimal("0.00999")
    assert after.wallet("USDT") == before.wallet("USDT")
    assert after.refused(orderLinkId="entry") == 170141
    after.move("98500")
    after.clock.sleep(1)
    assert after.order("stop")["cumExecQty"] == "0.004995"


def test_a_stop_triggers_at_its_moment_although_no_process_lived_then(desk: Callable[..., PaperDesk]) -> None:
    first = desk()
    first.buy("0.01")
    first.stop("0.00999", "99000")

    second = desk(ManualClock(START))
    second.move("98000", after_s=100)
    hit_ms = second.now_ms
    second.move("120000", after_s=1000)

    assert second.order("stop")["avgPrice"] == "98000"
    assert second.order("stop")["updatedTime"] == str(hit_ms)


def test_two_processes_see_each_other_s_orders_at_once(desk: Callable[..., PaperDesk]) -> None:
    one = desk()
    other = desk(one.clock)

    one.buy("0.01")
    assert other.status("entry") == "Filled"
    other.stop("0.00999", "99000")
    assert one.locked("BTC") == Decimal("0.00999")
    one.cancel("stop", orderFilter="tpslOrder")
    assert other.status("stop") == "Deactivated"
    assert other.get("order/realtime")["list"] == []


def test_one_of_two_processes_gets_a_link_id(desk: Callable[..., PaperDesk]) -> None:
    one = desk()
    other = desk(one.clock)

    assert [one.refused(orderLinkId="same"), other.refused(orderLinkId="same")] == [0, 170141]


def test_settings_are_shared(desk: Callable[..., PaperDesk]) -> None:
    one = desk()
    other = desk(one.clock)

    one.post("spot-margin-trade/switch-mode", spotMarginMode="1")
    one.exchange.restart()

    assert other.get("spot-margin-trade/state")["spotMarginMode"] == "1"


def test_the_opening_balance_counts_once(desk: Callable[..., PaperDesk]) -> None:
    desk(opening={"USDT": Decimal(500)})

    assert desk(opening={"USDT": Decimal(9000)}).wallet("USDT") == 500


def test_the_identity_is_made_once_and_kept_private(path: Path, desk: Callable[..., PaperDesk]) -> None:
    who = identity(path)

    assert identity(path) == who
    assert desk().exchange.identity == who
    assert who.user_id.isdigit()
    assert who.api_secret not in repr(who)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert identity(path.with_name("other.sqlite")) != who


def test_the_identity_may_come_before_the_account(path: Path, desk: Callable[..., PaperDesk]) -> None:
    who = identity(path)

    later = desk()

    assert later.exchange.identity == who
    assert later.wallet("USDT") == 10000


def test_a_request_that_fails_leaves_the_account_as_it_was(desk: Callable[..., PaperDesk]) -> None:
    one = desk()
    one.buy("0.01")
    before = one.exchange.look()

    def broken(*_: object) -> object:
        raise Unavailable("no prices")

    one.script.book = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(Unavailable):
        one.buy("0.01", link="second")

    del one.script.book
    assert one.exchange.look() == before
    assert one.refused(orderLinkId="second") == 0


def test_what_time_brought_is_undone_with_the_request_that_failed(desk: Callable[..., PaperDesk]) -> None:
    """A stop fires on the way to a request that fails; meanwhile another process, with other prices, cancels it."""
    one = desk()
    one.buy("0.01")
    one.stop("0.00999", "99000")
    one.move("98000")
    book = one.script.book

    def broken(instrument: Instrument, at_ms: int, last: Decimal | None = None) -> Book:
        if last is None:
            raise Unavailable("no prices")
        return book(instrument, at_ms, last)

    one.script.book = broken  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        one.buy("0.01", link="second")
    one.script.book = book  # type: ignore[method-assign]

    other = desk(one.clock)
    other.cancel("stop", orderFilter="tpslOrder")
    assert one.status("stop") == "Deactivated"
    assert one.fills("stop") == []
    assert one.wallet("BTC") == other.wallet("BTC") == Decimal("0.00999")


def test_a_file_that_stays_busy_is_unavailable(
    path: Path, desk: Callable[..., PaperDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botbox_cli.exchange.paper.identity.BUSY_TIMEOUT_S", 0.01)
    one = desk()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Unavailable, match="not free"):
        one.buy("0.01")

    other.execute("ROLLBACK")
    other.close()
    one.buy("0.01")
    assert one.status("entry") == "Filled"


def test_threads_share_one_exchange(desk: Callable[..., PaperDesk]) -> None:
    one = desk()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: one.buy("0.001", link=f"o{number}"), range(40)))

    orders, fills = one.exchange.look()
    assert len(orders) == len(fills) == 40
    assert one.wallet("BTC") == Decimal("0.04") * Decimal("0.999")


def test_a_replay_clock_is_shared_and_kept(path: Path, opened: list[FileBooks | ReplayClock]) -> None:
    one, other = ReplayClock(path, START), ReplayClock(path, START.replace(year=2030))
    opened += [one, other]

    one.sleep(90.5)

    assert other.now() == one.now()
    assert (one.now() - START).total_seconds() == 90.5


_BUYER = """
import sys
from tests.support.paper import PaperDesk
from botbox_cli.exchange.paper.store import FileBooks
from pathlib import Path
desk = PaperDesk(books=FileBooks(Path(sys.argv[1])))
for number in range(int(sys.argv[3])):
    desk.buy("0.001", link=f"{sys.argv[2]}-{number}")
    print(f"{sys.argv[2]}-{number}", flush=True)
"""


def buyer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _BUYER, str(path), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ})


def test_processes_on_one_file_lose_and_double_nothing(path: Path, desk: Callable[..., PaperDesk]) -> None:
    desk()

    processes = [buyer(path, name, 15) for name in ("a", "b", "c")]
    printed = {line for process in processes for line in process.communicate()[0].split()}

    assert [process.returncode for process in processes] == [0, 0, 0]
    orders, fills = desk().exchange.look()
    assert {order["orderLinkId"] for order in orders} == printed
    assert len({fill["execId"] for fill in fills}) == len(orders) == 45
    assert desk().wallet("BTC") == Decimal("0.045") * Decimal("0.999")


def test_what_was_answered_survives_a_killed_process(path: Path, desk: Callable[..., PaperDesk]) -> None:
    process = buyer(path, "k", 10_000)
    assert process.stdout is not None
    answered = [process.stdout.readline().strip() for _ in range(5)]
    process.send_signal(signal.SIGKILL)
    answered += process.stdout.read().split()
    process.wait()
    process.stdout.close()

    orders, fills = desk().exchange.look()

    assert set(answered) <= {order["orderLinkId"] for order in orders}
    assert len(orders) == len(fills) <= len(answered) + 1
    spent = sum(Decimal(fill["execValue"]) for fill in fills)
    assert desk().wallet("USDT") == 10000 - spent


def test_a_delisted_symbol_s_orders_end_and_stay_readable(desk: Callable[..., PaperDesk]) -> None:
    before = desk()
    before.buy("0.01")
    before.stop("0.00999", "99000")
    before.clock.sleep(60)

    after = desk(before.clock)
    rest = [row for row in instrument_rows() if row["symbol"] != "BTCUSDT"]
    after.script.rows = lambda: rest  # type: ignore[method-assign]

    row = after.order("stop")
    assert (row["orderStatus"], row["cancelType"]) == ("Deactivated", "CancelByAdmin")
    assert after.locked("BTC") == 0
    assert (after.order("entry")["avgPrice"], after.fills("entry")[0]["execPrice"]) == (
        "100000.1",
        "100000.1",
    )
    assert after.exchange.look()[0][0]["cumExecQty"] == "0.01"


def test_rows_are_json(desk: Callable[..., PaperDesk]) -> None:
    one = desk()
    one.buy("0.01")

    assert json.loads(json.dumps(one.exchange.look()))
