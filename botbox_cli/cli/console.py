"""The environment of a command: its streams, whether they are a terminal, how wide, and what must never be printed.

stdout is data, stderr is talk. Everything that a command writes goes through one `Console`, so that secrets are
blotted out and control characters of foreign texts are dropped in one place.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from botbox_cli import journal
from botbox_cli.documents import SCHEMA, error_document, iso
from botbox_cli.errors import BotboxError, UsageError

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SHORTEST_SECRET = 6
"""Blotting out a shorter text would blot out innocent words."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. Rank 0 always stays; on a narrow terminal the highest ranks are left out first."""

    name: str
    """The heading in records, and on a terminal unless `label` is a shorter one."""
    rank: int = 0
    right: bool = False
    signed: bool = False
    """Gains green, losses red."""
    label: str = ""


@dataclass
class Console:
    """Streams and what is known of them. `width` is the terminal's, None when stdout is not one."""

    stdin: TextIO
    out: TextIO
    err: TextIO
    width: int | None = None
    colour: bool = False
    colour_err: bool = False
    can_ask: bool = False
    as_json: bool = False
    arguments: Sequence[str] = ()
    """What the program was called with."""
    is_closed: bool = False
    """The reader of stdout has gone (`botbox trades | head -1`): not an error, but nobody is served any more."""
    _secrets: list[str] = field(default_factory=list)
    _has_told_loss: bool = False

    @classmethod
    def of_process(cls, environ: Mapping[str, str] = os.environ) -> Console:
        """Return the console of this process."""
        stdin = sys.stdin or _nowhere("r")
        out, err = sys.stdout or _nowhere("w"), sys.stderr or _nowhere("w")
        for stream in (out, err):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        plain = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
        on_terminal = out.isatty()
        return cls(
            stdin,
            out,
            err,
            width=shutil.get_terminal_size((80, 24)).columns if on_terminal else None,
            colour=on_terminal and not plain,
            colour_err=err.isatty() and not plain,
            can_ask=stdin.isatty() and err.isatty(),
        )

    # -- data, on stdout

    def write(self, text: str = "") -> None:
        """Write text, line by line, without anything that a terminal would obey."""
        self._emit(_CONTROL.sub("", text) + "\n")

    def write_drawing(self, text: str) -> None:
        """Write text that carries botbox's own colour codes."""
        self._emit(text + "\n")

    def write_marked(self, mark: str, code: str, text: str) -> None:
        """Write a line behind a coloured mark."""
        shown = f"\x1b[{code}m{mark}\x1b[0m" if self.colour else mark
        self._emit(f"{shown} {_CONTROL.sub('', text)}\n")

    def document(self, document: Mapping[str, Any]) -> None:
        """Write one JSON document as one line, at once."""
        self._emit(json.dumps({"schema": SCHEMA, **document}) + "\n")
        self.flush()

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
        """Write a table: drawn on a terminal, tab-separated records under a heading otherwise."""
        cells = [[_one_line(cell) for cell in row] for row in rows]
        if self.width is None:
            for record in ([c.name for c in columns], *cells):
                self._emit("\t".join(record) + "\n")
        else:
            from botbox_cli.cli.table import draw

            self._emit(draw(columns, cells, width=self.width, colour=self.colour, is_unicode=self.is_unicode))

    def flush(self) -> None:
        try:
            self.out.flush()
        except OSError as e:
            self._lose(e)

    def _emit(self, text: str) -> None:
        if self.is_closed:
            return
        try:
            self.out.write(self.scrub(text))
        except OSError as e:
            self._lose(e)

    def _lose(self, error: OSError) -> None:
        """Go on without what stdout does not take: what a command has done counts, not where it is told.

        A reader who has gone does not come back; a full disk is tried again with the next line.
        """
        _drop(self.out)
        self.is_closed = isinstance(error, BrokenPipeError)
        if not self.is_closed and not self._has_told_loss:
            self._has_told_loss = True
            self.warn(f"stdout can't be written, and what was said there is lost: {error.strerror}")

    # -- talk, on stderr

    def say(self, text: str) -> None:
        """Write a line for the person."""
        self._talk("", text)

    def warn(self, text: str) -> None:
        """Write a warning for the person."""
        self._talk(self._painted("warning: ", "33"), text)

    def fail(self, error: BotboxError) -> None:
        """Say why the command failed: a document with `--json`, else two lines on stderr."""
        if self.as_json:
            journal.note_error(error)
            self.document({"error": error_document(error)})
        else:
            self.complain(error)

    def complain(self, error: BotboxError) -> None:
        """Write an error and its hint on stderr."""
        journal.note_error(error)
        self._talk(self._painted("error: ", "1;31"), error.message)
        if error.hint:
            self._talk(self._painted("hint: ", "36"), error.hint)

    def confirm(self, question: str) -> bool:
        """Ask on stderr, default No. Raises UsageError when there is nobody to answer."""
        if not self.can_ask:
            raise UsageError(
                "this needs a confirmation, and there is no terminal to ask on; nothing was sent",
                "add `--yes` to confirm from a script",
                code="no_answer",
            )
        self.flush()
        self.err.write(self.scrub(f"{question} Type yes to go on [no]: "))
        self.err.flush()
        answer = self.stdin.readline()
        if not answer:
            self.err.write("\n")
            raise UsageError("the question was not answered; nothing was sent", code="no_answer")
        return answer.strip().lower() in ("y", "yes")

    def ask(self, question: str) -> str | None:
        """Ask on stderr for a line of text; None when the input has ended."""
        self.flush()
        self.err.write(self.scrub(_CONTROL.sub("", question)))
        self.err.flush()
        answer = self.stdin.readline()
        if not answer:
            self.err.write("\n")
            return None
        return answer.rstrip("\n")

    def _talk(self, label: str, text: str) -> None:
        try:
            self.err.write(self.scrub(label + _CONTROL.sub("", text)) + "\n")
            self.err.flush()
        except OSError:
            _drop(self.err)  # Nobody is left to be told.

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour_err else text

    # -- form

    @property
    def is_unicode(self) -> bool:
        """Whether stdout takes any character, or letters of one alphabet only."""
        return "utf" in (self.out.encoding or "utf-8").lower()

    def time(self, at: datetime | None) -> str:
        """Return a time: local with its offset for people on a terminal, UTC in records."""
        if at is None:
            return ""
        return iso(at) if self.width is None else at.astimezone().isoformat(" ", "minutes")

    def hide(self, secrets: Iterable[str]) -> None:
        """Never print these texts from now on."""
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                self._secrets += {secret, json.dumps(secret)[1:-1]}

    def scrub(self, text: str) -> str:
        """Return `text` with every secret blotted out."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _nowhere(mode: str) -> TextIO:
    """Open what stands for a stream that the process was started without (`botbox trades <&-`)."""
    return Path(os.devnull).open(mode, encoding="utf-8")  # type: ignore[return-value]  # a text mode


def _drop(stream: TextIO) -> None:
    """Throw away what a stream has buffered: it would be written when the interpreter ends, and fail there."""
    place = stream.fileno()
    kept = os.dup(place)
    try:
        with _nowhere("w") as nowhere:
            os.dup2(nowhere.fileno(), place)
        stream.flush()
    finally:
        os.dup2(kept, place)
        os.close(kept)


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub("", text).split())


def count(number: int, noun: str) -> str:
    """Return "1 trade", "2 trades"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
