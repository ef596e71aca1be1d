"""The only place that picks concrete classes: settings in, the ports of one account out.

Nothing that takes long to import is loaded before something needs it: an idle pass reads the books and never sees the
exchange's client, numpy or the candles.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botbox_cli.config import SECRET_NAMES, Settings, data_dir
from botbox_cli.domain.account import Account, Mode, Venue
from botbox_cli.domain.candle import DAY_MS
from botbox_cli.domain.hours import quiet_hours
from botbox_cli.domain.number import plain
from botbox_cli.errors import ConfigError, StorageError, UsageError
from botbox_cli.services.desk import Desk, Policy
from botbox_cli.services.settings_log import note_settings
from botbox_cli.setting_types import Market

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

    from botbox_cli.exchange.paper.engine import PaperExchange
    from botbox_cli.exchange.paper.market import Market as PaperMarket
    from botbox_cli.faultpoint import Faultpoint
    from botbox_cli.ports import (
        CandleReader,
        CandleStore,
        Clock,
        Exchange,
        Holder,
        Instruments,
        Store,
        Stream,
        WebStore,
    )
    from botbox_cli.services.notices import Painter
    from botbox_cli.services.post import Post
    from botbox_cli.storage.copies import Copied
    from botbox_cli.storage.store import SqlStore

PAPER_HOST = "https://paper.invalid"
REPLAY_START = datetime(2025, 4, 28, tzinfo=UTC)
"""Where a new replay begins: a recorded Monday with months of history, and setups of both kinds that day."""
REPLAY_WEEKS = 35
"""Whole weeks from there to the end of what is recorded."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


class _Late:
    """Stands for an object that is made when it is first used, by whichever thread; what is `known` needs no making."""

    def __init__(self, make: Callable[[], Any], **known: Callable[..., Any]) -> None:
        vars(self).update(known)
        self._make = make
        self._lock = threading.Lock()
        self._made: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.made(), name)

    def made(self) -> Any:
        """Return the object itself."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return self._made


@dataclass(frozen=True, slots=True)
class Access:
    """Whom requests are signed for. Shown nowhere. `user_id` is empty while only the exchange knows it."""

    key: str
    secret: str
    user_id: str = ""

    def __repr__(self) -> str:
        return "Access()"


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the settings say, wired. Its parts serve alone, too: candles need no account, the books no exchange."""

    settings: Settings
    store: Store
    candles: CandleStore
    exchange: Exchange
    clock: Clock
    venue: Venue
    holder: Holder
    access: Access
    stream: Callable[[], Stream | None]
    """Opens what the exchange's sockets tell, closed with the wiring; None where there are none (a replay)."""

    def account(self) -> Account:
        """Return the account of the configured key.

        It is recognised by the key's hash; the exchange is asked whose a key is that was never seen, once. (A paper
        account's file tells.)
        """
        known = self._known_account()
        if known is not None:
            return known
        user_id = self.access.user_id or self.exchange.key_info().user_id
        return self.store.save_account(self.settings.mode, user_id, self._key_hash(), self.venue)

    def refuse_other_user(self) -> None:
        """Raise ConfigError where the key is known to be another user's than the one that BOTBOX_ARM_LIVE names.

        The exchange tells that too, before money moves; but it is not asked at all where there is nothing to do.
        """
        known = self._known_account() if self.settings.mode is Mode.LIVE else None
        if known is not None:
            _refuse_other_user(self.settings, known.user_id)

    def _known_account(self) -> Account | None:
        return self.store.account_by_key(self.settings.mode, self._key_hash())

    def _key_hash(self) -> str:
        return hashlib.sha256(f"{self.settings.mode}:{self.access.key}".encode()).hexdigest()

    def desk(self) -> Desk:
        """Return the desk of the account; settings that differ from those it was last worked with are logged."""
        policy, account = policy_of(self.settings), self.account()
        note_settings(self.store, account, self.clock, shown_settings(self.settings))
        return Desk(self.store, self.candles, account, self.exchange, self.clock, policy, self.holder)

    def post(self, desk: Desk, paint: Painter) -> Post:
        """Return the post of the account. Raises ConfigError for a channel that can't be."""
        from botbox_cli.notify.channel import open_channels
        from botbox_cli.services.notices import Writer
        from botbox_cli.services.post import Post

        settings = self.settings
        channels = open_channels([url.get_secret_value() for url in settings.notify or ()])
        quiet = None if settings.quiet_hours is None else quiet_hours(settings.quiet_hours)
        silence = timedelta(minutes=settings.silence_minutes) if settings.silence_minutes else None
        return Post(desk, channels, Writer(desk, paint, settings.public_url), quiet, silence)

    def hand(self) -> Desk:
        """Return the desk of another hand in this process: it leases for itself, as another process would."""
        from botbox_cli.storage.process import current_holder

        return replace(self.desk(), holder=current_holder(secrets.token_hex(8)))


