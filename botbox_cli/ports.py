"""What services need from the outside, as Protocols: a clock, an exchange, a store. Imports domain only.

Errors: every method of `Exchange` raises from `botbox_cli.errors` only. Reads raise ExchangeUnavailable (after their
own bounded retries), ExchangeRejected or ConfigError (key, permission). Writes (`place_*`, `cancel`) are sent exactly
once a call and raise in addition OutcomeUnknown, DuplicateOrder, OrderGone. `Store` raises StorageError and Conflict.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from botbox_cli.domain.account import Account, Balance, Halt, KeyInfo, Mode, Venue
from botbox_cli.domain.candle import Interval
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.instrument import Instrument, Quote
from botbox_cli.domain.order import Order, OrderReport, OrderStatus
from botbox_cli.domain.setup import Setup, SetupStatus
from botbox_cli.domain.trade import Trade, TradeStatus

if TYPE_CHECKING:
    import numpy as np


class Clock(Protocol):
    """Time, passed in. `now` is aware UTC."""

    def now(self) -> datetime: ...

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Look:
    """One answer to "what of this order?": `report` is None when it is found nowhere; `at` is the exchange's clock
    before the first of the look-ups was answered, so that nothing older than `at` can have been overlooked."""

    report: OrderReport | None
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """The exact order to send; `timestamp` is pinned into the signed request, so a late arrival is refused."""

    order_link_id: str
    instrument: Instrument
    is_buy: bool
    qty: Decimal
    timestamp: datetime
    trigger_price: Decimal | None = None
    max_slippage_percent: Decimal | None = None
    is_leverage: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an entry must know of the exchange; `instrument` and `quote` are None for a pair that is not traded."""

    instrument: Instrument | None
    quote: Quote | None
    wallet: dict[str, Balance]


class Exchange(Protocol):
    """Bybit v5 spot, in botbox's words."""

    recv_window_s: float

    def server_time(self) -> datetime: ...

    def instruments(self, symbol: str | None = None) -> dict[str, Instrument]:
        """Return the tradable pairs by symbol: all, or the one asked for (absent when it is not tradable)."""
        ...

    def candles(
        self,
        symbol: str,
        interval: Interval,
        *,
        start_ms: int | None,
        end_ms: int | None,
    ) -> CandleBatch:
        """Return up to 1000 CLOSED candles, oldest first: forward from `start_ms`, or the newest up to `end_ms`."""
        ...

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return best prices in one request; a symbol that is not traded is absent."""
        ...

    def key_info(self) -> KeyInfo: ...

    def wallet(self) -> dict[str, Balance]:
        """Return non-zero balances by coin; an absent coin is zero."""
        ...

    def outlook(self, symbol: str) -> Outlook:
        """Return rules, prices and wallet, asked for at the same time where the way to the exchange is long."""
        ...

    def fee_rate(self, symbol: str) -> Decimal:
        """Return the taker fee as a fraction."""
        ...

    def is_margin_on(self) -> bool:
        """Tell whether spot margin is switched on for the account."""
        ...

    def repay(self, coin: str, amount: Decimal) -> None:
        """Pay borrowed coins back from the wallet, once; look at the wallet afterwards."""
        ...

    def order_request(self, request: OrderRequest) -> dict[str, str]:
        """Return the exact parameters that `place` would send; nothing is sent."""
        ...

    def place(self, request: OrderRequest) -> str:
        """Send an order once; return the exchange's order id. Accepted is neither placed nor filled."""
        ...

    def cancel(self, symbol: str, order_link_id: str, *, is_stop: bool) -> None:
        """Ask once for a cancel; look the order up afterwards. OrderGone: nothing there to cancel."""
        ...

    def look_up(self, symbol: str, order_link_id: str, *, since: datetime) -> Look:
        """Look for one order: realtime, then history, then executions (from `since` on)."""
        ...

    def open_orders(self, *, until: Collection[str] = ()) -> list[OrderReport]:
        """Return all orders alive on the exchange (all kinds, all symbols), ours and others.

        `until`: link ids; the list may end early, once all of these are in it.
        """
        ...

    def order_fills(
        self, symbol: str, order_link_id: str, *, since: datetime, qty: Decimal | None = None
    ) -> list[Fill]:
        """Return all executions of one order, oldest first; the search ends early once they add up to `qty`."""
        ...

    def fills_since(self, since: datetime) -> list[Fill]:
        """Return all executions of the account from `since` on, ours and others, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Price:
    """Best prices of one symbol as they streamed; `at` is the exchange's time of that frame."""

    symbol: str
    bid: Decimal
    ask: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class CandleClosed:
    """A candle that has closed, as a batch of one."""

    symbol: str
    interval: Interval
    candle: CandleBatch


@dataclass(frozen=True, slots=True)
class OrderNews:
    """Something happened to an order of this account. What, is to be asked for: a frame is a hint, never a fact."""

    symbol: str
    order_link_id: str


@dataclass(frozen=True, slots=True)
class StreamState:
    """A socket came up or went down; nothing is replayed, so whoever hears `is_up` asks for what was missed."""

    channel: str
    """`public` or `private`."""
    is_up: bool
    detail: str
    at: datetime
    missing: tuple[str, ...] = ()
    """Symbols of which the exchange refuses to tell prices or candles, though the socket is up."""


News = Price | CandleClosed | OrderNews | StreamState


class Stream(Protocol):
    """What the exchange's sockets tell, kept alive by itself: it never raises for a dead, silent or refused socket."""

    def follow(self, symbols: Sequence[str], intervals: Sequence[Interval]) -> None:
        """Subscribe to prices of these symbols and candles of these series, beside what is followed already."""
        ...

    def news(self, timeout_s: float) -> list[News]:
        """Wait up to `timeout_s` for news and return all there is, oldest first; empty when there was none."""
        ...

    def wake(self) -> None:
        """Let a waiting `news` return at once."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CandleBatch:
    """Candles as columns, oldest first, all of one length: `open_ms` int64, the rest float64."""

    open_ms: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    turnover: np.ndarray


@dataclass(frozen=True, slots=True)
class Indicators:
    """Indicator columns beside the candles of one series (float64, NaN where not defined yet)."""

    bb_upper: np.ndarray
    bb_middle: np.ndarray
    bb_lower: np.ndarray
    rsi: np.ndarray
    atr: np.ndarray
    volume_ma: np.ndarray


@dataclass(frozen=True, slots=True)
class Series:
    """Stored extent of one series: candles present, first and newest opening time (ms)."""

    symbol: str
    timeframe: str
    count: int
    first_ms: int
    last_ms: int


class CandleReader(Protocol):
    """Candles of a venue, to be read."""

    def series(self, venue: Venue) -> list[Series]:
        """Return every stored series, in one query."""
        ...

    def between(
        self, venue: Venue, symbol: str, interval: Interval, start_ms: int, end_ms: int
    ) -> tuple[CandleBatch, Indicators]:
        """Return the stored candles with start_ms <= open time <= end_ms, oldest first."""
        ...


class CandleStore(CandleReader, Protocol):
    """Candles of a venue: columns in, columns out."""

    def open_times(self, venue: Venue, symbol: str, interval: Interval) -> np.ndarray:
        """Return all stored opening times (int64 ms), oldest first."""
        ...

    def upsert(
        self,
        venue: Venue,
        symbol: str,
        interval: Interval,
        candles: CandleBatch,
        indicators: Indicators,
    ) -> int:
        """Store candles with their indicators in one statement; return how many of them were new."""
        ...

    def prune(self, venue: Venue, symbol: str, interval: Interval, before_ms: int) -> int:
        """Delete the candles of a series that opened before `before_ms`, which counts as a change of it; how many."""
        ...

    def tail(
        self, venue: Venue, symbol: str, interval: Interval, limit: int
    ) -> tuple[CandleBatch, Indicators]:
        """Return the newest `limit` stored candles, oldest first."""
        ...

    def between_many(
        self, venue: Venue, symbols: Sequence[str], interval: Interval, start_ms: int, end_ms: int
    ) -> dict[str, tuple[CandleBatch, Indicators]]:
        """Return what `between` returns, for many symbols at one moment; one without any may be absent."""
        ...

    def revisions(self, venue: Venue) -> dict[tuple[str, str], int]:
        """Return how often stored candles of each (symbol, timeframe) were changed; absent: never.

        Putting candles among or before others is a change, putting them behind the newest is none.
        """
        ...

    def replays(self, venue: Venue, interval: Interval, rule: str) -> dict[str, tuple[str, bytes]]:
        """Return what was remembered of a rule's replays by symbol: its stamp and the data."""
        ...

    def remember_replay(
        self, venue: Venue, symbol: str, interval: Interval, rule: str, *, stamp: str, data: bytes
    ) -> None:
        """Remember what a replay of a stored series came to, in the place of what was remembered.

        The stamp says what it was made from, the revisions of the candles among it, read before the candles were.
        """
        ...


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One dated line of an account's history; `data` holds facts for machines, as JSON has them."""

    at: datetime
    event: str
    detail: str
    trade_id: int | None = None
    setup_id: int | None = None
    data: dict[str, Any] | None = None
    id: int = 0

    def hash_after(self, before: str) -> str:
        """Return the hash that chains this entry (without its id) to one of hash `before`, "" for the first."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        facts = [before, at, self.event, self.detail, self.trade_id, self.setup_id, self.data]
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class LogHead:
    """Where an account's log ends: how many entries it has had, and the hash of the newest ("" without any)."""

    count: int
    hash: str


