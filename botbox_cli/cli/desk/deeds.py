"""What the desk's keys do: the same services as the commands, each with a hand of its own."""

from __future__ import annotations

from botbox_cli.cli.confirm import entry_facts, exit_facts
from botbox_cli.cli.person import decider
from botbox_cli.cli.render.trades import trade_line
from botbox_cli.errors import BotboxError
from botbox_cli.services import decide
from botbox_cli.services.card import statistics_facts, statistics_of
from botbox_cli.services.close import close
from botbox_cli.services.desk import Desk
from botbox_cli.services.execute import execute, plan_entry
from botbox_cli.services.halt import halt, resume
from botbox_cli.services.trades import one_trade


def approval_question(desk: Desk, setup_id: int) -> str:
    """Return what approving a setup would buy now. Raises what an entry would be refused with."""
    plan = plan_entry(desk, setup_id, accept_price=False, approve=True)
    return "\n".join(["Approve and trade " + entry_facts(plan)[0], *entry_facts(plan)[1:]])


def approve(desk: Desk, setup_id: int) -> str:
    """Approve a setup and trade it; return where the trade stands.

    Raises:
        BotboxError: It was refused, or what went wrong once the entry was under way.
    """
    with desk.store.read(desk.account) as books:
        setup = books.setup(setup_id)
    past, _ = statistics_of(desk, setup)
    shown = {**decider(), "statistics": statistics_facts(past)}
    outcome = execute(desk, setup_id, approve=True, shown=shown)
    return _told(trade_line(outcome.trade), outcome.error)


def reject(desk: Desk, setup_id: int, reason: str) -> str:
    """Reject a setup. Raises NotFound, Conflict."""
    setup = decide.reject(desk, setup_id, reason=reason, shown=decider())
    return f"setup {setup.id} {setup.symbol} rejected: {setup.reason}"


def close_question(desk: Desk, trade_id: int) -> str:
    """Return what closing a trade would sell. Raises NotFound."""
    first, *others = exit_facts(one_trade(desk.store, desk.account, trade_id)[0])
    return "\n".join([first[0].upper() + first[1:], *others])


def close_trade(desk: Desk, trade_id: int) -> str:
    """Close a trade at market; return where it stands. Raises BotboxError."""
    outcome = close(desk, trade_id, reason="closed at the desk")
    return _told(trade_line(outcome.trade), outcome.error)


def switch_halt(desk: Desk) -> str:
    """Halt new entries, or allow them again."""
    if resume(desk.store, desk.account, desk.clock):
        return "new entries are allowed again"
    halt(desk.store, desk.account, desk.clock, reason="halted at the desk")
    return "new entries are halted; exits, stops and cancels go on"


def _told(line: str, error: BotboxError | None) -> str:
    if error is not None:
        raise error
    return line
