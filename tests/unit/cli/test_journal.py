"""The log file: whole lines from many processes, bounded, without secrets, and in nobody's way."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from botbox_cli.journal import Journal
from tests.support.cli import botbox

WRITER = """
import sys
from pathlib import Path
from botbox_cli.journal import Journal
journal = Journal(Path(sys.argv[1]), as_json=True, max_bytes=20_000, keep=50, scrub=str, command=sys.argv[2])
for number in range(300):
    journal.note("line", number=number, filler="x" * (number % 90))
"""


@pytest.fixture
def log(installation: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log file of an installation."""
    file = installation / "botbox.log"
    monkeypatch.setenv("BOTBOX_LOG_FILE", str(file))
    return file


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def a_journal(file: Path, **options: Any) -> Journal:
    defaults = {"as_json": True, "max_bytes": 1000, "keep": 2, "scrub": str, "command": "test"}
    return Journal(file, **{**defaults, **options})


def test_command_leaves_its_beginning_its_pass_and_its_end(log: Path) -> None:
    assert botbox("monitor", "--once").code == 0

    began, passed, ended = lines(log)
    assert (began["event"], began["command"], began["arguments"]) == (
        "command_started",
        "monitor",
        "monitor --once",
    )
    assert (passed["event"], passed["ok"], passed["job"]) == ("pass_ended", True, "monitor:1")
    assert (ended["event"], ended["exit_code"], ended["level"]) == ("command_ended", 0, "info")
    assert ended["seconds"] >= 0
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_error_is_noted_with_its_code(log: Path, more: tuple[str, ...]) -> None:
    assert botbox("show", 99, *more).code == 4

    error, ended = lines(log)[1:]
    assert (error["event"], error["level"], error["code"]) == ("error", "error", "not_found")
    assert (ended["exit_code"], ended["level"]) == (4, "error")


def test_text_for_people(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_LOG_FORMAT", "text")

    botbox("setups")

    assert ' INFO    command_started command="setups" pid=' in log.read_text()


def test_nothing_is_written_where_nothing_is_asked_for(installation: Path) -> None:
    before = set(installation.iterdir())

    botbox("setups")

    assert set(installation.iterdir()) == before


def test_secret_never_gets_into_the_file(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYBIT_API_SECRET", "verySecretIndeed")

    botbox("halt", "--reason", "it is verySecretIndeed")
    botbox("db", "move", "postgresql://botbox:openSesame@127.0.0.1:1/x")

    assert "verySecretIndeed" not in log.read_text()
    assert "openSesame" not in log.read_text()


def test_file_that_can_not_be_written_is_said_and_stops_nothing(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_LOG_FILE", str(installation / "nowhere" / "botbox.log"))

    ran = botbox("monitor", "--once")

    assert ran.code == 0
    assert "can't be written: No such file or directory" in ran.err


def test_old_files_are_moved_on_and_then_dropped(tmp_path: Path) -> None:
    journal = a_journal(tmp_path / "log")

    for number in range(40):
        journal.note("line", number=number)

    files = sorted(tmp_path.glob("log*"))
    assert [f.name for f in files] == ["log", "log.1", "log.2"]
    assert all(f.stat().st_size <= 1000 for f in files)
    newest_last = [entry["number"] for f in reversed(files) for entry in lines(f)]
    assert newest_last == list(range(newest_last[0], 40))


def test_line_longer_than_a_file_may_be_is_kept_whole(tmp_path: Path) -> None:
    journal = a_journal(tmp_path / "log", max_bytes=50)

    journal.note("long", text="x" * 500)

    assert lines(tmp_path / "log")[0]["text"] == "x" * 500


def test_processes_that_write_and_rotate_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(file), f"w{n}"]) for n in range(3)]
    assert [w.wait(120) for w in writers] == [0, 0, 0]

    found = [(e["command"], e["number"]) for f in tmp_path.glob("log*") for e in lines(f)]
    assert sorted(found) == sorted((f"w{n}", number) for n in range(3) for number in range(300))
    assert len(list(tmp_path.glob("log*"))) > 3


def test_process_that_is_frozen_with_the_lock_holds_nobody_up(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr("botbox_cli.journal._LOCK_WAIT_S", 0.1)
    with log.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        assert botbox("monitor", "--once").code == 0

    assert [line["event"] for line in lines(log)] == ["command_started", "pass_ended", "command_ended"]


def test_what_libraries_warn_of_comes_in_too(tmp_path: Path) -> None:
    journal = a_journal(tmp_path / "log")
    journal.begin("")

    logging.getLogger("somebody").warning("look %s", "here")
    journal.end(0)
    logging.getLogger("somebody").warning("unheard")

    (entry,) = [e for e in lines(tmp_path / "log") if e["event"] == "log"]
    assert (entry["logger"], entry["level"], entry["message"]) == ("somebody", "warning", "look here")
