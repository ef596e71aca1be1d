"""Writes the trades that backtesting.py makes of the tests' recorded candles: `tests/fixtures/replay/backtesting.json`.

A test holds the replay against them, so that backtesting.py itself is needed only to record them anew:
`python -m bench.peers.record_trades` with the `bench` extra installed.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import backtesting
import pandas as pd
from backtesting import Backtest, Strategy

from botbox_cli.domain.candle import from_ms
from tests.support.agreement import SYMBOLS, setups_of
from tests.support.candles import recorded

TARGET = Path(__file__).parents[2] / "tests" / "fixtures" / "replay" / "backtesting.json"

warnings.filterwarnings("ignore")


def trades_of(symbol: str) -> list[dict[str, float]]:
    hours = recorded(symbol, "60")
    setups = setups_of(symbol)
    columns = {"Open": hours.open, "High": hours.high, "Low": hours.low, "Close": hours.close}
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex([from_ms(int(ms)) for ms in hours.open_ms]))

    class Bounce(Strategy):
        def init(self) -> None:
            pass

        def next(self) -> None:
            levels = setups.get(len(self.data) - 1)
            if levels is not None and not self.position:
                self.buy(size=1, sl=levels[0], tp=levels[1])

    stats = Backtest(frame, Bounce, cash=10_000_000, commission=0.001, finalize_trades=False).run()
    return [
        {
            "entry_row": int(t.EntryBar),
            "exit_row": int(t.ExitBar),
            "entry_price": float(t.EntryPrice),
            "exit_price": float(t.ExitPrice),
        }
        for t in stats._trades.itertuples()
    ]


def main() -> None:
    TARGET.parent.mkdir(exist_ok=True)
    lines = [
        f'  "{symbol}": [\n' + ",\n".join("    " + json.dumps(trade) for trade in trades_of(symbol)) + "\n  ]"
        for symbol in SYMBOLS
    ]
    version = f'  "backtesting": "{backtesting.__version__}"'
    TARGET.write_text("{\n" + ",\n".join([version, *lines]) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
