"""A botbox process that can be stopped at any of its steps: killed, frozen, or made to wait for another one.

A step is whatever the rest of the world can see of a process: each commit to the books, each request before it leaves
and each answer before it is read. Between two steps nothing that matters can happen.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from botbox_cli.exchange.bybit import BybitExchange
from botbox_cli.exchange.session import Session
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
        # Store and session know the life, not the process: without a ring its memory is free at its end.
        self._life = _Life(on_step)
        exchange = BybitExchange(_SteppedSession(session, self._life), desk.clock)
        store: Store = _SteppedStore(desk.store, self._life)
        holder = Holder("host", 1, "then", token)
        self.desk = Desk(store, desk.candles, desk.account, exchange, desk.clock, desk.policy, holder)

    @property
    def steps(self) -> list[str]:
        return self._life.steps

    @property
    def is_dead(self) -> bool:
        return self._life.death is not None

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


def die() -> None:
    """What a process does at the step that it must not survive."""
    raise Killed


def at(wanted: str, do: Callable[[], None], *, nth: int = 1) -> Stepped:
    """Do something at the nth step whose name starts with `wanted`, once."""
    left = [nth]

    def on_step(name: str) -> None:
        if name.startswith(wanted):
            left[0] -= 1
            if left[0] == 0:
                do()

    return on_step


class _Life:
    """The steps of a process so far, and its death, which meets whatever it still tries to do."""

    def __init__(self, on_step: Stepped) -> None:
        self.steps: list[str] = []
        self.death: Killed | None = None
        self._on_step = on_step

    def step(self, name: str) -> None:
        self.refuse_if_dead()
        self.steps.append(name)
        try:
            self._on_step(name)
        except Killed as e:
            self.death = e
            raise

    def refuse_if_dead(self) -> None:
        if self.death is not None:
            raise self.death


def _methods_of(port: type) -> list[str]:
    return [name for name in dir(port) if not name.startswith("_") and callable(getattr(port, name))]


class _SteppedSession:
    def __init__(self, session: Any, life: _Life) -> None:
        self._session, self._life = session, life
        self.wait_at_most = session.wait_at_most

    if TYPE_CHECKING:  # Pybit's methods are added below.

        def __getattr__(self, name: str) -> Callable[..., Any]: ...


def _asking(name: str) -> Callable[..., Any]:
    def ask(self: _SteppedSession, **params: Any) -> Any:
        life, link = self._life, params.get("orderLinkId")
        what = f"{name} {link}" if link else name
        life.step("ask " + what)
        try:
            return getattr(self._session, name)(**params)
        finally:
            life.step("told " + what)

    return ask


for _name in _methods_of(Session):
    setattr(_SteppedSession, _name, _asking(_name))


class _SteppedStore:
    """A store of which each commit is a step; the rest is handed through while the process lives."""

    def __init__(self, store: Store, life: _Life) -> None:
        self._store, self._life = store, life
        self.installation = store.installation

    if TYPE_CHECKING:  # The other methods are handed through: they are added below.

        def __getattr__(self, name: str) -> Any: ...

    def read(self, account: Any) -> Any:
        self._life.refuse_if_dead()
        return self._store.read(account)

    def write(self, account: Any, *, durable: bool = True) -> _SteppedWrite:
        self._life.refuse_if_dead()
        return _SteppedWrite(self._store.write(account, durable=durable), self._life)

    def take_lease(self, name: str, holder: Holder, now: Any, ttl_s: float) -> Holder | None:
        self._life.refuse_if_dead()
        other = self._store.take_lease(name, holder, now, ttl_s)
        self._life.step("lease")
        return other

    def free_lease(self, name: str, holder: Holder) -> None:
        self._life.refuse_if_dead()
        self._store.free_lease(name, holder)
        self._life.step("lease")


def _handing_through(name: str) -> Callable[..., Any]:
    def call(self: _SteppedStore, *args: Any, **options: Any) -> Any:
        self._life.refuse_if_dead()
        return getattr(self._store, name)(*args, **options)

    return call


for _name in _methods_of(Store):
    if not hasattr(_SteppedStore, _name):
        setattr(_SteppedStore, _name, _handing_through(_name))


class _SteppedWrite:
    """A transaction that ends with a step, and that a process which has died in it does not commit."""

    __slots__ = ("_life", "_transaction")

    def __init__(self, transaction: AbstractContextManager[Books], life: _Life) -> None:
        self._transaction, self._life = transaction, life

    def __enter__(self) -> Books:
        return self._transaction.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._life.death is not None:
            self._transaction.__exit__(Killed, self._life.death, None)
            raise self._life.death
        self._transaction.__exit__(kind, error, trace)
        if kind is None:
            self._life.step("commit")


def frozen(clock: Clock, seconds: float, meanwhile: Callable[[], Any] = lambda: None) -> Callable[[], None]:
    """Return what happens to a process that is stopped for some time (a closed lid, SIGSTOP): the world goes on."""

    def freeze() -> None:
        clock.sleep(seconds)
        meanwhile()

    return freeze
