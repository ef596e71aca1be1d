"""What the page's login is kept in."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from botbox_cli.domain.record import record


@record
class WebSession:
    """A browser that has logged in; `digest` is the hash of its cookie."""

    digest: str
    client: str
    created_at: datetime
    expires_at: datetime


class WebStore(Protocol):
    """What the web server keeps beside the books, and how it sees that anything in the database has changed."""

    def stamp(self) -> str:
        """Return a text that is another one after every commit of anybody; it may be when nothing has changed.

        Whatever is read after it was taken is at least as new as it says.
        """
        ...

    def token_digest(self) -> str | None:
        """Return the hash of the login token; None while there is none."""
        ...

    def add_token(self, digest: str, now: datetime) -> bool:
        """Store the hash of the first token; False if there is one."""
        ...

    def replace_token(self, digest: str, now: datetime) -> None:
        """Store the hash of another token, and end all sessions."""
        ...

    def add_session(self, session: WebSession) -> None:
        """Store a session, and drop those that have expired by its beginning."""
        ...

    def session(self, digest: str) -> WebSession | None: ...

    def end_session(self, digest: str) -> None: ...

    def failures(self, client: str, since: datetime) -> tuple[int, int, datetime | None]:
        """Return how often this client, and everybody together, failed to log in; and the oldest of these counts'
        beginning. Counts that began before `since` are over."""
        ...

    def add_failure(self, client: str, now: datetime, since: datetime) -> None:
        """Count one more, anew where the count began before `since`; such counts of others are dropped."""
        ...

    def forget_failures(self, client: str) -> None: ...
