"""`botbox explain ID`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, checked_id, id_of
from botbox_cli.cli.session import begin
from botbox_cli.errors import BotboxError

if TYPE_CHECKING:
    from botbox_cli.services.charting import Drawing
    from botbox_cli.services.desk import Desk

CANDLES = 200


def explain(
    ctx: typer.Context,
    number: Annotated[
        int, typer.Argument(metavar="ID", parser=id_of, help="The setup, or with --trade the trade.")
    ],
    trade: Annotated[bool, typer.Option("--trade", help="ID is that of a trade.")] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one HTML file.")] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Explain a setup and its trades: seen, decided, sized, sent, filled, earned.

    \b
    Examples:
      botbox explain 1
      botbox explain --trade 1 --html trade.html
    """
    from botbox_cli.cli.explain_report import explanation_document, explanation_text, write_html
    from botbox_cli.services.explain import explain as service

    session = begin(ctx, as_json, env_file)
    with session.wired() as wiring:
        desk = wiring.desk()
        if trade:
            told = service(desk, trade_id=checked_id(number, "trade", "trades"))
        else:
            told = service(desk, setup_id=checked_id(number, "setup", "setups"))
        drawing = _drawing(desk, number, is_trade=trade) if html is not None else None
    if html is not None:
        write_html(html, session.console, told, drawing)
    if as_json:
        session.console.document(explanation_document(told))
    elif html is not None:
        session.console.say(f"written: {html}")
    else:
        explanation_text(session.console, told)


def _drawing(desk: Desk, number: int, *, is_trade: bool) -> Drawing | None:
    """Return the chart of the page, or None where no candles are stored for it."""
    from botbox_cli.services import charting as c

    try:
        found = c.chart_of_trade if is_trade else c.chart_of_setup
        return c.require_candles(found(desk, number, count=CANDLES))
    except BotboxError:
        return None
