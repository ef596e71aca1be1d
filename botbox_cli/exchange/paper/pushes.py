"""What the private socket pushes: rows of orders, executions and the wallet that have changed since the last look.

Looking, rather than being told, also finds what another process did to the same account.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import takewhile
from typing import Any, NamedTuple

from botbox_cli.exchange.paper.state import Account, Execution, Order

Row = dict[str, Any]

# Fields and their order as captured on spot.
_ORDER = (
    "category", "symbol", "orderId", "orderLinkId", "blockTradeId", "side", "positionIdx", "orderStatus", "cancelType",
    "rejectReason", "timeInForce", "isLeverage", "price", "qty", "avgPrice", "leavesQty", "leavesValue", "cumExecQty",
    "cumExecValue", "cumExecFee", "orderType", "stopOrderType", "orderIv", "triggerPrice", "takeProfit", "stopLoss",
    "triggerBy", "tpTriggerBy", "slTriggerBy", "triggerDirection", "placeType", "lastPriceOnCreated", "closeOnTrigger",
    "reduceOnly", "smpGroup", "smpType", "smpOrderId", "slLimitPrice", "tpLimitPrice", "marketUnit", "createdTime",
    "updatedTime", "feeCurrency", "cumFeeDetail", "slippageTolerance",
)  # fmt: skip
_EXECUTION = (
    "category", "symbol", "closedSize", "execFee", "execId", "execPrice", "execQty", "execType", "execValue", "feeRate",
    "tradeIv", "markIv", "blockTradeId", "markPrice", "indexPrice", "underlyingPrice", "leavesQty", "orderId",
    "orderLinkId", "orderPrice", "orderQty", "orderType", "stopOrderType", "side", "execTime", "isLeverage", "isMaker",
    "seq", "marketUnit", "extraFees", "feeCurrency",
)  # fmt: skip

_WALLET = (
    "accountIMRate", "accountMMRate", "totalEquity", "totalWalletBalance", "totalMarginBalance",
    "totalAvailableBalance", "totalPerpUPL", "totalInitialMargin", "totalMaintenanceMargin", "coin", "accountLTV",
    "accountType",
)  # fmt: skip
_COIN = (
    "coin", "equity", "usdValue", "walletBalance", "availableToWithdraw", "availableToBorrow", "borrowAmount",
    "accruedInterest", "totalOrderIM", "totalPositionIM", "totalPositionMM", "unrealisedPnl", "cumRealisedPnl", "bonus",
    "collateralSwitch", "marginCollateral", "locked", "spotHedgingQty", "spotBorrow",
)  # fmt: skip


class Changes(NamedTuple):
    """What to push, oldest first; `wallet` is None when no balance has changed."""

    orders: list[Row]
    executions: list[Row]
    wallet: Row | None


class Seen:
    """How far somebody has looked into an account: up to now, at first."""

    def __init__(self, account: Account) -> None:
        self.note(account)

    def missed(self, account: Account) -> tuple[list[Order], list[Execution], bool]:
        """Return the orders and executions that are new or changed since, and whether a balance changed."""
        known = (account.orders[order_id] for order_id in self._open)
        changed = [order for order in known if _stamp(order) != self._open[order.order_id]]
        newest_first = reversed(account.orders.values())
        added = list(takewhile(lambda order: order.number > self._number, newest_first))[::-1]
        filled = list(takewhile(lambda each: each.seq > self._seq, reversed(account.executions)))[::-1]
        return changed + added, filled, _balances(account) != self._balances

    def note(self, account: Account) -> None:
        """Take all that there is as looked at."""
        self._number = next(reversed(account.orders.values())).number if account.orders else 0
        self._seq = account.executions[-1].seq if account.executions else 0
        self._open = {order.order_id: _stamp(order) for order in account.open.values()}
        self._balances = _balances(account)


def order_push(row: Row) -> Row:
    """Return a row of order/realtime as the `order` topic has it."""
    coin = next(iter(row["cumFeeDetail"]), "")
    full = {**row, "category": "spot", "lastPriceOnCreated": row["basePrice"], "feeCurrency": coin}
    return {name: full[name] for name in _ORDER}


def execution_push(row: Row) -> Row:
    """Return a row of execution/list as the `execution` topic has it."""
    full = {**row, "category": "spot", "isLeverage": "0"}
    return {name: full[name] for name in _EXECUTION}


def wallet_push(row: Row) -> Row:
    """Return an account of wallet-balance as the `wallet` topic has it."""
    coins = [{name: coin[name] for name in _COIN} for coin in row["coin"]]
    return {name: coins if name == "coin" else row[name] for name in _WALLET}


def _stamp(order: Order) -> tuple[Any, ...]:
    return order.status, order.updated_ms, order.cum_qty, order.qty, order.price, order.trigger_price


def _balances(account: Account) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    return {b.coin: (b.wallet, b.locked, b.borrowed) for b in account.ledger.balances.values()}
