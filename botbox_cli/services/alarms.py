"""What is wrong now and can't wait: when it begins, while it lasts, when it is over. Each is an entry of the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from botbox_cli.domain.candle import INTERVALS, from_ms
from botbox_cli.domain.order import OrderStatus
from botbox_cli.domain.trade import LIVING_TRADES, TradeStatus
from botbox_cli.errors import BotboxError, ExchangeUnavailable
from botbox_cli.ports import Books, LogEntry
from botbox_cli.services.desk import Desk

EVENT, OVER_EVENT = "alarm", "alarm over"
MARKER = "alarms"
AGAIN_AFTER = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=12))
"""How long an alarm that lasts is silent after it was told once, twice, and from then on."""
CALM = timedelta(minutes=2)
"""One is over when it has been gone for this long: what comes and goes with every pass is told once."""
UNREACHABLE_AFTER = timedelta(minutes=2)
DOUBT_AFTER = timedelta(seconds=30)
"""A command settles its own orders within this time: what is in doubt for longer is news."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A condition that a person should know of once it has lasted for `after`.

    `key` is the same for as long as it is the same condition.
    """

    key: str
    title: str
    body: str
    is_urgent: bool = True
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass met: its errors, and whether it asked the exchange anything at all."""

    errors: tuple[BotboxError, ...] = ()
    has_asked: bool = False


def raise_alarms(desk: Desk, *, last: Pass | None, silence: timedelta | None) -> None:
    """Log each alarm that begins, lasts for long, or is over.

    Args:
        last: The pass that has just ended; None when none has: whether the exchange can be reached stays as it was.
        silence: How long after a candle's end it may be missing; None: nobody minds.
    """
    now = desk.clock.now()
    found = {a.key: a for a in _silent(desk, now, silence)}
    with desk.store.read(desk.account) as books:
        found |= {a.key: a for a in (*_naked(books), *_in_doubt(books, now))}
        known, has_trades = _known(books), bool(books.trades(LIVING_TRADES))
    found |= {a.key: a for a in _unreachable(last, known, is_urgent=has_trades)}
    told, entries = _compared(known, found, now)
    if told == known and not entries:
        return
    with desk.store.write(desk.account) as books:
        if _known(books) != known:
            return  # another process was faster and has told the same
        books.set_marker(MARKER, json.dumps(told, sort_keys=True))
        for entry in entries:
            books.log(entry)


def _naked(books: Books) -> Iterator[Alarm]:
    """Return the positions whose newest news of a stop is that there is none."""
    for trade in books.trades(LIVING_TRADES):
        news = [e for e in books.log_of(trade_id=trade.id) if e.event in ("stop_missing", "protected")]
        if trade.status is not TradeStatus.OPENING and news and news[-1].event == "stop_missing":
            yield Alarm(
                f"stop:{trade.id}",
                f"NO STOP: trade {trade.id} {trade.symbol}",
                f"{trade.detail or news[-1].detail}\nrun `botbox monitor --once`, or `botbox close {trade.id}`",
            )


def _in_doubt(books: Books, now: datetime) -> Iterator[Alarm]:
    living = {t.id: t for t in books.trades(LIVING_TRADES)}
    for order in books.orders(list(living)):
        since = order.sent_at or order.created_at
        if order.status is OrderStatus.UNKNOWN and now - since >= DOUBT_AFTER:
            yield Alarm(
                f"unknown:{order.order_link_id}",
                f"Outcome unknown: {order.role} of trade {order.trade_id} {order.symbol}",
                f"order {order.order_link_id} got no clear answer at {since:%H:%M:%S} UTC\n"
                "run `botbox monitor --once`; if it stays so, look at that order on the exchange's website",
            )


def _silent(desk: Desk, now: datetime, silence: timedelta | None) -> Iterator[Alarm]:
    """Return whether candles have ceased to come: those of the shortest series that is recorded, in any symbol."""
    series = desk.candles.series(desk.account.venue) if silence is not None else []
    if not series or silence is None:
        return
    shortest = min((INTERVALS[s.timeframe] for s in series), key=lambda i: i.length)
    newest = max(from_ms(s.last_ms) for s in series if s.timeframe == shortest.code)
    due = newest + 2 * shortest.length
    if now - due >= silence:
        yield Alarm(
            "silence",
            "Nothing recorded",
            f"the newest {shortest.code} candle is of {newest:%Y-%m-%d %H:%M} UTC, "
            f"the next one was due at {due:%Y-%m-%d %H:%M}\n"
            "is `botbox run --once` still in crontab, or `botbox watch` running?",
            is_urgent=False,
        )


def _unreachable(last: Pass | None, known: _Told, *, is_urgent: bool) -> Iterator[Alarm]:
    """Return whether the exchange could not be reached; after a pass that asked nothing, as before."""
    error = next((e for e in last.errors if isinstance(e, ExchangeUnavailable)), None) if last else None
    before = known.get("exchange")
    if error is not None:
        body = f"{error.message}\n{error.hint}".rstrip()
    elif before is not None and "ended" not in before and not (last and last.has_asked):
        body = before["body"]
    else:
        return
    yield Alarm("exchange", "Exchange not reachable", body, is_urgent=is_urgent, after=UNREACHABLE_AFTER)


_Told = dict[str, dict[str, str]]
"""By key: `told` (when last, or first met), `times` (how often), `title`, `body`; `ended` since when it is over."""


def _known(books: Books) -> _Told:
    found: _Told = json.loads(books.marker(MARKER) or "{}")
    return found


def _compared(known: _Told, found: dict[str, Alarm], now: datetime) -> tuple[_Told, list[LogEntry]]:
    """Return what to remember, and what is new."""
    told: _Told = {}
    entries = []
    for key, alarm in found.items():
        before = known.get(key) or _met(alarm, now)
        told[key] = {name: value for name, value in before.items() if name != "ended"}
        if _is_due(before, now, alarm.after):
            told[key] = _met(alarm, now, times=int(before["times"]) + 1)
            data = {"body": alarm.body, "is_urgent": alarm.is_urgent}
            entries.append(LogEntry(now, EVENT, alarm.title, data=data))
    for key, before in known.items():
        if key in found:
            continue
        ended = datetime.fromisoformat(before.get("ended", now.isoformat()))
        if now - ended < CALM:
            told[key] = before | {"ended": ended.isoformat()}
        elif before["times"] != "0":
            data = {"body": f"since {ended:%Y-%m-%d %H:%M} UTC", "is_urgent": False}
            entries.append(LogEntry(now, OVER_EVENT, f"Over: {before['title']}", data=data))
    return told, entries


def _met(alarm: Alarm, now: datetime, times: int = 0) -> dict[str, str]:
    return {"told": now.isoformat(), "times": str(times), "title": alarm.title, "body": alarm.body}


def _is_due(before: dict[str, str], now: datetime, after: timedelta) -> bool:
    pauses = (after, *AGAIN_AFTER)
    pause = pauses[min(int(before["times"]), len(pauses) - 1)]
    return now - datetime.fromisoformat(before["told"]) >= pause
