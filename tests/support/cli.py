"""Commands in this process: their own console in, exit code and streams out."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botbox_cli.cli.app import app
from botbox_cli.cli.console import Console
from botbox_cli.ports import Holder

LONG_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out
        found: dict[str, Any] = json.loads(lines[0])
        return found

    @property
    def records(self) -> list[dict[str, str]]:
        """The tab-separated records on stdout, by their heading."""
        names, *rows = (line.split("\t") for line in self.out.splitlines())
        return [dict(zip(names, row, strict=True)) for row in rows]


def console(*, width: int | None = None, answer: str | None = None) -> Console:
    """Return a console on texts: piped, or a terminal `width` columns wide; one with an `answer` can be asked."""
    return Console(
        io.StringIO(answer or ""), io.StringIO(), io.StringIO(), width=width, can_ask=answer is not None
    )


def botbox(*args: object, width: int | None = None, answer: str | None = None) -> Ran:
    """Run a command as the program would."""
    at = console(width=width, answer=answer)
    code: int = app([str(arg) for arg in args], standalone_mode=False, obj=at)
    assert isinstance(at.out, io.StringIO)
    assert isinstance(at.err, io.StringIO)
    return Ran(code, at.out.getvalue(), at.err.getvalue())


@contextmanager
def held_by_another_process(*names: str) -> Iterator[None]:
    """Hold leases in the database of the settings as a process on another machine would."""
    from botbox_cli import bootstrap, config

    store = bootstrap.open_store(config.load(config.find_env_file(None)))
    other = Holder("elsewhere", 4242, "then", "another token")
    for name in names:
        assert store.take_lease(name, other, LONG_AHEAD, 1.0) is None
    try:
        yield
    finally:
        store.close()
