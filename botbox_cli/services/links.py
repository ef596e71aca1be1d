"""One-time links: a decision on one setup, signed, good until the setup's time is over."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from botbox_cli.domain.candle import from_ms, to_ms
from botbox_cli.domain.setup import Setup, SetupStatus
from botbox_cli.errors import BotboxError, Conflict, Denied, NotFound
from botbox_cli.ports import Books
from botbox_cli.services.desk import Desk

APPROVE, REJECT = "approve", "reject"
ACTIONS = (APPROVE, REJECT)
KEY_MARKER, USED_MARKER = "link_key", "links_used"
HINT = "open the setup on the page, or use `botbox setups`"


@dataclass(frozen=True, slots=True)
class Link:
    """What a link asks for."""

    setup_id: int
    action: str
    expires_at: datetime
    nonce: str


def make_links(desk: Desk, setup: Setup) -> dict[str, str]:
    """Return a token for each action on a setup."""
    key = _key(desk)
    return {action: _signed(key, desk.account.id, setup, action) for action in ACTIONS}


def _signed(key: bytes, account_id: int, setup: Setup, action: str) -> str:
    facts = [account_id, setup.id, action, to_ms(setup.expires_at), secrets.token_hex(8)]
    payload = json.dumps(facts, separators=(",", ":")).encode()
    return f"{_text(payload)}.{_text(_signature(key, payload))}"


def read_link(desk: Desk, token: str) -> Link:
    """Return what a token asks for, and change nothing.

    Raises:
        NotFound: It is not one of this account's links.
        Denied: Its time is over.
        Conflict: It was used, or the setup is decided.
    """
    link = _verified(_key(desk), desk.account.id, token)
    with desk.store.read(desk.account) as books:
        _check(books, link, desk.clock.now())
    return link


@contextmanager
def using(desk: Desk, token: str) -> Iterator[Link]:
    """Use a link up for what happens within; it stays good if that is refused and the setup waits still.

    Raises what `read_link` raises.
    """
    link = _verified(_key(desk), desk.account.id, token)
    with desk.store.write(desk.account) as books:
        used = _check(books, link, desk.clock.now())
        _remember(books, used | {link.nonce: to_ms(link.expires_at)})
    try:
        yield link
    except BotboxError:
        with desk.store.write(desk.account) as books:
            if books.setup(link.setup_id).status is SetupStatus.ACTIVE:
                used = _used(books, desk.clock.now())
                _remember(books, {nonce: ends for nonce, ends in used.items() if nonce != link.nonce})
        raise


def _verified(key: bytes, account_id: int, token: str) -> Link:
    try:
        payload, signature = (_bytes(part) for part in token.split("."))
    except (ValueError, binascii.Error):
        raise _unknown() from None
    if not hmac.compare_digest(signature, _signature(key, payload)):
        raise _unknown()
    owner, setup_id, action, expires_ms, nonce = json.loads(payload)
    if owner != account_id:
        raise _unknown()
    return Link(setup_id, action, from_ms(expires_ms), nonce)


def _unknown() -> NotFound:
    return NotFound("this link is not one of botbox's", HINT, code="bad_link")


def _check(books: Books, link: Link, now: datetime) -> dict[str, int]:
    """Refuse a link that may not be used (any more); return those that were."""
    if now >= link.expires_at:
        raise Denied(f"this link expired at {link.expires_at:%Y-%m-%d %H:%M} UTC", HINT, code="expired")
    used = _used(books, now)
    if link.nonce in used:
        raise Conflict("this link was used already", HINT, code="used_link")
    setup = books.setup(link.setup_id)
    if setup.status is not SetupStatus.ACTIVE:
        why = f": {setup.reason}" if setup.reason else ""
        raise Conflict(f"setup {setup.id} is {setup.status}{why}", HINT)
    return used


def _used(books: Books, now: datetime) -> dict[str, int]:
    """Return the used links whose time is not over yet: nonce to its end in ms."""
    used: dict[str, int] = json.loads(books.marker(USED_MARKER) or "{}")
    return {nonce: ends for nonce, ends in used.items() if ends > to_ms(now)}


def _remember(books: Books, used: dict[str, int]) -> None:
    books.set_marker(USED_MARKER, json.dumps(used, sort_keys=True))


def _key(desk: Desk) -> bytes:
    """Return the account's key for links, made when it is first needed."""
    with desk.store.read(desk.account) as books:
        known = books.marker(KEY_MARKER)
    if known is None:
        with desk.store.write(desk.account) as books:
            known = books.marker(KEY_MARKER)
            if known is None:
                known = secrets.token_hex(32)
                books.set_marker(KEY_MARKER, known)
    return bytes.fromhex(known)


def _signature(key: bytes, payload: bytes) -> bytes:
    return hmac.new(key, payload, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