@contextmanager
def wired(settings: Settings, *, moves_money: bool = False) -> Iterator[Wiring]:
    """Open what the settings name, and close it at the end.

    With `moves_money`, the exchange of a live account is asked whose the key is before it is asked for anything else,
    and nothing is done for another account than the one that BOTBOX_ARM_LIVE names.

    Raises:
        ConfigError: For a missing key, or a live account that is not armed.
        StorageError: If the database is missing, out of date or out of reach.
    """
    if moves_money:
        refuse_unarmed(settings)
    access = None if settings.mode is Mode.PAPER else Access(*settings.keys())
    faultpoint = _faultpoint(settings)
    with ExitStack() as stack:
        store = open_store(settings)
        stack.callback(store.close)
        if faultpoint is not None:
            database = store.database
            database.writing = faultpoint.around_commits(database.writing)  # type: ignore[method-assign]
            database.writes = faultpoint.around_commits(database.writes)  # type: ignore[method-assign]
        yield _wiring(settings, store, access, stack, faultpoint, moves_money=moves_money)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded, for those who only read it: no account, no key, no exchange."""

    store: Instruments
    candles: CandleReader
    clock: Clock
    venue: Venue


@contextmanager
def recorded(settings: Settings) -> Iterator[Recorded]:
    """Open the recorded candles; a SQLite file without what only the books need, which takes longer than reading it.

    Raises:
        StorageError: If the database is missing, out of date or out of reach.
    """
    from botbox_cli.storage.sqlite_reader import opened

    is_replay = settings.mode is Mode.PAPER and settings.market is Market.REPLAY
    with ExitStack() as stack:
        clock: Clock = SystemClock()
        # A replay's clock lies in its account's file, whose name may take the books to find.
        reader = None if is_replay else opened(settings.database_url)
        if reader is not None:
            stack.callback(reader.close)
            yield Recorded(reader, reader, clock, venue_of(settings))
            return
        from botbox_cli.storage.candles import SqlCandles

        store = open_store(settings)
        stack.callback(store.close)
        if is_replay:
            path = paper_file(settings, store)
            _paper_access(path)
            clock = _replay_clock(path, stack)
        yield Recorded(store, SqlCandles(store.database), clock, venue_of(settings))


def open_store(settings: Settings) -> SqlStore:
    """Return the database. Raises StorageError if it is missing, out of date or out of reach."""
    from botbox_cli.storage.store import SqlStore

    return SqlStore(settings.database_url)


@contextmanager
def web_store(settings: Settings) -> Iterator[WebStore]:
    """Open what the web server keeps in the database. Raises StorageError."""
    from botbox_cli.storage.web import SqlWebStore

    with closing(open_store(settings)) as store, closing(SqlWebStore(store.database)) as web:
        yield web


def migrate(settings: Settings) -> bool:
    """Make the database or bring it up to date; tell whether anything changed. Raises StorageError."""
    from botbox_cli.storage.migrate import upgrade

    return upgrade(settings.database_url)


def backup(settings: Settings, target: Path, now: datetime) -> Copied:
    """Write a verified backup to the file `target`, or into the folder of that name. Raises Denied, StorageError."""
    from botbox_cli.services.safekeeping import check_logs
    from botbox_cli.storage.backup import backup, file_for

    return backup(
        settings.database_url, file_for(settings.database_url, target, now), _paper_files, check_logs
    )


def restore(settings: Settings, file: Path, clock: Clock, *, force: bool) -> Copied:
    """Put a backup in the place of the database, with new entries halted. Raises Denied, Conflict, StorageError."""
    from botbox_cli.services.safekeeping import check_logs, halt_all
    from botbox_cli.storage.restore import restore

    prepare = partial(halt_all, clock=clock, reason=f"restored from {file.name}")
    return restore(settings.database_url, file, _paper_files, check_logs, prepare, clock.now(), force=force)


def move(settings: Settings, to_url: str, now: datetime) -> Copied:
    """Take the database over to another and close the old one. Raises Denied, Conflict, StorageError."""
    from botbox_cli.services.safekeeping import check_logs
    from botbox_cli.storage.move import move

    return move(settings.database_url, to_url, _paper_files, check_logs, now)


def database_name(settings: Settings) -> str:
    """Return what the database may be called: its path, or the server without user and password."""
    from botbox_cli.storage.engine import Database

    return Database(settings.database_url).name


def shown_settings(settings: Settings) -> dict[str, str]:
    """Return every setting that is no secret by its name, as people write it; "" for one that is not set."""
    return {
        str(field.validation_alias): _as_written(getattr(settings, name))
        for name, field in Settings.model_fields.items()
        if field.validation_alias not in SECRET_NAMES
    }


def _as_written(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else plain(value) if isinstance(value, Decimal) else str(value)


def policy_of(settings: Settings) -> Policy:
    """Return the person's limits."""
    return Policy(
        risk_percent=settings.risk_percent,
        max_position_percent=settings.max_position_percent,
        max_open_positions=settings.max_open_positions,
        max_entry_drift_r=settings.max_entry_drift_r,
        max_slippage_percent=settings.max_slippage_percent,
        shorts=settings.shorts == "margin",
        tp1_fraction=settings.tp1_fraction,
        close_when_stop_fails=settings.on_stop_failure == "close",
        max_day_loss_percent=settings.max_day_loss_percent,
        max_loss_streak=settings.max_loss_streak,
        max_open_risk_percent=settings.max_open_risk_percent,
    )


def venue_of(settings: Settings) -> Venue:
    """Return where candles and instruments come from."""
    if settings.mode is Mode.TESTNET:
        return Venue.TESTNET
    is_replay = settings.mode is Mode.PAPER and settings.market is Market.REPLAY
    return Venue.REPLAY if is_replay else Venue.MAINNET


def paper_file(settings: Settings, store: SqlStore) -> Path:
    """Return the paper exchange's own file: beside a SQLite database, else in the data directory."""
    return _paper_files(store.database.path, store.installation)[settings.market]


def _paper_files(database: Path | None, installation: str) -> dict[str, Path]:
    """Return the files of both paper accounts, by market; `database` is None for PostgreSQL."""
    if database is None:
        return {m: data_dir() / f"paper-{installation}-{m}.sqlite" for m in Market}
    return {m: database.with_name(f"{database.stem}-paper-{m}.sqlite") for m in Market}


def _faultpoint(settings: Settings) -> Faultpoint | None:
    """Return what the crash tests ask for. Raises ConfigError where that could reach Bybit."""
    asked = os.environ.get("BOTBOX_FAULTPOINT")
    if asked is None:
        return None
    from botbox_cli.faultpoint import faultpoint_of

    return faultpoint_of(asked, settings)


def _wiring(
    settings: Settings,
    store: SqlStore,
    access: Access | None,
    stack: ExitStack,
    faultpoint: Faultpoint | None,
    *,
    moves_money: bool,
) -> Wiring:
    from botbox_cli.storage.process import current_holder
    from botbox_cli.storage.series import stored_series

    clock: Clock = SystemClock()
    path: Path | None = None
    if access is None:
        path = paper_file(settings, store)
        access = _paper_access(path)
        if settings.market is Market.REPLAY:
            clock = _replay_clock(path, stack)
    if faultpoint is not None and faultpoint.clock is not None:
        clock = _replay_clock(faultpoint.clock, stack)

    def make_exchange() -> Exchange:
        exchange = _bybit(settings, access, clock, path, stack, faultpoint)
        if moves_money:
            _refuse_other_account(settings, exchange)
        return exchange

    # How long it may be waited for is said before anyone knows whether it is needed.
    exchange = _Late(make_exchange, within=lambda left_s: _Late(lambda: exchange.made().within(left_s)))

    def make_candles() -> CandleStore:
        from botbox_cli.storage.candles import SqlCandles

        return SqlCandles(store.database)

    def open_stream() -> Stream | None:
        return _stream(settings, access, path, stack)

    return Wiring(
        settings,
        store,
        cast("CandleStore", _Late(make_candles, series=partial(stored_series, store.database))),
        cast("Exchange", exchange),
        clock,
        venue_of(settings),
        current_holder(secrets.token_hex(8)),
        access,
        open_stream,
    )


