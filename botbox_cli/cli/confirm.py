"""The question before real money moves. In paper, demo and testnet nothing is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botbox_cli.domain.account import Mode
from botbox_cli.domain.number import plain
from botbox_cli.errors import Denied, UsageError

if TYPE_CHECKING:
    from botbox_cli.cli.session import Session
    from botbox_cli.services.plan import Plan
    from botbox_cli.services.trades import TradeView


def is_asked(session: Session, *, yes: bool) -> bool:
    """Tell whether the person must confirm. Raises UsageError at once when nobody could."""
    if session.settings.mode is not Mode.LIVE or yes:
        return False
    if not session.console.can_ask:
        raise UsageError(
            "live mode needs a confirmation, and there is no terminal to ask on; nothing was sent",
            "add `--yes` to confirm from a script",
            code="no_answer",
        )
    return True


def ask(session: Session, lines: list[str]) -> None:
    """Show what is about to be done and wait for a typed yes. Raises Denied for anything else."""
    for line in lines:
        session.console.say(line)
    if not session.console.confirm("Real money."):
        raise Denied("not confirmed: nothing was sent", code="not_confirmed")


def entry_lines(session: Session, plan: Plan) -> list[str]:
    """Return what an entry would do, for the question."""
    first, *others = entry_facts(plan)
    return [f"LIVE account {session.settings.arm_live}: {first}", *others]


def entry_facts(plan: Plan) -> list[str]:
    """Return what an entry would do, whatever the account."""
    setup, s, pair = plan.setup, plan.sizing, plan.instrument
    verb = "buy" if setup.direction.sign > 0 else "sell short"
    risk = f"{s.risk:.2f} {pair.quote_coin} = {s.risk_percent:.2f} % of equity {s.equity:.2f}"
    return [
        f"setup {setup.id}, {setup.symbol} {setup.direction}",
        f"  {verb} {plain(s.qty)} {pair.base_coin} at market, near {plain(s.price)}, worth {s.value:.2f}",
        f"  stop {plain(s.stop)}, target {plain(setup.take_profit_1)}, risk {risk}",
    ]


def exit_lines(session: Session, view: TradeView) -> list[str]:
    """Return what closing a trade would do, for the question."""
    first, *others = exit_facts(view)
    return [f"LIVE account {session.settings.arm_live}: {first}", *others]


def exit_facts(view: TradeView) -> list[str]:
    """Return what closing a trade would do, whatever the account."""
    trade, position = view.trade, view.position
    verb = "sell" if trade.direction.sign > 0 else "buy back"
    return [
        f"close trade {trade.id}, {trade.symbol} {trade.direction}",
        f"  {verb} {plain(position.held)} {trade.base_coin} at market; its stop {plain(trade.stop_loss)} is cancelled",
    ]
