"""The commands, one a file: arguments in, one service called, the result rendered."""

from __future__ import annotations

from collections.abc import Callable

from botbox_cli.cli.commands.init import init

COMMANDS: dict[str, Callable[..., int | None]] = {
    "init": init,
}
"""In the order of `botbox --help`."""
