"""The live desk: one loop over what streams. It acts at once where a price crosses a target, and settles by REST.

The loop itself waits for nothing but news, and for the exchange only while it leaves a trade. Passes, candles and
polled prices are a clerk's (`watch_clerk`), whose results are taken between two batches of news. No transaction and no
lock is held across a request; a trade is leased as by any other command, so cron's `monitor` beside it does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import cast

from botbox_cli.domain.candle import INTERVALS
from botbox_cli.domain.instrument import Quote
from botbox_cli.domain.order import OrderReport
from botbox_cli.errors import BotboxError, ConfigError, ExchangeUnavailable, StorageError
from botbox_cli.ports import CandleClosed, Exchange, Holder, News, OrderNews, Price, Stream, StreamState
from botbox_cli.services.attend import Snapshot
from botbox_cli.services.claims import Claims
from botbox_cli.services.desk import Desk
from botbox_cli.services.monitor import MonitorResult, attend_trade
from botbox_cli.services.right_of_way import RightOfWay
from botbox_cli.services.tally import FirstRequest, Latency
from botbox_cli.services.watch_clerk import Clerk
from botbox_cli.services.watch_events import (
    Acted,
    BooksChanged,
    Connection,
    Crossed,
    Event,
    Leading,
    Passed,
    SetupClosed,
    Standby,
    TradeMoved,
)
from botbox_cli.services.watch_harvest import Harvester
from botbox_cli.services.watch_health import DATABASE, EXCHANGE, Health
from botbox_cli.services.watch_polls import STREAM_PATIENCE_S, Polls
from botbox_cli.services.watch_round import Round, look_after_all
from botbox_cli.services.watch_silence import Silence
from botbox_cli.services.watch_trades import (
    BUSY_RETRY_S,
    OpenTrades,
    Watched,
    newer,
    quote_for,
    symbols_of_setups,
)

PULSE_S = 1.0
"""How often the lease, the log and the clock are looked at."""
LEAD_TTL_S, RENEW_S = 12.0, 4.0
"""The lead of a machine that has died moves within 15 s: its life, a pulse, and clocks that differ by up to 2 s."""
POLL_S = 3.0
"""Between two polled prices, while none stream."""
WARM_S = 20.0
"""A connection that has been idle for so long is used once, while trades are open: the next request finds it open."""
ACT_BUDGET_S = 6.0
"""The waiting for one trade inside the loop; what is not settled then is left to the pass that follows."""
RETRY_S = 5.0
"""After an attempt that did not end a trade, the next price above its target waits so long."""
NEWS_PASS_S = 0.3
PASS_GAP_S = 2.0
"""Between two passes that news have asked for."""
PASS_RETRY_S = 10.0
"""After a pass that did not reach the exchange or the database."""
FUTURE = timedelta(seconds=5)
"""A price dated further ahead, by a frame gone wrong or a clock set back since, holds up none that come after it."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a watch looks at: pairs, intervals, the one that is scanned, and seconds between two passes."""

    symbols: tuple[str, ...]
    timeframes: tuple[str, ...]
    scan_timeframe: str = "60"
    interval_s: float = 60.0


