"""The commands, one a file: arguments in, one service called, the result rendered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botbox_cli.cli.commands.approve import approve
from botbox_cli.cli.commands.candles import candles
from botbox_cli.cli.commands.close import close
from botbox_cli.cli.commands.demo import demo
from botbox_cli.cli.commands.doctor import doctor
from botbox_cli.cli.commands.execute import execute
from botbox_cli.cli.commands.halt import halt
from botbox_cli.cli.commands.init import init
from botbox_cli.cli.commands.monitor import monitor
from botbox_cli.cli.commands.propose import propose
from botbox_cli.cli.commands.record import record
from botbox_cli.cli.commands.reject import reject
from botbox_cli.cli.commands.resume import resume
from botbox_cli.cli.commands.run import run
from botbox_cli.cli.commands.sandbox import sandbox
from botbox_cli.cli.commands.scan import scan
from botbox_cli.cli.commands.setups import setups
from botbox_cli.cli.commands.show import show
from botbox_cli.cli.commands.stats import stats
from botbox_cli.cli.commands.test_execution import dry_run
from botbox_cli.cli.commands.trade import trade
from botbox_cli.cli.commands.trades import trades

COMMANDS: dict[str, Callable[..., Any]] = {
    "init": init,
    "doctor": doctor,
    "record": record,
    "scan": scan,
    "propose": propose,
    "candles": candles,
    "setups": setups,
    "show": show,
    "approve": approve,
    "reject": reject,
    "execute": execute,
    "monitor": monitor,
    "run": run,
    "trades": trades,
    "trade": trade,
    "close": close,
    "halt": halt,
    "resume": resume,
    "stats": stats,
    "test-execution": dry_run,
    "sandbox": sandbox,
    "demo": demo,
}
"""In the order of `botbox --help`."""
