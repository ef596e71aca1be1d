"""Shorts: what was borrowed is paid back before a trade counts as closed, its interest booked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations

from botbox_cli.domain.account import Balance
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import ZERO, plain
from botbox_cli.domain.order import Role
from botbox_cli.domain.pnl import pnl_of
from botbox_cli.domain.setup import Direction
from botbox_cli.domain.trade import LIVING_TRADES, Trade, TradeStatus
from botbox_cli.errors import EXCHANGE_FAILED, Denied, ExchangeRejected, ExchangeUnavailable, OutcomeUnknown
from botbox_cli.ports import Books
from botbox_cli.services.book import TradeBook, books_of, close_books, read_trade
from botbox_cli.services.desk import Desk
from botbox_cli.services.lease import Work

REPAY_PAUSES_S = (0.0, 0.5, 0.5, 1.0, 2.0)
"""Before each look at the debt that follows one in doubt: what was paid may show a while later."""
MOST_AN_HOUR = Decimal("0.0002")
"""Of a loan: no coin has cost so much interest for long. What a debt has more than that is part of another's loan."""


def close_out(work: Work, reason: str) -> None:
    """Close a trade that has nothing more to trade; a short pays its debt back first.

    Raises:
        OutcomeUnknown: The debt is still there; the trade stays as it is, and the next pass tries again.
    """
    desk = work.desk
    trade = work.read().trade
    told = _pay_back(work, trade) if trade.direction is Direction.SHORT else ""
    work.renew()
    with desk.store.write(desk.account) as books:
        book = read_trade(books, work.trade_id)
        if book.trade.status not in LIVING_TRADES:
            return
        close_books(books, book, desk.clock.now(), reason)
        if told:
            books.update_trade(trade.id, detail=told)
            work.log(books, "repaid", told)


def note_interest(work: Work) -> None:
    """Book what the debt of a short has cost until now, so that its exit buys that back too.

    Where the wallet can't be read, the interest is booked when it is paid.
    """
    desk, trade = work.desk, work.read().trade
    with suppress(*EXCHANGE_FAILED):
        balance = desk.exchange.wallet().get(trade.base_coin, Balance(trade.base_coin, ZERO))
        work.renew()
        with desk.store.write(desk.account) as books:
            book = read_trade(books, trade.id)
            others = _shorts_beside(books, trade)
            _, interest = _share_of(books, book, others, balance, ZERO, desk.clock.now())
            if interest > book.trade.interest:
                books.update_trade(trade.id, interest=interest)


@dataclass(slots=True)
class _Payments:
    """What one process has asked to be repaid: in all, and the last time; what was to be owed then, and had cost.

    `debt`: what the account owed in all before the last one.
    """

    total: Decimal = ZERO
    last: Decimal = ZERO
    to_be_owed: Decimal = ZERO
    interest: Decimal = ZERO
    debt: Decimal = ZERO

    def add(self, amount: Decimal, owed: Decimal, interest: Decimal, debt: Decimal) -> None:
        self.total, self.last, self.debt = self.total + amount, amount, debt
        self.to_be_owed, self.interest = owed - amount, interest

    def show_in(self, owed: Decimal, debt: Decimal, most_interest: Decimal) -> bool:
        """Tell whether what is owed is what they have left, but for some interest that has come since.

        The whole debt must have fallen, too: with others in it, nobody can say for certain whose the rest is. Where
        another has borrowed meanwhile, only the next pass can tell.
        """
        if not self.total:
            return True
        has_fallen = debt <= self.debt - self.last / 2
        return has_fallen and owed <= self.to_be_owed + min(self.last / 2, most_interest)


def _pay_back(work: Work, trade: Trade) -> str:
    """Pay what a short owes; return what is left of it, or of its coins, in words ("" if nothing is)."""
    try:
        return _repay(work, trade)
    except (ExchangeUnavailable, ExchangeRejected) as e:
        raise OutcomeUnknown(
            f"trade {trade.id} has bought back, and whether its debt is paid is not known: {e.message}",
            "run `botbox monitor --once`; if it stays so, repay on the exchange's website",
        ) from e


