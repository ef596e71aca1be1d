"""`botbox close ID`."""

from __future__ import annotations

from typing import Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, TradeId, Yes, checked_id
from botbox_cli.cli.session import begin


def close(
    ctx: typer.Context,
    trade_id: TradeId,
    yes: Yes = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: it is kept.")] = "",
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Close one trade at market.

    Needs no approval, and no brake holds it back.

    \b
    Example:
      botbox close 1 --reason "news"
    """
    from botbox_cli.cli.confirm import ask, exit_lines, is_asked
    from botbox_cli.cli.documents import error_document, trade_document
    from botbox_cli.cli.render import trade_line
    from botbox_cli.services import close as service
    from botbox_cli.services.trades import one_trade

    session = begin(ctx, as_json, env_file)
    number = checked_id(trade_id, "trade", "trades")
    must_ask = is_asked(session, yes=yes)
    with session.wired(moves_money=True) as wiring:
        desk = wiring.desk()
        if must_ask:
            ask(session, exit_lines(session, one_trade(desk.store, desk.account, number)[0]))
        outcome = service.close(desk, number, reason=reason)
    if as_json:
        session.console.document(
            {
                "success": outcome.success,
                "trade_id": number,
                "error": None if outcome.error is None else error_document(outcome.error),
                "trade": trade_document(outcome.trade),
            }
        )
    else:
        session.console.write(trade_line(outcome.trade))
        if outcome.error is not None:
            session.console.complain(outcome.error)
    return 0 if outcome.error is None else outcome.error.exit_code
