"""`botbox chart SYMBOL`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, checked_id
from botbox_cli.cli.session import begin
from botbox_cli.errors import UsageError

if TYPE_CHECKING:
    from botbox_cli.bootstrap import Wiring
    from botbox_cli.cli.console import Console
    from botbox_cli.documents import Document
    from botbox_cli.services.charting import Drawing

PIPED_WIDTH = 100
FILE_CANDLES = 200


def chart(
    ctx: typer.Context,
    symbol: Annotated[
        str | None, typer.Argument(metavar="[SYMBOL]", help="The pair; known from --setup or --trade.")
    ] = None,
    timeframe: Annotated[
        str | None,
        typer.Option("--timeframe", metavar="T", help="Bybit interval code; else the setup's, or 60."),
    ] = None,
    setup: Annotated[
        int | None, typer.Option("--setup", metavar="ID", help="Around a setup: its levels, its fills.")
    ] = None,
    trade: Annotated[
        int | None, typer.Option("--trade", metavar="ID", help="Around a trade: its levels, its fills.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=10, max=5000, help="Candles; else what fits.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one HTML file.")] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Write a picture.")] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Draw candles with bands, RSI, volume, levels and fills.

    \b
    Examples:
      botbox chart BTCUSDT --timeframe 240
      botbox chart --trade 1 --html trade.html
    """
    if setup is not None and trade is not None:
        raise UsageError("--setup and --trade exclude each other", "a trade's chart shows its setup, too")
    if setup is None and trade is None and symbol is None:
        raise UsageError(
            "name a pair, or a setup or trade", "`botbox chart BTCUSDT`, `botbox chart --trade 1`"
        )
    session = begin(ctx, as_json, env_file)
    console = session.console
    in_terminal = not (as_json or html or png)
    count = limit or (_fitting(console) if in_terminal else FILE_CANDLES)
    with session.wired() as wiring:
        drawing = _drawing(wiring, symbol, setup, trade, timeframe, count)
    written = _files(drawing, html, png)
    if as_json:
        console.document({**_document(drawing), "files": [str(path) for path in written]})
    elif written:
        console.say(f"written: {', '.join(str(path) for path in written)}")
    else:
        _draw(console, drawing)


def _fitting(console: Console) -> int:
    from botbox_cli.cli.chart_text import LEAST_CANDLES, SCALE

    return max(LEAST_CANDLES, (console.width or PIPED_WIDTH) - SCALE)


def _drawing(
    wiring: Wiring,
    symbol: str | None,
    setup: int | None,
    trade: int | None,
    timeframe: str | None,
    count: int,
) -> Drawing:
    from botbox_cli.services import charting as c

    pair = None if symbol is None else symbol.strip().upper()
    code = None if timeframe is None else timeframe.strip().upper()
    if setup is not None:
        number = checked_id(setup, "setup", "setups")
        found = c.chart_of_setup(wiring.desk(), number, symbol=pair, timeframe=code, count=count)
    elif trade is not None:
        number = checked_id(trade, "trade", "trades")
        found = c.chart_of_trade(wiring.desk(), number, symbol=pair, timeframe=code, count=count)
    else:
        assert pair is not None
        code = code or c.DEFAULT_TIMEFRAME
        found = c.chart_of_symbol(
            wiring.store, wiring.candles, wiring.venue, pair, timeframe=code, count=count
        )
    return c.require_candles(found)


def _files(drawing: Drawing, html: Path | None, png: Path | None) -> list[Path]:
    written = []
    if html is not None:
        from botbox_cli.cli.chart_html import chart_page
        from botbox_cli.cli.html import save

        save(html, chart_page(drawing), "--html")
        written.append(html)
    if png is not None:
        from botbox_cli.cli.chart_png import save_png

        save_png(png, drawing)
        written.append(png)
    return written


def _draw(console: Console, drawing: Drawing) -> None:
    from botbox_cli.cli.chart_text import draw_text

    is_terminal = console.width is not None
    console.write_drawing(
        draw_text(
            drawing,
            width=console.width or PIPED_WIDTH,
            colour=console.colour,
            is_unicode=is_terminal and console.is_unicode,
        )
    )


def _document(drawing: Drawing) -> Document:
    from botbox_cli.documents import iso
    from botbox_cli.domain.number import plain
    from botbox_cli.services.candles import rows_of

    return {
        "symbol": drawing.symbol,
        "timeframe": drawing.interval.code,
        "title": drawing.title,
        "candles": [
            {
                "open_time": iso(row.open_time),
                **{n: plain(getattr(row, n)) for n in ("open", "high", "low", "close", "volume")},
                **{n: getattr(row, n) for n in ("bb_upper", "bb_middle", "bb_lower", "rsi")},
            }
            for row in rows_of(drawing.candles, drawing.indicators)
        ],
        "levels": [{"name": name, "price": plain(price)} for name, price in drawing.levels],
        "marks": [
            {"at": iso(m.at), "price": plain(m.price), "label": m.label, "is_fill": m.is_fill}
            for m in drawing.marks
        ],
    }
