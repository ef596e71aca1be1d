from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from threading import Barrier

import pytest

from botbox_cli.domain.account import Account
from botbox_cli.domain.setup import LIVING, Setup, SetupStatus
from botbox_cli.errors import Conflict
from botbox_cli.storage.process import current_holder
from botbox_cli.storage.store import SqlStore
from tests.support.books import NOW, a_setup, a_trade
from tests.support.storage_child import child

RIVALS = 6


@pytest.fixture
def setup(store: SqlStore, account: Account) -> Setup:
    with store.write(account) as books:
        stored = books.add_setup(a_setup())
    assert stored is not None
    return stored


def test_of_many_processes_one_trades_a_setup(
    url: str, store: SqlStore, account: Account, setup: Setup
) -> None:
    with ExitStack() as stack:
        rivals = [stack.enter_context(child(url, account, "race", str(setup.id))) for _ in range(4)]
        for rival in rivals:
            rival.say("go")
        outcomes = Counter(rival.hear() for rival in rivals)

    assert outcomes == {"won": 1, "conflict already_traded": 3}
    with store.read(account) as books:
        assert len(books.trades()) == 1


def test_of_many_threads_one_trades_a_setup(store: SqlStore, account: Account, setup: Setup) -> None:
    together = Barrier(RIVALS)

    def try_it(_: int) -> bool:
        together.wait()
        try:
            with store.write(account) as books:
                books.add_trade(a_trade(setup))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(RIVALS) as threads:
        assert sum(threads.map(try_it, range(RIVALS))) == 1


def test_of_many_threads_one_decides_a_setup(store: SqlStore, account: Account, setup: Setup) -> None:
    together = Barrier(RIVALS)

    def decide(number: int) -> bool:
        together.wait()
        to = SetupStatus.REJECTED if number % 2 else SetupStatus.INVALIDATED
        try:
            with store.write(account) as books:
                books.move_setup(setup.id, LIVING, to)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(RIVALS) as threads:
        assert sum(threads.map(decide, range(RIVALS))) == 1


def test_what_is_read_before_a_write_in_one_transaction_stays_true(store: SqlStore, account: Account) -> None:
    together = Barrier(RIVALS)

    def count_up(_: int) -> None:
        together.wait()
        for _ in range(5):
            with store.write(account) as books:
                books.set_marker("count", str(int(books.marker("count") or "0") + 1))

    with ThreadPoolExecutor(RIVALS) as threads:
        list(threads.map(count_up, range(RIVALS)))

    with store.read(account) as books:
        assert books.marker("count") == str(5 * RIVALS)


def test_of_many_threads_one_takes_a_lease(store: SqlStore) -> None:
    together = Barrier(RIVALS)

    def take(number: int) -> bool:
        holder = current_holder(f"rival {number}")
        together.wait()
        return store.take_lease("trade-1", holder, NOW, 15) is None

    with ThreadPoolExecutor(RIVALS) as threads:
        assert sum(threads.map(take, range(RIVALS))) == 1


def test_lease_of_a_killed_process_is_taken_over_at_once(url: str, store: SqlStore, account: Account) -> None:
    mine = current_holder("mine")

    with child(url, account, "lease", "trade-1") as holder:
        holder.say("go")
        assert holder.hear() == "mine"
        other = store.take_lease("trade-1", mine, NOW, 15)
        assert other is not None
        assert (other.pid, other.token) == (holder.process.pid, "child")

        holder.kill()
        assert store.take_lease("trade-1", mine, NOW, 15) is None

    assert store.take_lease("trade-1", replace(mine, token="another"), NOW, 15) == mine


def test_process_killed_inside_a_transaction_leaves_nothing_and_bars_nobody(
    url: str, store: SqlStore, account: Account, setup: Setup
) -> None:
    with child(url, account, "write", str(setup.id)) as writer:
        writer.say("go")
        assert writer.hear() == "written"
        with store.read(account) as books:
            assert books.trades() == []
        writer.kill()

        with store.write(account) as books:
            assert books.trades() == []
            books.add_trade(a_trade(setup))
