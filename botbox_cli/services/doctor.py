"""The checks of `botbox doctor`: each returns what it found, and for what is wrong how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum

from botbox_cli.domain.account import KeyInfo, Mode, Venue
from botbox_cli.domain.candle import INTERVALS, from_ms
from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.trade import LIVING_TRADES, TradeStatus
from botbox_cli.errors import BotboxError, ConfigError, ExchangeUnavailable, OutcomeUnknown, StopMissing
from botbox_cli.ports import CandleStore, Clock, Exchange, Holder, Series, Store
from botbox_cli.services.book import TradeBook, books_of
from botbox_cli.services.desk import Desk

SKEW_GOOD = timedelta(milliseconds=500)
LEAD_MAX, LAG_MAX = timedelta(seconds=1), timedelta(seconds=5)
"""The exchange refuses requests from beyond these."""
KEY_ENDS_SOON = timedelta(days=14)
MONITOR_OVERDUE = timedelta(minutes=15)
NAMED_AT_MOST = 5
"""Series that one finding names; the rest are counted."""

RECORD = "run `botbox record --once`"
MONITOR = "run `botbox monitor --once`"
SCHEDULE = "run `botbox monitor` or put `botbox monitor --once` into cron"


class Status(StrEnum):
    """How bad a finding is; only `failed` makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` says what to do about it; `error` is set for what failed."""

    check: str
    status: Status
    detail: str
    remedy: str = ""
    error: BotboxError | None = None


def good(check: str, detail: str) -> Finding:
    return Finding(check, Status.OK, detail)


def doubtful(check: str, detail: str, remedy: str) -> Finding:
    return Finding(check, Status.WARNING, detail, remedy)


def failed(check: str, error: BotboxError) -> Finding:
    return Finding(check, Status.FAILED, error.message, error.hint, error)


def attempt(check: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what `look` finds, or the error that keeps it from looking."""
    try:
        return list(look())
    except BotboxError as e:
        return [failed(check, e)]


# -- settings


def check_names(given: Iterable[str], known: Sequence[str]) -> list[Finding]:
    """Return a warning for each name that looks like a setting and is none."""
    findings = []
    for name in given:
        if not name.startswith(("BOTBOX_", "BYBIT_")) or name in known:
            continue
        near = get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else "remove it"
        findings.append(doubtful("settings", f"{name} is no setting of botbox and has no effect", remedy))
    return findings


# -- exchange


def check_clock(exchange: Exchange, clock: Clock) -> Finding:
    """Compare our clock with the exchange's."""
    exchange.server_time()  # The first request also connects, which is no part of the round trip.
    before = clock.now()
    theirs = exchange.server_time()
    after = clock.now()
    round_trip = after - before
    skew = before + round_trip / 2 - theirs
    side = "ahead of" if skew > timedelta(0) else "behind"
    text = f"{_ms(abs(skew))} ms {side} the exchange, round trip {_ms(round_trip)} ms"
    remedy = "set the clock by NTP: `timedatectl set-ntp true`"
    # Half of the round trip is not known to be skew.
    beyond = abs(skew) - round_trip / 2
    if beyond <= SKEW_GOOD:
        return good("clock", text)
    if beyond < (LEAD_MAX if skew > timedelta(0) else LAG_MAX) - SKEW_GOOD:
        return doubtful("clock", text, remedy)
    return failed("clock", ExchangeUnavailable(f"{text}: it refuses our requests", remedy, code="clock"))


def _ms(span: timedelta) -> int:
    return round(span / timedelta(milliseconds=1))


def check_key(info: KeyInfo, mode: Mode, armed: str | None, now: datetime) -> list[Finding]:
    """Look at what the API key may do, and who it belongs to."""
    findings = [good("key", f"of user {info.user_id}")]
    if info.may_withdraw:
        findings.append(
            failed(
                "key",
                ConfigError(
                    "the API key may withdraw, which botbox never needs and refuses",
                    "take that permission away on Bybit, or make a key without it",
                    code="withdraw_key",
                ),
            )
        )
    if info.read_only or not info.may_trade_spot:
        findings.append(
            failed(
                "key",
                ConfigError(
                    "the API key may not trade spot",
                    "give it read-write access to Spot: Trade",
                    code="permission",
                ),
            )
        )
    if not info.ip_bound:
        findings.append(
            doubtful("key", "the API key works from any address", "bind it to this machine's IP on Bybit")
        )
    if info.expires_at is not None and info.expires_at - now < KEY_ENDS_SOON:
        ends = f"the API key ends at {info.expires_at:%Y-%m-%d %H:%M} UTC"
        findings.append(doubtful("key", ends, "renew it on Bybit; a key bound to an IP does not end"))
    if mode is Mode.LIVE:
        findings.append(_check_armed(info.user_id, armed))
    return findings


def _check_armed(user_id: str, armed: str | None) -> Finding:
    if armed == user_id:
        return good("live", f"armed for user {user_id}")
    if armed is None:
        remedy = f"set BOTBOX_ARM_LIVE={user_id} to trade this account"
        return doubtful("live", "not armed: nothing moves money", remedy)
    return failed(
        "live",
        ConfigError(
            f"BOTBOX_ARM_LIVE={armed}, but the key belongs to user {user_id}",
            "check which account you mean to trade, and its key",
            code="not_armed",
        ),
    )


# -- database


def check_writable(store: Store, holder: Holder, now: datetime, name: str) -> Finding:
    """See whether the database takes a write. Raises StorageError when it doesn't."""
    store.take_lease("doctor", holder, now, 1.0)
    store.free_lease("doctor", holder)
    return good("database", name)


# -- candles


def check_candles(
    candles: CandleStore, venue: Venue, symbols: Sequence[str], timeframes: Sequence[str], now: datetime
) -> list[Finding]:
    """Look for series that are missing, stale or have gaps."""
    stored = {(s.symbol, s.timeframe): s for s in candles.series(venue)}
    wanted = [(symbol, timeframe) for symbol in symbols for timeframe in timeframes]
    missing = [f"{symbol} {timeframe}" for symbol, timeframe in wanted if (symbol, timeframe) not in stored]
    present = [stored[key] for key in wanted if key in stored]
    stale = [_name(s) for s in present if INTERVALS[s.timeframe].is_stale(from_ms(s.last_ms), now)]
    gaps = [f"{_name(s)} ({lost})" for s in present if (lost := _lost(s))]
    findings = [
        doubtful("candles", f"{len(names)} of {len(wanted)} series {what}: {_some(names)}", RECORD)
        for names, what in ((missing, "not recorded"), (stale, "stale"), (gaps, "with gaps"))
        if names
    ]
    return findings or [good("candles", f"{len(wanted)} series, fresh and without gaps")]


def _name(series: Series) -> str:
    return f"{series.symbol} {series.timeframe}"


def _lost(series: Series) -> int:
    return (series.last_ms - series.first_ms) // INTERVALS[series.timeframe].length_ms + 1 - series.count


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


# -- books


def check_trades(desk: Desk) -> list[Finding]:
    """Look for open trades without a stop on the exchange, and for orders in doubt."""
    with desk.store.read(desk.account) as books:
        living = books_of(books, books.trades(LIVING_TRADES))
        halt = books.halt()
    findings = []
    if halt is not None:
        why = f" ({halt.reason})" if halt.reason else ""
        since = f"new entries are halted since {halt.since:%Y-%m-%d %H:%M} UTC{why}"
        findings.append(doubtful("halt", since, "`botbox resume` allows them again"))
    resting = {order.order_link_id for order in desk.exchange.open_orders()} if living else set()
    faults = [fault for book in living if (fault := _fault(book, resting)) is not None]
    findings += [failed("stops", fault) for fault in faults]
    if living and not faults:
        findings.append(good("stops", f"open trades: {len(living)}, each with its stop on the exchange"))
    if not living:
        findings.append(good("stops", "no open trades"))
    return findings


def _fault(book: TradeBook, resting: set[str]) -> BotboxError | None:
    trade = book.trade
    doubtful_order = next((o for o in book.open_orders if o.status is OrderStatus.UNKNOWN), None)
    if doubtful_order is not None or trade.status is not TradeStatus.OPEN:
        what = doubtful_order.order_link_id if doubtful_order else f"it is {trade.status}"
        return OutcomeUnknown(f"trade {trade.id} ({trade.symbol}) is not settled: {what}", MONITOR)
    if not any(o.role is Role.STOP and o.order_link_id in resting for o in book.open_orders):
        return StopMissing(f"trade {trade.id} ({trade.symbol}) has no stop on the exchange", MONITOR)
    return None


def check_jobs(store: Store, names: Sequence[str], now: datetime, *, has_open_trades: bool) -> list[Finding]:
    """Tell when each job last ran; warn when open trades are not looked after."""
    findings = []
    for name in names:
        job, last = name.split(":")[0], store.last_job(name)
        is_wanted = job == "monitor" and has_open_trades
        if last is None:
            text = f"{job} has never run"
            findings.append(doubtful("jobs", text, SCHEDULE) if is_wanted else good("jobs", text))
            continue
        end = "" if last.ok else f", not well: {last.detail or 'it did not finish'}"
        age = now - last.started_at
        text = f"{job} last ran {_age(age)} ago{end}"
        if is_wanted and age > MONITOR_OVERDUE:
            findings.append(doubtful("jobs", text, SCHEDULE))
        else:
            findings.append(
                good("jobs", text) if last.ok else doubtful("jobs", text, f"run `botbox {job} --once`")
            )
    return findings


def _age(span: timedelta) -> str:
    minutes = span // timedelta(minutes=1)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
