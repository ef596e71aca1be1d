"""News of a paper account's orders: its file is looked at, since whatever process trades on paper writes there."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from botbox_cli.exchange.paper.identity import connect
from botbox_cli.ports import OrderNews, StreamState

if TYPE_CHECKING:
    from botbox_cli.exchange.inbox import Inbox
    from botbox_cli.ports import Clock

PACE_S = 0.25


class PaperOrders:
    """Stands where the private socket stands on a real account."""

    def __init__(self, path: Path, inbox: Inbox, clock: Clock, pace_s: float = PACE_S) -> None:
        self._path = path
        self._inbox = inbox
        self._clock = clock
        self._pace_s = pace_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="paper-orders", daemon=True)

    def start(self) -> None:
        """Begin to look, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """End the looking."""
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        problem = ""
        while not self._stopping.is_set():
            try:
                with closing(connect(self._path)) as connection:
                    seen = _version(connection)
                    self._tell(True, "the paper account's file")
                    problem = ""
                    while not self._stopping.wait(self._pace_s):
                        seen = self._look(connection, seen)
            except (OSError, sqlite3.Error) as e:
                if str(e) != problem:
                    problem = str(e)
                    self._tell(False, f"the paper account can't be read: {e}")
                self._stopping.wait(4 * self._pace_s)

    def _look(self, connection: sqlite3.Connection, seen: int) -> int:
        version = _version(connection)
        if version != seen:
            rows = connection.execute("SELECT body FROM orders WHERE version > ? ORDER BY number", (seen,))
            orders = [json.loads(body) for (body,) in rows]
            self._inbox.put([OrderNews(order["symbol"], order["link_id"]) for order in orders])
        return version

    def _tell(self, is_up: bool, detail: str) -> None:
        self._inbox.put([StreamState("private", is_up, detail, self._clock.now())])


def _version(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    return int(row[0]) if row else 0