def _repay(work: Work, trade: Trade) -> str:
    desk, coin = work.desk, trade.base_coin
    payments, owed, has_paid = _Payments(), work.read().position.entered, False
    failed: ExchangeUnavailable | OutcomeUnknown | None = None
    for look, pause_s in enumerate(REPAY_PAUSES_S):
        if not has_paid:
            desk.clock.sleep(min(pause_s, work.budget.left_s()))
        with desk.store.read(desk.account) as books:
            beside = _ids(_shorts_beside(books, trade))
        balance = desk.exchange.wallet().get(coin, Balance(coin, ZERO))
        work.renew()
        with desk.store.write(desk.account) as books:
            book = read_trade(books, trade.id)
            if book.trade.status not in LIVING_TRADES:
                # While this process was held up another has paid, and what is owed now is not this trade's.
                return ""
            others = _shorts_beside(books, trade)
            if _ids(others) != beside:
                continue  # One of them has paid and closed meanwhile: the answer may still have had its loan.
            now = desk.clock.now()
            owed, interest = _share_of(books, book, others, balance, payments.total, now)
            most_interest = _most_interest(book, now)
            is_shown = payments.show_in(owed, balance.owed, most_interest)
            # With its own coins only: what else is free was bought back by others, for their own loans.
            own_coins = _bought_back(book) - payments.total
            payable = min(owed, balance.free, own_coins) if is_shown else ZERO
            if payable > 0:
                if payments.total:  # What has come since is interest.
                    interest = payments.interest + max(ZERO, owed - payments.to_be_owed)
                interest = max(book.trade.interest, interest)
                books.update_trade(trade.id, interest=interest)
                work.log(books, "repaying", f"{payable} {coin}, of it interest {interest}")
        has_paid = payable > 0
        if has_paid:
            try:
                desk.exchange.repay(coin, payable)
                payments.add(payable, owed, interest, balance.owed)
            except ExchangeUnavailable as e:  # Bybit takes one repayment a second.
                failed, has_paid = e, False
            except OutcomeUnknown as e:  # The debt tells whether it was done.
                payments.add(payable, owed, interest, balance.owed)
                failed = e
        elif is_shown and (own_coins <= 0 or (owed <= most_interest and (look or payments.total))):
            # A debt that is not there at the first look may not be shown yet: only the second look is believed.
            is_unused = not (payments.total or beside) and balance.free >= own_coins
            return _left_in_words(coin, owed, own_coins if is_unused else ZERO)
    if failed is not None:
        raise failed
    raise OutcomeUnknown(
        f"trade {trade.id} has bought back, but {owed} {coin} are still owed",
        "run `botbox monitor --once`; if it stays so, repay on the exchange's website",
    )


def _left_in_words(coin: str, owed: Decimal, unused: Decimal) -> str:
    """Say what is still owed when a short ends, or that its coins paid for nothing; "" if neither is so."""
    if owed > 0:
        return f"{plain(owed)} {coin} are still owed, which were not bought back"
    return f"nothing was owed: {plain(unused)} {coin} are on the account" if unused > 0 else ""


def _shorts_beside(books: Books, trade: Trade) -> list[TradeBook]:
    """Return the other living shorts in the coin of a short."""
    living = books.trades(LIVING_TRADES)
    shorts = [t for t in living if t.base_coin == trade.base_coin and t.direction is Direction.SHORT]
    return books_of(books, [t for t in shorts if t.id != trade.id])


def _ids(shorts: Sequence[TradeBook]) -> list[int]:
    return [short.trade.id for short in shorts]


def _bought_back(book: TradeBook) -> Decimal:
    """Return the coins that a short's exits have brought in."""
    return book.position.exited - book.position.exit_fee