@dataclass(frozen=True, slots=True)
class JobRun:
    """One pass of a scheduled job; `finished_at` None while it runs (or after it died)."""

    job: str
    started_at: datetime
    finished_at: datetime | None = None
    ok: bool = False
    detail: str = ""
    id: int = 0


class Books(Protocol):
    """One transaction on one account's books. Rows of other accounts do not exist for it.

    Compare-and-set methods (`move_*`) raise Conflict when the stored status is not among `from_`.
    """

    # -- setups
    def add_setup(self, setup: Setup) -> Setup | None:
        """Store a setup with its signals; None if one of the same symbol, timeframe, kind and candle exists."""
        ...

    def setup(self, setup_id: int) -> Setup:
        """Return a setup. Raises NotFound."""
        ...

    def setups(self, statuses: Sequence[SetupStatus] | None = None) -> list[Setup]: ...

    def move_setup(
        self,
        setup_id: int,
        from_: Sequence[SetupStatus],
        to: SetupStatus,
        **fields: Any,
    ) -> None: ...

    # -- trades
    def add_trade(self, trade: Trade) -> Trade:
        """Store a trade. Raises Conflict if the setup has one that is not FAILED."""
        ...

    def trade(self, trade_id: int) -> Trade:
        """Return a trade. Raises NotFound."""
        ...

    def trades(
        self,
        statuses: Sequence[TradeStatus] | None = None,
        *,
        symbol: str | None = None,
        since: datetime | None = None,
        ended_since: datetime | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Trade]:
        """Return trades, newest first (by id); `since` bounds when they were made, `ended_since` when they ended."""
        ...

    def move_trade(
        self,
        trade_id: int,
        from_: Sequence[TradeStatus],
        to: TradeStatus,
        **fields: Any,
    ) -> None: ...

    def update_trade(self, trade_id: int, **fields: Any) -> None: ...

    def grant_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> None:
        """Give the lease of what this very transaction created to its maker, so that nobody else comes first."""
        ...

    # -- orders and fills
    def add_order(self, order: Order) -> Order: ...

    def orders(self, trade_ids: Sequence[int]) -> list[Order]:
        """Return the orders of these trades, oldest first."""
        ...

    def order_by_link_id(self, order_link_id: str) -> Order | None: ...

    def move_order(
        self,
        order_link_id: str,
        from_: Sequence[OrderStatus],
        to: OrderStatus,
        **fields: Any,
    ) -> None: ...

    def add_fill(self, fill: Fill) -> bool:
        """Store a fill of a known order; False if its `execution_id` is there already."""
        ...

    def set_fill_fees_quote(self, execution_id: str, fees_quote: Decimal) -> None: ...

    def fills(self, trade_ids: Sequence[int]) -> list[Fill]:
        """Return the fills of these trades, oldest first."""
        ...

    # -- the rest
    def log(self, entry: LogEntry) -> None:
        """Append an entry, chained to the newest by its hash; nothing ever changes or removes one."""
        ...

    def log_of(
        self, *, trade_id: int | None = None, setup_id: int | None = None, event: str | None = None
    ) -> list[LogEntry]:
        """Return the entries of a trade, of a setup or of an event (all without any of them), oldest first."""
        ...

    def log_head(self) -> LogHead:
        """Return where the log ends, as remembered beside the log."""
        ...

    def log_count(self, before: datetime | None = None) -> int:
        """Return how many entries the log holds: all, or those in front of the first one at or after `before`."""
        ...

    def log_links(self, skip: int, limit: int) -> list[tuple[LogEntry, str]]:
        """Return entries with their stored hashes, oldest first, without the `skip` oldest."""
        ...

    def halt(self) -> Halt | None: ...

    def set_halt(self, halt: Halt | None) -> None: ...

    def marker(self, name: str) -> str | None:
        """Return a small remembered value of this account, such as the newest execution time seen."""
        ...

    def set_marker(self, name: str, value: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: host (machine and process namespace), pid, and when that process started."""

    host: str
    pid: int
    started: str
    token: str
    """Random, so that two leases of one process are told apart."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is told. `picture` is a PNG; an urgent message does not wait for quiet hours to end."""

    title: str
    body: str
    is_urgent: bool = False
    picture: bytes | None = None


class Channel(Protocol):
    """One way to the person: a phone, a chat, a mailbox."""

    name: str
    """By what it is remembered: the same for the same address, and telling nothing of it."""

    def tell(self, message: Message) -> None:
        """Send a message. Raises NotTold."""
        ...


class Instruments(Protocol):
    """The rules of pairs, to be read."""

    def instrument(self, venue: Venue, symbol: str) -> Instrument | None:
        """Return the rules of a pair, or None while they have not been recorded."""
        ...


class Store(Instruments, Protocol):
    """The database. No transaction is ever held across a request to the exchange."""

    installation: str
    """Random tag made with the database, part of every order link id."""

    def read(self, account: Account) -> AbstractContextManager[Books]:
        """A read transaction."""
        ...

    def write(self, account: Account) -> AbstractContextManager[Books]:
        """A write transaction, serialised per account; commits on leaving, rolls back on an exception."""
        ...

    # -- accounts
    def account_by_key(self, mode: Mode, key_hash: str) -> Account | None: ...

    def save_account(self, mode: Mode, user_id: str, key_hash: str, venue: Venue) -> Account:
        """Return the account of (mode, user id), made or with its key hash renewed."""
        ...

    def accounts(self) -> list[Account]: ...

    # -- leases
    def take_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> Holder | None:
        """Take or renew a lease by compare-and-set: None when it is ours now, else the holder that lives on."""
        ...

    def free_lease(self, name: str, holder: Holder) -> None:
        """Give a lease back if it is (still) ours."""
        ...

    # -- instruments and candles of a venue
    def save_instruments(self, venue: Venue, instruments: Iterable[Instrument], now: datetime) -> None: ...

    # -- jobs
    def start_job(self, job: str, now: datetime) -> int: ...

    def finish_job(self, run_id: int, now: datetime, *, ok: bool, detail: str) -> None: ...

    def last_job(self, job: str) -> JobRun | None: ...

    def prune_jobs(self, before: datetime, *, keep: int) -> int:
        """Delete passes that began before `before`, but none of the newest `keep`; return how many."""
        ...


@dataclass(frozen=True, slots=True)
class WebSession:
    """A browser that has logged in; `digest` is the hash of its cookie."""

    digest: str
    client: str
    created_at: datetime
    expires_at: datetime


class WebStore(Protocol):
    """What the web server keeps beside the books, and how it sees that anything in the database has changed."""

    def stamp(self) -> str:
        """Return a text that is another one after every commit of anybody; it may be when nothing has changed.

        Whatever is read after it was taken is at least as new as it says.
        """
        ...

    def token_digest(self) -> str | None:
        """Return the hash of the login token; None while there is none."""
        ...

    def add_token(self, digest: str, now: datetime) -> bool:
        """Store the hash of the first token; False if there is one."""
        ...

    def replace_token(self, digest: str, now: datetime) -> None:
        """Store the hash of another token, and end all sessions."""
        ...

    def add_session(self, session: WebSession) -> None:
        """Store a session, and drop those that have expired by its beginning."""
        ...

    def session(self, digest: str) -> WebSession | None: ...

    def end_session(self, digest: str) -> None: ...

    def failures(self, client: str, since: datetime) -> tuple[int, int, datetime | None]:
        """Return how often this client, and everybody together, failed to log in; and the oldest of these counts'
        beginning. Counts that began before `since` are over."""
        ...

    def add_failure(self, client: str, now: datetime, since: datetime) -> None:
        """Count one more, anew where the count began before `since`; such counts of others are dropped."""
        ...

    def forget_failures(self, client: str) -> None: ...