def _stream(settings: Settings, access: Access, paper: Path | None, stack: ExitStack) -> Stream | None:
    """Return the sockets' stream. A paper account's orders are told by its file, `paper`."""
    from botbox_cli.exchange import stream as s
    from botbox_cli.exchange.inbox import Inbox
    from botbox_cli.exchange.paper_orders import PaperOrders
    from botbox_cli.exchange.session import load

    load()
    if paper is not None and settings.market is Market.REPLAY and settings.ws_endpoint is None:
        return None
    inbox, clock = Inbox(), SystemClock()
    public_base, private_base = settings.stream_urls
    orders: s.Source = (
        PaperOrders(paper, inbox, clock)
        if paper is not None
        else s.private_channel(private_base, access.key, access.secret, inbox, clock)
    )
    stream = s.SocketStream(s.public_channel(public_base, inbox, clock), orders, inbox)
    stack.callback(stream.close)
    return stream


def _bybit(
    settings: Settings,
    access: Access,
    clock: Clock,
    paper: Path | None,
    stack: ExitStack,
    faultpoint: Faultpoint | None,
) -> Exchange:
    """Return Bybit over the network or, with `paper`, the embedded one that keeps its account in that file."""
    from botbox_cli.exchange import session as s
    from botbox_cli.exchange.bybit import BybitExchange
    from botbox_cli.exchange.limiter import Limiter

    is_replay = paper is not None and settings.market is Market.REPLAY
    asked = s.Access(
        settings.mode,
        access.key,
        access.secret,
        endpoint=settings.rest_url if paper is None else PAPER_HOST,
        adapter=None if paper is None else _paper_adapter(settings, clock, paper, stack),
        limiter=None if is_replay else Limiter(),
    )
    session = s.open_session(asked, clock)
    stack.callback(session.close)
    asker: s.Session = session if faultpoint is None else faultpoint.around_requests(session)
    is_far = paper is None and faultpoint is None  # numbered steps come one after another
    exchange = BybitExchange(asker, clock, secrets=asked.secrets, is_far=is_far)
    stack.callback(exchange.close)
    return exchange


def paper_exchange(
    settings: Settings, clock: Clock, path: Path, stack: ExitStack, *, offset_ms: int = 0
) -> PaperExchange:
    """Return the embedded exchange on its state file, with the prices that the settings name."""
    from botbox_cli.exchange.paper.engine import PaperExchange
    from botbox_cli.exchange.paper.limits import LimitRules
    from botbox_cli.exchange.paper.store import FileBooks

    books = FileBooks(path, {"USDT": settings.account_balance})
    stack.callback(books.close)
    # On a replay clock that stands still, a limit per second would never be over.
    limits = LimitRules(is_on=settings.market is Market.LIVE)
    return PaperExchange(books, _paper_market(settings, offset_ms), clock, limits=limits)


def _paper_market(settings: Settings, offset_ms: int) -> PaperMarket:
    if settings.market is Market.REPLAY:
        from botbox_cli.exchange.paper.bundled import recording
        from botbox_cli.exchange.paper.replay import ReplayMarket

        return ReplayMarket(recording(), offset_ms=offset_ms)
    from botbox_cli.exchange.paper.live import LiveMarket
    from botbox_cli.exchange.public import public_fetch

    return LiveMarket(public_fetch(settings.rest_url))


def _paper_adapter(settings: Settings, clock: Clock, path: Path, stack: ExitStack) -> BaseAdapter:
    from botbox_cli.exchange.paper.transport import PaperAdapter

    return PaperAdapter(paper_exchange(settings, clock, path, stack))