def _share_of(
    books: Books,
    book: TradeBook,
    other_books: Sequence[TradeBook],
    balance: Balance,
    paid: Decimal,
    now: datetime,
) -> tuple[Decimal, Decimal]:
    """Return (what a short owes, of it interest) of all that the account owes in its coin; it has `paid` so much."""
    trade, own = book.trade, max(ZERO, book.position.entered - paid)
    open_ones = [other for other in other_books if other.position.held > 0]
    holding = sum((_loan(other) for other in open_ones), ZERO)
    claimed = sum((other.trade.interest for other in open_ones), ZERO)
    if _is_entering(other_books):
        # What that entry has borrowed is not booked yet: only the loan itself, and what the exchange calls interest
        # or the books know as such, are certain to be this trade's.
        known = max(balance.interest, trade.interest)
        owed = max(ZERO, min(book.position.entered + known - paid, balance.owed - holding))
        return owed, min(owed, known)
    bought_back = [(_loan(other), other.trade.interest) for other in other_books if other.position.held <= 0]
    return share_of_debt(
        balance,
        own,
        holding,
        bought_back,
        is_loan_whole=trade.exit_time is None and not _is_lent_out([book, *other_books]),
        most_interest=_most_interest(book, now),
        claimed=claimed,
        written_off=_too_small_to_buy_back(books, trade.symbol),
    )


def _is_entering(shorts: Sequence[TradeBook]) -> bool:
    return any(order.role is Role.ENTRY for book in shorts for order in book.open_orders)


def _most_interest(book: TradeBook, now: datetime) -> Decimal:
    hours = 1 + (now - book.trade.created_at) // timedelta(hours=1)
    return book.position.entered * MOST_AN_HOUR * hours


def _loan(book: TradeBook) -> Decimal:
    """Return what a short owes until it has paid: its whole loan, or what was left at its end when it is taken up."""
    ended_at = book.trade.exit_time
    if ended_at is None:
        return book.position.entered
    since = sum(
        (f.qty - f.fee_in(book.trade.base_coin) for f in book.fills if f.executed_at > ended_at), ZERO
    )
    return max(book.owed, since)


def _is_lent_out(shorts: Sequence[TradeBook]) -> bool:
    """Tell whether an entry may have sold what another short had just bought back: it has borrowed so much less."""
    for book in shorts:
        entries = {o.order_link_id for o in book.of_role(Role.ENTRY)}
        began = min((f.executed_at for f in book.fills if f.order_link_id not in entries), default=None)
        others = (other for other in shorts if other is not book)
        if began is not None and any(began <= at for other in others for at in _entered_at(other)):
            return True
    return False


def _entered_at(book: TradeBook) -> list[datetime]:
    entries = {o.order_link_id for o in book.of_role(Role.ENTRY)}
    return [f.executed_at for f in book.fills if f.order_link_id in entries]


def _too_small_to_buy_back(books: Books, symbol: str) -> Decimal:
    """Return what closed shorts still owe because the exchange takes no order so small."""
    ended = books.trades([TradeStatus.CLOSED], symbol=symbol)
    shorts = [t for t in ended if t.direction is Direction.SHORT]
    return sum((max(ZERO, book.owed) for book in books_of(books, shorts)), ZERO)


