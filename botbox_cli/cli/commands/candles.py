"""`botbox candles SYMBOL`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.session import begin
from botbox_cli.errors import UsageError

if TYPE_CHECKING:
    from botbox_cli.documents import Document
    from botbox_cli.services.candles import CandleRow

PRICES = ("open", "high", "low", "close", "volume", "turnover")
INDICATORS = ("bb_upper", "bb_middle", "bb_lower", "rsi", "atr", "volume_ma")


def candles(
    ctx: typer.Context,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The pair, such as BTCUSDT.")],
    timeframe: Annotated[str, typer.Option("--timeframe", metavar="T", help="Bybit interval code.")] = "60",
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="The newest N.")
    ] = 200,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated, with a heading.")] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Print stored candles with their indicators, oldest first.

    \b
    Example:
      botbox candles BTCUSDT --timeframe 240 --csv
    """
    from botbox_cli.cli.render.candles import candles_table
    from botbox_cli.services.candles import candle_rows

    if csv and as_json:
        raise UsageError("--csv and --json exclude each other", "choose one")
    session = begin(ctx, as_json, env_file)
    pair, code = symbol.strip().upper(), timeframe.strip().upper()
    with session.wired() as wiring:
        rows = candle_rows(wiring.store, wiring.candles, wiring.venue, pair, timeframe=code, limit=limit)
    documents = [_document(row) for row in rows]
    if as_json:
        session.console.document({"symbol": pair, "timeframe": code, "candles": documents})
    elif csv:
        names = ("open_time", *PRICES, *INDICATORS)
        session.console.write(",".join(names))
        for document in documents:
            session.console.write(",".join("" if document[n] is None else str(document[n]) for n in names))
    else:
        candles_table(session.console, rows)
    if not rows:
        session.console.say(
            f"no {code} candles of {pair} are stored; run `botbox record --once --symbol {pair}`"
        )


def _document(row: CandleRow) -> Document:
    from botbox_cli.documents import iso
    from botbox_cli.domain.number import plain

    prices = {name: plain(getattr(row, name)) for name in PRICES}
    return {"open_time": iso(row.open_time), **prices, **{name: getattr(row, name) for name in INDICATORS}}
