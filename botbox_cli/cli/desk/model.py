"""What a desk shows, read in one go: setups that wait, open trades, the account's state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from botbox_cli.domain.account import Halt
from botbox_cli.domain.number import ZERO
from botbox_cli.domain.setup import LIVING, Setup
from botbox_cli.domain.trade import LIVING_TRADES
from botbox_cli.services.book import books_of
from botbox_cli.services.desk import Desk
from botbox_cli.services.plan import invested
from botbox_cli.services.trades import TradeView, view

QUOTE_COIN = "USDT"


@dataclass(frozen=True, slots=True)
class Model:
    """The books at one moment, and when the scheduled jobs last ended well."""

    now: datetime
    setups: tuple[Setup, ...]
    trades: tuple[TradeView, ...]
    halt: Halt | None
    jobs: dict[str, datetime | None]


def read_model(desk: Desk) -> Model:
    """Read the books. Raises StorageError."""
    with desk.store.read(desk.account) as books:
        living = books.trades(LIVING_TRADES)
        traded = {t.setup_id for t in living}
        setups = tuple(s for s in books.setups(LIVING) if s.id not in traded)
        trades = tuple(view(b) for b in books_of(books, living))
        halt = books.halt()
    names = {
        "record": f"record:{desk.account.venue}",
        "scan": f"scan:{desk.account.id}",
        "monitor": f"monitor:{desk.account.id}",
    }
    jobs: dict[str, datetime | None] = {}
    for name, job in names.items():
        last = desk.store.last_job(job)
        jobs[name] = None if last is None else last.finished_at
    return Model(desk.clock.now(), setups, trades, halt, jobs)


def equity_of(desk: Desk) -> Decimal:
    """Return the account's equity as sizing counts it. Raises ExchangeUnavailable, StorageError."""
    balance = desk.exchange.wallet().get(QUOTE_COIN)
    with desk.store.read(desk.account) as books:
        return (ZERO if balance is None else balance.total) + invested(books, QUOTE_COIN)