class Watch:
    """One live desk. `run` works until `stop`; everything it has to say goes to `tell`, in the loop's thread.

    Args:
        hand: Makes a desk with a holder of its own: the loop and each lane of the clerk lease for themselves.
        ticks: Seconds that never go back, by which the loop counts; the desk's clock may be a replay's.
    """

    def __init__(
        self,
        hand: Callable[[], Desk],
        clerk: Clerk,
        stream: Stream,
        ticks: Callable[[], float],
        sight: Sight,
        tell: Callable[[Event], None],
    ) -> None:
        self.desk = hand()
        self.prices: dict[str, Price] = {}
        self.trades = OpenTrades()
        self.is_leading = False
        self._way, self._claims = RightOfWay(ticks), Claims()
        self._pass_desk, self._quote_desk = self._way.heeded_by(hand()), hand()
        self._clerk, self._stream, self._ticks, self._sight, self._tell = clerk, stream, ticks, sight, tell
        self.health = Health(tell)
        codes = tuple(dict.fromkeys([*sight.timeframes, sight.scan_timeframe]))
        self._intervals = [INTERVALS[code] for code in codes]
        self._candles = Harvester(
            self._way.heeded_by(hand()),
            clerk,
            ticks,
            sight.symbols,
            codes,
            sight.scan_timeframe,
            self.health,
            tell,
        )
        self._alive: dict[str, OrderReport] = {}
        self._busy: set[str] = set()
        self._up: dict[str, bool] = {}
        self._streams = not isinstance(stream, Silence)
        self._polls = Polls(ticks, tell, streams=self._streams)
        self._other: Holder | None = None
        self._due: dict[str, float] = {}
        self._last_pass = self._last_request = self._taken = ticks()
        self._latency = Latency()
        self._stopped = False
        self._began = ticks()

    def run(self) -> None:
        """Work until `stop`. Raises ConfigError for a wrong setting or key; nothing else of botbox's ends it."""
        self._stream.follow(self._sight.symbols, self._intervals)
        self._polls.follow(self._sight.symbols)
        try:
            while not self._stopped:
                self._pulse()
                news = self._stream.news(self._wait_s())
                self._taken = self._ticks()
                self._take(news)
                self._clerk.collect()
                self._do_due()
        finally:
            self._clerk.close(wait_for=("pass",))
            self._give_up_lead()

    def stop(self) -> None:
        """Let `run` end once what is under way has ended, within a second or as soon as there are news."""
        self._stopped = True

    # -- the loop's own beat

    def _is_due(self, name: str, every_s: float) -> bool:
        """Tell whether it is time for something, and put its next time `every_s` ahead."""
        now = self._ticks()
        if now < self._due.get(name, 0.0):
            return False
        self._due[name] = now + every_s
        return True

    def _soon(self, name: str, in_s: float = 0.0) -> None:
        self._due[name] = min(self._due.get(name, 0.0), self._ticks() + in_s)

    def _wait_s(self) -> float:
        """Return how long the loop may wait for news; what a busy lane is due for has to wait for its end."""
        lanes = {"pass": self.is_leading, "quotes": bool(self._polls.symbols)}
        names = ["pulse", *(n for n, is_on in lanes.items() if is_on and not self._clerk.is_busy(n))]
        waits = [self._due[name] - self._ticks() for name in names if name in self._due]
        if self.is_leading:
            waits.append(self._candles.wait_s())
            waits += [w.rests_until - self._ticks() for symbol in self._busy for w in self.trades.of(symbol)]
        return max(0.0, min([PULSE_S, *waits]))

    def _pulse(self) -> None:
        if not self._is_due("pulse", PULSE_S):
            return
        try:
            if self._is_due("lead", RENEW_S if self.is_leading else 0.0):
                self._keep_lead()
            self._read_books()
        except BotboxError as e:
            self.health.failed(e)
            return
        self.health.works(DATABASE)

    def _keep_lead(self) -> None:
        """Take or renew the lease of this account's watch."""
        other = self.desk.store.take_lease(self._lease, self.desk.holder, self.desk.clock.now(), LEAD_TTL_S)
        if other is None and not self.is_leading:
            self.is_leading = True
            self._tell(Leading(self._other))
            self._other = None
            self._soon("pass")
            # A stream that comes up asks for the same, sooner.
            self._candles.catch_up_soon(STREAM_PATIENCE_S if self._streams else 0.0)
        elif other is not None and (self.is_leading or other != self._other):
            self.is_leading = False
            self._other = other
            self._tell(Standby(other))

    @property
    def _lease(self) -> str:
        return f"watch:{self.desk.account.id}"

    def _give_up_lead(self) -> None:
        if self.is_leading:
            self.is_leading = False
            with suppress(StorageError):  # It expires by itself.
                self.desk.store.free_lease(self._lease, self.desk.holder)

    # -- books

    def _read_books(self, *, mine: frozenset[int] = frozenset()) -> None:
        """Read the open trades if the log has grown; tell of those that others began or ended."""
        with self.desk.store.read(self.desk.account) as books:
            moved = self.trades.read(books)
            if moved is None:
                return
            wanted = self.trades.symbols | symbols_of_setups(books)
        self._stream.put_first(self.trades.symbols)
        new = sorted(wanted - self._polls.followed)
        if new:
            self._stream.follow(new, [])
            self._polls.follow(new)
        for trade in moved:
            if trade.id not in mine:
                self._tell(TradeMoved(trade))
                self._soon("pass", NEWS_PASS_S)
        self._tell(BooksChanged())

    # -- news

    def _take(self, news: list[News]) -> None:
        prices: dict[str, Price] = {}
        for item in news:
            if isinstance(item, Price):
                prices[item.symbol] = newer(prices.get(item.symbol), item)
            elif isinstance(item, CandleClosed):
                self._candles.take(item, is_leading=self.is_leading)
            elif isinstance(item, OrderNews):
                self._alive.pop(item.order_link_id, None)
                self._soon_pass()
            else:
                self._state(item)
        self._polls.heard(prices.keys())
        if self._is_due("polls", PULSE_S):  # Now that all news are known: the loop itself may have been away.
            self._polls.judge(self.trades.symbols)
        self._take_prices(prices)

    def _take_prices(self, prices: dict[str, Price]) -> None:
        """Act on the newest price of each symbol; one that is older than what was seen is nothing new."""
        latest = self.desk.clock.now() + FUTURE
        for symbol, price in prices.items():
            known = self.prices.get(symbol)
            if known is not None and price.at <= known.at <= latest:
                continue
            self.prices[symbol] = price
            if self.is_leading:
                for watched in self.trades.of(symbol):
                    self._judge(watched, price)

    def _state(self, state: StreamState) -> None:
        if self._up.get(state.channel, False) != state.is_up or state.channel not in self._up:
            self._tell(Connection(state.channel, state.is_up, state.detail))
        self._up[state.channel] = state.is_up
        if state.channel == "public":
            self._polls.state(state)
            self._polls.judge(self.trades.symbols)
        if state.is_up:
            # Nothing is replayed: what happened meanwhile is asked for.
            self._alive.clear()
            self._soon_pass()
            if state.channel == "public":
                self._candles.catch_up_soon()

    # -- acting on a price

    def _judge(self, watched: Watched, price: Price) -> None:
        if self._ticks() < watched.rests_until:
            return
        crossed = watched.crossed(price)
        if crossed is None:
            return
        watched.rests_until = self._ticks() + RETRY_S
        if crossed.level_name == "target":
            self._leave_at(watched, price, crossed)
        else:
            # The stop on the exchange is the exit: a pass books it, or acts if it was passed over.
            self._tell(crossed)
            self._soon_pass()

    def _leave_at(self, watched: Watched, price: Price, crossed: Crossed) -> None:
        """Have a trade looked after at the price that has just crossed its target; only then tell of it."""
        trade = watched.trade
        snapshot = Snapshot(self._alive, (), {trade.symbol: quote_for(trade, price)})
        error: BotboxError | None = None
        result = MonitorResult()
        timed = FirstRequest(self.desk.exchange, self._ticks)
        try:
            desk = self.desk.asking(cast("Exchange", timed))
            self._claims.give_up(trade.id)
            with self._way.taken():
                result = attend_trade(desk, trade, snapshot, budget_s=ACT_BUDGET_S)
        except BotboxError as e:
            error = e
        if timed.at is not None:
            self._latency.observe(timed.at - self._taken)
        if any(a.action == "busy" for a in result.trades):
            watched.rest_while_busy(self._ticks())
            self._busy.add(trade.symbol)
            return
        watched.pause_s = BUSY_RETRY_S
        self._last_request = self._ticks()
        self._soon_pass()
        self._tell(crossed)
        if error is not None:
            self.health.failed(error, f"trade {trade.id}")
        self._tell_pass(result)

    def _try_busy(self) -> None:
        """Judge anew what was in other hands, by the newest price: no other may come for a while."""
        busy, self._busy = self._busy, set()
        for symbol in busy:
            for watched in self.trades.of(symbol):
                if self._ticks() < watched.rests_until:
                    self._busy.add(symbol)
                else:
                    self._judge(watched, self.prices[symbol])

    # -- what is due

    def _do_due(self) -> None:
        if self._polls.symbols and not self._clerk.is_busy("quotes") and self._is_due("quotes", POLL_S):
            self._ask_quotes()
        if self.is_leading:
            self._try_busy()
            self._due_pass()
            self._candles.do_due(is_polling=self._polls.is_of_all)
            self._keep_warm()

    def _soon_pass(self) -> None:
        since = self._ticks() - self._last_pass
        self._soon("pass", max(NEWS_PASS_S, PASS_GAP_S - since))

    def _due_pass(self) -> None:
        if self._clerk.is_busy("pass") or not self._is_due("pass", self._sight.interval_s):
            return
        self._last_pass = self._ticks()
        observed, self._latency = self._latency, Latency()
        self._clerk.ask(
            "pass",
            partial(look_after_all, self._pass_desk, self._claims, observed),
            self._passed,
            self._pass_failed,
        )

    def _passed(self, done: Round) -> None:
        result = done.passed
        self._alive = dict(result.snapshot.alive)
        is_reached = not any(isinstance(e.error, ExchangeUnavailable) for e in result.errors)
        is_idle = not result.trades and self.health.needs_key  # nothing left that needs the key
        if is_reached and (result.checked or is_idle):
            self.health.works(EXCHANGE)
        if not result.errors:
            self.health.works("monitor")
        if any(a.action == "busy" for a in result.trades):
            self._soon("pass", PASS_GAP_S)  # Its holder may be dead, and the position naked.
        if not is_reached:
            self._soon("pass", PASS_RETRY_S)
        self._tell_pass(result)
        for setup in done.invalidated:
            self._tell(SetupClosed(setup.id, setup.reason))
        self._tell(Passed(result.checked, result.closed, tuple(x.error for x in result.errors)))

    def _tell_pass(self, result: MonitorResult) -> None:
        """Tell what was done for trades and what failed, and read the books that it has changed."""
        failing = set()
        for error in result.errors:
            subject = "monitor" if error.trade_id is None else f"trade {error.trade_id}"
            failing.add(subject)
            self.health.failed(error.error, subject)
        for action in result.trades:
            if f"trade {action.id}" not in failing and action.action != "busy":
                self.health.works(f"trade {action.id}")
            if action.action not in ("none", "busy", "failed") or (action.action == "none" and action.detail):
                self._tell(Acted(action))
        try:
            self._read_books(mine=frozenset(a.id for a in result.trades if a.action != "busy"))
        except BotboxError as e:
            self.health.failed(e)

    def _pass_failed(self, error: BotboxError) -> None:
        self._soon("pass", PASS_RETRY_S)
        self._failed(error)

    def _failed(self, error: BotboxError) -> None:
        self.health.failed(error)

    def _ask_quotes(self) -> None:
        symbols = sorted(self._polls.symbols)
        failed = partial(self.health.failed, is_public=True)
        self._clerk.ask("quotes", lambda: self._quote_desk.exchange.quotes(symbols), self._quoted, failed)

    def _quoted(self, quotes: dict[str, Quote]) -> None:
        self.health.works(EXCHANGE, is_public=True)
        at = self.desk.clock.now()
        self._take_prices({s: Price(s, q.bid, q.ask, at) for s, q in quotes.items()})

    def _keep_warm(self) -> None:
        """Use the loop's own connection now and then while trades are open, so that it is open when it counts."""
        if self.health.is_down(EXCHANGE) or not self.trades.symbols:
            return
        if self._ticks() - self._last_request < WARM_S and self._last_request > self._began:
            return
        self._last_request = self._ticks()
        try:
            self.desk.exchange.server_time()
        except ConfigError:
            raise
        except BotboxError as e:
            self.health.failed(e, is_public=True)
