"""A channel over Apprise, which speaks to phones, chats and mailboxes. The only module that imports it."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from botbox_cli.errors import ConfigError, NotTold
from botbox_cli.ports import Channel, Message

NAME = "botbox"
TELL_S = 15.0
"""An answer that is dripped has no timeout of its own."""


class AppriseChannel:
    """One Apprise URL. Neither messages nor errors show it: most carry a token."""

    def __init__(self, service: Any, url: str, number: int) -> None:
        self.name = hashlib.sha256(url.encode()).hexdigest()[:16]
        self._service = service
        self._what = f"channel {number} ({service.service_name})"
        self._sending: threading.Thread | None = None

    def tell(self, message: Message) -> None:
        """Send a message. Raises NotTold when it is not taken for whatever reason, or not within 15 s."""
        outcome: list[bool | Exception] = []
        if self._sending is None or not self._sending.is_alive():
            self._sending = threading.Thread(
                target=self._send, args=(message, outcome), name="channel", daemon=True
            )
            self._sending.start()
            self._sending.join(TELL_S)
        if outcome == [True]:
            return
        bugs = [f" ({type(each).__name__} in Apprise)" for each in outcome if isinstance(each, Exception)]
        raise NotTold(
            f"{self._what} of BOTBOX_NOTIFY did not take the message {message.title!r}{''.join(bugs)}",
            "it is tried again later; check the address with `apprise -vv`",
        )

    def _send(self, message: Message, outcome: list[bool | Exception]) -> None:
        try:
            outcome.append(self._is_taken(message))
        except Exception as e:  # noqa: BLE001  # A plugin may raise anything; it is told where it is waited for.
            outcome.append(e)

    def _is_taken(self, message: Message) -> bool:
        from apprise import Apprise, NotifyType

        sender = Apprise()
        sender.add(self._service)
        kind = NotifyType.WARNING if message.is_urgent else NotifyType.INFO
        with ExitStack() as stack:
            files = None if message.picture is None else _file(stack, message.picture)
            return bool(sender.notify(message.body or message.title, message.title, kind, attach=files))


def _file(stack: ExitStack, picture: bytes) -> str:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="botbox-")))
    path = folder / "chart.png"
    path.write_bytes(picture)
    return str(path)


def open_channels(urls: Sequence[str]) -> list[Channel]:
    """Return a channel for each URL.

    Raises:
        ConfigError: If Apprise is not installed, or does not understand one of them (which is named by its place).
    """
    try:
        from apprise import Apprise, AppriseAsset
    except ImportError as e:
        raise ConfigError(
            "BOTBOX_NOTIFY needs Apprise, which is not installed",
            "run `pip install 'botbox[notify]'`, or unset BOTBOX_NOTIFY",
            code="missing_extra",
        ) from e
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it writes addresses
    # Its own timeout, in versions that have one, comes with a pool of threads that the process can't end without.
    options: dict[str, Any] = {"service_timeout": 0} if hasattr(AppriseAsset, "_service_timeout") else {}
    asset = AppriseAsset(app_id=NAME, app_desc=NAME, async_mode=False, **options)
    channels: list[Channel] = []
    for number, url in enumerate(urls, 1):
        service = Apprise.instantiate(url, asset=asset)
        if service is None:
            raise ConfigError(
                f"BOTBOX_NOTIFY: Apprise does not understand the address in place {number}",
                "see `apprise --help` for the form of each service's address",
            )
        channels.append(AppriseChannel(service, url, number))
    return channels
