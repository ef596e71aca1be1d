"""`botbox audit`: what it says of a log that holds and of one that does not, and what goes into it."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from botbox_cli.cli.commands.audit import witness_file
from tests.support.cli import botbox


@pytest.fixture
def logged(installation: Path) -> Path:
    """An installation with a few entries in its log."""
    assert botbox("halt", "--reason", "lunch").code == 0
    assert botbox("resume").code == 0
    assert botbox("halt", "--reason", "holiday").code == 0
    return installation


def tamper(statement: str) -> None:
    (path,) = Path.home().rglob("botbox.sqlite")
    with closing(sqlite3.connect(path)) as database:
        database.execute(statement)
        database.commit()


def test_log_that_holds_shows_its_head(logged: Path) -> None:
    ran = botbox("audit", "verify", "--json")

    assert ran.code == 0
    document = ran.document
    assert (document["intact"], document["broken"], document["error"]) == (True, None, None)
    assert document["checked"] == document["head"]["count"] == 3
    told = botbox("audit", "verify")
    assert told.out == f"3 entries hold; head 3:{document['head']['hash']}\n"


def test_edited_entry_is_named_with_exit_code_9(logged: Path) -> None:
    tamper("UPDATE log SET detail = 'dinner' WHERE detail = 'lunch'")

    ran = botbox("audit", "verify", "--json")

    assert ran.code == 9
    assert ran.document["broken"]["kind"] == "edited"
    assert ran.document["broken"]["entry"]["detail"] == "dinner"
    assert ran.document["error"]["code"] == "log_broken"
    told = botbox("audit", "verify")
    assert told.code == 9
    assert told.err.startswith("error: the log does not hold: entry 1 (halted, ")
    assert "\nhint: compare it with an earlier `botbox audit export`" in told.err


def test_log_written_anew_is_told_from_what_this_machine_has_seen(logged: Path) -> None:
    assert botbox("audit", "verify").code == 0
    tamper("DELETE FROM log")
    tamper("DELETE FROM markers WHERE name = 'log head'")
    botbox("resume")

    ran = botbox("audit", "verify", "--json")

    assert ran.code == 9
    assert ran.document["broken"]["kind"] == "rewritten"
    assert str(witness_file()) in ran.document["error"]["hint"]
    witness_file().unlink()
    assert botbox("audit", "verify").code == 0


def test_head_noted_elsewhere_must_still_be_there(logged: Path) -> None:
    head = botbox("audit", "verify", "--json").document["head"]
    botbox("resume")

    assert botbox("audit", "verify", "--head", f"{head['count']}:{head['hash']}").code == 0
    assert botbox("audit", "verify", "--head", f"2:{head['hash']}").code == 9


def test_export_has_all_that_the_hashes_are_made_of(logged: Path) -> None:
    lines = [json.loads(line) for line in botbox("audit", "export").out.splitlines()]
    document = botbox("audit", "export", "--json").document

    assert document["entries"] == lines
    assert [e["event"] for e in lines] == ["halted", "resumed", "halted"]
    assert document["head"] == {"count": 3, "hash": lines[-1]["hash"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shred"], "ACTION 'shred' is not known"),
        (["verify", "--head", "7"], "--head '7' is no head of a log"),
        (["export", "--head", f"1:{'0' * 64}"], "--head belongs to `audit verify`"),
        (["verify", "--since", "soon"], "--since 'soon' is no time"),
    ],
)
def test_wrong_arguments_are_refused(logged: Path, arguments: list[str], message: str) -> None:
    ran = botbox("audit", *arguments)

    assert ran.code == 2
    assert ran.err.startswith(f"error: {message}")


def test_damaged_witness_is_named(logged: Path) -> None:
    witness_file().parent.mkdir(parents=True, exist_ok=True)
    witness_file().write_text("{")

    ran = botbox("audit", "verify")

    assert ran.code == 9
    assert f"{witness_file()} can't be read" in ran.err


def test_changed_setting_is_logged_without_secrets(logged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    botbox("monitor", "--once")
    monkeypatch.setenv("BOTBOX_RISK_PER_TRADE_PERCENT", "0.5")
    monkeypatch.setenv("BYBIT_API_SECRET", "very-secret-text")
    botbox("monitor", "--once")

    entries = botbox("audit", "export", "--json").document["entries"]
    settings = [e for e in entries if e["event"] == "settings"]

    assert [e["detail"] for e in settings] == [
        "first seen",
        "BOTBOX_RISK_PER_TRADE_PERCENT from 1 to 0.5",
    ]
    assert "DATABASE_URL" not in settings[0]["data"]["changed"]
    assert not any("SECRET" in name or "KEY" in name for name in settings[0]["data"]["changed"])


def test_exported_entries_can_be_verified_without_botbox(logged: Path) -> None:
    """As `docs/explain.md` describes it."""
    botbox("halt", "--reason", "Übung")
    botbox("monitor", "--once")
    before = ""

    for entry in map(json.loads, botbox("audit", "export").out.splitlines()):
        facts = [entry[name] for name in ("at", "event", "detail", "trade_id", "setup_id", "data")]
        text = json.dumps([before, *facts], sort_keys=True, separators=(",", ":"))
        before = hashlib.sha256(text.encode()).hexdigest()
        assert before == entry["hash"]
