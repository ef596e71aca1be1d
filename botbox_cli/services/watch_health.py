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
        self.needs_key = False
        """Whether the exchange failed what needs the key: that anybody may ask for prices says nothing of it."""

    def is_down(self, subject: str) -> bool:
        return subject in self._troubles

    def failed(self, error: BotboxError, subject: str = "", *, is_public: bool = False) -> None:
        """Take note of a failure of the exchange, the database or, with `subject`, of something else.

        `is_public`: what failed needs no key.

        Raises:
            ConfigError: A setting or key that is wrong stays so: nobody is helped by trying on.
        """
        if isinstance(error, ConfigError):
            raise error
        if isinstance(error, ExchangeUnavailable):
            subject = EXCHANGE
            self.needs_key = self.needs_key or not is_public
        elif isinstance(error, StorageError):
            subject = DATABASE
        subject = subject or error.code
        if self._troubles.get(subject) != error.code:
            self._troubles[subject] = error.code
            self._tell(Trouble(subject, error))

    def works(self, subject: str, *, is_public: bool = False) -> None:
        """Take note that something works; `is_public`: what needs no key."""
        if subject == EXCHANGE:
            if is_public and self.needs_key:
                return
            self.needs_key = False
        if self._troubles.pop(subject, None) is not None:
            self._tell(Recovered(subject))
