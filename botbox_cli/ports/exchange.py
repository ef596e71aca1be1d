"""Bybit v5 spot in botbox's words.

Every method of `Exchange` raises from `botbox_cli.errors` only. Reads raise ExchangeUnavailable (after their own
bounded retries), ExchangeRejected or ConfigError (key, permission). Writes (`place`, `cancel`, `repay`) are sent
exactly once a call and raise in addition OutcomeUnknown, DuplicateOrder, OrderGone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from botbox_cli.domain.account import Balance, KeyInfo
from botbox_cli.domain.candle import Interval
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.instrument import Instrument, Quote
from botbox_cli.domain.order import OrderReport
from botbox_cli.domain.record import record
from botbox_cli.ports.candles import CandleBatch


@record
class Look:
    """One answer to "what of this order?": `report` is None when it is found nowhere; `at` is the exchange's clock
    before the first of the look-ups was answered, so that nothing older than `at` can have been overlooked.

    `fills`: executions of the order that were seen at the same time, where they were; not always all that it has.
    """

    report: OrderReport | None
    at: datetime
    fills: tuple[Fill, ...] = ()


@record
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


@record
class Outlook:
    """What an entry must know of the exchange; `instrument` and `quote` are None for a pair that is not traded."""

    instrument: Instrument | None
    quote: Quote | None
    wallet: dict[str, Balance]


class Exchange(Protocol):
    """Bybit v5 spot, in botbox's words."""

    recv_window_s: float

    def within(self, left_s: Callable[[], float]) -> Exchange:
        """Return this exchange as asked by a command that may wait for `left_s()` seconds more.

        As these run out, answers are waited for ever more shortly (a second at least) and no question is repeated.
        """
        ...

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

    def look_up(
        self,
        symbol: str,
        order_link_id: str,
        *,
        since: datetime,
        with_fills: bool = False,
        is_brief: bool = False,
    ) -> Look:
        """Look for one order: realtime, then history, then executions (from `since` on).

        `with_fills`: its executions are wanted, too, and asked for at the same time where the way is long.
        `is_brief`: in realtime only, which shows a new order first; not to be found there proves nothing.
        """
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
