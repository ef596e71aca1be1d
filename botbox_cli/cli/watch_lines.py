"""What a watch tells, as one line an event for people and one document an event for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botbox_cli.cli.console import Console, count
from botbox_cli.documents import Document, error_document, iso, number_or_null, setup_document
from botbox_cli.domain.number import plain
from botbox_cli.services import watch_events as e

if TYPE_CHECKING:
    from botbox_cli.cli.postman import Tell as Post


def line_of(console: Console, event: e.Event) -> str | None:
    """Return the sentence of an event; None for one that says nothing by itself."""
    match event:
        case e.Leading(after):
            return "this watch acts now" + (f", after pid {after.pid}" if after is not None else "")
        case e.Standby(other):
            host = other.host.split("/")[0]
            return (
                f"another watch acts (pid {other.pid} on {host}); this one looks on, and takes over after it"
            )
        case e.Connection(channel, is_up, detail):
            return f"{channel} stream {'up' if is_up else 'down'}" + (f": {detail}" if detail else "")
        case e.Polling(is_on, why):
            return f"{why}: prices are asked for every few seconds" if is_on else why
        case e.CandleStored(symbol, timeframe, opened_at, close):
            return f"{symbol} {timeframe} candle of {console.time(opened_at)} closed at {close:.10g}"
        case e.Recorded(recorded, repaired, errors):
            failed = f", {count(len(errors), 'error')}" if errors else ""
            in_gaps = f", {repaired} of them in gaps" if repaired else ""
            return f"{count(recorded, 'candle')} recorded{in_gaps}{failed}"
        case e.Scanned(timeframe, scanned, found):
            return f"{count(scanned, 'symbol')} scanned on {timeframe}, {count(found, 'setup')} found"
        case e.Passed(checked, closed, _):
            return f"{count(checked, 'trade')} checked, {closed} closed" if checked else None
        case e.BooksChanged():
            return None
        case _:
            return _line_of_trade(event)


def _line_of_trade(event: e.Event) -> str | None:
    """Return the sentence of an event about a setup, a trade or a trouble."""
    match event:
        case e.SetupFound(s):
            levels = (
                f"entry {plain(s.entry_price)}, stop {plain(s.stop_loss)}, target {plain(s.take_profit_1)}"
            )
            return f"SETUP {s.id}: {s.symbol} {s.direction}, {s.kind} on {s.timeframe}, {levels}"
        case e.SetupClosed(setup_id, reason):
            return f"setup {setup_id} INVALIDATED: {reason}"
        case e.Crossed(trade_id, symbol, name, level, price):
            return f"trade {trade_id} {symbol}: {plain(price)} has reached its {name} {plain(level)}"
        case e.Acted(action):
            why = f": {action.detail}" if action.detail else ""
            return f"trade {action.id} {action.symbol} {action.action.replace('_', ' ')}{why}"
        case e.TradeMoved(trade):
            why = trade.close_reason or trade.detail
            return f"trade {trade.id} {trade.symbol} is {trade.status}" + (f": {why}" if why else "")
        case e.Trouble(subject, error):
            hint = f" ({error.hint})" if error.hint else ""
            return f"TROUBLE with {_subject(subject)}: {error.message}{hint}"
        case e.Recovered(subject):
            return f"{_subject(subject)} works again"
        case _:
            return None


def document_of(event: e.Event) -> Document | None:
    """Return the document of an event, without its time; None for one that only redraws a desk."""
    match event:
        case e.Leading(after):
            return {"event": "leading", "after_pid": None if after is None else after.pid}
        case e.Standby(other):
            return {"event": "standby", "pid": other.pid, "host": other.host.split("/")[0]}
        case e.Connection(channel, is_up, detail):
            return {"event": "stream", "channel": channel, "is_up": is_up, "detail": detail}
        case e.Polling(is_on, why):
            return {"event": "polling", "is_on": is_on, "detail": why}
        case e.CandleStored(symbol, timeframe, opened_at, close):
            where = {"symbol": symbol, "timeframe": timeframe}
            return {"event": "candle", **where, "open_time": iso(opened_at), "close": close}
        case e.Recorded(recorded, repaired, errors):
            failures = [error_document(error) for error in errors]
            return {"event": "recorded", "recorded": recorded, "repaired": repaired, "errors": failures}
        case e.Scanned(timeframe, scanned, found):
            return {"event": "scanned", "timeframe": timeframe, "scanned": scanned, "detected": found}
        case e.Passed(checked, closed, errors):
            failures = [error_document(error) for error in errors]
            return {"event": "monitored", "checked": checked, "closed": closed, "errors": failures}
        case e.BooksChanged():
            return None
        case _:
            return _document_of_trade(event)


def _document_of_trade(event: e.Event) -> Document | None:
    """Return the document of an event about a setup, a trade or a trouble."""
    match event:
        case e.SetupFound(setup):
            return {"event": "setup", "setup": setup_document(setup)}
        case e.SetupClosed(setup_id, reason):
            return {"event": "setup_invalidated", "setup_id": setup_id, "reason": reason}
        case e.Crossed(trade_id, symbol, name, level, price):
            where = {"trade_id": trade_id, "symbol": symbol}
            return {
                "event": "crossed",
                **where,
                "level_name": name,
                "level": plain(level),
                "price": plain(price),
            }
        case e.Acted(action):
            did = {"action": action.action, "detail": action.detail, "price": number_or_null(action.price)}
            return {"event": "trade", "trade_id": action.id, "symbol": action.symbol, **did}
        case e.TradeMoved(trade):
            why = trade.close_reason or trade.detail
            what = {"action": "moved", "status": str(trade.status), "detail": why}
            return {"event": "trade", "trade_id": trade.id, "symbol": trade.symbol, **what}
        case e.Trouble(subject, error):
            return {"event": "trouble", "subject": subject, "error": error_document(error)}
        case e.Recovered(subject):
            return {"event": "recovered", "subject": subject}
        case _:
            return None


def _subject(subject: str) -> str:
    return f"the {subject}" if subject in ("exchange", "database", "monitor") else subject


def call_postman(post: Post, event: e.Event) -> None:
    """Let the postman make his round after a pass, and at once for what people wait for."""
    match event:
        case e.Passed(checked, _, errors):
            post(errors, checked > 0)
        case e.SetupFound() | e.SetupClosed() | e.Acted() | e.TradeMoved():
            post((), False)
