"""Numbered steps of the real command at which the tests kill it (`tests/crash`) or freeze it (`tests/races`).

A step lies before and after each commit to the database and before and after each request to the exchange. `bootstrap`
looks for BOTBOX_FAULTPOINT once; while it is not set, which is always but in those tests, this module is not even
imported and nothing is wrapped. Where real money could be reached it is refused.

    BOTBOX_FAULTPOINT="kill=17 steps=/tmp/steps.txt" botbox approve 1 --execute
    BOTBOX_FAULTPOINT="freeze='before place_order'" botbox approve 1 --execute

    kill=N       SIGKILL to this process at step N, or at the first step whose words contain N
    freeze=N     SIGSTOP to this process there; it goes on after SIGCONT
    steps=FILE   append a line for each step: its number, what, and which service was at it
    clock=FILE   a clock that moves only when a process sleeps, shared by all processes that name the FILE
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from botbox_cli.config import Settings
from botbox_cli.domain.account import Mode
from botbox_cli.errors import ConfigError

SIGNALS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}

Writing = Callable[..., AbstractContextManager[Any]]


@dataclass
class Faultpoint:
    """Counts the steps of this process; at one of them it sends itself a signal."""

    at: str = ""
    signal: signal.Signals = signal.SIGKILL
    steps: Path | None = None
    clock: Path | None = None
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self, what: str) -> None:
        """Count one step. A killed process does not return from its own; a frozen one does when it is continued."""
        with self._lock:
            self._count += 1
            if self.steps is not None:
                with self.steps.open("a") as file:
                    file.write(f"{self._count} {what}, {_caller()}\n")
            if self.at and (self.at == str(self._count) or (not self.at.isdecimal() and self.at in what)):
                self.at = ""  # Frozen once; who was killed does not come here.
                os.kill(os.getpid(), self.signal)

    def around_commits(self, writing: Writing) -> Writing:
        """Return `Database.writing` with a step before and after each commit."""

        @contextmanager
        def stepped(**options: Any) -> Iterator[Any]:
            with writing(**options) as connection:
                yield connection
                self.step("before commit")
            self.step("after commit")

        return stepped

    def around_requests(self, session: Any) -> Any:
        """Return a session with a step before each request, and one after its answer, before that is used."""
        return _Stepped(session, self)


class _Stepped:
    def __init__(self, session: Any, faultpoint: Faultpoint) -> None:
        self._session = session
        self._faultpoint = faultpoint

    def wait_at_most(self, seconds: float) -> None:
        """No request, and so no step."""
        self._session.wait_at_most(seconds)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        send = getattr(self._session, name)

        def stepped(**params: Any) -> Any:
            link = params.get("orderLinkId")
            what = f"{name} {link}" if link else name
            self._faultpoint.step(f"before {what}")
            try:
                return send(**params)
            finally:
                self._faultpoint.step(f"after {what}")

        return stepped


def faultpoint_of(text: str, settings: Settings) -> Faultpoint:
    """Return what BOTBOX_FAULTPOINT asks for.

    Raises:
        ConfigError: In live mode, or where requests go to Bybit; and for words that mean nothing.
    """
    hint = "unset BOTBOX_FAULTPOINT: it breaks this program on purpose, for its tests"
    if settings.mode is Mode.LIVE or not (settings.mode is Mode.PAPER or _is_loopback(settings.rest_url)):
        raise ConfigError("BOTBOX_FAULTPOINT is refused where a request can reach Bybit", hint)
    asked = Faultpoint()
    for word in shlex.split(text):
        name, _, value = word.partition("=")
        if name in SIGNALS and value:
            asked.at, asked.signal = value, SIGNALS[name]
        elif name in ("steps", "clock") and value:
            setattr(asked, name, Path(value))
        else:
            raise ConfigError(f"BOTBOX_FAULTPOINT: {word!r} means nothing", hint)
    return asked


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _caller() -> str:
    """Return the innermost function of a service (or of the command) that this step is part of."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(("botbox_cli.services.", "botbox_cli.bootstrap", "botbox_cli.cli.")):
            return f"in {module.rpartition('.')[2]}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "elsewhere"
