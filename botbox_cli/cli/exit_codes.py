"""The exit codes of the contract, with what they mean."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """One for each outcome that a script may want to tell apart."""

    OK = 0
    BUG = 1
    USAGE = 2
    CONFIG = 3
    DENIED = 4
    REJECTED = 5
    UNREACHABLE = 6
    UNKNOWN = 7
    MISMATCH = 8
    DATABASE = 9
    NAKED = 10
    INTERRUPTED = 130


MEANING = {
    ExitCode.OK: "done, also when there was nothing to do",
    ExitCode.BUG: "a bug",
    ExitCode.USAGE: "wrong arguments, or a question with nobody to answer",
    ExitCode.CONFIG: "settings, key or permission",
    ExitCode.DENIED: "refused by botbox: limit, state, expiry, no such id",
    ExitCode.REJECTED: "rejected by the exchange",
    ExitCode.UNREACHABLE: "exchange not reachable, certainly nothing placed",
    ExitCode.UNKNOWN: "outcome unknown: `botbox monitor --once` settles it",
    ExitCode.MISMATCH: "books and exchange differ",
    ExitCode.DATABASE: "database",
    ExitCode.NAKED: "a position has no stop on the exchange",
    ExitCode.INTERRUPTED: "interrupted",
}


def table_of_codes() -> str:
    """Return the table of exit codes for `--help`; \\b keeps its lines."""
    rows = [f"{code:>5}  {meaning}" for code, meaning in MEANING.items()]
    return "\b\nExit codes:\n" + "\n".join(rows)
