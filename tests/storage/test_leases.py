from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from botbox_cli.storage import process
from botbox_cli.storage.process import current_holder, is_dead
from botbox_cli.storage.store import SqlStore
from tests.support.books import NOW

MINE, OTHER = current_holder("mine"), current_holder("other")


def test_free_lease_is_taken_and_bars_others(store: SqlStore) -> None:
    assert store.take_lease("trade-1", MINE, NOW, 15) is None

    assert store.take_lease("trade-1", OTHER, NOW, 15) == MINE
    assert store.take_lease("trade-2", OTHER, NOW, 15) is None


def test_own_lease_is_renewed(store: SqlStore) -> None:
    store.take_lease("trade-1", MINE, NOW, 15)

    assert store.take_lease("trade-1", MINE, NOW + timedelta(seconds=10), 15) is None
    assert store.take_lease("trade-1", OTHER, NOW + timedelta(seconds=24), 15) == MINE


def test_silent_holder_loses_the_lease_when_it_expires(store: SqlStore) -> None:
    store.take_lease("trade-1", MINE, NOW, 15)

    assert store.take_lease("trade-1", OTHER, NOW + timedelta(seconds=14.999999), 15) == MINE
    assert store.take_lease("trade-1", OTHER, NOW + timedelta(seconds=15), 15) is None
    assert store.take_lease("trade-1", MINE, NOW + timedelta(seconds=15), 15) == OTHER


def test_freed_lease_is_free(store: SqlStore) -> None:
    store.take_lease("trade-1", MINE, NOW, 15)

    store.free_lease("trade-1", MINE)

    assert store.take_lease("trade-1", OTHER, NOW, 15) is None


def test_lease_that_was_lost_is_not_freed(store: SqlStore) -> None:
    store.take_lease("trade-1", MINE, NOW, 15)
    store.take_lease("trade-1", OTHER, NOW + timedelta(seconds=15), 15)

    store.free_lease("trade-1", MINE)

    assert store.take_lease("trade-1", MINE, NOW + timedelta(seconds=16), 15) == OTHER


def test_dead_holder_on_this_machine_loses_the_lease_at_once(store: SqlStore) -> None:
    dead = replace(MINE, started="1", token="dead")
    store.take_lease("trade-1", dead, NOW, 3600)

    assert store.take_lease("trade-1", OTHER, NOW, 15) is None
    assert store.take_lease("trade-1", MINE, NOW, 15) == OTHER


def test_nothing_is_proved_of_a_holder_on_another_machine(store: SqlStore) -> None:
    elsewhere = replace(MINE, host="elsewhere", started="1")
    store.take_lease("trade-1", elsewhere, NOW, 15)

    assert not is_dead(elsewhere)
    assert store.take_lease("trade-1", OTHER, NOW, 15) == elsewhere


def test_this_process_is_alive() -> None:
    assert not is_dead(MINE)


def test_another_process_that_got_the_same_pid_proves_death() -> None:
    assert is_dead(replace(MINE, started="1"))


@pytest.fixture
def no_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system without /proc, such as macOS."""
    monkeypatch.setattr(process, "PROC", tmp_path / "proc")


@pytest.mark.usefixtures("no_proc")
def test_without_proc_a_pid_that_exists_is_alive() -> None:
    mine = current_holder("mine")

    assert mine.started == ""
    assert not is_dead(mine)
    assert not is_dead(replace(mine, pid=1))


@pytest.mark.usefixtures("no_proc")
def test_without_proc_a_pid_that_is_gone_is_dead() -> None:
    # Linux gives no pid above 2^22, macOS none above 99998.
    assert is_dead(replace(current_holder("mine"), pid=2**22 + 1))


@pytest.fixture
def hiding_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A /proc that shows no process, as `hidepid` does with those of other users."""
    proc = tmp_path / "proc"
    (proc / "self/ns").mkdir(parents=True)
    (proc / "self/ns/pid").symlink_to("pid:[1]")
    (proc / "sys/kernel/random").mkdir(parents=True)
    (proc / "sys/kernel/random/boot_id").write_text("boot\n")
    monkeypatch.setattr(process, "PROC", proc)
    return proc


@pytest.mark.usefixtures("hiding_proc")
def test_process_that_is_hidden_is_not_proved_dead() -> None:
    hidden = current_holder("mine")

    assert hidden.host.endswith("/boot/pid:[1]")
    assert not is_dead(hidden)
    assert is_dead(replace(hidden, pid=2**22 + 1))


def test_name_of_a_process_may_look_like_its_state(hiding_proc: Path) -> None:
    (hiding_proc / "7").mkdir()
    (hiding_proc / "7/stat").write_text(f"7 (a) Z 1 (b)) S {' '.join(str(n) for n in range(4, 53))}")
    named = replace(current_holder("mine"), pid=7)

    # Source: proc(5): the 22nd field is the start time.
    assert not is_dead(replace(named, started="22"))
    assert is_dead(replace(named, started="21"))


@pytest.mark.parametrize("state", ["Z", "X"])
def test_remains_of_a_process_are_dead(hiding_proc: Path, state: str) -> None:
    (hiding_proc / "7").mkdir()
    (hiding_proc / "7/stat").write_text(f"7 (botbox) {state} {' '.join(str(n) for n in range(4, 53))}")

    assert is_dead(replace(current_holder("mine"), pid=7, started="22"))
