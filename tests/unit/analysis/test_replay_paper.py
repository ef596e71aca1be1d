"""The replay makes the trades that the paper exchange makes from the same approvals, fill by fill.

Within the stated model: the person executes at the first moment of the entry candle, the monitor looks at the moments
at which the recorded path reaches a target, and nothing slips beyond the spread.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from botbox_cli.analysis.replay import Exit, ReplayTerms, replay
from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion
from botbox_cli.analysis.rules.rule import identity, setup_of
from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.candle import from_ms, to_ms
from botbox_cli.domain.order import Role
from botbox_cli.domain.pnl import pnl_of
from botbox_cli.domain.setup import Direction, Setup
from botbox_cli.domain.trade import LIVING_TRADES, STOP_LOSS_HIT, TAKE_PROFIT_HIT, TradeStatus
from botbox_cli.errors import Denied
from botbox_cli.exchange.bybit import BybitExchange
from botbox_cli.exchange.paper.candles import Recording
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.exchange.paper.crossing import reached
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.limits import LimitRules
from botbox_cli.exchange.paper.replay import ReplayMarket
from botbox_cli.exchange.paper.store import MemoryBooks
from botbox_cli.ports import Holder
from botbox_cli.services.backtest import stretch
from botbox_cli.services.book import TradeBook, books_of
from botbox_cli.services.desk import Desk, Policy
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from botbox_cli.services.portfolio import hold
from botbox_cli.services.target import target_of
from botbox_cli.storage.store import SqlStore
from tests.property.test_analysis import evidence_of
from tests.support.candle_store import MemoryCandles
from tests.support.candles import HOUR, RECORDED, recorded
from tests.support.world import WorldSession

SYMBOL = "SOLUSDT"
BALANCE = Decimal(10000)
RULE = BbMeanReversion(rsi_low=40, volume_factor=0.8)
TICK = Decimal("0.01")


class Desks:
    """A desk on a paper exchange that replays the recorded candles of one symbol."""

    def __init__(self, start_ms: int, policy: Policy) -> None:
        self.clock = ManualClock(from_ms(start_ms))
        self.market = ReplayMarket(Recording([RECORDED / f"bybit_{SYMBOL}_60.csv.gz"]))
        engine = PaperExchange(
            MemoryBooks({"USDT": BALANCE}),
            self.market,
            self.clock,
            limits=LimitRules(is_on=False),
            checks_signature=False,
        )
        self.store = SqlStore("sqlite://", new_tag=lambda: "test01")
        account = self.store.save_account(Mode.PAPER, "1", "hash", Venue.REPLAY)
        candles = MemoryCandles()
        candles.put(Venue.REPLAY, SYMBOL, "60", recorded(SYMBOL, "60"))
        exchange = BybitExchange(WorldSession(engine), self.clock)
        self.pair = exchange.instruments(SYMBOL)[SYMBOL]
        self.desk = Desk(
            self.store, candles, account, exchange, self.clock, policy, Holder("host", 1, "then", "desk")
        )

    def go_to(self, at_ms: int) -> None:
        self.clock.sleep(max(0.0, (at_ms - to_ms(self.clock.now())) / 1000))

    def enter(self, setup: Setup) -> str | None:
        """Approve and execute; return the code of a refusal."""
        with self.store.write(self.desk.account) as books:
            stored = books.add_setup(setup)
        try:
            assert execute(self.desk, stored.id, approve=True).success
        except Denied as refusal:
            return refusal.code
        return None

    def live_until(self, until_ms: int) -> None:
        """Look whenever the path reaches the target of a living trade."""
        while True:
            now = to_ms(self.clock.now())
            hits = []
            with self.store.read(self.desk.account) as books:
                living = books.trades(LIVING_TRADES)
            moves = list(self.market.path(SYMBOL, now, until_ms)) if living else []
            for trade in living:
                hit = reached(moves, target_of(trade), True, now + 1, TICK)
                if hit is not None and hit.at_ms < until_ms:
                    hits.append(hit.at_ms)
            if not hits:
                break
            self.go_to(min(hits) + 1)
            monitor(self.desk)
        self.go_to(until_ms)
        monitor(self.desk)

    def books(self) -> list[TradeBook]:
        with self.store.read(self.desk.account) as books:
            return sorted(books_of(books, books.trades()), key=lambda b: b.trade.id)


@pytest.mark.parametrize("fraction", [Decimal(1), Decimal("0.5")])
def test_replay_makes_the_trades_of_the_paper_exchange(fraction: Decimal):
    policy = Policy(tp1_fraction=fraction, max_open_positions=2)
    whole = evidence_of(recorded(SYMBOL, "60"), recorded(SYMBOL, "240"))
    evidence = stretch(whole, int(whole.candles.open_ms[400]), int(whole.candles.open_ms[1100]))
    finds = tuple(f for f in RULE.find(evidence) if f.direction is Direction.LONG)
    opens = evidence.candles.open_ms
    desks = Desks(int(opens[0]), policy)
    terms = ReplayTerms(slippage=0, tp1_fraction=float(fraction))

    # The paper exchange: every setup is approved at the first open after its candle.
    refused: dict[str, int] = {}
    for n, row in enumerate(finds[0].rows.tolist()):
        if row + 1 >= len(opens):
            break
        for at in opens[opens > to_ms(desks.clock.now())]:
            if at > opens[row + 1]:
                break
            desks.live_until(int(at))
        desks.go_to(int(opens[row + 1]))
        setup = setup_of(
            finds[0],
            n,
            evidence,
            rule=identity(RULE),
            timeframe="60",
            instrument=desks.pair,
            detected_at=from_ms(int(opens[row]) + HOUR.length_ms),
        )
        if setup.level_fault() is not None:
            continue
        code = desks.enter(replace(setup, expires_at=setup.detected_at + timedelta(hours=24)))
        if code is not None:
            refused[code] = refused.get(code, 0) + 1
    for at in opens[opens > to_ms(desks.clock.now())]:
        desks.live_until(int(at))

    # The replay of the same candles.
    replayed = replay(evidence, finds, HOUR, desks.pair, terms)
    zeros = np.zeros(len(replayed.trades), np.int64)
    held, limits = hold(replayed.trades, zeros, {0: desks.pair}, terms, policy, BALANCE)
    trades = replayed.trades.take(held.number)

    books = desks.books()
    assert len(books) == len(trades) > 8
    ends = [b.trade.close_reason for b in books]
    assert {STOP_LOSS_HIT, TAKE_PROFIT_HIT} <= set(ends)
    assert {**replayed.refused, **limits} == refused
    for n, book in enumerate(books):
        entries = [f for f in book.fills if book.find(f.order_link_id).role is Role.ENTRY]
        exits = [f for f in book.fills if book.find(f.order_link_id).role is not Role.ENTRY]
        assert [(f.qty, f.price) for f in entries] == [
            (held.qty[n], Decimal(repr(float(trades.entry_price[n]))))
        ], n
        assert (
            from_ms(int(trades.entry_ms[n]))
            <= entries[0].executed_at
            <= from_ms(int(trades.entry_ms[n]) + 60_000)
        )
        if trades.reason[n] >= Exit.GAP:
            assert book.trade.status is TradeStatus.OPEN
            continue
        assert book.trade.status is TradeStatus.CLOSED, n
        is_stop = held.reason[n] in (Exit.STOP, Exit.BREAK_EVEN)
        assert (book.trade.close_reason == STOP_LOSS_HIT) == is_stop, n
        assert abs(exits[-1].price - Decimal(repr(float(held.exit_price[n])))) <= TICK, n
        assert exits[-1].executed_at <= from_ms(int(held.exit_ms[n]) + 60_000), n
        assert book.trade.tp1_done == (held.exit_ms[n] == trades.exit_ms[n] and trades.tp1_ms[n] > 0), n
        if trades.tp1_ms[n] and book.trade.tp1_done:
            assert abs(exits[0].price - Decimal(repr(float(trades.tp1_price[n])))) <= TICK, n
        pnl = pnl_of(book.trade, book.position, book.fills)
        # One tick on what was sold is all that may differ.
        assert pnl.pnl is not None
        assert abs(pnl.pnl - held.pnl[n]) <= TICK * held.qty[n], n
        assert float(pnl.r_multiple) == pytest.approx(held.r[n], abs=0.01)
