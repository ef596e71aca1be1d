"""A botbox process that can be stopped at any of its steps: killed, frozen, or made to wait for another one.

A step is whatever the rest of the world can see of a process: each commit to the books, each request before it leaves
and each answer before it is read. Between two steps nothing that matters can happen.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any

from botbox_cli.exchange.bybit import BybitExchange
from botbox_cli.ports import Books, Clock, Holder, Store
from botbox_cli.services.desk import Desk

Stepped = Callable[[str], None]


class Killed(BaseException):
    """The process is gone. Nothing that it still runs (`finally`, `except`) has any effect."""


class Process:
    """Wraps a desk's store and session. `on_step` gets each step's name and may raise `Killed`.

    Names: `commit`, `lease`, `ask NAME`, `told NAME`, with pybit's method names.
    """

    def __init__(self, desk: Desk, session: Any, token: str, on_step: Stepped = lambda step: None) -> None:
        self.on_step = on_step
        self.steps: list[str] = []
        self.is_dead = False
        exchange = BybitExchange(_SteppedSession(session, self), desk.clock)
        store: Store = _SteppedStore(desk.store, self)
        self.desk = replace(desk, store=store, exchange=exchange, holder=Holder("host", 1, "then", token))

    def step(self, name: str) -> None:
        if self.is_dead:
            raise Killed
        self.steps.append(name)
        try:
            self.on_step(name)
        except Killed:
            self.is_dead = True
            raise

    def refuse_if_dead(self) -> None:
        if self.is_dead:
            raise Killed

    def run(self, act: Callable[[Desk], Any]) -> Any:
        """Run a command; None if the process was killed in it."""
        try:
            return act(self.desk)
        except Killed:
            return None


def kill_at(number: int) -> Stepped:
    """Die at the step of this number, counted from 0."""
    left = [number]

    def on_step(name: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed(name)

    return on_step


def at(wanted: str, do: Callable[[], None], *, nth: int = 1) -> Stepped:
    """Do something at the nth step whose name starts with `wanted`, once."""
    left = [nth]

    def on_step(name: str) -> None:
        if name.startswith(wanted):
            left[0] -= 1
            if left[0] == 0:
                do()

    return on_step


class _SteppedSession:
    def __init__(self, session: Any, process: Process) -> None:
        self._session, self._process = session, process
        self.wait_at_most = session.wait_at_most

    def __getattr__(self, name: str) -> Callable[..., Any]:
        send, step = getattr(self._session, name), self._process.step

        def ask(**params: Any) -> Any:
            link = params.get("orderLinkId")
            what = f"{name} {link}" if link else name
            step("ask " + what)
            try:
                return send(**params)
            finally:
                step("told " + what)

        setattr(self, name, ask)
        return ask


class _SteppedStore:
    """A store of which each commit is a step; the rest is handed through while the process lives."""

    def __init__(self, store: Store, process: Process) -> None:
        self._store, self._process = store, process
        self.installation = store.installation

    def __getattr__(self, name: str) -> Any:
        self._process.refuse_if_dead()
        return getattr(self._store, name)

    def read(self, account: Any) -> Any:
        self._process.refuse_if_dead()
        return self._store.read(account)

    def write(self, account: Any, *, durable: bool = True) -> _SteppedWrite:
        self._process.refuse_if_dead()
        return _SteppedWrite(self._store.write(account, durable=durable), self._process)

    def take_lease(self, name: str, holder: Holder, now: Any, ttl_s: float) -> Holder | None:
        self._process.refuse_if_dead()
        other = self._store.take_lease(name, holder, now, ttl_s)
        self._process.step("lease")
        return other

    def free_lease(self, name: str, holder: Holder) -> None:
        self._process.refuse_if_dead()
        self._store.free_lease(name, holder)
        self._process.step("lease")

    def save_instruments(self, *args: Any) -> None:
        self._process.refuse_if_dead()
        self._store.save_instruments(*args)


class _SteppedWrite:
    """A transaction that ends with a step, and that a process which has died in it does not commit."""

    __slots__ = ("_process", "_transaction")

    def __init__(self, transaction: AbstractContextManager[Books], process: Process) -> None:
        self._transaction, self._process = transaction, process

    def __enter__(self) -> Books:
        return self._transaction.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._process.is_dead:
            error = Killed()
            self._transaction.__exit__(Killed, error, None)
            raise error
        self._transaction.__exit__(kind, error, trace)
        if kind is None:
            self._process.step("commit")


def frozen(clock: Clock, seconds: float, meanwhile: Callable[[], Any] = lambda: None) -> Callable[[], None]:
    """Return what happens to a process that is stopped for some time (a closed lid, SIGSTOP): the world goes on."""

    def freeze() -> None:
        clock.sleep(seconds)
        meanwhile()

    return freeze
