"""The data that comes with the package: recorded candles of four coins, trading rules of ten."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from botbox_cli.exchange.paper.candles import Recording

DATA = Path(__file__).resolve().parents[2] / "data"


@lru_cache(maxsize=1)
def instrument_rows() -> list[dict[str, Any]]:
    """Return instruments-info rows of the ten default symbols."""
    rows: list[dict[str, Any]] = json.loads((DATA / "instruments.json").read_text("utf-8"))["list"]
    return rows


def recording() -> Recording:
    """Return the bundled candles: BTC, ETH, SOL and BNB, hourly and 4-hourly, of the year 2025."""
    return Recording(sorted(DATA.glob("bybit_*.csv.gz")))
