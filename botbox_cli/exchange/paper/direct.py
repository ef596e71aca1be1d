"""pybit's methods on the paper exchange without pybit: the same answers and exceptions, many times faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.faults import Broken, FaultyExchange
from botbox_cli.exchange.paper.protocol import Reply, Request, Unavailable, to_ms

_METHODS = {
    "get_server_time": ("GET", "/v5/market/time"),
    "get_instruments_info": ("GET", "/v5/market/instruments-info"),
    "get_kline": ("GET", "/v5/market/kline"),
    "get_tickers": ("GET", "/v5/market/tickers"),
    "get_orderbook": ("GET", "/v5/market/orderbook"),
    "get_price_limit": ("GET", "/v5/market/price-limit"),
    "place_order": ("POST", "/v5/order/create"),
    "amend_order": ("POST", "/v5/order/amend"),
    "cancel_order": ("POST", "/v5/order/cancel"),
    "cancel_all_orders": ("POST", "/v5/order/cancel-all"),
    "get_open_orders": ("GET", "/v5/order/realtime"),
    "get_order_history": ("GET", "/v5/order/history"),
    "get_executions": ("GET", "/v5/execution/list"),
    "get_borrow_quota": ("GET", "/v5/order/spot-borrow-check"),
    "get_wallet_balance": ("GET", "/v5/account/wallet-balance"),
    "get_account_info": ("GET", "/v5/account/info"),
    "get_fee_rates": ("GET", "/v5/account/fee-rate"),
    "get_user_setting_config": ("GET", "/v5/account/user-setting-config"),
    "get_api_key_information": ("GET", "/v5/user/query-api"),
    "spot_margin_trade_get_status_and_leverage": ("GET", "/v5/spot-margin-trade/state"),
    "spot_margin_trade_toggle_margin_trade": ("POST", "/v5/spot-margin-trade/switch-mode"),
    "borrow": ("POST", "/v5/account/borrow"),
    "manual_no_convert_repay": ("POST", "/v5/account/no-convert-repay"),
}
# What pybit turns into text in a POST body, whatever its type.
_CAST = ("qty", "price", "triggerPrice", "takeProfit", "stopLoss")


class DirectSession:
    """Stands in for `pybit.unified_trading.HTTP` in simulations. The exchange must not check signatures.

    Rows are the exchange's own objects: read them, never change them. `timestamp` returns the milliseconds to stamp
    the next request with; by default it is the exchange's clock. A method's own `timestamp` pins that request's.
    """

    def __init__(
        self,
        exchange: PaperExchange | FaultyExchange,
        *,
        recv_window: int = 5000,
        timestamp: Callable[[], int] | None = None,
    ) -> None:
        self._exchange = exchange
        self._recv_window = str(recv_window)
        self._timestamp = timestamp or (lambda: to_ms(exchange.clock.now()))

    def wait_at_most(self, seconds: float) -> None:
        """Nothing is waited for here: how long a timeout lasts is said by the fault."""

    if TYPE_CHECKING:  # Pybit's methods are added below.

        def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]: ...

    def _send(self, method: str, path: str, timestamp: int | None, params: dict[str, Any]) -> dict[str, Any]:
        if method == "GET":
            kept = {name: str(value) for name, value in params.items() if value is not None}
        else:
            kept = {name: value for name, value in params.items() if value is not None}
            for name in _CAST:
                if name in kept:
                    kept[name] = str(kept[name])
        stamp = self._timestamp() if timestamp is None else timestamp
        headers = {"X-BAPI-TIMESTAMP": str(stamp), "X-BAPI-RECV-WINDOW": self._recv_window}
        try:
            reply = self._exchange.handle(Request(method, path, kept, headers))
        except (Broken, Unavailable) as error:
            self._raise_network_error(error)
        body = reply.body
        if reply.status != 200 or isinstance(body, str) or body["retCode"]:
            self._raise_as_pybit(f"{method} {path}: {kept}", reply)
        assert isinstance(body, dict), "anything else was raised"
        return body

    def _raise_network_error(self, error: Broken | Unavailable) -> None:
        from botbox_cli.exchange.paper.transport import as_network_error

        if isinstance(error, Unavailable):
            raise as_network_error("refused") from error
        if error.how == "timeout" and error.seconds:
            self._exchange.clock.sleep(error.seconds)
        raise as_network_error(error.how) from error

    def _raise_as_pybit(self, request: str, reply: Reply) -> None:
        from pybit.exceptions import FailedRequestError, InvalidRequestError

        at = self._exchange.clock.now().strftime("%H:%M:%S")
        if reply.status != 200:
            raise FailedRequestError(request, "HTTP status code is not 200.", reply.status, at, reply.headers)
        if isinstance(reply.body, str):
            raise FailedRequestError("JSON decoding", "Conflict. Could not decode JSON.", 409, at, None)
        raise InvalidRequestError(request, reply.body["retMsg"], reply.body["retCode"], at, reply.headers)


def _asking(method: str, path: str) -> Callable[..., dict[str, Any]]:
    def ask(self: DirectSession, *, timestamp: int | None = None, **params: Any) -> dict[str, Any]:
        return self._send(method, path, timestamp, params)

    return ask


for _name, _way in _METHODS.items():
    setattr(DirectSession, _name, _asking(*_way))
