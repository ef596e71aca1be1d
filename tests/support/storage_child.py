"""Another process on the same database, for races and deaths: says "ready", does its part at the word "go", reports.

python -m tests.support.storage_child URL ACCOUNT_KEY race SETUP_ID | lease NAME | write SETUP_ID
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botbox_cli.domain.account import Account, Mode
from botbox_cli.errors import Conflict
from botbox_cli.storage.process import current_holder
from botbox_cli.storage.store import SqlStore
from tests.support.books import NOW, a_trade

_ROOT = Path(__file__).resolve().parents[2]


class Child:
    """The parent's end. `say` and `hear` exchange one line each."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def say(self, line: str = "go") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        """End it by SIGKILL. Nobody takes note of the death: what is left is a zombie."""
        self.process.kill()
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)


@contextmanager
def child(url: str, account: Account, *words: str) -> Iterator[Child]:
    """Run a child that is ready; it is gone at the end."""
    command = [sys.executable, "-m", "tests.support.storage_child", url, account.key_hash, *words]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            running = Child(process)
            assert running.hear() == "ready"
            yield running
        finally:
            process.kill()


def race(store: SqlStore, account: Account, setup_id: str) -> None:
    """Store a trade of the setup; tell who won."""
    try:
        with store.write(account) as books:
            books.add_trade(a_trade(books.setup(int(setup_id))))
    except Conflict as conflict:
        _say(f"conflict {conflict.code}")
    else:
        _say("won")


def lease(store: SqlStore, account: Account, name: str) -> None:
    """Take a lease for an hour and keep it until killed."""
    assert account.id
    other = store.take_lease(name, current_holder("child"), NOW, 3600)
    _say("mine" if other is None else "refused")
    sys.stdin.readline()


def write(store: SqlStore, account: Account, setup_id: str) -> None:
    """Store a trade and wait inside the transaction."""
    with store.write(account) as books:
        books.add_trade(a_trade(books.setup(int(setup_id))))
        _say("written")
        sys.stdin.readline()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(url: str, key_hash: str, action: str, argument: str) -> None:
    store = SqlStore(url)
    account = store.account_by_key(Mode.PAPER, key_hash)
    assert account is not None
    _say("ready")
    sys.stdin.readline()
    {"race": race, "lease": lease, "write": write}[action](store, account, argument)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
