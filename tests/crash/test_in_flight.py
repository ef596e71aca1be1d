"""Killed while its request is on the way: what the network still delivers must count, or be refused as too late."""

from __future__ import annotations

import queue

import pytest

from botbox_cli.exchange.paper.faults import FaultSchedule, FaultyExchange, Rule
from botbox_cli.exchange.paper.protocol import Reply, Request
from tests.crash.conftest import MakeStage
from tests.crash.matrix import plain_faults
from tests.crash.situations import MONITOR, propose, stop_gone, trade
from tests.support.forkserver import Running
from tests.support.stage import HttpStage


class SlowNetwork(FaultyExchange):
    """Keeps one order's request back for some seconds, and kills the process that sent it."""

    def __init__(self, stage: HttpStage, link: str, seconds: float) -> None:
        late = Rule("late", path="/v5/order/create", link=link, nth=1, seconds=seconds)
        super().__init__(stage.host.sandbox.exchange, FaultSchedule([late]))
        self.victim: queue.Queue[Running] = queue.Queue()
        self._has_struck = False
        stage.host.sandbox.faulty = self

    def handle(self, request: Request) -> Reply:
        try:
            return super().handle(request)
        finally:
            if self.schedule.fired and not self._has_struck:
                self._has_struck = True
                self.victim.get(timeout=10).kill()


SENDERS = {
    "-entry1": (propose, ("approve", "1", "--execute")),
    "-stop2": (stop_gone, MONITOR),
    "-exit1": (trade, ("close", "1")),
}


@pytest.mark.parametrize("seconds", [1, 4, 4.9, 5.1, 8], ids=lambda s: f"{s} s late")
@pytest.mark.parametrize("link", SENDERS)
def test_a_request_that_arrives_after_its_sender_died(
    link: str, seconds: float, make_stage: MakeStage
) -> None:
    stage = make_stage("http")
    assert isinstance(stage, HttpStage)
    prepare, argv = SENDERS[link]
    stage.build()
    with stage:
        prepare(stage)
        network = SlowNetwork(stage, link, seconds)
        sender = stage.start(*argv)
        network.victim.put(sender)
        assert sender.wait().code == -9

        settled = stage.run(*MONITOR)

        assert [*plain_faults(settled), *stage.faults()] == []
        assert settled.code == 0, settled
        accepted = any(order.link.endswith(link) for order in stage.case().truth.orders)
        assert accepted == (seconds <= 5), "the exchange's receive window"
