"""The three scheduled jobs as a command and as parts of `run`: done, put on record, and made into documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botbox_cli import journal
from botbox_cli.documents import Document, error_document, number_or_null, setup_document, time_or_null
from botbox_cli.errors import BotboxError, gravest
from botbox_cli.services.jobs import AlreadyRunning, job
from botbox_cli.services.tally import count_errors

if TYPE_CHECKING:
    from datetime import datetime

    from botbox_cli.analysis.rules.rule import Rule
    from botbox_cli.bootstrap import Wiring
    from botbox_cli.services.monitor import MonitorResult
    from botbox_cli.services.progress import Progress
    from botbox_cli.services.record import RecordResult
    from botbox_cli.services.scan import ScanResult


@dataclass(frozen=True, slots=True)
class Done:
    """A pass that is over: what it returned, its document, and the exit code it ends with."""

    result: Any
    document: Document
    errors: tuple[BotboxError, ...]

    @property
    def exit_code(self) -> int:
        return gravest([e.exit_code for e in self.errors])


@contextmanager
def _counted(wiring: Wiring) -> Iterator[list[BotboxError]]:
    """Put the errors that a pass meets, or ends with, into the log file and the account's count."""
    met: list[BotboxError] = []
    try:
        yield met
    except AlreadyRunning:
        raise
    except BotboxError as e:
        met.append(e)
        raise
    finally:
        for error in met:
            journal.note_error(error)
        if met:
            with suppress(BotboxError):  # the database itself may be what failed
                count_errors(wiring.store, wiring.account(), [error.code for error in met])


def record_pass(
    wiring: Wiring,
    symbols: tuple[str, ...],
    timeframes: tuple[str, ...],
    since: datetime | None,
    progress: Progress,
) -> Done:
    """Record once. Raises AlreadyRunning, NotFound, StorageError."""
    from botbox_cli.domain.candle import to_ms
    from botbox_cli.services.record import record
    from botbox_cli.services.tidy import tidy

    name = f"record:{wiring.venue}"
    with _counted(wiring) as met, job(wiring.store, wiring.clock, wiring.holder, name) as current:
        result = record(
            wiring.store,
            wiring.candles,
            wiring.exchange,
            wiring.clock,
            venue=wiring.venue,
            symbols=symbols,
            timeframes=timeframes,
            since_ms=None if since is None else to_ms(since),
            progress=progress,
        )
        pruned = tidy(wiring.store, wiring.candles, wiring.clock, wiring.venue, _days_kept(wiring))
        met += [f.error for f in result.errors]
        current.ok = not result.errors
        current.detail = f"{result.recorded} recorded, {len(result.errors)} errors"
    document = {**record_document(result), "pruned": pruned}
    return Done(result, document, tuple(f.error for f in result.errors))


def _days_kept(wiring: Wiring) -> Callable[[str], int | None]:
    from botbox_cli.setting_types import retention_days

    return lambda interval: retention_days(wiring.settings.candle_retention, interval)


def record_document(result: RecordResult) -> Document:
    return {
        "recorded": result.recorded,
        "repaired": result.repaired,
        "series": [
            {
                "symbol": s.symbol,
                "timeframe": s.timeframe,
                "recorded": s.recorded,
                "first": time_or_null(s.first),
                "last": time_or_null(s.last),
                "gaps": s.gaps,
            }
            for s in result.series
        ],
        "errors": [
            error_document(f.error, symbol=f.symbol or None, timeframe=f.timeframe or None)
            for f in result.errors
        ],
    }


def scan_pass(wiring: Wiring, symbols: tuple[str, ...], timeframe: str, rule: Rule | None = None) -> Done:
    """Scan once, by default with the design's rule. Raises AlreadyRunning, NotFound, ConfigError, StorageError."""
    from botbox_cli.services.scan import scan

    account = wiring.account()
    name = f"scan:{account.id}"
    with _counted(wiring), job(wiring.store, wiring.clock, wiring.holder, name) as current:
        result = scan(
            wiring.store,
            wiring.candles,
            account,
            wiring.exchange,
            wiring.clock,
            symbols=symbols,
            timeframe=timeframe,
            rule=rule,
        )
        current.detail = f"{len(result.detected)} detected, {len(result.invalidated)} invalidated"
    return Done(result, scan_document(result), ())


def scan_document(result: ScanResult) -> Document:
    return {
        "detected": [setup_document(s) for s in result.detected],
        "invalidated": [{"id": i.id, "reason": i.reason} for i in result.invalidated],
        "skipped": [
            {"symbol": s.symbol, "reason": str(s.reason), "detail": s.detail} for s in result.skipped
        ],
        "scanned": result.scanned,
    }


def monitor_pass(wiring: Wiring) -> Done:
    """Look after all living trades once; any number of these may run side by side."""
    from botbox_cli.services.monitor_job import monitor_on_record

    desk = wiring.desk()
    with _counted(wiring) as met:
        result = monitor_on_record(desk)
        met += [e.error for e in result.errors]
    return Done(result, monitor_document(result), tuple(e.error for e in result.errors))


def monitor_document(result: MonitorResult) -> Document:
    return {
        "checked": result.checked,
        "closed": result.closed,
        "errors": [error_document(e.error, trade_id=e.trade_id) for e in result.errors],
        "trades": [
            {
                "id": t.id,
                "symbol": t.symbol,
                "price": number_or_null(t.price),
                "action": t.action,
                "detail": t.detail,
            }
            for t in result.trades
        ],
    }
