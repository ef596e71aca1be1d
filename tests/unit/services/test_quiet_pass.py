"""A pass with nothing to do: no living trade, or living ones with which all is well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from botbox_cli.services.monitor import monitor
from tests.support.faults import Faults, Send, broken, code
from tests.support.verdict import exit_code_of, open_trade, settle, tell_close
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    """A world whose only trade was closed a moment ago."""
    with a_world() as made:
        assert tell_close(made.desk, open_trade(made).id).exit_code == 0
        yield made


@pytest.mark.parametrize(("number", "exit_code"), [(10005, 3), (10003, 3), (10001, 5)])
def test_refused_question_is_an_error_of_the_pass_and_does_not_end_it(
    world: World, number: int, exit_code: int
) -> None:
    """As it is with a living trade: a monitor that repeats must still be there for the next one."""
    faults = Faults(world)
    faults.on("get_executions", code(number), times=9)

    result = monitor(world.desk)

    assert exit_code_of(result) == exit_code
    assert settle(world, faults) == []


def test_exchange_that_does_not_answer_is_no_error_while_nothing_is_at_stake(world: World) -> None:
    faults = Faults(world)
    faults.on("get_executions", broken("timeout"), times=9)

    result = monitor(world.desk)

    assert result.errors == []
    assert settle(world, faults) == []


def test_pass_over_trades_with_which_all_is_well_takes_four_requests() -> None:
    """Also soon after the entries, and when each page of orders points to another, as the exchange's own do."""

    def with_cursor(send: Send) -> Any:
        body = send()
        if body["result"]["list"]:
            body["result"]["nextPageCursor"] = "1%3A1%2C1%3A1"
        return body

    with a_world() as world:
        open_trade(world)
        open_trade(world)
        monitor(world.desk)
        Faults(world).on("get_open_orders", with_cursor, times=9)
        world.session.asked.clear()

        result = monitor(world.desk)

        assert [t.action for t in result.trades] == ["none", "none"]
        assert world.session.asked.total() <= 4
