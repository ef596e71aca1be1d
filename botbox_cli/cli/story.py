"""The demo's session, told as a person at a terminal sees it, or as one document."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from botbox_cli.cli.console import count
from botbox_cli.cli.render.passes import monitor_report, record_report, scan_report
from botbox_cli.cli.render.results import stats_table
from botbox_cli.cli.render.setups import setup_card, setup_chart, setups_table
from botbox_cli.cli.render.trades import trade_card, trade_line, trades_table
from botbox_cli.documents import Document, iso, setup_document, trade_document
from botbox_cli.domain.number import plain
from botbox_cli.domain.statistics import Statistics
from botbox_cli.services import demo
from botbox_cli.services.card import Card
from botbox_cli.services.execute import Outcome
from botbox_cli.services.monitor import MonitorResult
from botbox_cli.services.record import RecordResult
from botbox_cli.services.scan import ScanResult

if TYPE_CHECKING:
    from datetime import datetime

    from botbox_cli.bootstrap import Wiring
    from botbox_cli.cli.console import Console

_COMMAND = re.compile(r"`[^`]*`")
_HARD_SPACE = "\u00a0"


class Narrator:
    """Tells a session as the person at the terminal sees it."""

    def __init__(self, console: Console, wiring: Wiring) -> None:
        self._console = console
        self._wiring = wiring
        self._at = wiring.clock.now()
        self._is_holding = False

    def tell(self, steps: Iterable[demo.Step]) -> None:
        """Write the whole session."""
        for number, step in enumerate(steps):
            if number == 0:
                # Not before: a session that can't begin is an error and no story.
                self._open()
            self._let_pass(step.at)
            self._command(step.command)
            self._outcome(step.result)
        self._close()

    def _open(self) -> None:
        balance = self._wiring.settings.account_balance
        self._say(
            "A session on real candles of BTC, ETH, SOL and BNB, recorded on Bybit in 2025. It begins on "
            f"{self._at:%A, %Y-%m-%d %H:%M} UTC with {balance} USDT of play money. What comes of it is up to the "
            "candles: `botbox demo --start 2025-06-10` plays another day."
        )
        self._command("botbox init")
        self._say("the demo's own settings and database, in a folder that it removes at the end")

    def _let_pass(self, now: datetime) -> None:
        """Say what the scheduled jobs have done since the last command, if time has passed."""
        passed, self._at = now - self._at, now
        if not passed:
            return
        jobs = "`botbox run --once` every hour"
        if self._is_holding:
            jobs += " and `botbox monitor --once` every 15 minutes"
        self._console.write()
        self._say(f"{_in_words(passed)} pass; cron runs {jobs}. It is {now:%A, %H:%M} UTC.")

    def _outcome(self, result: demo.Result) -> None:
        console = self._console
        match result:
            case RecordResult():
                record_report(console, result)
            case ScanResult():
                scan_report(console, result)
            case demo.Waiting():
                setups_table(console, result.setups)
            case Card():
                setup_card(console, result)
                if not result.against:
                    setup_chart(console, self._wiring.candles, self._wiring.venue, result.setup)
            case demo.Refused():
                console.complain(result.error)
            case Outcome():
                self._trade(result)
            case MonitorResult():
                monitor_report(console, result)
            case demo.Story():
                trade_card(console, result.view, result.book.fills, result.log)
            case demo.Ledger():
                self._trades(result)
            case Statistics():
                stats_table(console, [(self._wiring.account(), result)])

    def _trade(self, outcome: Outcome) -> None:
        self._is_holding = outcome.success
        self._console.write(trade_line(outcome.trade))
        if outcome.error is not None:
            self._console.complain(outcome.error)

    def _trades(self, ledger: demo.Ledger) -> None:
        trades_table(self._console, ledger.trades)
        if not ledger.trades:
            self._say(f"none: nothing could be traded within {_in_words(demo.PATIENCE)}")

    def _close(self) -> None:
        self._console.write()
        self._say(
            "That was the whole job: record, scan, approve, execute, monitor. One trade proves nothing, so go on with "
            "live prices, still on paper and without keys:"
        )
        for command in ("", "botbox init", "botbox record --once --since 90d", "botbox scan"):
            self._console.write(f"  {command}".rstrip())

    def _command(self, command: str) -> None:
        self._console.write()
        self._console.write_marked("$", "1;36", command)

    def _say(self, text: str) -> None:
        for line in _wrapped(text, self._console.width):
            self._console.write(line)


def _wrapped(text: str, width: int | None) -> list[str]:
    """Return `text` in lines that fit, commands in one piece; in one line where nothing has a width."""
    if width is None:
        return [text]
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _HARD_SPACE), text)
    return [line.replace(_HARD_SPACE, " ") for line in textwrap.wrap(whole, width)]


def _in_words(passed: timedelta) -> str:
    minutes = int(passed.total_seconds()) // 60
    parts = [(minutes // 1440, "days"), (minutes // 60 % 24, "hours"), (minutes % 60, "minutes")]
    return " ".join(count(number, unit[:-1]) for number, unit in parts if number)


def session_document(steps: Sequence[demo.Step]) -> Document:
    """Return a whole session: every command with what came of it, the setups looked at, the trades."""
    setups = [step.result.setup for step in steps if isinstance(step.result, Card)]
    trades = [view for step in steps if isinstance(step.result, demo.Ledger) for view in step.result.trades]
    return {
        "start": iso(steps[0].at),
        "end": iso(steps[-1].at),
        "steps": [
            {"at": iso(step.at), "command": step.command, "outcome": in_short(step.result)} for step in steps
        ],
        "setups": [setup_document(setup) for setup in setups],
        "trades": [trade_document(view) for view in trades],
    }


def in_short(result: demo.Result) -> str:
    """Return what came of a command, in one sentence."""
    match result:
        case RecordResult():
            return f"{count(result.recorded, 'candle')} recorded"
        case ScanResult():
            return f"{count(result.scanned, 'symbol')} scanned, {count(len(result.detected), 'setup')} found"
        case demo.Waiting():
            return f"waiting for a decision: {', '.join(str(setup.id) for setup in result.setups)}"
        case Card():
            return f"{result.setup.symbol} {result.setup.direction}, {result.setup.kind}"
        case demo.Refused():
            return f"refused: {result.error.message}"
        case Outcome():
            return trade_line(result.trade)
        case MonitorResult():
            return "; ".join(f"trade {t.id} {t.action}: {t.detail}" for t in result.trades)
        case demo.Story():
            return trade_line(result.view)
        case demo.Ledger():
            return f"{len(result.trades)} trades"
        case Statistics():
            return f"P&L {plain(result.pnl)} USDT after fees of {plain(result.fees)}"
