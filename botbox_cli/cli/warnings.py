"""Warnings of the inner layers, which know no console: they are logged there and said here."""

from __future__ import annotations

import logging

from botbox_cli.cli.console import Console


class _ToConsole(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.warn(record.getMessage())


def show_warnings(console: Console) -> None:
    """Let the console say what botbox's modules warn of, with no secret in it and nothing that a terminal obeys."""
    logging.getLogger("botbox_cli").handlers[:] = [_ToConsole(console)]
