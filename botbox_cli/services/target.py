"""Targets: at which price a trade is left next, and how much of it stays for TP2."""

from __future__ import annotations

from decimal import Decimal

from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import ZERO
from botbox_cli.domain.order import Role
from botbox_cli.domain.trade import Trade
from botbox_cli.services.book import TradeBook
from botbox_cli.services.desk import Policy
from botbox_cli.services.protect import wanted_stop_qty


def target_of(trade: Trade) -> Decimal:
    """Return the price at which the trade is left next: TP1, then TP2 for what is kept."""
    if trade.tp1_done and trade.take_profit_2 is not None:
        return trade.take_profit_2
    return trade.take_profit_1


def is_at_target(trade: Trade, price: Decimal) -> bool:
    """Tell whether `price` has reached the trade's next target."""
    return (price - target_of(trade)) * trade.direction.sign >= 0


def has_way_out(book: TradeBook, instrument: Instrument, price: Decimal) -> bool:
    """Tell whether what the trade holds can be sold at all."""
    return instrument.is_sellable(wanted_stop_qty(book, instrument), price)


def share_to_keep(policy: Policy, book: TradeBook, instrument: Instrument, price: Decimal) -> Decimal:
    """Return what stays for TP2 after TP1: zero when there is no TP2, or when a part could not be sold on its own."""
    trade = book.trade
    if trade.tp1_done or trade.take_profit_2 is None or policy.tp1_fraction >= 1:
        return ZERO
    keep = _meant_for_tp2(policy, book, instrument)
    share = wanted_stop_qty(book, instrument) - keep
    worst = min(price, trade.initial_stop)
    if instrument.is_sellable(keep, worst) and instrument.is_sellable(share, price):
        return keep
    return ZERO


def is_tp1_sold(policy: Policy, book: TradeBook, instrument: Instrument) -> bool:
    """Tell whether all of the share for TP1 has been sold; an exit that filled may have been a part of it."""
    has_exited = any(book.filled(o) for o in book.of_role(Role.EXIT))
    return has_exited and wanted_stop_qty(book, instrument) <= _meant_for_tp2(policy, book, instrument)


def _meant_for_tp2(policy: Policy, book: TradeBook, instrument: Instrument) -> Decimal:
    whole = instrument.floor_qty(book.position.held + book.position.exited)
    return whole - instrument.floor_qty(whole * policy.tp1_fraction)
