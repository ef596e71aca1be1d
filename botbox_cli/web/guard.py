"""The one way in: every request passes here before anything else looks at it, and every answer on its way out.

What is not named as public by its route needs a session or a bearer token; what changes something needs, with a
session, the proof that one of our pages sent it. Nothing of that is left to the endpoints.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from botbox_cli.errors import BotboxError, StorageError
from botbox_cli.services.web_login import Forged, NotLoggedIn, digest_of
from botbox_cli.web.answer import Refused, refusal
from botbox_cli.web.office import Office, Visit
from botbox_cli.web.place import client_name

BODY_MAX = 64 * 1024
BODY_WAIT_S = 10.0
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PROOF = "x-csrf-token"
_PATH = re.compile(rb"/(?:[A-Za-z0-9_~.-]+/)*[A-Za-z0-9_~.-]*")
"""No path of this server needs an escape, so there is nothing to be decoded twice."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


log = logging.getLogger(__name__)


def is_debug() -> bool:
    """Whether the person wants to see where a bug is."""
    return bool(os.environ.get("BOTBOX_DEBUG"))


class Guard:
    """ASGI middleware around the whole application.

    `public`: paths without a login; a prefix ends in "/". `files`: those of them where nobody needs to be known, so
    that the database is not even asked.
    """

    def __init__(self, app: ASGIApp, office: Office, public: Iterable[str], files: Iterable[str]) -> None:
        self._app, self._office = app, office
        self._public, self._files = tuple(public), tuple(files)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        send = self._with_headers(send, ends="transfer-encoding" in Headers(scope=scope))
        try:
            receive = await self._checked(scope, receive)
        except BotboxError as e:
            await refusal(e)(scope, receive, send)
            return
        await self._answered(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer; of a bug say that there is one, and nothing of what it was about."""
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as e:  # The last resort.
            log.error("botbox has a bug in %s: %s", scope["path"], type(e).__name__, exc_info=is_debug())
            if has_begun:
                raise
            bug = BotboxError("botbox has a bug", "see what `botbox serve` printed", code="bug")
            await refusal(bug)(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        """Refuse what may not come in; note who it is, and return what gives the body."""
        headers = Headers(scope=scope)
        self._check_host(headers)
        path = scope.get("raw_path") or b""
        if not _PATH.fullmatch(path) or {b".", b".."} & set(path.split(b"/")):
            raise Refused(400, "this path is none of this server's", code="bad_path")
        if "transfer-encoding" in headers and "content-length" in headers:
            raise Refused(400, "a request has one length, not two", code="two_lengths")
        is_safe = scope["method"] in SAFE
        self._check_site(scope, headers, is_safe=is_safe)
        body = None if is_safe else await _body(headers, receive)
        if is_safe and self._is_among(self._files, scope["path"]):
            return receive
        try:
            scope["botbox.visit"] = await self._office.read(self._visit, scope, headers, is_safe)
        except StorageError:
            # The page itself and the health check answer also while the database doesn't: they are nobody's.
            if not (is_safe and self._is_among(self._public, scope["path"])):
                raise
            scope["botbox.visit"] = Visit(self._client(scope, headers), "", "", "")
        return receive if body is None else _again(body, receive)

    def _check_host(self, headers: Headers) -> None:
        """Refuse other sites' names: a name that was made to point here carries their scripts."""
        if not self._office.place.allows(headers.get("host", "")):
            raise Refused(
                421, "this is not the server of that name", "see `botbox serve --name`", code="host"
            )

    def _check_site(self, scope: Scope, headers: Headers, *, is_safe: bool) -> None:
        """Refuse what another site's page sends."""
        scheme = "https" if self._office.place.is_secure else "http"
        own = f"{scheme}://{headers.get('host', '')}".lower()
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        is_foreign = origin is not None and origin.lower() != own
        if not is_safe and origin is None and "authorization" not in headers:
            is_foreign = True
        if scope["path"].startswith("/api/") and site not in ("same-origin", "none"):
            is_foreign = True
        if is_foreign:
            raise Forged("this request comes from another site", "open this server's own page")

    # -- who it is, in a thread

    def _visit(self, scope: Scope, headers: Headers, is_safe: bool) -> Visit:
        office = self._office
        stamp = office.web.stamp()
        client = self._client(scope, headers)
        agent = "".join(c for c in headers.get("user-agent", "") if c.isprintable())[:80]
        authorization = headers.get("authorization")
        if authorization is not None:
            self._check_bearer(authorization, client, stamp)
            return Visit(client, "", "", stamp, agent)
        secret = self._secret(headers)
        digest, problem = "", None
        try:
            digest = self._session(secret, stamp)
        except NotLoggedIn as e:
            problem = e
        if problem is not None and not self._is_among(self._public, scope["path"]):
            raise problem
        if not is_safe:
            office.door.check_proof(secret, headers.get(PROOF, ""))
        return Visit(client, secret, digest, stamp, agent)

    def _client(self, scope: Scope, headers: Headers) -> str:
        """Return whom to count as one client. Only the proxy's own entry, the last one, is to be believed."""
        address = (scope.get("client") or ("",))[0]
        if self._office.place.behind_proxy:
            address = headers.get("x-forwarded-for", "").rpartition(",")[2].strip() or address
        return client_name(address)

    def _check_bearer(self, authorization: str, client: str, stamp: str) -> None:
        kind, _, token = authorization.partition(" ")
        key = ("token", client, digest_of(token))
        if self._office.remembered.get(stamp, key):
            return
        if kind.lower() != "bearer":
            raise NotLoggedIn("only `Authorization: Bearer TOKEN` is understood", code="not_logged_in")
        self._office.door.check_token(token.strip(), client)
        self._office.remembered.put(stamp, key, True)

    def _session(self, secret: str, stamp: str) -> str:
        """Return the digest of the session of a cookie. Raises NotLoggedIn."""
        digest = digest_of(secret)
        key = ("session", digest)
        found = self._office.remembered.get(stamp, key)
        if found is None or found.expires_at <= self._office.wall.now():
            found = self._office.door.session(secret)
            self._office.remembered.put(stamp, key, found)
        return digest

    def _secret(self, headers: Headers) -> str:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._office.place.cookie)
        except CookieError:
            return ""
        return "" if cookie is None else cookie.value

    @staticmethod
    def _is_among(known: tuple[str, ...], path: str) -> bool:
        return path in known or path.startswith(tuple(p for p in known if p.endswith("/") and p != "/"))

    def _with_headers(self, send: Send, *, ends: bool) -> Send:
        """Return what sends with our headers; `ends` closes the connection: its next request may be a body."""
        is_secure = self._office.place.is_secure

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if is_secure:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
                if ends or message["status"] in (408, 413):
                    headers["Connection"] = "close"
            await send(message)

        return sending


async def _body(headers: Headers, receive: Receive) -> bytes:
    """Read the body, not further than it may go. Raises Refused."""
    told = headers.get("content-length", "0")
    if not told.isdigit() or int(told) > BODY_MAX:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            while True:
                message: Any = await receive()
                body += message.get("body", b"")
                if len(body) > BODY_MAX:
                    raise _too_large()
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise Refused(408, "the request did not arrive in time", code="too_slow") from None


def _too_large() -> Refused:
    return Refused(413, f"a request may have {BODY_MAX} bytes", code="too_large")


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body that was read, then what else comes."""
    is_given = False

    async def receiving() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving
