"""The design's longs on all hourly candles of a botbox database, with backtesting.py; prints what came of it."""

from __future__ import annotations

import warnings

import pandas as pd
from backtesting import Backtest, Strategy

from bench.peers.common import path, signals, symbols

warnings.filterwarnings("ignore")


class Bounce(Strategy):
    def init(self) -> None:
        self.signal, self.stop, self.target = (
            self.I(lambda name=name: self.data.df[name].to_numpy(), name=name)
            for name in ("Signal", "Stop", "Target")
        )

    def next(self) -> None:
        price = self.data.Close[-1]
        if self.signal[-1] and self.stop[-1] < price < self.target[-1] and not self.position:
            self.buy(size=0.1, sl=self.stop[-1], tp=self.target[-1])


def main() -> None:
    trades = 0
    for _, c in symbols(path()):
        frame = pd.DataFrame(
            {
                "Open": c["open"], "High": c["high"], "Low": c["low"], "Close": c["close"], "Volume": c["volume"],
                "Signal": signals(c), "Stop": c["bb_lower"] - 1.5 * c["atr"], "Target": c["bb_middle"],
            },
            index=pd.to_datetime(c["open_ms"].astype("int64"), unit="ms"),
        )  # fmt: skip
        stats = Backtest(frame, Bounce, cash=1_000_000, commission=0.001).run()
        trades += int(stats["# Trades"])
    print(trades)


if __name__ == "__main__":
    main()
