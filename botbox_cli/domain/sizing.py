"""How much to buy: risk divided by the distance to the stop, within caps."""

from __future__ import annotations

from decimal import Decimal

from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import HUNDRED
from botbox_cli.domain.record import record
from botbox_cli.errors import Denied

BUY_BACK_FACTOR = Decimal("1.002")
"""A short buys back more than it owes: the fee is taken from the coins bought (0.1 %), and interest has come on top."""


@record
class Sizing:
    """The arithmetic of one size, every line of it. Amounts in quote coin, `qty` in base coin.

    `limited_by` names what bound the quantity: `risk`, `position_size`, `free_balance` or `max_order_qty`.
    """

    price: Decimal
    stop: Decimal
    equity: Decimal
    free: Decimal
    risk_wanted: Decimal
    qty: Decimal
    value: Decimal
    risk: Decimal
    risk_percent: Decimal
    limited_by: str


def size(
    instrument: Instrument,
    *,
    price: Decimal,
    stop: Decimal,
    equity: Decimal,
    free: Decimal,
    risk_percent: Decimal,
    max_position_percent: Decimal,
    max_slippage_percent: Decimal,
    fee_rate: Decimal,
) -> Sizing:
    """Return the quantity to trade at `price` with a stop at `stop`.

    qty = risk ÷ |price − stop|, capped at `max_position_percent` of equity, at the free balance (less the slippage
    bound, which the exchange may set aside) and at the exchange's greatest market order, floored to the lot step.

    Raises:
        Denied: If nothing is left of it, or if the exchange would not take it at entry or at the stop price.
    """
    risk_wanted = equity * risk_percent / HUNDRED
    caps = {
        "risk": risk_wanted / abs(price - stop),
        "position_size": equity * max_position_percent / HUNDRED / price,
        "free_balance": free / (price * (1 + max_slippage_percent / HUNDRED)),
    }
    if instrument.max_market_qty is not None:  # One order must be enough to get out again, too.
        caps["max_order_qty"] = instrument.max_market_qty / (BUY_BACK_FACTOR if stop > price else 1)
    limited_by = min(caps, key=lambda name: caps[name])
    qty = instrument.floor_qty(caps[limited_by])
    _check_minimums(instrument, qty, price, stop, fee_rate, limited_by)
    risk = qty * abs(price - stop)
    return Sizing(
        price,
        stop,
        equity,
        free,
        risk_wanted,
        qty,
        qty * price,
        risk,
        risk / equity * HUNDRED,
        limited_by,
    )


def _check_minimums(
    instrument: Instrument,
    qty: Decimal,
    price: Decimal,
    stop: Decimal,
    fee_rate: Decimal,
    limited_by: str,
) -> None:
    bound = f"the size is bound by {limited_by.replace('_', ' ')}"
    if not instrument.is_sellable(qty, price):
        raise Denied(
            f"{qty} {instrument.base_coin} at {price} is worth {qty * price:.2f} {instrument.quote_coin}, under the "
            f"exchange's minimum of {instrument.min_value} {instrument.quote_coin} and {instrument.min_qty} "
            f"{instrument.base_coin} ({bound})",
            "fund the account or raise BOTBOX_RISK_PER_TRADE_PERCENT or BOTBOX_MAX_POSITION_SIZE_PERCENT",
            code="below_minimum",
        )
    sellable = instrument.floor_qty(qty * (1 - fee_rate))
    worst = min(price, stop)
    if not instrument.is_sellable(sellable, worst):
        raise Denied(
            f"{sellable} {instrument.base_coin} left after the fee is worth {sellable * worst:.2f} "
            f"{instrument.quote_coin} at the stop {stop}, under the exchange's minimum of {instrument.min_value}: "
            f"it could not be sold ({bound})",
            "fund the account or raise BOTBOX_RISK_PER_TRADE_PERCENT or BOTBOX_MAX_POSITION_SIZE_PERCENT",
            code="below_minimum_at_stop",
        )
