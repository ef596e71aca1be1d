"""Shorts: what was borrowed is paid back before a trade counts as closed, its interest booked."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations

from botbox_cli.domain.account import Balance
from botbox_cli.domain.number import ZERO
from botbox_cli.domain.setup import Direction
from botbox_cli.domain.trade import LIVING_TRADES, Trade
from botbox_cli.errors import Denied, OutcomeUnknown
from botbox_cli.ports import Books
from botbox_cli.services.book import books_of, close_books, read_trade
from botbox_cli.services.desk import Desk
from botbox_cli.services.lease import Work

REPAY_TRIES = 2


def close_out(work: Work, reason: str) -> None:
    """Close a trade that has nothing more to trade; a short pays its debt back first.

    Raises:
        OutcomeUnknown: The debt is still there; the trade stays as it is, and the next pass tries again.
    """
    desk = work.desk
    trade = work.read().trade
    if trade.direction is Direction.SHORT:
        _pay_back(work, trade)
    work.renew()
    with desk.store.write(desk.account) as books:
        close_books(books, read_trade(books, work.trade_id), desk.clock.now(), reason)


def _pay_back(work: Work, trade: Trade) -> None:
    desk, coin = work.desk, trade.base_coin
    for _ in range(REPAY_TRIES):
        balance = desk.exchange.wallet().get(coin, Balance(coin, ZERO))
        work.renew()
        with desk.store.write(desk.account) as books:
            owed, interest = _share_of(books, trade, balance.owed)
            payable = min(owed, balance.free)
            if payable <= 0:
                return
            books.update_trade(trade.id, interest=max(trade.interest, interest))
            work.log(books, "repaying", f"{payable} {coin}, of it interest {interest}")
        desk.exchange.repay(coin, payable)
    raise OutcomeUnknown(
        f"trade {trade.id} has bought back, but {owed} {coin} are still owed",
        "run `botbox monitor --once`; if it stays so, repay on the exchange's website",
    )


def _share_of(books: Books, trade: Trade, owed: Decimal) -> tuple[Decimal, Decimal]:
    """Return (what a short owes, of it interest) of all that the account owes in its coin."""
    own = max(ZERO, read_trade(books, trade.id).position.entered)
    shorts = [
        t
        for t in books.trades(LIVING_TRADES)
        if t.base_coin == trade.base_coin and t.direction is Direction.SHORT and t.id != trade.id
    ]
    others = [book.position for book in books_of(books, shorts)]
    holding = sum((p.entered for p in others if p.held > 0), ZERO)
    return share_of_debt(owed, own, holding, [p.entered for p in others if p.held <= 0])


def share_of_debt(
    owed: Decimal, own: Decimal, holding: Decimal, bought_back: Sequence[Decimal]
) -> tuple[Decimal, Decimal]:
    """Return (what a short owes, of it interest), out of `owed` in all.

    It borrowed `own`, the other shorts that are still open `holding`, of which nothing is paid back before the end.
    Of those that have `bought_back`, and of this one itself, nobody knows which have paid (a process may have died
    after it asked): the loans are taken to be open that come nearest to the debt, for interest is never near a loan.
    """
    left = owed - holding
    loans = (own, *bought_back)
    choices = (c for size in range(len(loans) + 1) for c in combinations(range(len(loans)), size))
    still_open = min(choices, key=lambda choice: abs(left - sum(loans[i] for i in choice)))
    of_others = sum((loans[i] for i in still_open if i), ZERO)
    interest = left - of_others - (own if 0 in still_open else ZERO)
    return max(ZERO, left - of_others), max(ZERO, interest)


def check_own_coins(books: Books, trade_coin: str, direction: Direction, balance: Balance | None) -> None:
    """Refuse a short that would sell coins which the account owns, and a long beside a short in the same coin.

    A sale with leverage takes what is in the wallet before it borrows; a purchase may be taken to pay a debt.
    """
    against = [
        t for t in books.trades(LIVING_TRADES) if t.base_coin == trade_coin and t.direction is not direction
    ]
    if against:
        raise Denied(
            f"trade {against[0].id} is open in {trade_coin} the other way: the two would use each other's coins",
            f"`botbox close {against[0].id}` first",
            code="opposite_trade",
        )
    if direction is Direction.SHORT and balance is not None and balance.total > 0:
        raise Denied(
            f"the account holds {balance.total} {trade_coin} of its own, which a short would sell first",
            "move them to the funding account, or trade this one long",
            code="own_coins",
        )


def check_margin(desk: Desk) -> None:
    """Refuse a short while spot margin is off."""
    if not desk.exchange.is_margin_on():
        raise Denied(
            "spot margin is not switched on for this account",
            "switch it on at the exchange's website (Spot margin trading), then try again",
            code="margin_off",
        )
