"""The start of every command: its console, its settings, and what the settings name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from botbox_cli.cli.console import Console
from botbox_cli.errors import BotboxError

if TYPE_CHECKING:
    from botbox_cli.bootstrap import Recorded, Wiring
    from botbox_cli.config import Settings

_URL_PASSWORD = re.compile(r"//[^/\s]*@")


@dataclass(frozen=True, slots=True)
class Session:
    """One command at work."""

    console: Console
    settings: Settings

    @contextmanager
    def wired(self, *, moves_money: bool = False, at_once: bool = True) -> Iterator[Wiring]:
        """Open the database and what belongs to it (see `bootstrap.wired`).

        A live account that is known not to be the armed one is refused `at_once`, or not before money moves.
        """
        from botbox_cli import bootstrap
        from botbox_cli.cli.warnings import show_warnings

        show_warnings(self.console)
        with bootstrap.wired(self.settings, moves_money=moves_money) as wiring:
            self.console.hide([wiring.access.key, wiring.access.secret])
            if moves_money and at_once:
                wiring.refuse_other_user()
            yield wiring

    @contextmanager
    def recorded(self) -> Iterator[Recorded]:
        """Open the recorded candles alone (see `bootstrap.recorded`)."""
        from botbox_cli import bootstrap
        from botbox_cli.cli.warnings import show_warnings

        show_warnings(self.console)
        with bootstrap.recorded(self.settings) as recorded:
            yield recorded

    def nothing_done(self, why: BotboxError, document: Mapping[str, Any]) -> int:
        """Say that another process is at this job already, which is no failure; return the exit code."""
        if self.console.as_json:
            self.console.document({**document, "already_running": why.message})
        else:
            self.console.say(f"{why.message}: nothing to do")
        return 0


def console_of(ctx: typer.Context, as_json: bool) -> Console:
    """Return the console that the program was started with."""
    console: Console = ctx.obj
    console.as_json = as_json
    return console


def begin(ctx: typer.Context, as_json: bool, env_file: Path | None) -> Session:
    """Return the session of a command. Raises ConfigError for a bad setting."""
    from botbox_cli import config

    console = console_of(ctx, as_json)
    path = config.find_env_file(env_file)
    settings = config.load(path)
    console.hide(settings.secrets)
    warning = config.exposed(path)
    if warning is not None:
        console.warn(warning)
    if settings.log_file is not None:
        _keep_journal(ctx, console, settings, settings.log_file)
    return Session(console, settings)


def _keep_journal(ctx: typer.Context, console: Console, settings: Settings, path: Path) -> None:
    """Write what this command does to the log file. One that can't be written keeps nobody from trading."""
    from botbox_cli import journal

    name = str(ctx.info_name)
    kept = journal.Journal(
        path,
        as_json=settings.log_format == "json",
        max_bytes=settings.log_max_mb * 1_000_000,
        keep=settings.log_keep,
        scrub=console.scrub,
        command=name,
    )
    try:
        journal.start(kept, _URL_PASSWORD.sub("//***@", " ".join(console.arguments)))
    except OSError as e:
        console.warn(f"the log file {path} can't be written: {e.strerror}")
