"""`botbox demo`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.session import console_of
from botbox_cli.errors import UsageError

if TYPE_CHECKING:
    from botbox_cli.bootstrap import Wiring

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT")
"""Those whose candles come with the package."""


def demo(
    ctx: typer.Context,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="DATE", help="Where in 2025 it begins, such as 2025-06-10 (UTC)."),
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,  # noqa: ARG001  # Every command takes it; the demo reads no settings.
) -> None:
    """The whole product on recorded candles: no keys, no network.

    It reads no settings, keeps its books in a temporary folder and removes that at the end.

    \b
    Example:
      botbox demo --start 2025-06-10
    """
    from botbox_cli.cli.story import Narrator, session_document
    from botbox_cli.services.demo import session

    console = console_of(ctx, as_json)
    with _throw_away(_moment(start)) as wiring:
        steps = session(wiring.desk(), SYMBOLS)
        if as_json:
            console.document(session_document(list(steps)))
        else:
            # One stream: the talk of the commands belongs between their tables.
            Narrator(replace(console, err=console.out, colour_err=console.colour), wiring).tell(steps)


def _moment(text: str | None) -> datetime:
    from botbox_cli.bootstrap import REPLAY_START

    if text is None:
        return REPLAY_START
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"--start {text!r} is no time", "write 2025-06-10 or 2025-06-10T09:00") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


@contextmanager
def _throw_away(start: datetime) -> Iterator[Wiring]:
    """Wire a paper account on recorded candles in a folder of its own. No setting of the person's has any effect."""
    from pydantic import SecretStr

    from botbox_cli import bootstrap
    from botbox_cli.config import Settings
    from botbox_cli.domain.account import Mode
    from botbox_cli.setting_types import Market

    with tempfile.TemporaryDirectory(prefix="botbox-demo-") as folder:
        url = f"sqlite:///{Path(folder) / 'botbox.sqlite'}"
        # Constructed, not loaded: neither the environment nor an env file is asked.
        settings = Settings.model_construct(
            mode=Mode.PAPER, market=Market.REPLAY, database=SecretStr(url), symbols=SYMBOLS
        )
        bootstrap.migrate(settings)
        bootstrap.start_replay(settings, start)
        with bootstrap.wired(settings) as wiring:
            yield wiring
