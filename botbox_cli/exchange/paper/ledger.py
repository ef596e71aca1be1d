"""Exact balances: what the wallet holds, what open orders lock of it, what is owed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from botbox_cli.exchange.paper.number import ZERO


@dataclass(slots=True)
class Balance:
    """One coin. `wallet` includes `locked` and what was borrowed; `borrowed` and `interest` are owed."""

    coin: str
    wallet: Decimal = ZERO
    locked: Decimal = ZERO
    borrowed: Decimal = ZERO
    interest: Decimal = ZERO

    @property
    def free(self) -> Decimal:
        return self.wallet - self.locked

    @property
    def owed(self) -> Decimal:
        return self.borrowed + self.interest

    @property
    def is_blank(self) -> bool:
        return not (self.wallet or self.borrowed or self.interest)


class Ledger:
    """All balances of the account; `changed` names the coins that the current request touched."""

    def __init__(self, opening: Mapping[str, Decimal]) -> None:
        self.balances: dict[str, Balance] = {}
        self.changed: set[str] = set()
        for coin, amount in opening.items():
            self.of(coin).wallet = amount

    def of(self, coin: str) -> Balance:
        """Return the balance of `coin`, to be changed."""
        self.changed.add(coin)
        balance = self.balances.get(coin)
        if balance is None:
            balance = self.balances[coin] = Balance(coin)
        return balance

    def free(self, coin: str) -> Decimal:
        """Return what can still be spent or locked of `coin`."""
        balance = self.balances.get(coin)
        return balance.free if balance else ZERO

    def owed(self, coin: str) -> Decimal:
        """Return what was borrowed of `coin`, and its interest."""
        balance = self.balances.get(coin)
        return balance.owed if balance else ZERO

    def borrow(self, coin: str, amount: Decimal) -> None:
        """Add borrowed coins to the wallet."""
        balance = self.of(coin)
        balance.wallet += amount
        balance.borrowed += amount

    def repay(self, coin: str, amount: Decimal) -> Decimal:
        """Pay back at most `amount` from the free wallet, interest first; return what was paid."""
        balance = self.of(coin)
        paid = max(ZERO, min(amount, balance.free, balance.owed))
        to_interest = min(paid, balance.interest)
        balance.interest -= to_interest
        balance.borrowed -= paid - to_interest
        balance.wallet -= paid
        return paid
