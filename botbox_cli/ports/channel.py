"""Ways to the person."""

from __future__ import annotations

from typing import Protocol

from botbox_cli.domain.record import record


@record
class Message:
    """What a person is told. `picture` is a PNG; an urgent message does not wait for quiet hours to end."""

    title: str
    body: str
    is_urgent: bool = False
    picture: bytes | None = None


class Channel(Protocol):
    """One way to the person: a phone, a chat, a mailbox."""

    name: str
    """By what it is remembered: the same for the same address, and telling nothing of it."""

    def tell(self, message: Message) -> None:
        """Send a message. Raises NotTold."""
        ...