def _paper_access(path: Path) -> Access:
    """Return the key of a paper account; its file is made if it is not there."""
    from botbox_cli.exchange.paper.identity import identity

    try:
        who = identity(path)
    except (OSError, sqlite3.Error) as e:
        raise StorageError(
            f"the paper account {path} can't be opened: {e}",
            "check the file and the permissions of its directory",
        ) from e
    return Access(who.api_key, who.api_secret, who.user_id)


def start_replay(settings: Settings, at: datetime) -> None:
    """Let the replay of a new paper account begin at `at`; one that has begun goes on where it is."""
    with ExitStack() as stack:
        store = open_store(settings)
        stack.callback(store.close)
        _replay_clock(paper_file(settings, store), stack, at)


def _replay_clock(path: Path, stack: ExitStack, start: datetime = REPLAY_START) -> Clock:
    from botbox_cli.exchange.paper.clocks import ReplayClock

    clock = ReplayClock(path, start)
    stack.callback(clock.close)
    return clock


def is_armed(settings: Settings) -> bool:
    """Tell whether money may move: always but in live mode, where BOTBOX_ARM_LIVE must say so."""
    return settings.mode is not Mode.LIVE or settings.arm_live is not None


def refuse_unarmed(settings: Settings) -> None:
    """Raise ConfigError where real money would move without BOTBOX_ARM_LIVE."""
    if not is_armed(settings):
        raise ConfigError(
            "BOTBOX_ARM_LIVE is not set, and nothing moves real money without it",
            "set it to the account's user id, which `botbox doctor` shows",
            code="not_armed",
        )


def _refuse_other_user(settings: Settings, user_id: str) -> None:
    """Raise ConfigError where the key of a live account belongs to another user than the armed one."""
    if user_id != settings.arm_live:
        raise ConfigError(
            f"BOTBOX_ARM_LIVE={settings.arm_live}, but the key belongs to user {user_id}",
            "check which account you mean to trade, and its key",
            code="not_armed",
        )


def _refuse_other_account(settings: Settings, exchange: Exchange) -> None:
    """Refuse to move a live account's money unless the key itself says that it is the armed one, and may do no more."""
    if settings.mode is not Mode.LIVE:
        return
    info = exchange.key_info()
    _refuse_other_user(settings, info.user_id)
    if info.read_only or not info.may_trade_spot:
        raise ConfigError(
            "the API key may not trade spot", "give it the permission Spot: Trade on Bybit", code="permission"
        )
    if info.may_withdraw:
        raise ConfigError(
            "the API key may withdraw, which botbox never needs and refuses",
            "take the permission away on Bybit, or make a key without it",
            code="withdraw_key",
        )


@dataclass(frozen=True, slots=True)
class Host:
    """The paper exchange as a server on loopback, not answering before `serve`."""

    url: str
    access: Access
    serve: Callable[[], None]


@contextmanager
def sandbox(settings: Settings, market: Market, port: int, state: Path | None) -> Iterator[Host]:
    """Open the paper exchange of `botbox sandbox`, on an account of its own in `state`.

    Its clients live by the wall clock, so recorded candles happen whole weeks later than they did.

    Raises:
        UsageError: If the port is taken.
    """
    from botbox_cli.exchange.paper.server import serve

    path = state or data_dir() / f"sandbox-{market}.sqlite"
    settings = settings.model_copy(update={"market": market})
    with ExitStack() as stack:
        access = _paper_access(path)
        clock = SystemClock()
        exchange = paper_exchange(settings, clock, path, stack, offset_ms=_replay_offset_ms(clock.now()))
        try:
            server = serve(exchange, port=port)
        except OSError as e:
            raise UsageError(f"port {port} can't be used: {e.strerror}", "`--port 0` takes a free one") from e
        stack.callback(server.close)
        yield Host(server.url, access, server.serve_forever)


def _replay_offset_ms(now: datetime) -> int:
    """Return by how much recorded candles are moved so that `now` falls into the recorded year.

    It stays the same for REPLAY_WEEKS, so that an account which is opened again finds the prices that it left.
    """
    turn = timedelta(weeks=REPLAY_WEEKS)
    return (now - REPLAY_START) // turn * REPLAY_WEEKS * 7 * DAY_MS
