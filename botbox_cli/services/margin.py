"""Shorts: what was borrowed is paid back before a trade counts as closed, its interest booked."""

from __future__ import annotations

from decimal import Decimal

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
    with desk.store.read(desk.account) as books:
        others = owed_by_shorts(books, coin, without=trade.id)
    for _ in range(REPAY_TRIES):
        balance = desk.exchange.wallet().get(coin, Balance(coin, ZERO))
        owed = balance.owed - others
        payable = min(owed, balance.free)
        if payable <= 0:
            return
        work.renew()
        with desk.store.write(desk.account) as books:
            interest = max(ZERO, owed - max(ZERO, principal(books, trade)))
            books.update_trade(trade.id, interest=max(trade.interest, interest))
            work.log(books, "repaying", f"{payable} {coin}, of it interest {interest}")
        desk.exchange.repay(coin, payable)
    raise OutcomeUnknown(
        f"trade {trade.id} has bought back, but {owed} {coin} are still owed",
        "run `botbox monitor --once`; if it stays so, repay on the exchange's website",
    )


def principal(books: Books, trade: Trade) -> Decimal:
    """Return what the trade has borrowed: what its entry sold."""
    return read_trade(books, trade.id).position.entered


def owed_by_shorts(books: Books, coin: str, *, without: int) -> Decimal:
    """Return what the other open shorts in a coin still owe by the books."""
    shorts = [
        t
        for t in books.trades(LIVING_TRADES)
        if t.base_coin == coin and t.direction is Direction.SHORT and t.id != without
    ]
    return sum((max(ZERO, b.position.held) for b in books_of(books, shorts)), ZERO)


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
