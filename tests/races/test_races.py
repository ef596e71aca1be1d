"""Commands at once on one account, each a process: one of them acts, the others say so, nobody sees a lock."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import text

from tests.crash.matrix import plain_faults
from tests.crash.situations import MONITOR, number_of_setups, propose, trade
from tests.races.conftest import MakeStage
from tests.support.forkserver import Ended
from tests.support.stage import Stage

RIVALS = 8


def at_once(stage: Stage, *commands: tuple[str, ...]) -> list[Ended]:
    """Run commands side by side; none may show a bug or a lock."""
    running = [stage.start(*argv) for argv in commands]
    ended = [each.wait() for each in running]
    assert not [fault for each in ended for fault in plain_faults(each)]
    return ended


def settled(stage: Stage) -> list[str]:
    """Settle and judge."""
    passes = [stage.run(*MONITOR), stage.run(*MONITOR)]
    left = [str(passes)] if passes[-1].code else []
    return [*left, *(fault for each in passes for fault in plain_faults(each)), *stage.faults()]


def test_of_many_approvals_at_once_one_enters(make_stage: MakeStage) -> None:
    stage = make_stage(wall=True)
    propose(stage)

    ended = at_once(stage, *[("approve", "1", "--execute", "--json")] * RIVALS)

    assert Counter(e.code for e in ended) == {0: 1, 4: RIVALS - 1}, ended
    case = stage.case()
    assert len(case.truth.of_trade(case.installation, 1, "entry")) == len(case.trades) == 1
    assert settled(stage) == []


def test_beside_a_living_process_that_enters_the_same_setup_is_refused(make_stage: MakeStage) -> None:
    """Not "outcome unknown": that process will know, and say it."""
    stage = make_stage(wall=True)
    propose(stage)
    holder = stage.start("approve", "1", "--execute", "--json", fault="freeze='before place_order'")
    assert holder.wait_until_frozen()

    rivals = at_once(stage, ("approve", "1", "--execute", "--json"), ("execute", "1", "--json"))
    holder.thaw()

    assert [(r.code, r.document["error"]["code"]) for r in rivals] == [(4, "busy")] * 2
    assert holder.wait().code == 0
    assert settled(stage) == []


def test_of_many_executions_of_two_setups_each_enters_once(make_stage: MakeStage) -> None:
    stage = make_stage(wall=True)
    propose(stage, approve=True)
    propose(stage, symbol="ETHUSDT", approve=True)

    ended = at_once(stage, *[("execute", "--approved", "--json"), ("execute", "1", "--json")] * 3)

    assert {e.code for e in ended} <= {0, 4}, ended
    assert len(stage.case().trades) == 2
    assert settled(stage) == []


@pytest.mark.parametrize("turn", range(3))
def test_everything_at_once(turn: int, make_stage: MakeStage) -> None:
    """A trade at its target and another setup to execute; each turn the commands start in another order."""
    stage = make_stage(wall=True)
    trade(stage, "target")
    propose(stage, symbol="ETHUSDT", approve=True)
    stage.set_price("BTCUSDT", stage.levels("target", "BTCUSDT")["tp1"])
    commands = [
        MONITOR,
        ("execute", str(number_of_setups(stage)), "--json"),
        ("close", "1", "--json"),
        ("halt", "--json"),
        MONITOR,
        ("execute", "--approved", "--json"),
        ("close", "1", "--json"),
    ]

    ended = at_once(stage, *commands[turn * 2 :], *commands[: turn * 2])

    for each in ended:
        assert each.code in ((0,) if each.argv[0] in ("monitor", "halt") else (0, 4)), (each, ended)
    case = stage.case()
    assert len(case.truth.of_trade(case.installation, 1, "exit")) == 1
    assert len(case.truth.of_trade(case.installation, 2, "entry")) <= 1
    assert settled(stage) == []


def test_a_killed_holder_is_taken_over_at_once(make_stage: MakeStage) -> None:
    stage = make_stage(wall=True)
    propose(stage)
    killed = stage.run("approve", "1", "--execute", fault="kill='after place_order'")

    taken_over = stage.run(*MONITOR)

    assert (killed.code, taken_over.code) == (-9, 0)
    assert [t["action"] for t in taken_over.document["trades"]] == ["stop_armed"]
    assert settled(stage) == []


def test_a_holder_that_died_on_another_machine_is_waited_for_until_its_lease_ends(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(wall=False)
    propose(stage)
    stage.run("approve", "1", "--execute", fault="kill='after place_order'")
    with stage.store() as store, store.database.writing() as connection:
        connection.execute(text("UPDATE leases SET host = 'elsewhere'"))

    early = stage.run(*MONITOR)
    stage.pass_time(16)
    late = stage.run(*MONITOR)

    assert [t["action"] for t in early.document["trades"]] == ["busy"]
    assert [t["action"] for t in late.document["trades"]] == ["stop_armed"]
    assert (early.code, late.code) == (0, 0)
    assert settled(stage) == []


def test_the_late_entry_of_a_frozen_holder_is_refused(make_stage: MakeStage) -> None:
    """It was frozen right before it sent; meanwhile the monitor has proved the entry absent and freed the setup."""
    stage = make_stage(wall=False)
    propose(stage)
    holder = stage.start("approve", "1", "--execute", "--json", fault="freeze='before place_order'")
    assert holder.wait_until_frozen()
    stage.pass_time(16)
    taken_over = stage.run(*MONITOR)
    holder.thaw()
    ended = holder.wait()

    assert [t["action"] for t in taken_over.document["trades"]] == ["settled"]
    assert ended.code == 4, ended
    assert ended.document["setup_status"] == "APPROVED"
    assert stage.case().truth.orders == ()
    assert settled(stage) == []
