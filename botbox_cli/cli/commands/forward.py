"""`botbox forward SPAN`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.session import begin
from botbox_cli.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from botbox_cli.config import Settings

_SPAN = re.compile(r"([0-9]{1,5})\s*([mhdw])", re.IGNORECASE)
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}
SPAN_MAX = timedelta(days=366)


def forward(
    ctx: typer.Context,
    span: Annotated[str, typer.Argument(metavar="SPAN", help="15m, 6h, 2d, 1w.")],
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Let time pass in a replay (BOTBOX_MARKET=replay).

    Its clock stands still between commands; when it moves, prices go their recorded way. While a trade is open, take
    small steps with `botbox monitor --once` between them: a target is only taken when botbox looks.

    \b
    Example:
      botbox forward 15m
    """
    from botbox_cli.documents import iso
    from botbox_cli.services.forward import forward as move

    session = begin(ctx, as_json, env_file)
    _refuse_real_time(session.settings)
    length = _parsed(span)
    with session.wired() as wiring:
        moved = move(wiring.clock, wiring.exchange, session.settings.symbols, length)
    if as_json:
        session.console.document(
            {"before": iso(moved.before), "now": iso(moved.now), "recorded": moved.is_recorded}
        )
        return
    session.console.write(f"it is {moved.now:%A, %Y-%m-%d %H:%M} UTC in the replay")
    if not moved.is_recorded:
        session.console.warn("no candles are recorded for this time; the recording is of the year 2025")


def _refuse_real_time(settings: Settings) -> None:
    from botbox_cli.domain.account import Mode
    from botbox_cli.setting_types import Market

    if settings.mode is not Mode.PAPER or settings.market is not Market.REPLAY:
        market = f" with BOTBOX_MARKET={settings.market}" if settings.mode is Mode.PAPER else ""
        raise ConfigError(
            f"BOTBOX_MODE={settings.mode}{market} goes by the real time, which nobody can move",
            "set BOTBOX_MODE=paper and BOTBOX_MARKET=replay for recorded prices",
            code="real_time",
        )


def _parsed(text: str) -> timedelta:
    found = _SPAN.fullmatch(text.strip())
    span = timedelta(minutes=int(found[1]) * _MINUTES[found[2].lower()]) if found else timedelta()
    if not timedelta() < span <= SPAN_MAX:
        raise UsageError(f"{text!r} is no span of time up to a year", "write 15m, 6h, 2d or 1w")
    return span
