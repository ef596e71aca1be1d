"""A paper exchange that tells how soon after a price frame the first order request arrives, as a process of its own.

    python -m bench.crossing --symbols 100

prints one line of JSON (url, symbols, key and secret). For each line `SYMBOL PRICE` on its standard input it moves that
price, sends the frame, and prints the milliseconds until a request that cancels or places an order arrives.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from typing import Any

from bench.frames import frame, names, sandbox
from botbox_cli.exchange.paper.protocol import to_ms
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.server import Sandbox

PATIENCE_S = 10.0


# This process must not add what it measures: its threads wait for the interpreter at most so long for each other.
SWITCH_S = 0.0002


class Arrivals:
    """Stands at the door of a sandbox and notes when the first line of the next order request has come."""

    def __init__(self, box: Sandbox) -> None:
        self._came = threading.Event()
        self._at = 0.0
        arrivals = self

        class Doorman(box._server.RequestHandlerClass):  # type: ignore[misc, name-defined]
            def parse_request(self) -> bool:
                arrivals._note(self.raw_requestline)
                return bool(super().parse_request())

        box._server.RequestHandlerClass = Doorman

    def expect(self) -> None:
        """Wait for the next one from now on."""
        self._came.clear()

    def wait(self) -> float:
        """Return when it came. Raises TimeoutError."""
        if not self._came.wait(PATIENCE_S):
            raise TimeoutError("no order request came")
        return self._at

    def _note(self, line: bytes) -> None:
        now = time.perf_counter()
        if line.startswith(b"POST /v5/order/") and not self._came.is_set():
            self._at = now
            self._came.set()


def cross(box: Sandbox, arrivals: Arrivals, symbol: str, price: str) -> float:
    """Move a price, send its frame, and return how many milliseconds later the first order request came."""
    market = box.exchange.market
    assert isinstance(market, ScriptedMarket)
    now_ms = to_ms(box.exchange.clock.now())
    book: dict[str, Any] = frame(symbol, 0, now_ms + 1)
    book["data"] |= {"b": [[price, "12.5"]], "a": [[price, "12.5"]]}
    arrivals.expect()
    market.set_price(symbol, price, now_ms)
    started = time.perf_counter()
    box.sockets.publish(book)
    return (arrivals.wait() - started) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--symbols", type=int, default=100)
    asked = parser.parse_args()
    sys.setswitchinterval(SWITCH_S)
    with sandbox(asked.symbols) as box:
        who = box.exchange.identity
        told = {"url": box.url, "symbols": names(asked.symbols), "key": who.api_key, "secret": who.api_secret}
        arrivals = Arrivals(box)
        print(json.dumps(told), flush=True)
        for line in sys.stdin:
            symbol, price = line.split()
            print(cross(box, arrivals, symbol, price), flush=True)


if __name__ == "__main__":
    main()
