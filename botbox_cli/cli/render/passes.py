"""What a pass has done: in full for a person, in a line or two for a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botbox_cli.cli.console import Column, Console, count
from botbox_cli.cli.render.numbers import price
from botbox_cli.cli.render.parts import show_table

if TYPE_CHECKING:
    from botbox_cli.domain.setup import Setup
    from botbox_cli.services.monitor import MonitorResult
    from botbox_cli.services.record import RecordResult
    from botbox_cli.services.scan import ScanResult


def record_report(console: Console, result: RecordResult) -> None:
    rows = [
        (
            s.symbol,
            s.timeframe,
            str(s.recorded),
            console.time(s.first),
            console.time(s.last),
            str(s.gaps),
        )
        for s in result.series
    ]
    show_table(console, _SERIES, rows)
    repaired = f", {result.repaired} of them in gaps" if result.repaired else ""
    console.say(f"{count(result.recorded, 'candle')} recorded{repaired}")
    for failure in result.errors:
        console.complain(failure.error)


_SERIES = (
    Column("symbol"),
    Column("timeframe"),
    Column("recorded", right=True),
    Column("first", 1),
    Column("last"),
    Column("gaps", right=True),
)


def scan_report(console: Console, result: ScanResult) -> None:
    rows = [(s.symbol, "DETECTED", f"setup {s.id}: {_levels(console, s)}") for s in result.detected]
    rows += [(f"setup {i.id}", "INVALIDATED", i.reason) for i in result.invalidated]
    rows += [(s.symbol, str(s.reason), s.detail) for s in result.skipped]
    show_table(console, _SCAN, rows)
    console.say(f"{count(result.scanned, 'symbol')} scanned, {count(len(result.detected), 'setup')} found")
    if result.detected:
        console.say(f"next: `botbox show {result.detected[0].id}`")


_SCAN = (Column("symbol"), Column("outcome"), Column("detail"))


def _levels(console: Console, setup: Setup) -> str:
    levels = (setup.entry_price, setup.stop_loss, setup.take_profit_1)
    entry, stop, target = (price(console, level) for level in levels)
    return f"{setup.kind} {setup.direction}, entry {entry}, stop {stop}, target {target}"


def monitor_report(console: Console, result: MonitorResult) -> None:
    rows = [(str(t.id), t.symbol, price(console, t.price), t.action, t.detail) for t in result.trades]
    if not rows and not result.errors and not console.err.isatty():
        return  # cron writes a letter about every word
    show_table(console, _MONITOR, rows)
    console.say(
        f"{count(result.checked, 'trade')} checked, {result.closed} closed" if rows else "no open trades"
    )
    for failure in result.errors:
        console.complain(failure.error)


_MONITOR = (
    Column("id", right=True),
    Column("symbol"),
    Column("price", right=True),
    Column("action"),
    Column("detail"),
)


# -- passes of the scheduled job: a line or two each, for a log


def record_brief(console: Console, result: RecordResult) -> None:
    gaps = sum(s.gaps for s in result.series)
    lost = f", {gaps} missing in gaps" if gaps else ""
    console.write(f"record: {count(result.recorded, 'candle')} in {len(result.series)} series{lost}")
    for failure in result.errors:
        console.complain(failure.error)


def scan_brief(console: Console, result: ScanResult) -> None:
    console.write(f"scan: {count(result.scanned, 'symbol')}, {count(len(result.detected), 'setup')} found")
    for setup in result.detected:
        console.write(f"scan: setup {setup.id}, {setup.symbol}: {_levels(console, setup)}")
    for gone in result.invalidated:
        console.write(f"scan: setup {gone.id} invalidated: {gone.reason}")


def monitor_brief(console: Console, result: MonitorResult) -> None:
    console.write(f"monitor: {count(result.checked, 'trade')} checked, {result.closed} closed")
    for trade in result.trades:
        if trade.action != "none":
            console.write(f"monitor: trade {trade.id}, {trade.symbol}: {trade.action}, {trade.detail}")
    for failure in result.errors:
        console.complain(failure.error)
