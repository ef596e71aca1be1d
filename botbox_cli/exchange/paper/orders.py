"""From the parameters of order/create to an order that may be accepted, with Bybit's codes for those that may not.

Shape comes first (10001, 1701xx), then the instrument's steps and limits. What needs the account (duplicate ids,
counts, balance) is checked by `trading`. Texts are those of Bybit's error table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.number import ZERO, ceil_to, is_multiple, parse
from botbox_cli.exchange.paper.protocol import Refusal
from botbox_cli.exchange.paper.state import Order

ORDER_FILTERS = ("Order", "tpslOrder", "StopOrder")
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "PostOnly")
_LINK_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_ATTACHED = ("takeProfit", "stopLoss", "tpLimitPrice", "slLimitPrice")


class Draft(NamedTuple):
    """A well-formed order, not yet accepted. `trigger_price` and `price` are 0 where the order has none."""

    side: str
    order_type: str
    time_in_force: str
    market_unit: str
    order_filter: str
    qty: Decimal
    price: Decimal
    trigger_price: Decimal
    is_leverage: bool
    tolerance_type: str
    tolerance: str
    link_id: str

    @property
    def is_buy(self) -> bool:
        return self.side == "Buy"

    @property
    def by_value(self) -> bool:
        return self.market_unit == "quoteCoin"


def read_draft(params: Mapping[str, Any], instrument: Instrument, last: Decimal) -> Draft:
    """Return the order that `params` ask for, checked against the instrument and the last price.

    Raises:
        Refusal: With the code of the first thing found wrong.
    """
    side = _one_of(params, "side", ("Buy", "Sell"), 170117, "Invalid side.")
    order_type = _one_of(params, "orderType", ("Market", "Limit"), 170116, "Invalid orderType.")
    order_filter = str(params.get("orderFilter") or "Order")
    if order_filter not in ORDER_FILTERS:
        raise Refusal(170201, "Invalid orderFilter parameter")
    if any(params.get(name) not in (None, "", "0") for name in _ATTACHED):
        # Real spot takes them on limit entries; the paper exchange has no attached TP/SL.
        raise Refusal(170227, "This feature is not supported.")
    tolerance_type, tolerance = _tolerance(params, order_type, order_filter)
    draft = Draft(
        side=side,
        order_type=order_type,
        time_in_force=_time_in_force(params, order_type),
        market_unit=_market_unit(params, side, order_type),
        order_filter=order_filter,
        qty=_amount(params, "qty"),
        price=_amount(params, "price") if order_type == "Limit" else ZERO,
        trigger_price=_trigger(params, order_filter),
        is_leverage=_flag(params, "isLeverage"),
        tolerance_type=tolerance_type,
        tolerance=tolerance,
        link_id=_link_id(params),
    )
    check_filters(draft, instrument, last)
    return draft


def amended(order: Order, params: Mapping[str, Any], instrument: Instrument, last: Decimal) -> Draft:
    """Return what an order asks for once `params` of order/amend have changed it."""
    changes: dict[str, Any] = {}
    for name, attribute in (("qty", "qty"), ("price", "price"), ("triggerPrice", "trigger_price")):
        text = params.get(name)
        if text in (None, ""):
            continue
        value = parse(text)
        if value is None or not value:
            raise Refusal(170130, f"Data sent for paramter '{name}' is not valid.")
        if not getattr(order, attribute):
            raise Refusal(170312, "The current order does not support modification")
        changes[attribute] = value
    if not changes:
        raise Refusal(10001, "Request parameter error: nothing to modify")
    draft = draft_of(order)._replace(**changes)
    check_filters(draft, instrument, last)
    return draft


def draft_of(order: Order) -> Draft:
    """Return what an accepted order asked for."""
    return Draft(
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        market_unit=order.market_unit,
        order_filter=order.order_filter,
        qty=order.qty,
        price=order.price,
        trigger_price=order.trigger_price,
        is_leverage=order.is_leverage,
        tolerance_type=order.tolerance_type,
        tolerance=order.tolerance,
        link_id=order.link_id,
    )


def lock_of(draft: Draft, instrument: Instrument, worst: Decimal | None = None) -> tuple[str, Decimal]:
    """Return what an order occupies: (coin, amount). `worst` is the worst price a market order accepts.

    A market buy in base coin occupies its quantity at the dearest price it may pay, and a market sell by value the
    coins it needs at the cheapest it may take: what it can come to is covered, and what it does not need is released.
    One that waits for a trigger is taken to trigger at that very price.
    """
    qty = draft.qty
    if draft.order_type == "Limit":
        return (instrument.quote, qty * draft.price) if draft.is_buy else (instrument.base, qty)
    if draft.trigger_price:
        limit = instrument.highest_buy if draft.is_buy else instrument.lowest_sell
        worst = limit(draft.trigger_price)
    assert worst is not None, "a market order that does not wait for a trigger has a bound"
    if draft.is_buy:
        return instrument.quote, qty if draft.by_value else qty * worst
    return instrument.base, ceil_to(qty / worst, instrument.base_step) if draft.by_value else qty


def check_filters(draft: Draft, instrument: Instrument, last: Decimal) -> None:
    """Refuse what the instrument does not allow: decimals, minimums, maximums, the price band."""
    _check_prices(draft, instrument, last)
    qty = draft.qty
    if draft.by_value:
        if not is_multiple(qty, instrument.quote_step):
            raise Refusal(170148, "Market order amount decimal too long")
        value = qty
    else:
        if not is_multiple(qty, instrument.base_step):
            raise Refusal(170137, "Order volume decimal too long")
        if qty < instrument.min_qty:
            raise Refusal(170136, "Order quantity lower than the minimum.")
        is_limit = draft.order_type == "Limit"
        if qty > (instrument.max_limit_qty if is_limit else instrument.max_market_qty):
            raise Refusal(170381, "Order quantity too large.")
        value = qty * (draft.price or draft.trigger_price or last)
    if value < instrument.min_amount:
        raise Refusal(170140, "Order value exceeded lower limit.")
    if value > instrument.max_amount:
        raise Refusal(170124, "Order amount too large.")


def _check_prices(draft: Draft, instrument: Instrument, last: Decimal) -> None:
    for price in (draft.price, draft.trigger_price):
        if not is_multiple(price, instrument.tick):
            raise Refusal(170134, "Order price decimal too long.")
    if draft.order_type == "Limit":
        if draft.price <= ZERO:
            raise Refusal(170133, "Order price lower than the minimum.")
        _check_limit_price(draft, instrument, last)


def _check_limit_price(draft: Draft, instrument: Instrument, last: Decimal) -> None:
    trigger = draft.trigger_price
    if trigger:
        # The table's texts name no reference price; the only other price such an order has is its own.
        if trigger > draft.price * Decimal("1.1"):
            raise Refusal(170203, "trigger price cannot be higher than 110% price.")
        if trigger < draft.price * Decimal("0.9"):
            raise Refusal(170204, "trigger price cannot be lower than 90% of qty.")
        return
    highest, lowest = instrument.highest_buy(last), instrument.lowest_sell(last)
    if draft.is_buy and draft.price > highest:
        raise Refusal(170193, f"Buy order price cannot be higher than {highest}.")
    if not draft.is_buy and draft.price < lowest:
        raise Refusal(170194, f"Sell order price cannot be lower than {lowest}.")


def _one_of(params: Mapping[str, Any], name: str, allowed: tuple[str, ...], code: int, message: str) -> str:
    value = params.get(name)
    if value not in allowed:
        raise Refusal(code, message)
    return str(value)


def _amount(params: Mapping[str, Any], name: str) -> Decimal:
    text = params.get(name)
    if text in (None, ""):
        raise Refusal(170105, f"Parameter '{name}' was empty.")
    value = parse(text)
    if value is None or value == ZERO:
        raise Refusal(170130, f"Data sent for paramter '{name}' is not valid.")
    return value


def _trigger(params: Mapping[str, Any], order_filter: str) -> Decimal:
    if order_filter == "Order":
        return ZERO
    if params.get("triggerPrice") in (None, "", "0"):
        raise Refusal(170202, "Please enter the TP/SL price.")
    return _amount(params, "triggerPrice")


def _time_in_force(params: Mapping[str, Any], order_type: str) -> str:
    if order_type == "Market":
        return "IOC"
    value = params.get("timeInForce") or "GTC"
    if value not in _TIMES_IN_FORCE:
        raise Refusal(170115, "Invalid timeInForce.")
    return str(value)


def _market_unit(params: Mapping[str, Any], side: str, order_type: str) -> str:
    if order_type == "Limit":
        return ""
    unit = params.get("marketUnit") or ("quoteCoin" if side == "Buy" else "baseCoin")
    if unit not in ("baseCoin", "quoteCoin"):
        raise Refusal(170130, "Data sent for paramter 'marketUnit' is not valid.")
    return str(unit)


def _flag(params: Mapping[str, Any], name: str) -> bool:
    value = params.get(name, 0)
    if str(value) not in ("0", "1"):
        raise Refusal(10001, f"Request parameter error: {name}")
    return str(value) == "1"


def _link_id(params: Mapping[str, Any]) -> str:
    value = params.get("orderLinkId") or ""
    if value and not (isinstance(value, str) and _LINK_ID.fullmatch(value)):
        raise Refusal(10001, "Request parameter error: orderLinkId")
    return str(value)


def _tolerance(params: Mapping[str, Any], order_type: str, order_filter: str) -> tuple[str, str]:
    """Return (type, value) of the slippage tolerance, ("", "") when none is asked for."""
    kind, text = params.get("slippageToleranceType") or "", params.get("slippageTolerance") or ""
    if not kind and not text:
        return "", ""
    value = parse(text)
    if kind not in ("TickSize", "Percent") or value is None:
        raise Refusal(10001, "Request parameter error: slippageTolerance")
    if order_type != "Market" or order_filter != "Order":
        raise Refusal(10001, "Request parameter error: slippageTolerance is for market orders only")
    if kind == "TickSize" and not (1 <= value <= 10000 and is_multiple(value, Decimal(1))):
        raise Refusal(110108, "The slippage tolerance in ticks must be an integer from 1 to 10000.")
    if kind == "Percent" and not (Decimal("0.01") <= value <= 10 and is_multiple(value, Decimal("0.01"))):
        raise Refusal(110109, "The slippage tolerance in percent must be from 0.01 to 10 with 2 decimals.")
    return str(kind), str(text)
