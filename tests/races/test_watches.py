"""Watches as real processes on one account: one acts, the other takes over when it is killed, cron does no harm."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

from tests.crash.situations import MONITOR, trade
from tests.races.conftest import MakeStage
from tests.races.test_races import settled
from tests.support.forkserver import Running
from tests.support.stage import HttpStage
from tests.support.waiting import until

WATCH = ("watch", "--json", "--interval", "5")


def streaming(stage: HttpStage) -> None:
    """Let the sockets of the host speak of this stage."""
    sandbox = stage.host.sandbox
    sandbox.sockets.exchange = sandbox.exchange
    stage.settings["BYBIT_WS_ENDPOINT"] = sandbox.url.replace("http", "ws", 1)


def told(watch: Running) -> list[dict[str, Any]]:
    """Return the whole documents that a watch has written so far."""
    file = watch.output.with_suffix(".out")
    text = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def has_told(watch: Running, event: str, **facts: Any) -> Callable[[], bool]:
    wanted = {"event": event, **facts}.items()
    return lambda: any(wanted <= document.items() for document in told(watch))


def test_one_watch_acts_and_the_other_takes_over_when_it_is_killed(make_stage: MakeStage) -> None:
    stage = make_stage(wall=True)
    trade(stage, "target")
    streaming(stage)
    first = stage.start(*WATCH)
    until(has_told(first, "leading"), lambda: told(first))
    second = stage.start(*WATCH)
    until(has_told(second, "standby", pid=first.pid), lambda: told(second))

    first.kill()
    until(has_told(second, "leading", after_pid=first.pid), lambda: told(second))
    until(has_told(second, "stream", channel="public", is_up=True), lambda: told(second))
    until(has_told(second, "monitored", checked=1), lambda: told(second))
    cron = stage.start(*MONITOR)
    stage.set_price("BTCUSDT", stage.levels("target", "BTCUSDT")["tp1"])
    until(lambda: stage.case().trades[0].status == "CLOSED", lambda: told(second))

    assert first.wait().code == -9
    assert cron.wait().code == 0
    os.kill(second.pid, signal.SIGTERM)
    assert second.wait().code == 0
    case = stage.case()
    assert len(case.truth.of_trade(case.installation, 1, "exit")) == 1
    assert settled(stage) == []


def test_watch_that_is_interrupted_gives_its_lead_back(make_stage: MakeStage) -> None:
    stage = make_stage(wall=True)
    streaming(stage)
    first = stage.start(*WATCH)
    until(has_told(first, "leading"), lambda: told(first))

    os.kill(first.pid, signal.SIGINT)
    ended = first.wait()
    second = stage.start(*WATCH)
    until(has_told(second, "leading", after_pid=None), lambda: told(second))

    assert ended.code == 130
    assert json.loads(ended.out.splitlines()[-1])["error"]["code"] == "interrupted"
    os.kill(second.pid, signal.SIGTERM)
    assert second.wait().code == 0
