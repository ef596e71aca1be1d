"""Scripted prices, read while they are written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from botbox_cli.exchange.paper.scripted import ScriptedMarket


def test_a_reader_between_the_two_halves_of_a_write_finds_the_price_before_or_after_it() -> None:
    market = ScriptedMarket({"BTCUSDT": "60000"})
    track = market._tracks["BTCUSDT"]
    read: list[Decimal | None] = []

    class Watched(list[Any]):
        def append(self, value: Any) -> None:
            super().append(value)
            read.append(market.last("BTCUSDT", 2000))

    track.times, track.prices = Watched(track.times), Watched(track.prices)

    market.set_price("BTCUSDT", "61000", 1000)

    assert read == [Decimal(60000), Decimal(61000)]
