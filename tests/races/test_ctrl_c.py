"""Ctrl-C or SIGTERM between a fill and its stop: the stop is placed first, and what came of the trade is told."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.crash.situations import RECONCILE, propose, stop_gone
from tests.races.conftest import MakeStage
from tests.races.test_races import settled
from tests.support.forkserver import Ended, Running


def told_to_end(running: Running, number: signal.Signals) -> Ended:
    """Send a signal to a command where it is frozen, let it go on, and return its end."""
    assert running.wait_until_frozen()
    os.kill(running.pid, number)
    running.thaw()
    return running.wait()


def test_ctrl_c_after_the_entry_is_sent_waits_for_the_stop(make_stage: MakeStage) -> None:
    assert_waits_for_the_stop(make_stage, signal.SIGINT, "Ctrl-C")


def test_sigterm_after_the_entry_is_sent_waits_for_the_stop(make_stage: MakeStage) -> None:
    assert_waits_for_the_stop(make_stage, signal.SIGTERM, "SIGTERM")


def assert_waits_for_the_stop(make_stage: MakeStage, number: signal.Signals, name: str) -> None:
    stage = make_stage(wall=True)
    propose(stage)
    running = stage.start("approve", "1", "--execute", "--json", fault="freeze='after place_order'")

    ended = told_to_end(running, number)

    assert ended.code == 0, ended
    assert [o["role"] for o in ended.document["trade"]["orders"]] == ["entry", "stop"]
    assert f"{name} again ends it at once" in ended.err
    assert stage.faults() == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_monitor_that_repeats_ends_after_the_pass_that_it_is_at(
    number: signal.Signals, code: int, make_stage: MakeStage
) -> None:
    stage = make_stage(wall=False)
    stop_gone(stage)
    running = stage.start("monitor", "--interval", "1", "--json", fault="freeze='after place_order'")

    ended = told_to_end(running, number)

    assert ended.code == code, ended
    assert '"action": "stop_armed"' in ended.out.splitlines()[0]
    assert stage.faults() == []


def test_ctrl_c_while_reconcile_arms_a_stop_waits_until_it_is_seen(make_stage: MakeStage) -> None:
    stage = make_stage(wall=False)
    stop_gone(stage)
    running = stage.start(*RECONCILE, fault="freeze='after place_order'")

    ended = told_to_end(running, signal.SIGINT)

    assert (ended.code, ended.document["differences"]) == (0, []), ended
    assert stage.faults() == []


def test_a_second_ctrl_c_ends_it_at_once(make_stage: MakeStage) -> None:
    stage = make_stage(wall=True)
    propose(stage)
    running = stage.start("approve", "1", "--execute", "--json", fault="freeze='after place_order'")
    assert running.wait_until_frozen()
    stage.host.sandbox.delay_s = 5.0

    os.kill(running.pid, signal.SIGINT)
    running.thaw()
    while "Ctrl-C" not in running.output.with_suffix(".err").read_text():
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGINT)
    ended = running.wait()
    stage.host.sandbox.delay_s = 0.0

    # A driver that was interrupted in the middle of a statement says so by an error of its own: unknown, which is true.
    assert ended.code in (130, 7), ended
    assert settled(stage) == []
