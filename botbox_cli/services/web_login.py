"""Who may use the web page: a token that opens it, sessions, and an end to guessing. Only hashes are stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from botbox_cli.errors import Denied
from botbox_cli.ports import Clock, WebSession, WebStore

SESSION_LIFE = timedelta(hours=24)
FAILURE_WINDOW = timedelta(minutes=15)
FAILURES_OF_CLIENT = 10
FAILURES_OF_ALL = 100
"""So many wrong tokens within the window close the door: for that client, for everybody. Sessions go on."""
TOKEN_BYTES = 24
LONGEST_SECRET = 200
NEW_TOKEN_HINT = "`botbox serve --new-token` makes another token"


class NotLoggedIn(Denied):
    """No session, an expired one, or a wrong token. Nothing was shown, nothing done."""

    code = "not_logged_in"


class TooManyTries(Denied):
    """So many wrong tokens came that none is looked at for a while."""

    code = "too_many_tries"
    retryable = True

    def __init__(self, message: str, hint: str, *, retry_after_s: float) -> None:
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s


class Forged(Denied):
    """A request that changes something, without the proof that one of our pages sent it."""

    code = "forged"


def digest_of(secret: str) -> str:
    """Return the hash under which a random secret is stored. (It is too long to be guessed from a plain hash.)"""
    return hashlib.sha256(secret.encode()).hexdigest()


def first_token(store: WebStore, clock: Clock) -> str | None:
    """Make the login token of a database that has none, and return it: the only time that it is known."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return token if store.add_token(digest_of(token), clock.now()) else None


def another_token(store: WebStore, clock: Clock) -> str:
    """Make another login token and return it; the former one and all sessions end."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    store.replace_token(digest_of(token), clock.now())
    return token


class Doorkeeper:
    """Lets in who has the token. `clock` is the wall's: a replay's clock stands still."""

    def __init__(self, store: WebStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def check_token(self, token: str, client: str) -> None:
        """Compare a token with the stored hash.

        Raises:
            NotLoggedIn: It is wrong; this is counted.
            TooManyTries: So it was too often; it was not looked at.
        """
        now = self._clock.now()
        since = now - FAILURE_WINDOW
        self._refuse_guessing(client, now, since)
        expected = self._store.token_digest()
        if expected is None:
            raise NotLoggedIn("this database has no login token yet", "run `botbox init`", code="no_token")
        is_right = len(token) <= LONGEST_SECRET and hmac.compare_digest(digest_of(token), expected)
        if not is_right:
            self._store.add_failure(client, now, since)
            raise NotLoggedIn("this is not the login token", NEW_TOKEN_HINT, code="wrong_token")

    def log_in(self, token: str, client: str) -> tuple[str, WebSession]:
        """Return the secret of a new session, for its cookie. Raises as `check_token`."""
        self.check_token(token, client)
        self._store.forget_failures(client)
        secret, now = secrets.token_urlsafe(32), self._clock.now()
        session = WebSession(digest_of(secret), client, now, now + SESSION_LIFE)
        self._store.add_session(session)
        return secret, session

    def session(self, secret: str) -> WebSession:
        """Return the session of a cookie. Raises NotLoggedIn when there is none (any more)."""
        found = self._store.session(digest_of(secret)) if 0 < len(secret) <= LONGEST_SECRET else None
        if found is None:
            raise NotLoggedIn("you are not logged in", "log in with the token that `botbox init` printed")
        if found.expires_at <= self._clock.now():
            raise NotLoggedIn("your session has expired", "log in again", code="session_expired")
        return found

    def log_out(self, secret: str) -> None:
        """End a session."""
        self._store.end_session(digest_of(secret))

    def proof(self, secret: str) -> str:
        """Return what a page must send along with everything that changes something, to prove that it is ours.

        It belongs to one cookie and one login token, and can't be made from the cookie alone.
        """
        key = (self._store.token_digest() or "").encode()
        return hmac.new(key, b"csrf " + secret.encode(), hashlib.sha256).hexdigest()

    def check_proof(self, secret: str, proof: str) -> None:
        """Raise Forged unless `proof` belongs to this cookie."""
        if not secret or not hmac.compare_digest(self.proof(secret).encode(), proof.encode()):
            raise Forged("this request does not come from a page of this server", "load the page again")

    def _refuse_guessing(self, client: str, now: datetime, since: datetime) -> None:
        mine, of_all, first = self._store.failures(client, since)
        if mine < FAILURES_OF_CLIENT and of_all < FAILURES_OF_ALL:
            return
        wait = FAILURE_WINDOW - (now - first) if first is not None else FAILURE_WINDOW
        seconds = max(1.0, wait.total_seconds())
        raise TooManyTries(
            "too many wrong tokens: none is taken for a while",
            f"wait {round(seconds / 60) or 1} min; who is logged in stays so, and the terminal works",
            retry_after_s=seconds,
        )
