"""A person's word on an entry that nobody can look up any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from requests.exceptions import ReadTimeout

from botbox_cli.domain.setup import SetupStatus
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.errors import Conflict, Denied, ExchangeUnavailable, NotFound
from botbox_cli.services.declare_unfilled import REASON, declare_unfilled
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from tests.support.world import World

BY = {"by": "somebody"}


def in_doubt(world: World, *, lands: bool) -> int:
    """Execute a setup whose entry gets no answer, on an exchange that answers no look-up either."""
    is_lost = False

    def lose(name: str, params: dict[str, object], send: object) -> object:
        nonlocal is_lost
        if name == "place_order" and not is_lost:
            is_lost = True
            if lands:
                send()  # type: ignore[operator]
        if is_lost:
            raise ReadTimeout("lost")
        return send()  # type: ignore[operator]

    setup = world.add_setup()
    world.session.hook = lose
    outcome = execute(world.desk, setup.id)
    assert outcome.error is not None
    assert outcome.error.exit_code == 7
    return outcome.trade.trade.id


def test_after_a_day_a_person_can_end_the_doubt(world: World) -> None:
    trade_id = in_doubt(world, lands=False)
    world.pass_time(25 * 3600)
    world.session.hook = None
    assert [e.error.exit_code for e in monitor(world.desk).errors] == [7], "a day later nothing can be proved"

    ended = declare_unfilled(world.desk, trade_id, by=BY)

    assert (ended.status, ended.detail) == (TradeStatus.FAILED, REASON)
    with world.store.read(world.account) as books:
        (entry,) = (e for e in books.log_of(trade_id=trade_id) if e.event == "declared")
        assert books.setup(1).status is SetupStatus.APPROVED
    assert entry.data == BY
    assert monitor(world.desk).errors == []


def test_what_the_exchange_shows_counts_more(world: World) -> None:
    trade_id = in_doubt(world, lands=True)
    world.pass_time(60)
    world.session.hook = None

    assert declare_unfilled(world.desk, trade_id, by=BY).status is TradeStatus.OPEN


def test_nobody_can_say_so_while_the_request_may_still_arrive(world: World) -> None:
    sent = in_doubt(world, lands=False)
    with world.store.write(world.account) as books:
        (order,) = books.orders([sent])
        books.move_order(order.order_link_id, [order.status], order.status, sent_at=world.clock.now())
    world.session.hook = None

    with pytest.raises(Denied, match="may still arrive"):
        declare_unfilled(world.desk, sent, by=BY)


def test_an_exchange_that_can_not_be_asked_leaves_it_in_doubt(world: World) -> None:
    trade_id = in_doubt(world, lands=False)
    world.pass_time(25 * 3600)

    with pytest.raises(ExchangeUnavailable):
        declare_unfilled(world.desk, trade_id, by=BY)
    with world.store.read(world.account) as books:
        assert books.trade(trade_id).status is TradeStatus.OPENING


def test_a_trade_that_is_not_in_doubt_is_refused(world: World) -> None:
    outcome = execute(world.desk, world.add_setup().id)

    with pytest.raises(Conflict):
        declare_unfilled(world.desk, outcome.trade.trade.id, by=BY)
    with pytest.raises(NotFound):
        declare_unfilled(world.desk, 99, by=BY)


def test_a_clock_that_runs_ahead_makes_no_word_good(world: World) -> None:
    trade_id = in_doubt(world, lands=False)
    with world.store.write(world.account) as books:
        (order,) = books.orders([trade_id])
        books.move_order(order.order_link_id, [order.status], order.status, sent_at=world.clock.now())
    world.session.hook = None

    class Ahead:
        def now(self) -> datetime:
            return world.clock.now() + timedelta(seconds=60)

        def sleep(self, seconds: float) -> None:
            world.clock.sleep(seconds)

    with pytest.raises(Denied, match="may still arrive"):
        declare_unfilled(replace(world.desk, clock=Ahead()), trade_id, by=BY)
