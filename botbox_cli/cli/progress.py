"""How far a record pass has come: a bar on a terminal, now and then a line otherwise. On stderr, never in data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botbox_cli.cli.console import Console

if TYPE_CHECKING:
    from botbox_cli.services.series_fetch import Progress

    Report = Callable[[Progress], None]

_LINES = 4
"""Lines that a whole pass writes where there is no terminal."""
_WORTH_A_LINE = 5000
"""A pass over fewer candles is over before anyone has read a line."""


@contextmanager
def progress_of(console: Console) -> Iterator[Report]:
    """Give a function that shows progress while the block runs."""
    if not console.err.isatty():
        yield _lines(console)
        return
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rich = RichConsole(file=console.err, no_color=not console.colour_err, highlight=False)
    columns = (TextColumn("candles"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=rich, transient=True) as bar:
        task = bar.add_task("record", total=None)
        yield lambda seen: bar.update(task, completed=seen.candles, total=seen.candles_total or None)


def replaying(console: Console) -> Callable[[int, int], None]:
    """Return what says why a card takes long, where a person waits for it."""

    def tell(done: int, total: int) -> None:
        if not console.as_json:
            console.say(
                f"replaying setups like it: {done} of {total} symbols so far; a few seconds, after an update only"
            )

    return tell


def _lines(console: Console) -> Report:
    said = 0

    def report(seen: Progress) -> None:
        nonlocal said
        if seen.candles_total < _WORTH_A_LINE:
            return
        part = seen.candles * _LINES // seen.candles_total
        if part > said:
            said = part
            console.say(
                f"{seen.candles} of {seen.candles_total} candles, {seen.series} of {seen.series_total} series"
            )

    return report
