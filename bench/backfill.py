"""Two years of candles over HTTP, and how much memory that and a scan take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bench.candles import AMOUNT, newest_start_ms, write_csv
from bench.host import a_host
from bench.measure import BOTBOX, RUNS, Row, environment, peak_mb, run
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
        timings, recording, scanning = [], [], []
        for number in range(RUNS):
            env = environment(home, DATABASE_URL=f"sqlite:///{home / f'{number}.sqlite'}", **host.settings)
            run([BOTBOX, "init", "--env-file", str(home / ".dev.vars")], env, home)
            done = run(record, env, home)
            assert json.loads(done.output)["recorded"] == AMOUNT, done.output
            timings.append(done.seconds)
            scanning.append(peak_mb([BOTBOX, "scan"], env, home))
            anew = env | {"DATABASE_URL": f"sqlite:///{home / f'{number}-anew.sqlite'}"}
            run([BOTBOX, "init", "--env-file", str(home / ".dev.vars")], anew, home)
            recording.append(peak_mb(record, anew, home))
    yield Row(f"the same from the sandbox, {DELAY_MS} ms a round trip", tuple(timings), 15)
    yield Row("memory of that record", tuple(recording), 150, "MB")
    yield Row("memory of a scan", tuple(scanning), 150, "MB")
