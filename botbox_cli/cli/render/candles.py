"""Stored candles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botbox_cli.cli.console import Column, Console
from botbox_cli.cli.render.numbers import price
from botbox_cli.cli.render.parts import show_table

if TYPE_CHECKING:
    from botbox_cli.services.candles import CandleRow

_CANDLES = (
    Column("open_time", label="opened"),
    Column("open", 1, right=True),
    Column("high", 1, right=True),
    Column("low", 1, right=True),
    Column("close", right=True),
    Column("volume", 3, right=True),
    Column("turnover", 5, right=True),
    Column("bb_upper", 2, right=True),
    Column("bb_middle", 4, right=True),
    Column("bb_lower", 2, right=True),
    Column("rsi", right=True),
    Column("atr", right=True),
    Column("volume_ma", 4, right=True),
)


def candles_table(console: Console, rows: Iterable[CandleRow]) -> None:
    table = []
    for row in rows:
        prices = (row.open, row.high, row.low, row.close, row.volume, row.turnover)
        indicators = (row.bb_upper, row.bb_middle, row.bb_lower, row.rsi, row.atr, row.volume_ma)
        table.append(
            (
                console.time(row.open_time),
                *(price(console, value) for value in prices),
                *(_figure(console, value) for value in indicators),
            )
        )
    show_table(console, _CANDLES, table)


def _figure(console: Console, value: float | None) -> str:
    if value is None:
        return ""
    return repr(value) if console.width is None else f"{value:.6g}"
