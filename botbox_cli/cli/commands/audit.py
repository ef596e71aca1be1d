"""`botbox audit verify` and `botbox audit export`."""

from __future__ import annotations

import json
import re
from datetime import UTC
from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, Since, parse_when, parse_word
from botbox_cli.cli.session import Session, begin
from botbox_cli.errors import StorageError, UsageError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from botbox_cli.bootstrap import Wiring
    from botbox_cli.documents import Document
    from botbox_cli.ports import LogEntry, LogHead
    from botbox_cli.services.audit import Verdict

_HEAD = re.compile(r"([0-9]{1,12}):([0-9a-f]{64})")


def audit(
    ctx: typer.Context,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="verify or export.")],
    since: Since = None,
    head: Annotated[
        str | None,
        typer.Option(
            "--head", metavar="N:HASH", help="verify: a head noted earlier that must still be there."
        ),
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Verify or export the decision log.

    Each entry is chained by SHA-256 to the one before. `verify` names the first entry that was edited, inserted or
    deleted since it was written (exit code 9); `export` prints one JSON object a line.

    \b
    Examples:
      botbox audit verify
      botbox audit export --since 30d > log.jsonl
    """
    word = parse_word(action, ("verify", "export"), "ACTION")
    if head is not None and word == "export":
        raise UsageError("--head belongs to `audit verify`", "see `botbox audit --help`")
    expected = None if head is None else _parsed_head(head)
    session = begin(ctx, as_json, env_file)
    with session.wired() as wiring:
        start = parse_when(since, wiring.clock.now())
        if word == "export":
            return _export(session, wiring, start)
        return _verify(session, wiring, start, expected)


def _parsed_head(text: str) -> LogHead:
    from botbox_cli.ports import LogHead

    match = _HEAD.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(
            f"--head {text!r} is no head of a log", "write it as `botbox audit verify` printed it"
        )
    return LogHead(int(match[1]), match[2])


def witness_file() -> Path:
    """Return where this machine notes the heads that it has seen."""
    from botbox_cli.config import data_dir

    return data_dir() / "audit.json"


def _verify(session: Session, wiring: Wiring, since: datetime | None, expected: LogHead | None) -> int:
    from botbox_cli.services.audit import verify
    from botbox_cli.services.witness import note_head, seen_head

    account, path = wiring.account(), witness_file()
    noted = seen_head(path, wiring.store, account)
    seen = [h for h in (noted, expected) if h is not None]
    verdict = verify(wiring.store, account, since=since, seen=seen)
    if verdict.is_intact:
        note_head(path, wiring.store, account, verdict.head)
    error = _error(verdict, path)
    if session.console.as_json:
        session.console.document(_document(verdict, error))
    elif error is None:
        session.console.write(f"{verdict.checked} entries hold; head {_head_text(verdict.head)}")
        session.console.say(
            "note the head elsewhere: `--head N:HASH` then proves that it is still part of the log"
        )
    else:
        session.console.complain(error)
        for sentence in verdict.fills:
            session.console.write(sentence)
    return 0 if error is None else error.exit_code


def _error(verdict: Verdict, path: Path) -> StorageError | None:
    if verdict.broken is not None:
        hint = "compare it with an earlier `botbox audit export`, and find out who writes to the database"
        if verdict.broken.kind in ("rewritten", "deleted"):
            hint += f"; if you have restored an older backup yourself, remove {path}"
        return StorageError(f"the log does not hold: {verdict.broken.detail}", hint, code="log_broken")
    if verdict.fills:
        return StorageError(
            f"the log holds, but {len(verdict.fills)} facts of fills in the books differ from it: {verdict.fills[0]}",
            "`botbox reconcile` compares the books with the exchange",
            code="books_differ",
        )
    return None


def _document(verdict: Verdict, error: StorageError | None) -> Document:
    from botbox_cli.documents import error_document

    broken = verdict.broken
    return {
        "intact": verdict.is_intact,
        "checked": verdict.checked,
        "head": _head_document(verdict.head),
        "broken": None
        if broken is None
        else {
            "kind": broken.kind,
            "entry": None if broken.entry is None else _facts(broken.entry),
            "after": broken.after,
            "detail": broken.detail,
        },
        "fills": list(verdict.fills),
        "error": None if error is None else error_document(error),
    }


def _head_document(head: LogHead) -> Document:
    return {"count": head.count, "hash": head.hash or None}


def _head_text(head: LogHead) -> str:
    return f"{head.count}:{head.hash}" if head.count else "none yet"


def _facts(entry: LogEntry) -> Document:
    """Return all that an entry's hash is made of, in the spelling that it is made of."""
    return {
        "id": entry.id,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "event": entry.event,
        "detail": entry.detail,
        "trade_id": entry.trade_id,
        "setup_id": entry.setup_id,
        "data": entry.data,
    }


def _export(session: Session, wiring: Wiring, since: datetime | None) -> int:
    from botbox_cli.services.audit import entries

    account = wiring.account()
    found = [
        {**_facts(entry), "hash": digest} for entry, digest in entries(wiring.store, account, since=since)
    ]
    if session.console.as_json:
        with wiring.store.read(account) as books:
            head = books.log_head()
        whose = {"mode": str(account.mode), "user_id": account.user_id}
        session.console.document({"account": whose, "head": _head_document(head), "entries": found})
    else:
        for document in found:
            session.console.write(json.dumps(document))
    return 0
