"""Shorts: what was borrowed is paid back before a trade counts as closed, its interest booked."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations

from botbox_cli.domain.account import Balance
from botbox_cli.domain.number import ZERO
from botbox_cli.domain.order import Role
from botbox_cli.domain.setup import Direction
from botbox_cli.domain.trade import LIVING_TRADES, Trade, TradeStatus
from botbox_cli.errors import Denied, ExchangeRejected, ExchangeUnavailable, OutcomeUnknown
from botbox_cli.ports import Books
from botbox_cli.services.book import books_of, close_books, read_trade
from botbox_cli.services.desk import Desk
from botbox_cli.services.lease import Work

REPAY_TRIES = 3


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
    try:
        _repay(work, trade)
    except (ExchangeUnavailable, ExchangeRejected) as e:
        raise OutcomeUnknown(
            f"trade {trade.id} has bought back, and whether its debt is paid is not known: {e.message}",
            "run `botbox monitor --once`; if it stays so, repay on the exchange's website",
        ) from e


def _repay(work: Work, trade: Trade) -> None:
    desk, coin = work.desk, trade.base_coin
    paid = ZERO
    for attempt in range(REPAY_TRIES):
        balance = desk.exchange.wallet().get(coin, Balance(coin, ZERO))
        work.renew()
        with desk.store.write(desk.account) as books:
            owed, interest = _share_of(books, trade, balance.owed, paid)
            payable = min(owed, balance.free)
            if payable > 0:
                if not paid:  # Afterwards the debt may still be shown as it was.
                    books.update_trade(trade.id, interest=max(trade.interest, interest))
                work.log(books, "repaying", f"{payable} {coin}, of it interest {interest}")
        if payable > 0:
            desk.exchange.repay(coin, payable)
            paid += payable
        elif paid or attempt:
            return
        # A debt that is not there at the first look may not be shown yet: only the second look is believed.
    raise OutcomeUnknown(
        f"trade {trade.id} has bought back, but {owed} {coin} are still owed",
        "run `botbox monitor --once`; if it stays so, repay on the exchange's website",
    )


def _share_of(books: Books, trade: Trade, owed: Decimal, paid: Decimal) -> tuple[Decimal, Decimal]:
    """Return (what a short owes, of it interest) of all that the account owes in its coin; it has `paid` so much."""
    own = max(ZERO, read_trade(books, trade.id).position.entered - paid)
    shorts = [
        t
        for t in books.trades(LIVING_TRADES)
        if t.base_coin == trade.base_coin and t.direction is Direction.SHORT and t.id != trade.id
    ]
    other_books = books_of(books, shorts)
    others = [book.position for book in other_books]
    holding = sum((p.entered for p in others if p.held > 0), ZERO)
    if any(order.role is Role.ENTRY for book in other_books for order in book.open_orders):
        # What that entry has borrowed is not booked yet: only the loan itself is certain to be this trade's.
        return max(ZERO, min(own, owed - holding)), ZERO
    bought_back = [p.entered for p in others if p.held <= 0]
    return share_of_debt(owed, own, holding, [*bought_back, _too_small_to_buy_back(books, trade.symbol)])


def _too_small_to_buy_back(books: Books, symbol: str) -> Decimal:
    """Return what closed shorts still owe because the exchange takes no order so small."""
    ended = books.trades([TradeStatus.CLOSED], symbol=symbol)
    shorts = [t for t in ended if t.direction is Direction.SHORT]
    return sum((max(ZERO, book.position.held) for book in books_of(books, shorts)), ZERO)


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
