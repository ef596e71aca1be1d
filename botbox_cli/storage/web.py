"""What the web server keeps in the database (`ports.WebStore`): the hash of its token, sessions, failed logins."""

from __future__ import annotations

import threading
from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, select

from botbox_cli.ports import WebSession
from botbox_cli.storage import tables as t
from botbox_cli.storage.engine import Database
from botbox_cli.storage.run import Runner
from botbox_cli.storage.upserts import upserts

if TYPE_CHECKING:
    import sqlite3

tokens, sessions, failures = t.table(t.WebToken), t.table(t.WebSessions), t.table(t.WebFailures)

TOKEN = select(tokens.c.digest)
_DIGEST = sessions.c.digest == bindparam("key_")
SESSION = select(*(sessions.c[f.name] for f in fields(WebSession))).where(_DIGEST)
ADD_SESSION = sessions.insert()
END_SESSION = delete(sessions).where(_DIGEST)
END_SESSIONS = delete(sessions)
END_EXPIRED = delete(sessions).where(sessions.c.expires_at <= bindparam("now_"))
_SINCE = bindparam("since_", type_=failures.c.since.type)
_CLIENT = failures.c.client == bindparam("client_")
FAILURES_OF = select(failures.c.count, failures.c.since).where(_CLIENT, failures.c.since >= _SINCE)
ALL_FAILURES = select(func.coalesce(func.sum(failures.c.count), 0)).where(failures.c.since >= _SINCE)
FIRST_FAILURE = select(failures.c.since).where(failures.c.since >= _SINCE).order_by(failures.c.since).limit(1)
DROP_FAILURES = delete(failures).where(failures.c.since < _SINCE)
FORGET_FAILURES = delete(failures).where(_CLIENT)

DATA_VERSION = "PRAGMA data_version"
SNAPSHOT = "SELECT pg_current_snapshot()::text"


class SqlWebStore:
    """`ports.WebStore` on SQLite or PostgreSQL. Safe to call from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upserts = upserts(database.kind)
        self._lock = threading.Lock()
        self._witness: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the connection of `stamp`."""
        with self._lock:
            if self._witness is not None:
                self._witness.close()
                self._witness = None

    def stamp(self) -> str:
        """Return a text that is another one after every commit of anybody.

        On SQLite it is what a connection, used for nothing else, has seen others commit. On PostgreSQL it is which
        transactions are visible: two snapshots of the same text see the same rows.
        """
        if self._database.is_sqlite:
            with self._lock, self._database.translated():
                if self._witness is None:
                    self._witness = self._database.connect_sqlite()
                return str(self._witness.execute(DATA_VERSION).fetchone()[0])
        with self._database.reading() as connection:
            return str(connection.exec_driver_sql(SNAPSHOT).scalar())

    # -- the token

    def token_digest(self) -> str | None:
        """Return the hash of the login token; None while there is none."""
        with self._database.reads() as hand:
            digest: str | None = Runner(hand).value(TOKEN, {})
            return digest

    def add_token(self, digest: str, now: datetime) -> bool:
        """Store the hash of the first token; False if there is one."""
        with self._database.writes() as hand:
            row = {"id": 1, "digest": digest, "made_at": now}
            return Runner(hand).value(self._upserts.add_web_token, row) is not None

    def replace_token(self, digest: str, now: datetime) -> None:
        """Store the hash of another token, and end all sessions."""
        with self._database.writes() as hand:
            run = Runner(hand)
            run.changed(self._upserts.put_web_token, {"id": 1, "digest": digest, "made_at": now})
            run.changed(END_SESSIONS, {})

    # -- sessions

    def add_session(self, session: WebSession) -> None:
        """Store a session, and drop those that have expired by its beginning."""
        with self._database.writes() as hand:
            run = Runner(hand)
            run.changed(END_EXPIRED, {"now_": session.created_at})
            run.changed(ADD_SESSION, asdict(session))

    def session(self, digest: str) -> WebSession | None:
        """Return a session, expired or not; None if there is none."""
        with self._database.reads() as hand:
            rows = Runner(hand).rows(SESSION, {"key_": digest})
        return WebSession(*rows[0]) if rows else None

    def end_session(self, digest: str) -> None:
        """Drop a session."""
        with self._database.writes() as hand:
            Runner(hand).changed(END_SESSION, {"key_": digest})

    # -- failed logins

    def failures(self, client: str, since: datetime) -> tuple[int, int, datetime | None]:
        """Return the failures of this client, those of all, and when the oldest count began."""
        with self._database.reads() as hand:
            run = Runner(hand)
            mine = run.rows(FAILURES_OF, {"client_": client, "since_": since})
            total = int(run.value(ALL_FAILURES, {"since_": since}))
            first: datetime | None = mine[0][1] if mine else run.value(FIRST_FAILURE, {"since_": since})
        return (mine[0][0] if mine else 0), total, first

    def add_failure(self, client: str, now: datetime, since: datetime) -> None:
        """Count one more, anew where the count began before `since`; such counts of others are dropped."""
        with self._database.writes() as hand:
            run = Runner(hand)
            run.changed(DROP_FAILURES, {"since_": since})
            mine = run.rows(FAILURES_OF, {"client_": client, "since_": since})
            count, began = (mine[0][0] + 1, mine[0][1]) if mine else (1, now)
            run.changed(self._upserts.put_web_failures, {"client": client, "count": count, "since": began})

    def forget_failures(self, client: str) -> None:
        """Drop the count of a client that has logged in."""
        with self._database.writes() as hand:
            Runner(hand).changed(FORGET_FAILURES, {"client_": client})
