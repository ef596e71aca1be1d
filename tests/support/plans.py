"""Writes `storage/sqlite_plans.py`: what SQLAlchemy makes of each statement that these commands run.

`python -m tests.support.plans` (part of `make docs`). A test compares; a statement that is missing there is compiled
when it is run, which takes longer but is no mistake.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from botbox_cli.storage import run
from botbox_cli.storage.compile import Plan, compiled
from botbox_cli.storage.run import SQLITE, Statement
from botbox_cli.storage.sqlite_plans import PLANS
from botbox_cli.storage.statements import build
from tests.support.cli import botbox

FILE = Path(run.__file__).with_name("sqlite_plans.py")
Key = tuple[str, tuple[Any, ...], tuple[str, ...]]

HEAD = '''"""The usual statements in SQLite's SQL, as SQLAlchemy writes them: made by `python -m tests.support.plans`.

By name, arguments and parameters: SQL, constants, kinds of the parameters and of the columns (see `conversions`).
"""

from typing import Any

PLANS: dict[tuple[str, tuple[Any, ...], tuple[str, ...]], tuple[Any, ...]] = '''

SESSION = """
init
record --once --since 20d
scan
setups
setups --status all
propose BTCUSDT --entry {price} --stop {stop} --tp1 {tp1} --tp2 {tp2} --note n
propose BTCUSDT --entry {price} --stop {stop} --tp1 {tp1}
propose BTCUSDT --entry {price} --stop {stop} --tp1 {tp1}
approve 1 --note n
execute 1
approve 2 --execute
trades --status open
reject 3 --reason n
monitor --once
halt --reason n
halt
resume
doctor
reconcile
close 2
forward 2h
monitor --once
setups --status approved
trades
trades --symbol BTCUSDT --since 90d
trade 1
show 1
stats
explain 1
audit verify
run --once
execute --approved
"""


def planned() -> dict[Key, Plan]:
    """Return the plans of the keys that are kept, as they ought to be."""
    return {key: plan_of(key) for key in PLANS}


def plan_of(key: Key) -> Plan:
    """Return what SQLAlchemy makes of a statement for SQLite."""
    name, args, names = key
    return compiled(build(name, args, SQLITE), names)


def met() -> set[Key]:
    """Run the session, and return the keys of all statements in it."""
    found: set[Key] = set()
    plan = run.Runner._plan

    def noted(self: run.Runner, asked: Any, names: tuple[str, ...]) -> Any:
        if isinstance(asked, Statement):
            found.add((asked.name, asked.args, names))
        return plan(self, asked, names)

    run.Runner._plan = noted  # type: ignore[assignment, method-assign]
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        os.environ.update(
            BOTBOX_MARKET="replay", BOTBOX_SYMBOLS="BTCUSDT", BOTBOX_TIMEFRAMES="60,240",
            DATABASE_URL=f"sqlite:///{home}/botbox.sqlite", HOME=home, XDG_DATA_HOME=home,
            BOTBOX_MAX_DAY_LOSS_PERCENT="50", BOTBOX_MAX_LOSS_STREAK="50", BOTBOX_MAX_OPEN_RISK_PERCENT="50",
        )  # fmt: skip
        levels: dict[str, str] = {}
        for line in SESSION.split("\n"):
            if line.startswith("propose") and not levels:
                price = float(
                    botbox("candles", "BTCUSDT", "--limit", 1, "--json").document["candles"][0]["close"]
                )
                factors = {"price": 1.0, "stop": 0.994, "tp1": 1.006, "tp2": 1.02}
                levels = {name: f"{price * factor:.1f}" for name, factor in factors.items()}
            if line:
                ran = botbox(*line.format(**levels).split(), "--json")
                assert ran.code == 0, (line, ran)
    return found


def text_of(plans: dict[Key, Plan]) -> str:
    """Return the module that holds these plans."""
    lines = [f"    {key!r}: {plans[key]!r},\n" for key in sorted(plans, key=repr)]
    made = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"],
        input=f"{HEAD}{{\n{''.join(lines)}}}\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    return made.stdout


def main() -> None:
    here = Path.cwd()
    keys = met()
    os.chdir(here)
    FILE.write_text(text_of({key: plan_of(key) for key in keys}), "utf-8")


if __name__ == "__main__":
    main()
