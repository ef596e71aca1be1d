"""Borrowing coins: who may, how much, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_UP, Decimal

from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.market import Market
from botbox_cli.exchange.paper.number import ZERO
from botbox_cli.exchange.paper.protocol import HOUR_MS, Refusal
from botbox_cli.exchange.paper.state import Account
from botbox_cli.exchange.paper.terms import Terms

_INTEREST_PLACES = Decimal("1E-8")
INTEREST_MS = 5 * 60_000
"""When interest is charged, after each full hour."""
NO_REPAY_MS = (4 * 60_000, 5 * 60_000 + 30_000)
"""From when until when no repayment is taken, after each full hour: Bybit's documentation has both."""


class Margin:
    """Spot margin of one account."""

    def __init__(
        self, account: Account, market: Market, terms: Terms, instrument: Callable[[str], Instrument | None]
    ) -> None:
        self._account = account
        self._market = market
        self._terms = terms
        self._instrument = instrument

    def check(self, instrument: Instrument, coin: str, missing: Decimal, now_ms: int) -> None:
        """Refuse to lend `missing` coins for an order, if there is a reason to."""
        if not self._account.margin_mode:
            raise Refusal(
                170036,
                "You haven't enabled Cross Margin Trading yet. To do so, please head to the PC trading site"
                " or the Bybit app",
            )
        if not instrument.margin:
            raise Refusal(170344, "Symbol is not supported on Margin Trading")
        if missing > self.borrowable(coin, now_ms):
            raise Refusal(170033, "margin Insufficient account balance")

    def borrowable(self, coin: str, now_ms: int) -> Decimal:
        """Return how much of `coin` may still be borrowed: (leverage − 1) × net worth, less what is owed."""
        price = self.usdt_price(coin, now_ms)
        if not price:
            return ZERO
        worth = owed = ZERO
        for balance in self._account.ledger.balances.values():
            each = self.usdt_price(balance.coin, now_ms)
            worth += (balance.wallet - balance.owed) * each
            owed += balance.owed * each
        room = worth * (self._terms.spot_leverage - 1) - owed
        return max(ZERO, room / price)

    def usdt_price(self, coin: str, now_ms: int) -> Decimal:
        """Return what one `coin` is worth in USDT, 0 when no market says."""
        if coin in ("USDT", "USDC"):
            return Decimal(1)
        if self._instrument(coin + "USDT") is None:
            return self._terms.mnt_price if coin == "MNT" else ZERO
        return self._market.last(coin + "USDT", now_ms) or ZERO

    def repay(self, coin: str, amount: Decimal | None, now_ms: int) -> Decimal:
        """Pay back borrowed coins from what is free; return what was paid."""
        ledger = self._account.ledger
        first_ms, end_ms = NO_REPAY_MS
        if self._terms.has_repay_pause and first_ms <= now_ms % HOUR_MS < end_ms:
            # Which code Bybit has for it is not documented.
            raise Refusal(10001, "Repayment is prohibited between 04:00 and 05:30 per hour")
        if amount is not None and amount > ledger.owed(coin) > ZERO:
            raise Refusal(10001, "Repayment amount exceeds total liability")
        return ledger.repay(coin, ledger.free(coin) if amount is None else amount)

    def accrue(self, after_ms: int, now_ms: int) -> None:
        """Charge interest for every hour's minute of interest in (after, now]."""
        hours = (now_ms - INTEREST_MS) // HOUR_MS - (after_ms - INTEREST_MS) // HOUR_MS
        if not hours:
            return
        for balance in list(self._account.ledger.balances.values()):
            if balance.borrowed:
                hourly = (balance.borrowed * self._terms.hourly_interest).quantize(_INTEREST_PLACES, ROUND_UP)
                self._account.ledger.of(balance.coin).interest += hourly * hours
