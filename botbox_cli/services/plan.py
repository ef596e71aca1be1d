"""Planning an entry: every check there is, the size at the present price, and the exact request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from botbox_cli.domain.candle import INTERVALS, from_ms
from botbox_cli.domain.instrument import Instrument, Quote
from botbox_cli.domain.number import ZERO, plain
from botbox_cli.domain.setup import LIVING, Direction, Setup, SetupSource, SetupStatus
from botbox_cli.domain.sizing import Sizing, size
from botbox_cli.domain.trade import LIVING_TRADES, TradeStatus
from botbox_cli.errors import BotboxError, Conflict, Denied, NotFound
from botbox_cli.ports import Books, Outlook
from botbox_cli.services.book import books_of
from botbox_cli.services.brakes import (
    check_day_loss,
    check_halt,
    check_open_risk,
    check_positions,
    check_streak,
    check_symbol,
)
from botbox_cli.services.desk import Desk
from botbox_cli.services.margin import check_margin, check_own_coins
from botbox_cli.services.stop_range import check_range

BLIND_FEE_RATE = Decimal("0.001")
"""Bybit's default spot taker fee, where the exchange does not tell (demo)."""


@dataclass(frozen=True, slots=True)
class Check:
    """One step of a plan: what was checked, whether it passed, the figures or the refusal."""

    name: str
    ok: bool
    detail: str
    error: BotboxError | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be sent for a setup now. `drift_r` is how far price moved against its entry, in R."""

    setup: Setup
    instrument: Instrument
    quote: Quote
    sizing: Sizing
    drift_r: Decimal


class Planner:
    """Plans the entry of one setup, check by check; a later check uses what an earlier one found."""

    instrument: Instrument
    quote: Quote
    sizing: Sizing
    outlook: Outlook
    drift_r: Decimal = ZERO

    def __init__(self, desk: Desk, setup: Setup, *, accept_price: bool) -> None:
        self.desk = desk
        self.setup = setup
        self.accept_price = accept_price

    @property
    def price(self) -> Decimal:
        """The price that an entry would meet: the ask for a long, the bid for a short."""
        return self.quote.ask if self.setup.direction is Direction.LONG else self.quote.bid

    def checks(self) -> tuple[tuple[str, Callable[[], str]], ...]:
        """Return the checks by name, in the order in which they must run."""
        return (
            ("setup", self._check_setup),
            ("direction", self._check_direction),
            ("brakes", self._check_books),
            ("candles", self._check_candles),
            ("instrument", self._check_instrument),
            ("price", self._check_price),
            ("size", self._check_size),
            ("risk", self._check_risk),
        )

    def plan(self) -> Plan:
        """Return the plan. Raises the refusal of the first check that fails, or what the exchange answered."""
        for _, check in self.checks():
            check()
        return Plan(self.setup, self.instrument, self.quote, self.sizing, self.drift_r)

    def _check_setup(self) -> str:
        check_living(self.setup, self.desk.clock.now())
        return f"{self.setup.status}, good until {self.setup.expires_at:%Y-%m-%d %H:%M} UTC"

    def _check_direction(self) -> str:
        direction = check_direction(self.desk, self.setup)
        if self.setup.direction is Direction.SHORT:
            check_margin(self.desk)
        return direction

    def _check_books(self) -> str:
        with self.desk.store.read(self.desk.account) as books:
            return "; ".join(
                (
                    check_halt(books),
                    check_positions(books, self.desk.policy),
                    check_symbol(books, self.setup),
                )
            )

    def _check_candles(self) -> str:
        setup, desk = self.setup, self.desk
        if setup.source is SetupSource.MANUAL:
            return "a setup by hand needs none"
        series = {(s.symbol, s.timeframe): s for s in desk.candles.series(desk.account.venue)}
        found = series.get((setup.symbol, setup.timeframe))
        if found is None:
            raise Denied(
                f"no {setup.timeframe} candles of {setup.symbol} are stored", "run `botbox record --once`"
            )
        newest, now = from_ms(found.last_ms), desk.clock.now()
        if INTERVALS[setup.timeframe].is_stale(newest, now):
            raise Denied(
                f"the newest {setup.timeframe} candle of {setup.symbol} opened at {newest:%Y-%m-%d %H:%M} UTC, "
                f"more than two intervals ago",
                "run `botbox record --once`",
                code="stale_candles",
            )
        return f"newest opened at {newest:%Y-%m-%d %H:%M} UTC"

    def _check_instrument(self) -> str:
        desk = self.desk
        self.outlook = desk.exchange.outlook(self.setup.symbol)
        found = self.outlook.instrument
        if found is None:
            raise Denied(
                f"{self.setup.symbol} is not tradable on the exchange now (halted, delisted or unknown)",
                "look at the exchange's announcements",
                code="not_tradable",
            )
        self.instrument = found
        if self.setup.direction is Direction.SHORT and found.margin_trading not in ("both", "utaOnly"):
            raise Denied(
                f"{found.base_coin} can't be borrowed on the exchange now",
                "trade it long",
                code="not_borrowable",
            )
        desk.store.save_instruments(desk.account.venue, [found], desk.clock.now())
        return f"tick {plain(found.tick_size)}, lot {plain(found.lot_size)}, least value {plain(found.min_value)}"

    def _check_price(self) -> str:
        quote = self.outlook.quote
        if quote is None:
            raise NotFound(f"the exchange gives no price for {self.setup.symbol}")
        self.quote = quote
        self.drift_r = drift_in_r(self.setup, self.price)
        self._refuse_wrong_side()
        limit = self.desk.policy.max_entry_drift_r
        if self.drift_r > limit and not self.accept_price:
            raise Denied(
                f"price {self.price} has moved {self.drift_r:.2f} R against the setup's entry "
                f"{self.setup.entry_price}, the limit is {plain(limit)} R",
                "`--accept-price` takes the present price",
                code="price_moved",
            )
        with self.desk.store.read(self.desk.account) as books:
            warning = check_range(books, self.setup.stop_loss, quote.last)
        return f"{self.price}, {self.drift_r:+.2f} R from the setup's entry {self.setup.entry_price}{warning}"

    def _refuse_wrong_side(self) -> None:
        setup, sign = self.setup, self.setup.direction.sign
        if (self.price - setup.stop_loss) * sign <= 0 or (self.quote.last - setup.stop_loss) * sign <= 0:
            raise Denied(
                f"price {self.price} is through the stop {setup.stop_loss} already",
                f"`botbox reject {setup.id} --reason …`",
                code="through_stop",
            )
        if (setup.take_profit_1 - self.price) * sign <= 0:
            raise Denied(
                f"price {self.price} is beyond the target {setup.take_profit_1} already",
                f"`botbox reject {setup.id} --reason …`",
                code="beyond_target",
            )

    def _check_size(self) -> str:
        desk, policy = self.desk, self.desk.policy
        wallet = self.outlook.wallet
        balance = wallet.get(self.instrument.quote_coin)
        total, free = (balance.total, balance.free) if balance else (ZERO, ZERO)
        base_coin = self.instrument.base_coin
        with desk.store.read(desk.account) as books:
            check_own_coins(books, self.instrument, self.price, self.setup.direction, wallet.get(base_coin))
            equity = total + invested(books, self.instrument.quote_coin)
        self.sizing = size(
            self.instrument,
            price=self.price,
            stop=self.setup.stop_loss,
            equity=equity,
            free=free,
            risk_percent=policy.risk_percent,
            max_position_percent=policy.max_position_percent,
            max_slippage_percent=policy.max_slippage_percent,
            fee_rate=BLIND_FEE_RATE,
        )
        s = self.sizing
        return (
            f"{plain(s.qty)} {self.instrument.base_coin} for {s.value:.2f} {self.instrument.quote_coin}, "
            f"risk {s.risk:.2f} ({s.risk_percent:.2f} % of {s.equity:.2f}), bound by {s.limited_by.replace('_', ' ')}"
        )

    def _check_risk(self) -> str:
        desk = self.desk
        with desk.store.read(desk.account) as books:
            return check_money(books, desk, self.sizing)


def sizing_facts(sizing: Sizing) -> dict[str, str]:
    """Return the arithmetic of a size as JSON has it."""
    amounts = ("price", "stop", "equity", "free", "risk_wanted", "qty", "value", "risk", "risk_percent")
    return {name: plain(getattr(sizing, name)) for name in amounts} | {"limited_by": sizing.limited_by}


def check_money(books: Books, desk: Desk, sizing: Sizing) -> str:
    """Run the brakes that need the size: day loss, loss streak, open risk."""
    policy, now = desk.policy, desk.clock.now()
    return "; ".join(
        (
            check_day_loss(books, policy, sizing.equity, now),
            check_streak(books, policy, now),
            check_open_risk(books, policy, sizing.equity, sizing.risk),
        )
    )


def check_living(setup: Setup, now: datetime) -> None:
    """Refuse a setup that is decided, used up, or past its time."""
    if setup.status not in LIVING:
        why = f": {setup.reason}" if setup.reason else ""
        raise Conflict(f"setup {setup.id} is {setup.status}{why}", "`botbox setups` lists those that wait")
    if now >= setup.expires_at:
        raise Denied(
            f"setup {setup.id} expired at {setup.expires_at:%Y-%m-%d %H:%M} UTC",
            "run `botbox scan` for fresh setups",
            code="expired",
        )


def check_direction(desk: Desk, setup: Setup) -> str:
    """Refuse a short unless BOTBOX_SHORTS says otherwise."""
    if setup.direction is Direction.SHORT and not desk.policy.shorts:
        raise Denied(
            f"setup {setup.id} is a short, and selling what is not owned needs spot margin",
            "set BOTBOX_SHORTS=margin once spot margin is switched on for the account",
            code="shorts_off",
        )
    return str(setup.direction)


def check_approved(books: Books, setup_id: int) -> Setup:
    """Return the setup if it is APPROVED and has no living trade."""
    setup = books.setup(setup_id)
    if setup.status is not SetupStatus.APPROVED:
        hint = (
            f"`botbox approve {setup_id}`"
            if setup.status is SetupStatus.ACTIVE
            else "`botbox setups --status all`"
        )
        raise Conflict(f"setup {setup_id} is {setup.status}, not APPROVED", hint)
    return setup


def drift_in_r(setup: Setup, price: Decimal) -> Decimal:
    """Return how far `price` has moved against the setup's entry, in R (negative: in its favour)."""
    risk = abs(setup.entry_price - setup.stop_loss)
    return (price - setup.entry_price) * setup.direction.sign / risk


def invested(books: Books, quote_coin: str) -> Decimal:
    """Return the entry value of what botbox's own open trades hold; a short's proceeds count against equity."""
    total = ZERO
    for book in books_of(books, books.trades(LIVING_TRADES)):
        position = book.position
        if book.trade.quote_coin == quote_coin and position.entry_price is not None:
            total += position.held * position.entry_price * book.trade.direction.sign
    return total


def has_living_trade(books: Books, setup_id: int) -> bool:
    """Tell whether a setup has a trade that is not FAILED."""
    return any(t.setup_id == setup_id and t.status is not TradeStatus.FAILED for t in books.trades())
