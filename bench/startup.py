"""How long a command takes before it does anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measure import BOTBOX, Row, environment, run, side_by_side


def rows(folder: Path) -> Iterator[Row]:
    """Measure against what the libraries alone take to import, in the same run."""
    home = folder / "startup"
    home.mkdir()
    env = environment(home, DATABASE_URL=f"sqlite:///{home / 'botbox.sqlite'}")
    run([BOTBOX, "init"], env, home)
    terminal = [sys.executable, "-c", "import typer, rich"]
    for option in ("--version", "--help"):
        ratios = side_by_side([BOTBOX, option], terminal, env, home)
        yield Row(f"botbox {option}, to `import typer, rich`", ratios, 1.5, "×")
    database = [sys.executable, "-c", "import typer, sqlmodel"]
    ratios = side_by_side([BOTBOX, "monitor", "--once"], database, env, home)
    yield Row("botbox monitor --once with nothing open, to `import typer, sqlmodel`", ratios, 1.3, "×")
