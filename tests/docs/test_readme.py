"""The README tells the truth: its commands run as written, its tables and its picture are the program's own."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from botbox_cli.exchange.paper.bundled import recording
from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.limits import LimitRules
from botbox_cli.exchange.paper.replay import ReplayMarket, weeks_between
from botbox_cli.exchange.paper.server import serve
from botbox_cli.exchange.paper.store import open_books
from tests.docs import pages
from tests.support.cli import botbox

RECORDED_MS = 1_748_736_000_000
"""2025-06-01 00:00 UTC, in the middle of the recording."""


def blocks_after(mark: str) -> list[str]:
    """Return the code blocks of the README that follow a mark."""
    text = pages.README.read_text("utf-8")
    return re.findall(rf"^<!-- {mark} -->\n```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def typed(text: str, home: Path, **settings: str) -> str:
    """Return what a shell prints that runs `text` and stops at the first failure."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        env={"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "NO_PROXY": "127.0.0.1", **settings},
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def live_prices() -> Iterator[str]:
    """The address of a host whose prices are of this hour: recorded ones, whole weeks later."""
    offset_ms = weeks_between(RECORDED_MS, int(time.time() * 1000))
    market = ReplayMarket(recording(), offset_ms=offset_ms)
    exchange = PaperExchange(open_books(None), market, WallClock(), limits=LimitRules(is_on=False))
    with serve(exchange) as host:
        yield host.url


def test_walk_on_recorded_prices_ends_with_a_closed_trade(tmp_path: Path) -> None:
    (walk,) = blocks_after("walk: replay")

    shown = typed(walk, tmp_path)

    assert "protected: the stop rests on the exchange" in shown
    trades = next(line for line in shown.splitlines() if re.match(r"1\t1\tETHUSDT\tlong\tpaper\t", line))
    assert "CLOSED" in trades


def test_walk_on_live_prices_ends_with_a_closed_trade(tmp_path: Path, live_prices: str) -> None:
    """Also in an hour in which the scan finds a setup: what is proposed then is not setup 1."""
    first, second = blocks_after("walk: live")
    found = "botbox propose ETHUSDT --entry 2500 --stop 2400 --tp1 2700"

    shown = typed(f"{first}\n{found}\n{second}", tmp_path, BYBIT_ENDPOINT=live_prices)

    assert "BTCUSDT" in shown.splitlines()[-1]
    assert "Closed by hand" in shown.splitlines()[-1]


def test_crontab_lines_are_commands_of_this_version() -> None:
    lines = [line for block in blocks_after("crontab") for line in block.splitlines()]

    assert len(lines) == 2
    for line in lines:
        command = re.search(r"/bin/botbox (.*?) >> ", line)
        assert command is not None, line
        ran = botbox(*command[1].split())
        # It knows the command and all its options, and misses only the file of somebody else's home.
        assert (ran.code, ran.err.splitlines()[0]) == (
            3,
            "error: there is no env file /home/you/botbox/.dev.vars",
        )


def test_written_parts_are_up_to_date() -> None:
    """When this fails: `make docs`."""
    assert pages.README.read_text("utf-8") == pages.readme()


def test_picture_is_of_a_terminal_with_80_columns() -> None:
    (picture,) = blocks_after("picture")

    chart = [
        line for line in picture.splitlines() if line.lstrip().startswith(("┌", "│", "└")) or "┤" in line
    ]
    assert len(chart) > 15
    assert max(map(len, chart)) <= 80


def test_links_lead_somewhere() -> None:
    for page in (pages.README, pages.ROOT / "ARCHITECTURE.md", *(pages.ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
