"""The design's longs on all hourly candles of a botbox database, with backtesting.py; prints the number of trades.

Written as its documentation teaches: indicators by `self.I` (the stored ones: nothing is computed that botbox does not
compute), conditions in `next`.
"""

from __future__ import annotations

import warnings

import pandas as pd
from backtesting import Backtest, Strategy

from bench.peers.common import path, symbols

warnings.filterwarnings("ignore")

GIVEN = {
    "lower": "bb_lower", "middle": "bb_middle", "rsi": "rsi", "atr": "atr", "volume_ma": "volume_ma", "ratio": "ratio",
}  # fmt: skip


class Bounce(Strategy):
    def init(self) -> None:
        for name in GIVEN:
            setattr(self, name, self.I(self._given, name, name=name))

    def _given(self, name: str) -> object:
        return self.data.df[name].to_numpy()

    def next(self) -> None:
        if self.position:
            return
        close, lower = self.data.Close[-1], self.lower[-1]
        if (
            self.data.Low[-1] <= lower
            and close > lower * 0.998
            and self.rsi[-1] < 35
            and self.data.Volume[-1] > 1.1 * self.volume_ma[-1]
            and self.ratio[-1] <= 1.3
        ):
            stop, target = lower - 1.5 * self.atr[-1], self.middle[-1]
            if stop < close < target:
                self.buy(size=0.1, sl=stop, tp=target)


def main() -> None:
    trades = 0
    for _, c in symbols(path()):
        prices = {name.title(): c[name] for name in ("open", "high", "low", "close", "volume")}
        frame = pd.DataFrame(
            prices | {name: c[column] for name, column in GIVEN.items()},
            index=pd.to_datetime(c["open_ms"].astype("int64"), unit="ms"),
        )
        stats = Backtest(frame, Bounce, cash=1_000_000, commission=0.001).run()
        trades += int(stats["# Trades"])
    print(trades)


if __name__ == "__main__":
    main()
