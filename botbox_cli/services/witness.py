"""Heads of decision logs as this machine has seen them, kept in a file apart from the database."""

from __future__ import annotations

import json
import os
from pathlib import Path

from botbox_cli.domain.account import Account
from botbox_cli.errors import StorageError
from botbox_cli.ports import LogHead, Store


def seen_head(path: Path, store: Store, account: Account) -> LogHead | None:
    """Return the newest head that was noted for this account of this database. Raises StorageError."""
    noted = _read(path).get(_name(store, account))
    return None if noted is None else LogHead(int(noted["count"]), str(noted["hash"]))


def note_head(path: Path, store: Store, account: Account, head: LogHead) -> None:
    """Note where the log ends now; the file is replaced as a whole. Raises StorageError."""
    noted = _read(path) | {_name(store, account): {"count": head.count, "hash": head.hash}}
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")
        new.replace(path)
    except OSError as e:
        raise StorageError(
            f"{path} can't be written: {e.strerror}", "check its directory's permissions"
        ) from e


def _name(store: Store, account: Account) -> str:
    return f"{store.installation}/{account.mode}/{account.user_id}"


def _read(path: Path) -> dict[str, dict[str, str | int]]:
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(noted, dict) or not all({"count", "hash"} <= set(n) for n in noted.values()):
            raise ValueError
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as e:
        raise StorageError(
            f"{path} can't be read: it notes where the decision log ended when it was last verified",
            "restore it, or remove it to start anew",
            code="witness",
        ) from e
    return noted
