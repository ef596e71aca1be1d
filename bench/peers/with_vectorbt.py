"""vectorbt's core on the design's longs of all hourly candles of a botbox database: five timings as JSON.

Arrays are in memory and everything is compiled before the clock starts. Stops and targets are given as fractions of
the price, which is what `from_signals` takes; its signals are made anew each time, as ours are.
"""

from __future__ import annotations

import json
import time
import warnings

import numpy as np
import vectorbt as vbt

from bench.peers.common import path, signals, symbols

warnings.filterwarnings("ignore")


def main() -> None:
    columns = [c for _, c in symbols(path())]

    def core() -> int:
        trades = 0
        for c in columns:
            entries = signals(c)
            entries[1:] = entries[:-1].copy()
            price = c["open"]
            stop = np.roll((c["close"] - c["bb_lower"] + 1.5 * c["atr"]) / c["close"], 1)
            target = np.roll((c["bb_middle"] - c["close"]) / c["close"], 1)
            portfolio = vbt.Portfolio.from_signals(
                c["close"], entries=entries, exits=np.zeros(len(entries), bool), price=price, open=c["open"],
                high=c["high"], low=c["low"], sl_stop=np.maximum(stop, 1e-6), tp_stop=np.maximum(target, 1e-6),
                fees=0.001, slippage=0.0005, freq="1h",
            )  # fmt: skip
            trades += int(portfolio.trades.count())
        return trades

    core()
    timings = []
    for _ in range(5):
        start = time.perf_counter()
        core()
        timings.append(time.perf_counter() - start)
    print(json.dumps(timings))


if __name__ == "__main__":
    main()
