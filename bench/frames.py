"""A paper exchange of many symbols that sends price frames at a steady rate, as a process of its own.

    python -m bench.frames --symbols 100 --rate 2000

prints one line of JSON (url, symbols, key and secret) once it answers, and ends with its standard input. Each price
differs from the one before, so that nothing can be left out as a repetition.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from itertools import count
from typing import Any

from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.protocol import to_ms
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.server import Sandbox, serve
from botbox_cli.exchange.paper.store import MemoryBooks

# Frames leave in small bursts, as an exchange's do: every symbol once, then the next time.
BURST_S = 0.01
# Above the numbers of the books that the exchange sends by itself, which count from the time in milliseconds.
FIRST_UPDATE = 10**15


def sandbox(symbols: int) -> Sandbox:
    """Return a paper exchange of so many symbols, each at 100, not yet answering."""
    market = ScriptedMarket(dict.fromkeys(names(symbols), "100"), rows=[_row(n) for n in names(symbols)])
    return serve(PaperExchange(MemoryBooks(), market, WallClock()))


def names(symbols: int) -> list[str]:
    """Return the names of so many symbols: X000USDT, X001USDT, …"""
    return [f"X{number:03}USDT" for number in range(symbols)]


def send(box: Sandbox, symbols: int, rate: float, stop: threading.Event) -> int:
    """Send `rate` price frames a second, the symbols in turn, until `stop` is set; return how many."""
    turn = count()
    began_s, sent = time.monotonic(), 0
    every = names(symbols)
    while not stop.wait(BURST_S):
        due = int((time.monotonic() - began_s) * rate)
        for number in range(sent, due):
            step = next(turn)
            box.sockets.publish(frame(every[number % symbols], step, to_ms(box.exchange.clock.now())))
        sent = due
    return sent


def frame(symbol: str, step: int, now_ms: int) -> dict[str, Any]:
    """Return an order book whose bid moves with each step."""
    bid, u = 10_000 + step % 97, FIRST_UPDATE + step
    data = {
        "s": symbol,
        "b": [[f"{bid / 100:.2f}", "12.5"]],
        "a": [[f"{(bid + 1) / 100:.2f}", "12.5"]],
        "u": u,
        "seq": u,
    }
    return {"topic": f"orderbook.1.{symbol}", "ts": now_ms, "type": "snapshot", "data": data, "cts": now_ms}


def _row(name: str) -> dict[str, Any]:
    return {
        "symbol": name,
        "baseCoin": name.removesuffix("USDT"),
        "quoteCoin": "USDT",
        "status": "Trading",
        "marginTrading": "none",
        "lotSizeFilter": {
            "basePrecision": "0.001",
            "quotePrecision": "0.0000001",
            "minOrderQty": "0.001",
            "maxOrderQty": "100000",
            "minOrderAmt": "5",
            "maxOrderAmt": "1000000",
            "maxLimitOrderQty": "100000",
            "maxMarketOrderQty": "50000",
        },
        "priceFilter": {"tickSize": "0.01"},
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--rate", type=float, default=2000, help="frames a second, over all symbols")
    asked = parser.parse_args()
    with sandbox(asked.symbols) as box:
        who = box.exchange.identity
        told = {"url": box.url, "symbols": names(asked.symbols), "key": who.api_key, "secret": who.api_secret}
        print(json.dumps(told), flush=True)
        stop = threading.Event()
        sender = threading.Thread(target=send, args=(box, asked.symbols, asked.rate, stop))
        sender.start()
        sys.stdin.read()
        stop.set()
        sender.join()


if __name__ == "__main__":
    main()
