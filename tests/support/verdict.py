"""Running the money-moving commands as a person would, and judging the account afterwards."""

from __future__ import annotations

from collections.abc import Callable

from botbox_cli.domain.order import Order, Role
from botbox_cli.domain.trade import Trade
from botbox_cli.errors import BotboxError, gravest
from botbox_cli.services.close import close
from botbox_cli.services.desk import Desk
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import MonitorResult, monitor
from tests.simulation.checkers import Told, case_of, judge, judge_told
from tests.simulation.truth import Truth, truth_of
from tests.support.faults import Faults
from tests.support.world import World


def tell_execute(desk: Desk, setup_id: int, *, approve: bool = False) -> Told:
    """Execute a setup and return what the command says of it."""
    try:
        outcome = execute(desk, setup_id, approve=approve)
    except BotboxError as e:
        return Told("execute", e.exit_code)
    code = outcome.error.exit_code if outcome.error else 0
    return Told("execute", code, outcome.trade.trade.id, outcome.success)


def tell_close(desk: Desk, trade_id: int) -> Told:
    """Close a trade and return what the command says of it."""
    try:
        outcome = close(desk, trade_id)
    except BotboxError as e:
        return Told("close", e.exit_code, trade_id)
    return Told("close", outcome.error.exit_code if outcome.error else 0, trade_id, outcome.success)


def exit_code_of(result: MonitorResult) -> int:
    """Return the exit code of a pass."""
    return gravest([e.error.exit_code for e in result.errors])


def accepted_during(world: World, act: Callable[[], Told]) -> tuple[Told, list[str]]:
    """Run a command and return what it said and which orders the exchange accepted meanwhile."""
    before = {order.link for order in truth_of(world.engine).orders}
    told = act()
    return told, [order.link for order in truth_of(world.engine).orders if order.link not in before]


def told_truly(world: World, act: Callable[[], Told]) -> Told:
    """Run a command, see that its exit code was the truth, and return what it said."""
    told, accepted = accepted_during(world, act)
    case = case_of(truth_of(world.engine), world.store, world.account)
    assert judge_told(told, case, accepted=accepted) == []
    return told


def settle(world: World, faults: Faults | None = None) -> list[str]:
    """Let the faults end and the monitor pass twice, some time later; return what is still wrong."""
    if faults is not None:
        faults.clear()
    for token in ("first", "second"):
        world.pass_time(30)
        monitor(world.new_desk(token))
    return judge(truth_of(world.engine), world.store, world.account)


def truth(world: World) -> Truth:
    return truth_of(world.engine)


def only_trade(world: World) -> Trade:
    """Return the one trade in the books."""
    with world.store.read(world.account) as books:
        [trade] = books.trades()
    return trade


def orders_of(world: World, role: Role | None = None) -> list[Order]:
    """Return the booked orders of all trades, oldest first."""
    with world.store.read(world.account) as books:
        ids = [t.id for t in books.trades()]
        return [o for o in books.orders(ids) if role in (None, o.role)]


def open_at_target(world: World) -> None:
    """Open a trade and let the price go beyond its target."""
    open_trade(world)
    world.set_price("BTCUSDT", "62000")


def open_with_fired_stop(world: World) -> None:
    """Open a trade and let the price fall through its stop."""
    open_trade(world)
    world.set_price("BTCUSDT", "57900")
    world.pass_time(1)


def open_trade(world: World) -> Trade:
    """Execute a new setup on a healthy exchange and return its trade, a minute later."""
    told = tell_execute(world.desk, world.add_setup().id)
    assert told.exit_code == 0
    world.pass_time(60)
    with world.store.read(world.account) as books:
        return books.trade(told.trade_id or 0)
