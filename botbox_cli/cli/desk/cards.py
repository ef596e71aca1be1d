"""The card and chart of a setup or trade, as the commands `show`, `trade` and `chart` print them."""

from __future__ import annotations

import io

from botbox_cli.cli.chart_text import draw_text
from botbox_cli.cli.console import Console
from botbox_cli.cli.render.setups import setup_card
from botbox_cli.cli.render.trades import trade_card
from botbox_cli.errors import BotboxError
from botbox_cli.services.card import card
from botbox_cli.services.charting import Drawing, chart_of_setup, chart_of_trade
from botbox_cli.services.desk import Desk
from botbox_cli.services.trades import one_trade

CANDLES = 120


def setup_text(desk: Desk, setup_id: int, *, width: int, colour: bool) -> str:
    """Return the card of a setup and its chart below. Raises NotFound, StorageError."""
    console = _console(width, colour)
    setup_card(console, card(desk, setup_id))
    return _written(console) + _chart(chart_of_setup(desk, setup_id, count=CANDLES), width, colour)


def trade_text(desk: Desk, trade_id: int, *, width: int, colour: bool) -> str:
    """Return a trade with its orders and history, and its chart. Raises NotFound, StorageError."""
    console = _console(width, colour)
    shown, book, log = one_trade(desk.store, desk.account, trade_id)
    trade_card(console, shown, book.fills, log)
    try:
        return _written(console) + _chart(chart_of_trade(desk, trade_id, count=CANDLES), width, colour)
    except BotboxError:
        return _written(console)


def _console(width: int, colour: bool) -> Console:
    return Console(io.StringIO(), io.StringIO(), io.StringIO(), width=width, colour=colour)


def _written(console: Console) -> str:
    assert isinstance(console.out, io.StringIO), "made above"
    return console.out.getvalue()


def _chart(drawing: Drawing, width: int, colour: bool) -> str:
    if not len(drawing.candles.open_ms):
        return ""
    return "\n" + draw_text(drawing, width=width, colour=colour, is_unicode=True)
