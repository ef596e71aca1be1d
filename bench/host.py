"""A Bybit v5 host in a process of its own, with the made candles and a delay for each answer.

It writes one JSON line with its address and the key of its account, and ends when its standard input does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from botbox_cli.exchange.paper.candles import Recording
from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.replay import ReplayMarket
from botbox_cli.exchange.paper.server import serve
from botbox_cli.exchange.paper.store import open_books


@dataclass(frozen=True, slots=True)
class Host:
    """Where it is, and the key to it."""

    url: str
    key: str
    secret: str

    @property
    def settings(self) -> dict[str, str]:
        """The settings that send a command's orders there."""
        return {
            "BOTBOX_MODE": "testnet",
            "BYBIT_ENDPOINT": self.url,
            "BYBIT_API_KEY": self.key,
            "BYBIT_API_SECRET": self.secret,
        }


@contextmanager
def a_host(candles: Path, delay_ms: int) -> Iterator[Host]:
    """Start a host; it ends with the block."""
    command = [sys.executable, "-m", "bench.host", str(candles), "--delay-ms", str(delay_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Host(**json.loads(process.stdout.readline()))
        process.stdin.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("candles", type=Path)
    arguments.add_argument("--delay-ms", type=int, default=0)
    given = arguments.parse_args()
    market = ReplayMarket(Recording([given.candles]))
    exchange = PaperExchange(open_books(None), market, WallClock())
    with serve(exchange, delay_ms=given.delay_ms) as sandbox:
        who = exchange.identity
        print(json.dumps({"url": sandbox.url, "key": who.api_key, "secret": who.api_secret}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
