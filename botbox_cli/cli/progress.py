"""How far a long command has come: a bar on a terminal, now and then a line otherwise. On stderr, never in data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botbox_cli.cli.console import Console
from botbox_cli.services.progress import Progress

_LINES = 4
"""Lines that the whole writes where there is no terminal."""


@contextmanager
def counting(console: Console, noun: str, *, worth_a_line: int) -> Iterator[Progress]:
    """Give a function that shows progress while the block runs.

    Where there is no terminal, fewer than `worth_a_line` of the noun are over before anyone has read a line.
    """
    if not console.err.isatty():
        yield _lines(console, noun, worth_a_line)
        return
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    rich = RichConsole(file=console.err, no_color=not console.colour_err, highlight=False)
    columns = (TextColumn(noun), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=rich, transient=True) as bar:
        task = bar.add_task(noun, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def replaying(console: Console) -> Callable[[int, int], None]:
    """Return what says why a card takes long, where a person waits for it."""

    def tell(done: int, total: int) -> None:
        if not console.as_json:
            console.say(
                f"replaying setups like it: {done} of {total} symbols so far; a few seconds, after an update only"
            )

    return tell


def _lines(console: Console, noun: str, worth_a_line: int) -> Progress:
    said = 0

    def report(done: int, total: int) -> None:
        nonlocal said
        if total < worth_a_line:
            return
        part = done * _LINES // total
        if part > said:
            said = part
            console.say(f"{done} of {total} {noun}")

    return report
