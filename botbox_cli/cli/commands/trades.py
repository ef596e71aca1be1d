"""`botbox trades`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, ModeFilter, Since, parse_when, parse_word
from botbox_cli.cli.session import begin
from botbox_cli.domain.trade import LIVING_TRADES, TradeStatus

if TYPE_CHECKING:
    from botbox_cli.bootstrap import Wiring
    from botbox_cli.domain.account import Account

STATUSES = {
    "open": LIVING_TRADES,
    "closed": (TradeStatus.CLOSED,),
    "failed": (TradeStatus.FAILED,),
    "all": None,
}


def trades(
    ctx: typer.Context,
    status: Annotated[
        str, typer.Option("--status", metavar="STATUS", help="open, closed, failed or all.")
    ] = "all",
    symbol: Annotated[str | None, typer.Option("--symbol", metavar="S", help="Of one pair.")] = None,
    since: Since = None,
    mode: ModeFilter = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """List trades, newest first.

    \b
    Example:
      botbox trades --status open
    """
    from botbox_cli.cli.render.trades import trades_table
    from botbox_cli.documents import trade_document
    from botbox_cli.services.trades import list_trades

    session = begin(ctx, as_json, env_file)
    statuses = STATUSES[parse_word(status, tuple(STATUSES), "--status")]
    with session.wired() as wiring:
        start = parse_when(since, wiring.clock.now())
        pair = None if symbol is None else symbol.strip().upper()
        views = [
            view
            for account in accounts_of(wiring, mode)
            for view in list_trades(wiring.store, account, statuses, symbol=pair, since=start)
        ]
    if as_json:
        session.console.document({"trades": [trade_document(v) for v in views]})
    else:
        trades_table(session.console, views)
        if not views:
            session.console.say("no such trades; `botbox setups` lists what waits for a decision")


def accounts_of(wiring: Wiring, mode: str | None) -> list[Account]:
    """Return the account of the settings, or those that `--mode` names. Raises UsageError."""
    from botbox_cli.domain.account import Mode

    if mode is None:
        return [wiring.account()]
    word = parse_word(mode, (*Mode, "all"), "--mode")
    return [account for account in wiring.store.accounts() if word in ("all", account.mode)]
