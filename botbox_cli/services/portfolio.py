"""One account that takes the trades of a replay in the order in which they came: sizes, limits, coins, brakes.

The size is `domain.sizing`'s, the limits are those of `services.plan` and `services.brakes`, at the same moments.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from botbox_cli.analysis.columns import Column, Times, exact
from botbox_cli.analysis.replay import Exit, ReplayTerms, Trades
from botbox_cli.domain.candle import DAY_MS
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import HUNDRED, ZERO, ceil_to_step, decimal_of
from botbox_cli.domain.sizing import BUY_BACK_FACTOR, size
from botbox_cli.errors import Denied
from botbox_cli.services.desk import Policy
from botbox_cli.services.plan import BLIND_FEE_RATE


@dataclass(frozen=True, slots=True)
class Held:
    """The trades that the account took, by entry. `number` is the row in the trades that were offered.

    `qty` in base coin; `pnl`, `fees` in quote coin; `r` = pnl ÷ (qty × |entry − stop|). `exit_ms` may be earlier than
    offered: where a part could not be sold on its own, all went at TP1. `equity` is that of the account after each
    exit, in the order of `exits` (rows of these columns).
    """

    number: Times
    symbol: NDArray[np.int64]
    qty: list[Decimal]
    pnl: list[Decimal]
    fees: list[Decimal]
    r: Column
    exit_ms: Times
    exit_price: Column
    reason: NDArray[np.int8]
    exits: Times
    equity: list[Decimal]

    @property
    def decided_by_exit(self) -> Times:
        """The rows of those that came to an end, in the order of their exits."""
        decided = self.reason < Exit.GAP
        rows: Times = self.exits[decided[self.exits]]
        return rows


@dataclass(slots=True)
class _Position:
    """A trade under way; amounts grow with its fills."""

    row: int
    number: int
    symbol: int
    sign: int
    entry: Decimal
    stop: Decimal
    stop_now: Decimal
    qty: Decimal
    held: Decimal
    invested: Decimal
    fees: Decimal
    exited: Decimal = ZERO
    exit_value: Decimal = ZERO
    exit_ms: int = 0
    exit_price: float = 0.0
    reason: int = Exit.STOP

    @property
    def open_risk(self) -> Decimal:
        return max(ZERO, self.held * (self.entry - self.stop_now) * self.sign)

    @property
    def pnl(self) -> Decimal:
        return (self.exit_value - self.exited * self.entry) * self.sign - self.fees


@dataclass(slots=True)
class _Account:
    instruments: Mapping[int, Instrument]
    symbol: NDArray[np.int64]
    trades: Trades
    terms: ReplayTerms
    policy: Policy
    cash: Decimal
    refused: dict[str, int]
    taken: list[_Position] = field(default_factory=list)
    living: dict[int, _Position] = field(default_factory=dict)
    events: list[tuple[int, int, bool]] = field(default_factory=list)
    """(when, row of the position, is it the exit): a heap, in which TP1 comes before an exit of the same moment."""
    exits: list[int] = field(default_factory=list)
    equities: list[Decimal] = field(default_factory=list)
    closed: list[tuple[int, Decimal]] = field(default_factory=list)
    fee: Decimal = field(init=False)
    fraction: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self.fee = decimal_of(repr(self.terms.fee_rate))
        self.fraction = decimal_of(repr(self.terms.tp1_fraction))

    @property
    def equity(self) -> Decimal:
        return self.cash + sum((p.invested for p in self.living.values()), ZERO)

    # -- entry

    def offer(self, number: int) -> None:
        """Enter the trade, or count why not."""
        at_ms = int(self.trades.entry_ms[number])
        self.settle(at_ms)
        why = self._refusal(number, at_ms)
        if why is None:
            why = self._enter(number)
        if why is not None:
            self.refused[why] = self.refused.get(why, 0) + 1

    def _refusal(self, number: int, at_ms: int) -> str | None:
        policy, sign = self.policy, int(self.trades.sign[number])
        if sign < 0 and not policy.shorts:
            return "shorts_off"
        if len(self.living) >= policy.max_open_positions:
            return "too_many_positions"
        symbol = self.symbol[number]
        if any(p.symbol == symbol and p.sign != sign for p in self.living.values()):
            return "opposite_trade"
        if policy.max_day_loss_percent or policy.max_loss_streak:
            today = [pnl for when, pnl in self.closed if when >= at_ms // DAY_MS * DAY_MS]
            lost = -sum(today, ZERO)
            if policy.max_day_loss_percent and lost >= self.equity * policy.max_day_loss_percent / HUNDRED:
                return "day_loss"
            streak = sum(1 for _ in takewhile(lambda pnl: pnl < 0, reversed(today)))
            if policy.max_loss_streak and streak >= policy.max_loss_streak:
                return "loss_streak"
        return None

    def _enter(self, number: int) -> str | None:
        trades, policy = self.trades, self.policy
        instrument = self.instruments[int(self.symbol[number])]
        sign = int(trades.sign[number])
        stop, equity = exact(trades.stop[number]), self.equity
        try:
            sizing = size(
                instrument,
                price=exact(trades.quote[number]),
                stop=stop,
                equity=equity,
                free=max(ZERO, self.cash),
                risk_percent=policy.risk_percent,
                max_position_percent=policy.max_position_percent,
                max_slippage_percent=policy.max_slippage_percent,
                fee_rate=BLIND_FEE_RATE,
            )
        except Denied as e:
            return e.code
        if policy.max_open_risk_percent:
            risk = sizing.risk + sum((p.open_risk for p in self.living.values()), ZERO)
            if risk > equity * policy.max_open_risk_percent / HUNDRED:
                return "open_risk"
        entry, qty = exact(trades.entry_price[number]), sizing.qty
        fee = qty * entry * self.fee
        held = qty * (1 - self.fee) if sign > 0 else qty
        self.cash -= qty * entry * sign if sign > 0 else fee - qty * entry
        position = _Position(
            len(self.taken),
            number,
            int(self.symbol[number]),
            sign,
            entry,
            stop,
            stop,
            qty,
            held,
            held * entry * sign,
            fee,
        )
        self.taken.append(position)
        self.living[position.row] = position
        if trades.tp1_ms[number]:
            heapq.heappush(self.events, (int(trades.tp1_ms[number]), position.row, False))
        heapq.heappush(self.events, (int(trades.exit_ms[number]), position.row, True))
        return None

    # -- exit

    def settle(self, until_ms: int | None = None) -> None:
        """Let every TP1 and exit up to a moment happen (all, without one)."""
        while self.events and (until_ms is None or self.events[0][0] <= until_ms):
            at_ms, row, is_exit = heapq.heappop(self.events)
            position = self.living.get(row)
            if position is None:
                continue  # all of it went at TP1
            if is_exit:
                number = position.number
                reason = int(self.trades.reason[number])
                self._close(position, at_ms, float(self.trades.exit_price[number]), reason)
            else:
                self._take_part(position, at_ms)

    def _take_part(self, position: _Position, at_ms: int) -> None:
        instrument = self.instruments[position.symbol]
        number = position.number
        price = float(self.trades.tp1_price[number])
        whole = instrument.floor_qty(position.held)
        keep = whole - instrument.floor_qty(whole * self.fraction)
        worst = min(exact(price), position.stop)
        if instrument.is_sellable(keep, worst) and instrument.is_sellable(whole - keep, exact(price)):
            self._exit(position, whole - keep, exact(price))
            better = max if position.sign > 0 else min
            position.stop_now = better(position.stop, position.entry)
        else:
            self._close(position, at_ms, price, Exit.TARGET)

    def _close(self, position: _Position, at_ms: int, price: float, reason: int) -> None:
        lot = self.instruments[position.symbol].lot_size
        if position.sign > 0:
            qty = self.instruments[position.symbol].floor_qty(position.held)
        else:
            hours = -((int(self.trades.entry_ms[position.number]) - at_ms) // 3_600_000)
            owed = position.qty * decimal_of(repr(self.terms.hourly_interest)) * hours
            position.fees += owed * exact(price)
            qty = ceil_to_step(position.held * BUY_BACK_FACTOR, lot)
        self._exit(position, qty, exact(price))
        position.exit_ms, position.exit_price, position.reason = at_ms, price, reason
        del self.living[position.row]
        self.closed.append((at_ms, position.pnl))
        self.exits.append(position.row)
        self.equities.append(self.equity)

    def _exit(self, position: _Position, qty: Decimal, price: Decimal) -> None:
        fee = qty * price * self.fee
        position.exited += qty
        position.exit_value += qty * price
        position.fees += fee
        position.held -= qty
        self.cash += qty * price - fee if position.sign > 0 else -qty * price
        position.invested = position.held * position.entry * position.sign


def hold(
    trades: Trades,
    symbol: NDArray[np.int64],
    instruments: Mapping[int, Instrument],
    terms: ReplayTerms,
    policy: Policy,
    balance: Decimal,
) -> tuple[Held, dict[str, int]]:
    """Return what an account of `balance` made of `trades` (by entry), and how many it refused, by reason.

    `symbol` is each trade's key in `instruments`. Of an exit and an entry at one moment, the exit comes first.
    """
    account = _Account(instruments, symbol, trades, terms, policy, balance, {})
    for number in range(len(trades)):
        account.offer(number)
    account.settle()
    taken = account.taken
    rows = np.array([p.number for p in taken], np.int64)
    held = Held(
        rows,
        symbol[rows],
        [p.qty for p in taken],
        [p.pnl for p in taken],
        [p.fees for p in taken],
        np.array([float(p.pnl / (p.qty * abs(p.entry - p.stop))) for p in taken], np.float64),
        np.array([p.exit_ms for p in taken], np.int64),
        np.array([p.exit_price for p in taken], np.float64),
        np.array([p.reason for p in taken], np.int8),
        np.array(account.exits, np.int64),
        account.equities,
    )
    return held, account.refused
