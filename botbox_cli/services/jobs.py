"""Scheduled jobs: one at a time of each name, and every pass on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botbox_cli import journal
from botbox_cli.errors import BotboxError, Conflict
from botbox_cli.ports import Clock, Holder, Store

JOB_TTL_S = 900.0
"""A pass is thought dead after this; on the same machine a dead process is noticed at once."""


@dataclass(slots=True)
class Pass:
    """One pass at work; `ok` and `detail` are what its record will say."""

    ok: bool = True
    detail: str = ""


class AlreadyRunning(Conflict):
    """Another process is at this job. A scheduled pass that meets it has nothing to do."""

    code = "already_running"


@contextmanager
def job(store: Store, clock: Clock, holder: Holder, name: str, *, alone: bool = True) -> Iterator[Pass]:
    """Run one pass of the job `name` and put it on record; with `alone`, only if no other process is at it.

    Raises:
        AlreadyRunning: If one is.
    """
    lease = f"job:{name}"
    if alone:
        other = store.take_lease(lease, holder, clock.now(), JOB_TTL_S)
        if other is not None:
            raise AlreadyRunning(
                f"{name.split(':', maxsplit=1)[0]} is running already (pid {other.pid})", "nothing to do"
            )
    try:
        began = clock.now()
        run_id = store.start_job(name, began)
        current = Pass()
        try:
            yield current
        except BaseException as e:
            current.ok = False
            current.detail = e.message if isinstance(e, BotboxError) else type(e).__name__
            raise
        finally:
            ended = clock.now()
            store.finish_job(run_id, ended, ok=current.ok, detail=current.detail)
            seconds = round((ended - began).total_seconds(), 3)
            journal.note("pass_ended", job=name, ok=current.ok, detail=current.detail, seconds=seconds)
    finally:
        if alone:
            store.free_lease(lease, holder)
