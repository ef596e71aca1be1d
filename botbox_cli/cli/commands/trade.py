"""`botbox trade ID`."""

from __future__ import annotations

from typing import Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, TradeId, checked_id
from botbox_cli.cli.session import begin
from botbox_cli.errors import UsageError


def trade(
    ctx: typer.Context,
    trade_id: TradeId,
    adopt_stop: Annotated[
        bool, typer.Option("--adopt-stop", help="Take over the stop price that was moved on the exchange.")
    ] = False,
    unfilled: Annotated[
        bool,
        typer.Option("--unfilled", help="You looked on the exchange's website: its entry never filled."),
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Show one trade: its orders, fills and log.

    \b
    Example:
      botbox trade 1
    """
    from botbox_cli.cli.render.trades import trade_card
    from botbox_cli.documents import fill_document, log_document, trade_document
    from botbox_cli.services.trades import one_trade

    session = begin(ctx, as_json, env_file)
    if adopt_stop and unfilled:
        raise UsageError("--adopt-stop and --unfilled exclude each other", "see `botbox trade --help`")
    with session.wired(moves_money=adopt_stop or unfilled) as wiring:
        number = checked_id(trade_id, "trade", "trades")
        if adopt_stop:
            from botbox_cli.services.adopt_stop import adopt_stop as adopt

            level = adopt(wiring.desk(), number).stop_loss
            session.console.say(f"the stop of trade {number} is {level} now")
        if unfilled:
            from botbox_cli.cli.person import decider
            from botbox_cli.services.declare_unfilled import declare_unfilled

            ended = declare_unfilled(wiring.desk(), number, by=decider())
            session.console.say(f"trade {number} is {ended.status} now")
        view, book, log = one_trade(wiring.store, wiring.account(), number)
    if as_json:
        session.console.document(
            {
                "trade": trade_document(view),
                "fills": [fill_document(f) for f in book.fills],
                "log": [log_document(entry) for entry in log],
            }
        )
    else:
        trade_card(session.console, view, book.fills, log)
