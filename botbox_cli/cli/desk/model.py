"""What a desk shows, read in one go: setups that wait, open trades, the account's state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from botbox_cli.domain.account import Halt
from botbox_cli.domain.number import ZERO
from botbox_cli.domain.setup import LIVING, Setup
from botbox_cli.domain.trade import LIVING_TRADES
from botbox_cli.ports import Price
from botbox_cli.services.book import books_of
from botbox_cli.services.desk import Desk
from botbox_cli.services.plan import invested
from botbox_cli.services.trades import TradeView, view
from botbox_cli.services.watch_trades import exit_price

QUOTE_COIN = "USDT"
HUNDRED = Decimal(100)


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


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an open trade stands at a price: net of the fees so far, distances signed as gain (+) and loss (−)."""

    price: Decimal
    pnl: Decimal
    r: Decimal | None
    stop_percent: Decimal
    stop_r: Decimal | None
    target_percent: Decimal
    target_r: Decimal | None


def standing(shown: TradeView, price: Price | None, target: Decimal) -> Standing | None:
    """Return where a trade stands if it were left at `price`; None while nothing is held or no price is known."""
    trade, position, entry = shown.trade, shown.position, shown.position.entry_price
    if price is None or entry is None:
        return None
    now, sign = exit_price(trade, price), trade.direction.sign
    unit = abs(entry - trade.initial_stop)
    pnl = (shown.pnl.gross or ZERO) + position.held * (now - entry) * sign - shown.pnl.fees
    risk = position.entered * unit

    def away(level: Decimal) -> tuple[Decimal, Decimal | None]:
        gap = (level - now) * sign
        return gap / now * HUNDRED, gap / unit if unit else None

    return Standing(now, pnl, pnl / risk if risk else None, *away(trade.stop_loss), *away(target))
