"""The figures that a monitoring system wants of one account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from botbox_cli.domain.candle import from_ms
from botbox_cli.domain.number import ZERO
from botbox_cli.domain.pnl import open_risk
from botbox_cli.domain.setup import SetupStatus
from botbox_cli.domain.trade import LIVING_TRADES, TradeStatus
from botbox_cli.ports import Books, JobRun, LogHead
from botbox_cli.services.book import books_of
from botbox_cli.services.desk import Desk
from botbox_cli.services.tally import Latency, errors_of, latency_of
from botbox_cli.services.trades import view

JOBS = ("record", "scan", "monitor")


@dataclass(frozen=True, slots=True)
class Money:
    """What the books add up to, as of `head`: P&L and fees by quote coin, and what the open trades risk."""

    head: LogHead
    setups: Mapping[str, int]
    trades: Mapping[str, int]
    pnl: Mapping[str, Decimal]
    fees: Mapping[str, Decimal]
    open_risk: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Figures:
    """`candle_ages`: seconds since the newest candle of the symbol that is furthest behind opened, by interval."""

    mode: str
    account: str
    money: Money
    is_halted: bool
    candle_ages: Mapping[str, float]
    passes: Mapping[str, tuple[float, bool]]
    """Seconds since the last pass of each job began, and whether it went well (or still runs)."""
    errors: Mapping[str, int]
    latency: Latency


def gather(desk: Desk, symbols: Iterable[str], timeframes: Iterable[str], known: Money | None) -> Figures:
    """Return the figures. `known` is taken again while nothing was logged since: adding all trades up takes time."""
    with desk.store.read(desk.account) as books:
        money = known if known is not None and known.head == books.log_head() else _money(books)
        errors, latency, halt = errors_of(books), latency_of(books), books.halt()
    return Figures(
        mode=str(desk.account.mode),
        account=desk.account.user_id,
        money=money,
        is_halted=halt is not None,
        candle_ages=_candle_ages(desk, set(symbols), set(timeframes)),
        passes=_passes(desk),
        errors=errors,
        latency=latency,
    )


def _money(books: Books) -> Money:
    pnl: dict[str, Decimal] = {}
    fees: dict[str, Decimal] = {}
    risk: dict[str, Decimal] = {}
    for book in books_of(books, books.trades([TradeStatus.CLOSED])):
        result, coin = view(book).pnl, book.trade.quote_coin
        pnl[coin] = pnl.get(coin, ZERO) + (result.pnl or ZERO)
        fees[coin] = fees.get(coin, ZERO) + (result.fees or ZERO)
    for book in books_of(books, books.trades(LIVING_TRADES)):
        coin = book.trade.quote_coin
        risk[coin] = risk.get(coin, ZERO) + open_risk(book.trade, book.position)
    setups = Counter(str(setup.status) for setup in books.setups())
    trades = Counter(str(trade.status) for trade in books.trades())
    return Money(
        head=books.log_head(),
        setups={str(status): setups[str(status)] for status in SetupStatus},
        trades={str(status): trades[str(status)] for status in TradeStatus},
        pnl=pnl,
        fees=fees,
        open_risk=risk,
    )


def _candle_ages(desk: Desk, symbols: set[str], timeframes: set[str]) -> dict[str, float]:
    newest: dict[str, int] = {}
    for series in desk.candles.series(desk.account.venue):
        if series.symbol in symbols and series.timeframe in timeframes:
            newest[series.timeframe] = min(series.last_ms, newest.get(series.timeframe, series.last_ms))
    now = desk.clock.now()
    return {code: (now - from_ms(last_ms)).total_seconds() for code, last_ms in newest.items()}


def _passes(desk: Desk) -> dict[str, tuple[float, bool]]:
    account = desk.account
    names = (f"record:{account.venue}", f"scan:{account.id}", f"monitor:{account.id}")
    now = desk.clock.now()
    runs: dict[str, JobRun | None] = {job: desk.store.last_job(n) for job, n in zip(JOBS, names, strict=True)}
    return {
        job: (max(0.0, (now - run.started_at).total_seconds()), run.ok or run.finished_at is None)
        for job, run in runs.items()
        if run is not None
    }
