"""The whole crash matrix, and single cells of it again.

python -m tests.crash                                every situation, way and step
python -m tests.crash --twice                        the monitor that settles is killed too, at each of its steps
python -m tests.crash --freeze                       frozen instead, taken over by the monitor, and let go on
python -m tests.crash --freeze --twice               the monitor is frozen too, and goes on after the command
python -m tests.crash "stop gone" --way http         one row
python -m tests.crash "stop gone" --way http --kill 17 3    one cell: the command at step 17, the monitor at step 3
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.crash.matrix import FROZEN_S, Row, durable, freezable
from tests.crash.situations import SITUATIONS, Situation
from tests.support.forkserver import Forkserver, a_forkserver
from tests.support.stage import HttpHost, HttpStage, PaperStage, quick_folder


def main() -> int:
    """Run what the arguments name; the exit code is 1 if a cell fails."""
    options = _options()
    failed = cells = 0
    started = time.monotonic()
    with a_forkserver() as server, tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        host = HttpHost()
        for number, (situation, way) in enumerate(_chosen(options)):
            begun = time.monotonic()
            row = _row(situation, way, server, host, Path(folder) / str(number))
            steps = row.steps()
            kills = [tuple(options.kill)] if options.kill else list(_kills(row, steps, options))
            for kill in kills:
                if faults := row.freeze_at(*kill) if options.freeze else row.kill_at(*kill):
                    failed += 1
                    where = " and ".join(str(n) for n in kill)
                    _say(f'"{situation.name}" --way {way} --kill {where}: {steps[kill[0] - 1]}')
                    for fault in faults:
                        _say(f"    {fault}")
            cells += len(kills)
            _say(f"{situation.name:25} {way:6} {len(kills):5} cells in {time.monotonic() - begun:6.1f} s")
        host.close()
    _say(f"{cells} cells, {failed} failed, {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


def _kills(row: Row, steps: list[str], options: argparse.Namespace) -> Iterator[tuple[int, ...]]:
    firsts = freezable(steps) if options.freeze else list(range(1, len(steps) + 1))
    if not options.twice:
        yield from ((n,) for n in firsts)
        return
    for first in firsts:
        if first in durable(steps):
            monitor = row.steps_of_monitor(first, after_s=FROZEN_S if options.freeze else 0)
            seconds = set(durable(monitor)) & set(freezable(monitor) if options.freeze else durable(monitor))
            yield from ((first, second) for second in sorted(seconds))


def _row(situation: Situation, way: str, server: Forkserver, host: HttpHost, folder: Path) -> Row:
    stage = HttpStage(server, folder / "a", host) if way == "http" else PaperStage(server, folder / "a")
    return Row(situation, stage)


def _chosen(options: argparse.Namespace) -> Iterator[tuple[Situation, str]]:
    for situation in SITUATIONS:
        for way in situation.ways:
            if options.situation in (None, situation.name) and options.way in (None, way):
                yield situation, way


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.crash")
    parser.add_argument("situation", nargs="?", choices=[s.name for s in SITUATIONS])
    parser.add_argument("--way", choices=["http", "paper"])
    parser.add_argument("--kill", nargs="+", type=int)
    parser.add_argument("--twice", action="store_true")
    parser.add_argument("--freeze", action="store_true")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
