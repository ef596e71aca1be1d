"""The error tree. Imports nothing, so that any layer may raise from it.

Every expected failure is one of these. Each carries one sentence with the value that mattered, one hint (what to
type or look at next), a stable `code` for machines, and the exit code of the contract.
"""

from __future__ import annotations


class BotboxError(Exception):
    """Base of all expected failures; the command prints it without a traceback and exits with `exit_code`."""

    code = "error"
    exit_code = 1
    retryable = False

    def __init__(self, message: str, hint: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code


class UsageError(BotboxError):
    """Wrong arguments, or a question with nobody to answer it. Nothing was done."""

    code = "usage"
    exit_code = 2


class ConfigError(BotboxError):
    """A missing or bad setting, key or permission. Nothing was done."""

    code = "config"
    exit_code = 3


class Denied(BotboxError):
    """botbox refuses: a limit, an expiry, a state. Nothing was sent."""

    code = "denied"
    exit_code = 4


class NotFound(BotboxError):
    """No such id, symbol or interval."""

    code = "not_found"
    exit_code = 4


class Conflict(BotboxError):
    """The state has moved on: another process won the compare-and-set, or holds the lease."""

    code = "conflict"
    exit_code = 4


SHORT_OF_COINS = frozenset({110004, 110007, 110012, 110045, 170033, 170131})
"""Bybit's codes for an order that wants more than the account has."""


TOO_LARGE = frozenset({170124, 170135, 170197, 170198, 170228, 170229, 170341, 170381, 170382})
"""Bybit's codes for an order that is larger than it takes at once: a smaller one may go through."""


TOO_FAR = frozenset({170203, 170204})
"""Bybit's codes for a trigger price that lies too far from the price."""


NO_MARGIN = frozenset({170034, 170036, 170037, 170207, 170344, 182021})
"""Bybit's codes for an order with leverage where there is no margin trading."""


class ExchangeRejected(BotboxError):
    """The exchange said no to this request, for good. `ret_code` is Bybit's."""

    code = "rejected"
    exit_code = 5

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        ret_code: int | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint, code=code)
        self.ret_code = ret_code

    @property
    def is_short_of_coins(self) -> bool:
        """Tell whether the account has less than the order wanted."""
        return self.ret_code in SHORT_OF_COINS

    @property
    def is_too_large(self) -> bool:
        """Tell whether a smaller order may go through."""
        return self.ret_code in TOO_LARGE

    @property
    def is_without_margin(self) -> bool:
        """Tell whether the order may go through without leverage."""
        return self.ret_code in NO_MARGIN

    @property
    def is_too_far(self) -> bool:
        """Tell whether the trigger price lies too far from the price."""
        return self.ret_code in TOO_FAR


class DuplicateOrder(ExchangeRejected):
    """The exchange knows this order link id already: an earlier send has landed. Look it up."""

    code = "duplicate_order"


NOT_FILLED = "not_filled"
"""Code of an `OrderGone` that rules out a filled order: the exchange does not know it, or calls it cancelled."""
FILLED = "filled"
"""Code of an `OrderGone` that says the order is filled."""


class OrderGone(ExchangeRejected):
    """The order to cancel is not on the book (filled, cancelled, or not visible yet). Look it up."""

    code = "order_gone"


class ExchangeUnavailable(BotboxError):
    """The exchange could not be reached or would not take the request; certainly nothing was placed.

    `retry_after_s` is the wait that the exchange asked for, when it did.
    """

    code = "unavailable"
    exit_code = 6
    retryable = True

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        retry_after_s: float | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint, code=code)
        self.retry_after_s = retry_after_s


class OutcomeUnknown(BotboxError):
    """A request that changes something was sent and no trustworthy answer came back. Never send it again blindly."""

    code = "outcome_unknown"
    exit_code = 7


class Mismatch(BotboxError):
    """The books and the exchange differ."""

    code = "mismatch"
    exit_code = 8


class StorageError(BotboxError):
    """The database is unreachable, locked for too long, read-only, or of another version."""

    code = "storage"
    exit_code = 9


class NotTold(BotboxError):
    """A message could not be delivered. It is tried again later; nothing else depends on it."""

    code = "not_told"
    exit_code = 6
    retryable = True


class StopMissing(BotboxError):
    """A position of botbox has no stop on the exchange."""

    code = "stop_missing"
    exit_code = 10


class StopTooSmall(StopMissing):
    """A stop rests on the exchange, for only a part of the position: it takes no larger one."""


class StopPassed(StopMissing):
    """And none can be armed: the price is through it already. The way out is a sale at market."""


EXCHANGE_FAILED = (ExchangeUnavailable, ExchangeRejected, ConfigError)
"""How a question to the exchange fails: it is not reachable, refuses, or takes the key for no good."""

SEVERITY = (10, 7, 8, 9, 5, 6, 3, 4, 2, 1, 0)
"""Exit codes from the gravest down, for passes over several items (contract, "Exit codes")."""


def gravest(exit_codes: list[int]) -> int:
    """Return the exit code that a pass over several items ends with; 0 for none."""
    return min(
        exit_codes,
        key=lambda code: SEVERITY.index(code) if code in SEVERITY else 0,
        default=0,
    )
