"""The endpoints, one subject a file: `router`, and in `PUBLIC` the paths that need no login (a prefix ends in "/")."""

from __future__ import annotations

from types import ModuleType

from botbox_cli.web.routes import (
    candles,
    docs,
    events,
    halt,
    health,
    link,
    metrics,
    page,
    session,
    setups,
    status,
    trades,
)

ROUTES: tuple[ModuleType, ...] = (
    session,
    setups,
    trades,
    candles,
    status,
    halt,
    link,
    events,
    health,
    metrics,
    page,
    docs,
)
