"""The commands, one a file: arguments in, one service called, the result rendered.

Only the module of the command that runs is imported, so that a quick command stays quick however many there are.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

COMMANDS = {
    "init": "Write the env file; make or migrate the database.",
    "doctor": "Check settings, key, clock, database, candles, stops.",
    "record": "Fetch closed candles, mend gaps, compute indicators.",
    "scan": "Look for setups, with a reason for each symbol passed over.",
    "propose": "Propose a setup by hand.",
    "candles": "Print stored candles with their indicators, oldest first.",
    "setups": "List setups, newest first.",
    "show": "Show one setup: signals, size at the present price, chart.",
    "approve": "Approve a setup; with `--execute`, trade it too.",
    "reject": "Reject a setup.",
    "execute": "Trade what has been approved.",
    "monitor": "Settle, keep stops in place, close at stop and target.",
    "watch": "The live desk: candles, prices and orders as they stream.",
    "run": "The scheduled job: record, scan, monitor.",
    "trades": "List trades, newest first.",
    "trade": "Show one trade: its orders, fills and log.",
    "close": "Close one trade at market, or all of them.",
    "halt": "Stop new entries; exits, stops and cancels go on.",
    "resume": "Allow new entries again after `halt`.",
    "reconcile": "Compare the books with the exchange and say what differs.",
    "rules": "List the rules that find setups, and their parameters.",
    "backtest": "What a rule would have earned on stored candles.",
    "sweep": "Try many parameters of a rule, and say how much is luck.",
    "review": "Look back at closed trades: one question each, the answers are kept.",
    "stats": "Win rate, expectancy in R, profit factor, drawdown.",
    "explain": "Explain a setup and its trades: seen, decided, sized, sent, filled, earned.",
    "chart": "Draw candles with bands, RSI, volume, levels and fills.",
    "audit": "Verify or export the decision log.",
    "schedule": "Print what cron or systemd needs to run botbox on this machine.",
    "db": "Back the database up, restore it, or move it to another.",
    "test-execution": "Dry run of an entry: every check, the exact request.",
    "serve": "Serve the HTTP API and the web page.",
    "sandbox": "Serve the paper exchange as a Bybit v5 host on loopback.",
    "forward": "Let time pass in a replay (BOTBOX_MARKET=replay).",
    "demo": "The whole product on recorded candles: no keys, no network.",
}
"""Name and first sentence of each command, in the order of `botbox --help`."""


def load(name: str) -> Callable[..., Any]:
    """Return the function of a command: the one named like its module."""
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    command: Callable[..., Any] = module.COMMAND if hasattr(module, "COMMAND") else getattr(module, name)
    return command
