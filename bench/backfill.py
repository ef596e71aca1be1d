"""Two years of candles over HTTP, and how much memory that and a scan take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bench.candles import AMOUNT, newest_start_ms, write_csv
from bench.host import a_host
from bench.measure import BOTBOX, RUNS, Row, environment, run
from botbox_cli.domain.candle import from_ms, to_ms
from botbox_cli.exchange.paper.clocks import WallClock

DELAY_MS = 50


def rows(folder: Path) -> Iterator[Row]:
    """Measure whole commands against a host that takes 50 ms for each answer."""
    home = folder / "backfill"
    home.mkdir()
    start_ms = newest_start_ms(to_ms(WallClock().now()))
    write_csv(home / "candles.csv", start_ms)
    record = [BOTBOX, "record", "--once", "--json", "--since", from_ms(start_ms).isoformat()]
    with a_host(home / "candles.csv", DELAY_MS) as host:
        recorded, scanned = [], []
        for number in range(RUNS):
            env = environment(home, DATABASE_URL=f"sqlite:///{home / f'{number}.sqlite'}", **host.settings)
            run([BOTBOX, "init", "--env-file", str(home / ".dev.vars")], env, home)
            recorded.append(run(record, env, home))
            assert json.loads(recorded[-1].output)["recorded"] == AMOUNT, recorded[-1].output
            scanned.append(run([BOTBOX, "scan"], env, home))
    yield Row(
        f"the same from the sandbox, {DELAY_MS} ms a round trip", tuple(r.seconds for r in recorded), 15
    )
    yield Row("memory of that record", tuple(r.peak_mb for r in recorded), 150, "MB")
    yield Row("memory of a scan", tuple(s.peak_mb for s in scanned), 150, "MB")
