"""From Enter to a protected position, and the cost of a quiet pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from bench.backfill import DELAY_MS
from bench.candles import newest_start_ms, write_csv
from bench.host import Host, a_host
from bench.measure import BOTBOX, RUNS, Row, environment, run
from botbox_cli.config import DEFAULT_SYMBOLS
from botbox_cli.domain.candle import to_ms
from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from tests.support.world import a_world

OPEN_TRADES = 8


def rows(folder: Path) -> Iterator[Row]:
    """Measure an execution over HTTP, and count the requests of a pass with nothing to do."""
    home = folder / "trading"
    home.mkdir()
    write_csv(home / "candles.csv", newest_start_ms(to_ms(WallClock().now())))
    with a_host(home / "candles.csv", DELAY_MS) as host:
        timings = tuple(_execution(home, host, number) for number in range(RUNS + 1))
    what = f"approve --execute, {DELAY_MS} ms a round trip, until protected"
    yield Row(what, timings[1:], 1.0)
    yield Row(f"requests to settle {OPEN_TRADES} open trades, unchanged", (_requests(),), 4, "")


def _execution(home: Path, host: Host, number: int) -> float:
    """Trade a new setup in a database of its own; return what the command took, from start to end."""
    env = environment(home, DATABASE_URL=f"sqlite:///{home / f'{number}.sqlite'}", **host.settings)
    run([BOTBOX, "init", "--env-file", str(home / ".dev.vars")], env, home)
    symbol = DEFAULT_SYMBOLS[0]
    price = _price(host, symbol)
    levels = {"--entry": price, "--stop": price * Decimal("0.97"), "--tp1": price * Decimal("1.05")}
    given = [
        text for name, level in levels.items() for text in (name, format(level.quantize(Decimal("0.1")), "f"))
    ]
    run([BOTBOX, "propose", symbol, *given], env, home)
    done = run([BOTBOX, "approve", "1", "--execute", "--json"], env, home)
    assert [o["status"] for o in json.loads(done.output)["trade"]["orders"]] == ["FILLED", "WORKING"], (
        done.output
    )
    return done.seconds


def _price(host: Host, symbol: str) -> Decimal:
    import requests

    answer = requests.get(f"{host.url}/v5/market/tickers", {"category": "spot", "symbol": symbol}, timeout=10)
    return Decimal(answer.json()["result"]["list"][0]["lastPrice"])


def _requests() -> float:
    symbols = DEFAULT_SYMBOLS[:OPEN_TRADES]
    with a_world(prices=dict.fromkeys(symbols, "60")) as world:
        for symbol in symbols:
            setup = world.add_setup(symbol=symbol, entry="60", stop="58", tp1="62", tp2="64")
            assert execute(world.desk, setup.id).success
        world.pass_time(60)
        monitor(world.desk)
        world.session.asked.clear()
        result = monitor(world.desk)
        assert [t.action for t in result.trades] == ["none"] * OPEN_TRADES
        return sum(world.session.asked.values())
