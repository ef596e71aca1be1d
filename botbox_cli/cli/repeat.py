"""Passes that repeat until they are interrupted."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import Annotated

import typer

from botbox_cli.cli.console import Console
from botbox_cli.errors import BotboxError, ConfigError, UsageError

Once = Annotated[bool, typer.Option("--once", help="One pass, then end (for cron).")]
Interval = Annotated[
    int, typer.Option("--interval", metavar="SECONDS", min=1, max=86_400, help="Wait between two passes.")
]


def repeat(console: Console, one_pass: Callable[[], int], *, once: bool, interval: int) -> int:
    """Run `one_pass` once, or again and again; return the exit code of the last one.

    A repeated pass that fails is reported and tried again; a setting that is wrong ends it. So does a reader who has
    gone away. The wait is this machine's: in a replay the clock that is passed in moves when told, and never by itself.
    """
    if once:
        return one_pass()
    while True:
        try:
            code = one_pass()
        except (ConfigError, UsageError):
            raise
        except BotboxError as e:
            console.fail(e)
            code = e.exit_code
        console.flush()
        if console.is_closed:
            return code
        sleep(interval)
