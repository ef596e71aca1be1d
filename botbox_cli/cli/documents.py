"""The JSON documents of the contract ("JSON"): domain in, plain dictionaries out.

Money, prices and quantities are strings in plain notation, times ISO 8601 UTC with `Z`; `schema` is added where a
document is written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botbox_cli.domain.number import plain
from botbox_cli.errors import BotboxError

if TYPE_CHECKING:
    from botbox_cli.domain.setup import Setup
    from botbox_cli.domain.sizing import Sizing

SCHEMA = 1

Document = dict[str, Any]


def iso(at: datetime) -> str:
    """Return a time as ISO 8601 UTC with `Z`, with milliseconds when it has any."""
    at = at.astimezone(UTC)
    text = at.isoformat(timespec="milliseconds" if at.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def time_or_null(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


def number_or_null(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def error_document(error: BotboxError, **where: object) -> Document:
    """Return what is to be said of an error; `where` names what it happened to in a pass over several."""
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "retryable": error.retryable,
        **where,
    }


def setup_document(setup: Setup) -> Document:
    return {
        "id": setup.id,
        "symbol": setup.symbol,
        "timeframe": setup.timeframe,
        "kind": setup.kind,
        "direction": str(setup.direction),
        "source": str(setup.source),
        "status": str(setup.status),
        "entry_price": plain(setup.entry_price),
        "stop_loss": plain(setup.stop_loss),
        "take_profit_1": plain(setup.take_profit_1),
        "take_profit_2": number_or_null(setup.take_profit_2),
        "detected_at": iso(setup.detected_at),
        "expires_at": iso(setup.expires_at),
        "decided_at": time_or_null(setup.decided_at),
        "note": setup.note,
        "reason": setup.reason,
        "signals": [{"type": s.type, "value": s.value} for s in setup.signals],
    }


def sizing_document(sizing: Sizing) -> Document:
    amounts = ("price", "stop", "equity", "free", "risk_wanted", "qty", "value", "risk", "risk_percent")
    return {name: plain(getattr(sizing, name)) for name in amounts} | {"limited_by": sizing.limited_by}
