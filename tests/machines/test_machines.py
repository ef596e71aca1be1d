"""Several machines on one PostgreSQL: any may watch, trade and monitor, and any may die."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from random import Random

import pytest

from tests.crash.situations import MONITOR
from tests.machines.conftest import MakeMachine, SocketsStage
from tests.machines.machine import Machine

pytestmark = pytest.mark.postgres
WATCH = ("watch", "--json", "--interval", "2")
TAKEOVER_S = 15.0
SLACK_S = 30.0
"""What a busy machine may need on top to start, to notice and to say so; `make bench` shows the figure itself."""
ROUNDS = 5
LEVELS = {
    "BTCUSDT": {"entry": "60000", "stop": "58000", "tp1": "62000"},
    "ETHUSDT": {"entry": "2500", "stop": "2400", "tp1": "2600"},
}


def told_at(event: dict[str, str]) -> datetime:
    return datetime.fromisoformat(event["at"])


def test_the_lead_moves_when_its_machine_dies(stage: SocketsStage, a_machine: MakeMachine) -> None:
    first, second = a_machine("one"), a_machine("two")
    first.start(*WATCH)
    first.wait_for("leading")
    second.start(*WATCH)
    second.wait_for("standby")

    died_at = datetime.now(UTC)
    first.pull_the_plug()
    event = second.wait_for("leading")

    assert 0 < (told_at(event) - died_at).total_seconds() < TAKEOVER_S + SLACK_S


def test_a_target_is_taken_by_the_machine_that_is_left(stage: SocketsStage, a_machine: MakeMachine) -> None:
    first, second = a_machine("one"), a_machine("two")
    propose(first, "BTCUSDT")
    assert first.run("approve", "1", "--execute") == 0
    first.start(*WATCH)
    first.wait_for("leading")
    second.start(*WATCH)
    second.wait_for("standby")

    first.pull_the_plug()
    stage.set_price("BTCUSDT", "62100")
    second.wait_for("trade", action="closed")

    assert settled(stage) == []
    (trade,) = stage.case().trades
    assert trade.close_reason == "Take profit hit"


@pytest.mark.parametrize("seed", [1, 2])
def test_machines_that_die_at_random_keep_the_promises(
    seed: int, stage: SocketsStage, a_machine: MakeMachine
) -> None:
    """Three machines watch; each round one proposes and trades, prices move, and one loses its power in the midst."""
    rng = Random(seed)
    machines = [a_machine(name) for name in ("one", "two", "three")]
    for machine in machines:
        machine.start(*WATCH)
    setups = 0
    for _ in range(ROUNDS):
        acting, dying = rng.choice(machines), rng.choice(machines)
        for symbol in LEVELS:
            if propose(acting, symbol):
                setups += 1
        under_way = [
            acting.start("approve", str(n), "--execute") for n in range(max(1, setups - 1), setups + 1)
        ]
        rng.choice(machines).start(*MONITOR)
        pause(rng)
        dying.pull_the_plug()
        for symbol, levels in LEVELS.items():
            stage.set_price(symbol, levels[rng.choice(("tp1", "stop", "entry"))])
        pause(rng)
        dying.start(*WATCH)
        for process in under_way:
            process.wait(180)
        for symbol, levels in LEVELS.items():
            stage.set_price(symbol, levels["entry"])
    for machine in machines:
        machine.pull_the_plug()

    assert settled(stage) == []
    case = stage.case()
    assert case.trades, "nothing was traded"
    for machine in machines:
        said = machine.output.read_text() if machine.output.exists() else ""
        assert "Traceback" not in said, said
        assert "locked" not in said, said


def propose(machine: Machine, symbol: str) -> bool:
    """Propose a long by hand; tell whether it went well (its machine may have died under it)."""
    levels = [word for name, value in LEVELS[symbol].items() for word in (f"--{name}", value)]
    return machine.run("propose", symbol, *levels) == 0


def pause(rng: Random) -> None:
    """Let the machines work for a moment."""
    time.sleep(rng.uniform(0.2, 2.5))


def settled(stage: SocketsStage) -> list[str]:
    """Settle and judge: what died elsewhere is free when its leases end."""
    time.sleep(16)
    passes = [stage.run(*MONITOR), stage.run(*MONITOR)]
    left = [str(passes)] if passes[-1].code else []
    return [*left, *stage.faults()]