def share_of_debt(
    balance: Balance,
    own: Decimal,
    holding: Decimal,
    bought_back: Sequence[tuple[Decimal, Decimal]],
    *,
    is_loan_whole: bool,
    most_interest: Decimal,
    claimed: Decimal = ZERO,
    written_off: Decimal = ZERO,
) -> tuple[Decimal, Decimal]:
    """Return (what a short owes, of it interest), out of all that is owed.

    It borrowed `own`, the other shorts that are still open `holding`, of which nothing is paid back before the end.
    Of those that have `bought_back` (loan and interest each), and of this one itself, nobody knows which have paid (a
    process may have died after it asked): the loans are taken to be open that come nearest to the debt, for interest is
    never near a loan. Interest is what the exchange calls so, and what it has added to the debt if `is_loan_whole`:
    where a part of a loan is paid already, or an entry sold coins instead of borrowing, what is left is no interest but
    a loan; so is what is more than the `most_interest` that there can be. Where both are the same it is shown twice.
    What the other open shorts have `claimed` of it is theirs to pay. What has been `written_off` of ended ones stays
    owed, or a part of it: where an entry has sold coins instead of borrowing, one of them may have paid for another.
    """
    left = balance.debt - holding
    loans = (own, *(loan for loan, _ in bought_back), written_off)
    choices = (c for size in range(len(loans) + 1) for c in combinations(range(len(loans)), size))
    still_open = min(choices, key=lambda choice: abs(left - sum(loans[i] for i in choice)))
    rest = left - sum((loans[i] for i in still_open if i), ZERO)
    if not still_open and rest <= written_off:
        rest = ZERO
    added = max(ZERO, rest - (own if 0 in still_open else ZERO))
    if not is_loan_whole or added > most_interest:
        rest, added = max(ZERO, rest), ZERO
    apart = ZERO if added == balance.interest else balance.interest
    interest = added + apart
    claimed += sum((bought_back[i - 1][1] for i in still_open if 0 < i <= len(bought_back)), ZERO)
    theirs = min(claimed, interest)
    return max(ZERO, rest + apart - theirs), interest - theirs


def check_own_coins(
    books: Books, instrument: Instrument, price: Decimal, direction: Direction, balance: Balance | None
) -> None:
    """Refuse a short that would sell coins which the account owns, and a long beside a short in the same coin.

    A sale with leverage takes what is in the wallet before it borrows; a purchase may be taken to pay a debt. What
    botbox's own trades have left over there is no coin of the owner's.
    """
    trade_coin = instrument.base_coin
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
        _refuse_selling(books, instrument, price, balance.total)


def _refuse_selling(books: Books, instrument: Instrument, price: Decimal, total: Decimal) -> None:
    coin = instrument.base_coin
    ours = left_over(books, instrument, price)
    allowed = ours + (instrument.lot_size if ours else ZERO)
    shorts = _living_shorts(books, coin)
    bought_back = sum((b.position.exited - b.position.exit_fee for b in shorts), ZERO)
    if total <= allowed:
        return
    if total - bought_back <= allowed:
        trade_id = next(b.trade.id for b in shorts if b.position.exited)
        raise Denied(
            f"trade {trade_id} has bought back {bought_back} {coin} of what it owes, which another short would sell",
            f"`botbox close {trade_id}` first",
            code="own_coins",
        )
    raise Denied(
        f"the account holds {plain(total - ours)} {coin} of its own, which a short would sell first",
        "move them to the funding account, or trade this one long",
        code="own_coins",
    )


def _living_shorts(books: Books, coin: str) -> list[TradeBook]:
    trades = books.trades(LIVING_TRADES)
    return books_of(books, [t for t in trades if t.base_coin == coin and t.direction is Direction.SHORT])


def left_over(books: Books, instrument: Instrument, price: Decimal) -> Decimal:
    """Return the coins that ended trades have left in the wallet: each too few to be sold at `price`.

    (More than that is what a trade lacked at its end: it is not there.)
    """
    left = ZERO
    for book in books_of(books, books.trades([TradeStatus.CLOSED], symbol=instrument.symbol)):
        dust = pnl_of(book.trade, book.position, book.fills).dust or ZERO
        if dust > 0 and not instrument.is_sellable(instrument.floor_qty(dust), price):
            left += dust
    return left


def check_margin(desk: Desk) -> None:
    """Refuse a short while spot margin is off."""
    if not desk.exchange.is_margin_on():
        raise Denied(
            "spot margin is not switched on for this account",
            "switch it on at the exchange's website (Spot margin trading), then try again",
            code="margin_off",
        )
