"""One row of the matrix: a situation met again and again, the command killed one step later each time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence

from botbox_cli.services.lease import LEASE_TTL_S
from tests.crash.situations import MONITOR, Situation
from tests.simulation.checkers import Told, judge_told
from tests.support.forkserver import Ended
from tests.support.stage import Stage

WRITES = ("commit", "place_order", "cancel_order", "manual_no_convert_repay")

FROZEN_S = LEASE_TTL_S + 1


class Row:
    """A situation, prepared once, and the command that meets it.

    Args:
        stage: An empty stage, on which the situation is prepared.
    """

    def __init__(self, situation: Situation, stage: Stage) -> None:
        self.situation = situation
        self._prepared = stage
        stage.build(owns=situation.owns, **situation.settings)
        with stage:
            situation.prepare(stage)

    def steps(self) -> list[str]:
        """Return the numbered steps of the command when nobody kills it, having judged that it did its work."""
        with self._stage() as stage:
            file = stage.folder / "steps.txt"
            before = [order.link for order in stage.case().truth.orders]
            ended = stage.run(*self.situation.argv, fault=f"steps={file}")
            faults = [*self._said(ended, stage, before), *stage.faults()]
            assert not faults, (ended, faults)
            return file.read_text().splitlines()

    def kill_at(self, *steps: int) -> list[str]:
        """Kill the command at the first step, the monitors that follow at the others; settle, judge.

        Return the findings.
        """
        with self._stage() as stage:
            argv = self.situation.argv
            for step in steps:
                killed = stage.run(*argv, fault=f"kill={step}")
                if killed.code != -9:
                    return [f"{killed.argv} was not killed at step {step}: {killed}"]
                argv = MONITOR
            faults = [*self._settled(stage), *stage.faults()]
            if self.situation.enters and not faults:
                faults = list(self._again(stage))
            return faults

    def freeze_at(self, step: int, monitor_step: int = 0) -> list[str]:
        """Freeze the command at a step for longer than its lease, let the monitor take over, and let it go on; judge.

        With `monitor_step` the monitor is frozen there in its turn, and goes on when the command has ended.

        Return the findings.
        """
        with self._stage() as stage:
            before = [order.link for order in stage.case().truth.orders]
            frozen = stage.start(*self.situation.argv, fault=f"freeze={step}")
            if not frozen.wait_until_frozen():
                return [f"it was not frozen at step {step}: {frozen.wait()}"]
            stage.pass_time(FROZEN_S)
            monitor = stage.start(*MONITOR, fault=f"freeze={monitor_step}" if monitor_step else "")
            taken_over = None if monitor_step and monitor.wait_until_frozen() else monitor.wait()
            frozen.thaw()
            ended = frozen.wait()
            said = list(self._told(ended, stage, before))
            if taken_over is None:
                monitor.thaw()
                taken_over = monitor.wait()
            return [
                *plain_faults(taken_over),
                *plain_faults(ended),
                *said,
                *self._settled(stage),
                *stage.faults(),
            ]

    def steps_of_monitor(self, step: int, *, after_s: float = 0) -> list[str]:
        """Return the numbered steps of the monitor that comes `after_s` seconds after a kill at `step`."""
        with self._stage() as stage:
            stage.run(*self.situation.argv, fault=f"kill={step}")
            stage.pass_time(after_s)
            return stage.steps(*MONITOR)

    def _stage(self) -> Stage:
        folder = self._prepared.folder.with_name("met")
        shutil.rmtree(folder, ignore_errors=True)
        return self._prepared.copy(folder)

    def _settled(self, stage: Stage) -> Iterator[str]:
        """Run the monitor, at most twice."""
        first = stage.run(*MONITOR)
        yield from plain_faults(first)
        if '"busy"' in first.out:
            yield f"the lease of the dead was not taken over at once: {first.out}"
        if first.code:
            second = stage.run(*MONITOR)
            yield from plain_faults(second)
            if second.code:
                yield f"not settled by two passes: {first} {second}"

    def _again(self, stage: Stage) -> Iterator[str]:
        """Give the command again, as a person would: it goes on if nothing was entered, else it refuses."""
        again = stage.run(*self.situation.argv)
        yield from plain_faults(again)
        case, faults = stage.verdict()
        entered = {t.setup_id for t in case.trades if case.views[t.id].position.entered}
        if len(entered) != len(case.setups):
            yield f"the command given again left a setup untraded: {again}"
        yield from faults

    def _said(self, ended: Ended, stage: Stage, before: Sequence[str]) -> Iterator[str]:
        """Yield what is not true of what the command said when nobody killed it."""
        if ended.code:
            yield f"exit code {ended.code}"
        if self.situation.action and self.situation.argv == MONITOR:
            actions = {t["id"]: t["action"] for t in ended.document["trades"]}
            if actions.get(1) != self.situation.action:
                yield f"the pass did {actions}, expected {self.situation.action}"
        yield from self._told(ended, stage, before)

    def _told(self, ended: Ended, stage: Stage, before: Sequence[str]) -> Iterator[str]:
        """Yield what is not true of the exit code of a command that enters or closes."""
        if ended.argv[0] not in ("approve", "execute", "close"):
            return
        case = stage.case()
        accepted = [order.link for order in case.truth.orders if order.link not in before]
        command = "close" if ended.argv[0] == "close" else "execute"
        document = ended.document
        for part in document.get("results", [document]):
            # Of several trades the gravest error makes the exit code: it is not said of those that have none.
            code = ended.code if part.get("error") or part is document else 0
            told = Told(command, code, part.get("trade_id"), bool(part.get("success")))
            yield from judge_told(told, case, accepted=accepted)


def plain_faults(ended: Ended) -> Iterator[str]:
    """Yield what no command may ever show."""
    if ended.code == 1 or "Traceback" in ended.err + ended.out:
        yield f"a bug was shown: {ended}"
    if "locked" in ended.err + ended.out:
        yield f"the database's lock reached the person: {ended}"


def durable(steps: Sequence[str]) -> list[int]:
    """Return the steps after which something lasting has changed: a kill elsewhere leaves the same as one of these.

    A lease that is renewed changes nothing that lasts beyond its holder, except when it is first taken.
    """
    changed = [1] if steps else []
    has_lease = False
    for number, name in enumerate(steps, 1):
        is_renewal = "lease.renew" in name and has_lease
        if " after " in name and any(word in name for word in WRITES) and not is_renewal:
            changed.append(number)
            has_lease = has_lease or "lease.renew" in name
    return changed


def freezable(steps: Sequence[str]) -> list[int]:
    """Return the steps at which a frozen process holds no transaction, which others would wait for in vain."""
    return [n for n, name in enumerate(steps, 1) if "before commit" not in name]
