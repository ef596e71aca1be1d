"""What the endpoints that need a signature answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from botbox_cli.exchange.paper.identity import Identity
from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.market import Market
from botbox_cli.exchange.paper.number import ZERO, floor_to, parse, plain
from botbox_cli.exchange.paper.protocol import Refusal
from botbox_cli.exchange.paper.state import Account, Effects, Order
from botbox_cli.exchange.paper.terms import Terms
from botbox_cli.exchange.paper.trading import Trading
from botbox_cli.exchange.paper.views import Views

Json = dict[str, Any]


@dataclass(slots=True)
class Call:
    """One signed request at work, at its moment."""

    params: Mapping[str, Any]
    now_ms: int
    effects: Effects | None
    account: Account
    trading: Trading
    views: Views


class Answers:
    """One method an endpoint."""

    def __init__(
        self, identity: Identity, market: Market, terms: Terms, instrument: Callable[[str], Instrument | None]
    ) -> None:
        self._identity = identity
        self._market = market
        self._terms = terms
        self._instrument = instrument

    def create_order(self, call: Call) -> Json:
        return _ids(call.trading.create(call.params, call.now_ms, call.effects))

    def amend_order(self, call: Call) -> Json:
        return _ids(call.trading.amend(call.params, call.now_ms))

    def cancel_order(self, call: Call) -> Json:
        return _ids(call.trading.cancel(call.params, call.now_ms))

    def cancel_all(self, call: Call) -> Json:
        chosen = call.trading.cancel_all(call.params, call.now_ms)
        return {"list": [_ids(order) for order in chosen], "success": "1"}

    def realtime(self, call: Call) -> Json:
        return call.views.realtime(call.params, call.now_ms)

    def history(self, call: Call) -> Json:
        return call.views.history(call.params, call.now_ms)

    def executions(self, call: Call) -> Json:
        return call.views.executions(call.params, call.now_ms)

    def wallet(self, call: Call) -> Json:
        return call.views.wallet(call.params, call.now_ms)

    def account_info(self, call: Call) -> Json:
        return {
            "marginMode": "REGULAR_MARGIN",
            "updatedTime": "0",
            "unifiedMarginStatus": 5,
            "dcpStatus": "OFF",
            "timeWindow": 10,
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
        }

    def fee_rate(self, call: Call) -> Json:
        symbol = call.params.get("symbol")
        if symbol and self._instrument(symbol) is None:
            raise Refusal(10001, "Not supported symbols")
        terms = self._terms
        taker, maker = plain(terms.taker_fee), plain(terms.maker_fee)
        symbols = [symbol] if symbol else [row["symbol"] for row in self._market.rows()]
        return {
            "category": "spot",
            "list": [{"symbol": each, "takerFeeRate": taker, "makerFeeRate": maker} for each in symbols],
        }

    def user_setting(self, call: Call) -> Json:
        return {"lpaSpot": False, "lpaPerp": False, "smsef": self._terms.fee_in_mnt, "fmsef": False}

    def key_information(self, call: Call) -> Json:
        identity = self._identity
        permissions: dict[str, list[str]] = {
            "ContractTrade": [],
            "Spot": ["SpotTrade"],
            "Wallet": [],
            "Options": [],
            "Derivatives": [],
            "CopyTrading": [],
            "BlockTrade": [],
            "Exchange": [],
            "NFT": [],
            "Affiliate": [],
            "Earn": [],
        }
        return {
            "id": identity.user_id,
            "note": "paper",
            "apiKey": identity.api_key,
            "readOnly": 0,
            "secret": "",
            "permissions": permissions,
            "ips": ["127.0.0.1"],
            "type": 1,
            "deadlineDay": -2,
            "expiredAt": "1970-01-01T00:00:00Z",
            "createdAt": "2025-01-01T00:00:00Z",
            "unified": 0,
            "uta": 1,
            "userID": int(identity.user_id),
            "inviterID": 0,
            "vipLevel": "No VIP",
            "mktMakerLevel": "0",
            "affiliateID": 0,
            "rsaPublicKey": "",
            "isMaster": True,
            "parentUid": "0",
            "kycLevel": "LEVEL_DEFAULT",
            "kycRegion": "",
            "userIDInt64": "0",
            "inviterIDInt64": "0",
            "affiliateIDInt64": "0",
        }

    # Margin

    def margin_state(self, call: Call) -> Json:
        leverage = plain(self._terms.spot_leverage)
        mode = "1" if call.account.margin_mode else "0"
        return {"spotLeverage": leverage, "spotMarginMode": mode, "effectiveLeverage": "1"}

    def switch_margin(self, call: Call) -> Json:
        mode = str(call.params.get("spotMarginMode"))
        if mode not in ("0", "1"):
            raise Refusal(10001, "Request parameter error: spotMarginMode")
        owes = any(balance.borrowed for balance in call.account.ledger.balances.values())
        if mode == "0" and owes:
            raise Refusal(
                176138, "You need to repay all your debts before closing your disabling cross margin account"
            )
        call.account.margin_mode = mode == "1"
        return {"spotMarginMode": mode}

    def borrow_check(self, call: Call) -> Json:
        params = call.params
        instrument = self._instrument(str(params.get("symbol")))
        if instrument is None:
            raise Refusal(170121, "Invalid symbol.")
        if params.get("side") not in ("Buy", "Sell"):
            raise Refusal(170117, "Invalid side.")
        is_buy = params["side"] == "Buy"
        price = self._market.last(instrument.symbol, call.now_ms) or ZERO
        coin = instrument.quote if is_buy else instrument.base
        own = call.account.ledger.free(coin)
        room = call.trading.margin.borrowable(coin, call.now_ms) if call.account.margin_mode else ZERO

        def in_base(amount: Decimal) -> str:
            qty = (amount / price if price else ZERO) if is_buy else amount
            return plain(floor_to(qty, Decimal("0.0001")))

        def in_quote(amount: Decimal) -> str:
            return plain(floor_to(amount if is_buy else amount * price, Decimal("1E-8")))

        return {
            "symbol": instrument.symbol,
            "side": params["side"],
            "borrowCoin": coin,
            "spotMaxTradeQty": in_base(own),
            "spotMaxTradeAmount": in_quote(own),
            "maxTradeQty": in_base(own + room),
            "maxTradeAmount": in_quote(own + room),
        }

    def borrow(self, call: Call) -> Json:
        coin, amount = str(call.params.get("coin") or ""), parse(call.params.get("amount"))
        if not coin or not amount:
            raise Refusal(10001, "Request parameter error: coin or amount")
        if not call.account.margin_mode:
            raise Refusal(
                176009,
                "You haven't enabled Cross Margin Trading yet. Confirm that if you have turned on margin trade",
            )
        if amount > call.trading.margin.borrowable(coin, call.now_ms):
            raise Refusal(176029, "Amount to borrow has exceeded the user's estimated max. amount to borrow")
        call.account.ledger.borrow(coin, amount)
        return {"coin": coin, "amount": plain(amount)}

    def repay(self, call: Call) -> Json:
        coin = str(call.params.get("coin") or "")
        text = call.params.get("amount")
        amount = parse(text) if text not in (None, "") else None
        if text not in (None, "") and not amount:
            raise Refusal(10001, "Request parameter error: amount")
        coins = [coin] if coin else [b.coin for b in call.account.ledger.balances.values() if b.borrowed]
        paid = [call.trading.margin.repay(each, amount, call.now_ms) for each in coins]
        if not any(paid):
            raise Refusal(176016, "No repayment required")
        return {"resultStatus": "SU"}


def _ids(order: Order) -> Json:
    return {"orderId": order.order_id, "orderLinkId": order.link_id}
