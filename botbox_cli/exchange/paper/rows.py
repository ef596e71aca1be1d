"""Order, execution and wallet rows in Bybit's field names and string forms (captured spot rows, 2024 to 2026)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.ledger import Balance
from botbox_cli.exchange.paper.number import ZERO, fixed, plain
from botbox_cli.exchange.paper.state import Execution, Order

_AVERAGE_PLACES = Decimal("1E-8")


def order_row(order: Order, instrument: Instrument) -> dict[str, Any]:
    """Return the row of order/realtime and order/history."""
    base, quote, tick = instrument.base_places, instrument.quote_places, instrument.price_places
    leaves_qty, leaves_value = _leaves(order)
    return {
        "orderId": order.order_id,
        "orderLinkId": order.link_id,
        "blockTradeId": "",
        "symbol": order.symbol,
        "price": fixed(order.price, tick) if order.price else "0",
        "qty": fixed(order.qty, quote if order.by_value else base),
        "side": order.side,
        "isLeverage": "1" if order.is_leverage else "0",
        "positionIdx": 0,
        "orderStatus": order.status,
        "cancelType": order.cancel_type,
        "rejectReason": order.reject_reason,
        "avgPrice": _average(order),
        "leavesQty": fixed(leaves_qty, base),
        "leavesValue": fixed(leaves_value, quote),
        "cumExecQty": fixed(order.cum_qty, base),
        "cumExecValue": fixed(order.cum_value, quote),
        "cumExecFee": plain(sum(order.fees.values(), ZERO)),
        "cumFeeDetail": {coin: plain(fee) for coin, fee in order.fees.items()},
        "timeInForce": order.time_in_force,
        "orderType": order.order_type,
        "stopOrderType": order.stop_order_type,
        "marketUnit": order.market_unit,
        "orderIv": "",
        "triggerPrice": fixed(order.trigger_price, tick),
        "takeProfit": "0",
        "stopLoss": "0",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "triggerDirection": 0,
        "triggerBy": "",
        "ocoTriggerBy": "OcoTriggerByUnknown",
        "tpLimitPrice": "0",
        "slLimitPrice": "0",
        "lastPriceOnCreated": "",
        "basePrice": fixed(order.last_at_creation, tick),
        "reduceOnly": False,
        "closeOnTrigger": False,
        "placeType": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "slippageToleranceType": order.tolerance_type or "UNKNOWN",
        "slippageTolerance": order.tolerance,
        "extraFees": "",
        "parentOrderLinkId": "",
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
    }


def execution_row(execution: Execution, instrument: Instrument) -> dict[str, Any]:
    """Return the row of execution/list."""
    base = instrument.base_places
    return {
        "symbol": execution.symbol,
        "orderType": execution.order_type,
        "underlyingPrice": "",
        "orderLinkId": execution.link_id,
        "orderId": execution.order_id,
        "stopOrderType": execution.stop_order_type,
        "execTime": str(execution.time_ms),
        "feeCurrency": execution.fee_coin,
        "feeRate": plain(execution.fee_rate),
        "tradeIv": "",
        "blockTradeId": "",
        "markPrice": "",
        "execPrice": fixed(execution.price, instrument.price_places),
        "markIv": "",
        "orderQty": fixed(execution.order_qty, base),
        "orderPrice": fixed(execution.order_price, instrument.price_places),
        "execValue": plain(execution.value),
        "closedSize": "",
        "execType": "Trade",
        "seq": execution.seq,
        "side": execution.side,
        "indexPrice": "",
        "leavesQty": fixed(execution.leaves_qty, base),
        "isMaker": execution.is_maker,
        "execFee": plain(execution.fee),
        "execId": execution.exec_id,
        "marketUnit": execution.market_unit,
        "execQty": fixed(execution.qty, base),
        "extraFees": "",
    }


def coin_row(balance: Balance, usdt_price: Decimal) -> dict[str, Any]:
    """Return one coin of wallet-balance. `usdValue` values the coin in USDT."""
    equity = balance.wallet - balance.owed
    return {
        "availableToBorrow": "",
        "bonus": "0",
        "accruedInterest": plain(balance.interest),
        "availableToWithdraw": "",
        "totalOrderIM": "0",
        "equity": plain(equity),
        "totalPositionMM": "0",
        "usdValue": plain(equity * usdt_price),
        "unrealisedPnl": "0",
        "collateralSwitch": True,
        "spotHedgingQty": "0",
        "borrowAmount": plain(balance.owed),
        "totalPositionIM": "0",
        "walletBalance": plain(balance.wallet),
        "cumRealisedPnl": "0",
        "locked": plain(balance.locked),
        "marginCollateral": True,
        "coin": balance.coin,
        "spotBorrow": plain(balance.borrowed),
    }


def _leaves(order: Order) -> tuple[Decimal, Decimal]:
    """Return (leavesQty, leavesValue): a market order by value keeps its unspent value, whatever became of it."""
    if order.by_value:
        return ZERO, order.qty - order.cum_value
    if not order.is_open:
        return ZERO, ZERO
    left = order.qty - order.cum_qty
    return left, left * (order.price or order.trigger_price or order.last_at_creation)


def _average(order: Order) -> str:
    if not order.cum_qty:
        return ""
    return plain((order.cum_value / order.cum_qty).quantize(_AVERAGE_PLACES))
