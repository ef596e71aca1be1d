"""Orders and executions as the texts that the state file keeps."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any

from botbox_cli.exchange.paper.state import Effects, Execution, Lag, Order

_ORDER_FIELDS = tuple(each.name for each in fields(Order) if each.name != "row")
_ORDER_DECIMALS = tuple(each.name for each in fields(Order) if each.type == "Decimal")
_EXECUTION_FIELDS = tuple(each.name for each in fields(Execution))
_EXECUTION_DECIMALS = tuple(each.name for each in fields(Execution) if each.type == "Decimal")


def order_text(order: Order) -> str:
    """Return the text of an order; amounts stay exact."""
    return json.dumps({name: getattr(order, name) for name in _ORDER_FIELDS}, default=_packed)


def read_order(text: str) -> Order:
    """Return the order of a text."""
    body = json.loads(text)
    for name in _ORDER_DECIMALS:
        body[name] = Decimal(body[name])
    body["fees"] = {coin: Decimal(fee) for coin, fee in body["fees"].items()}
    if body["effects"]:
        fraction, reason, lag = body["effects"]
        body["effects"] = Effects(fraction and Decimal(fraction), reason, lag and Lag(*lag))
    return Order(**body)


def execution_text(execution: Execution) -> str:
    """Return the text of an execution; amounts stay exact."""
    return json.dumps({name: getattr(execution, name) for name in _EXECUTION_FIELDS}, default=_packed)


def read_execution(text: str) -> Execution:
    """Return the execution of a text."""
    body = json.loads(text)
    for name in _EXECUTION_DECIMALS:
        body[name] = Decimal(body[name])
    return Execution(**body)


def _packed(value: object) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Effects):
        return value.fill_fraction, value.reject_reason, value.lag
    assert isinstance(value, Lag), f"an order holds no {type(value).__name__}"
    return value.realtime_ms, value.history_ms, value.executions_ms
