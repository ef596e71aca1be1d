"""What fails now: told once when it begins, once when it is over."""

from __future__ import annotations

from collections.abc import Callable

from botbox_cli.errors import BotboxError, ConfigError, ExchangeUnavailable, StorageError
from botbox_cli.services.watch_events import Event, Recovered, Trouble

EXCHANGE, DATABASE = "exchange", "database"


class Health:
    """The troubles of a watch by their subject."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._troubles: dict[str, str] = {}

    def is_down(self, subject: str) -> bool:
        return subject in self._troubles

    def failed(self, error: BotboxError, subject: str = "") -> None:
        """Take note of a failure of the exchange, the database or, with `subject`, of something else.

        Raises:
            ConfigError: A setting or key that is wrong stays so: nobody is helped by trying on.
        """
        if isinstance(error, ConfigError):
            raise error
        if isinstance(error, ExchangeUnavailable):
            subject = EXCHANGE
        elif isinstance(error, StorageError):
            subject = DATABASE
        subject = subject or error.code
        if self._troubles.get(subject) != error.code:
            self._troubles[subject] = error.code
            self._tell(Trouble(subject, error))

    def works(self, subject: str) -> None:
        """Take note that something works."""
        if self._troubles.pop(subject, None) is not None:
            self._tell(Recovered(subject))
