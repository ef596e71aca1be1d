"""Frames of Bybit's v5 sockets to what they tell: pure, no clock, no I/O.

A frame is an answer to what was asked (`auth`, `subscribe`), a pong, or data of a topic. What does not have the
documented shape is a `WireError`; a topic that botbox does not use tells nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from botbox_cli.domain.candle import INTERVALS, from_ms
from botbox_cli.domain.number import decimal_of
from botbox_cli.exchange import wire
from botbox_cli.exchange.wire import WireError
from botbox_cli.ports import CandleClosed, OrderNews, Price

Frame = Mapping[str, Any]

_SPOT_TOPICS = frozenset({"order.spot", "execution.spot", "execution.fast.spot"})
_ACCOUNT_TOPICS = _SPOT_TOPICS | {"order", "execution", "execution.fast"}
_ADJUSTED_MAX = 40


@dataclass(frozen=True, slots=True)
class Answer:
    """What the exchange says to a request: `op` is the request's, `text` the reason of a refusal."""

    op: str
    is_ok: bool
    text: str
    req_id: str


class Best(NamedTuple):
    """The best prices of a book frame. In a delta None is a side that is as it was; in a snapshot, one that is empty.

    `update_id` grows with each change of the book, and begins anew at 1 when the exchange restarts.
    """

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    at: datetime
    update_id: int
    is_delta: bool


def frame_of(text: str | bytes) -> Frame:
    """Return a frame. Raises WireError if it is no JSON object."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise WireError("a frame is no JSON") from e
    if not isinstance(frame, dict):
        raise WireError("a frame is no object")
    return frame


def answer_of(frame: Frame) -> Answer | None:
    """Return the answer that a frame is, or None if it is data. A pong counts as an answer to `ping`."""
    op = frame.get("op")
    if not isinstance(op, str) or "topic" in frame:
        return None
    if op == "pong" or frame.get("ret_msg") == "pong":
        return Answer("ping", True, "", str(frame.get("req_id") or ""))
    # `retMsg` is the spelling of the order socket, seen on refused keys.
    text = frame.get("ret_msg") or frame.get("retMsg") or ""
    is_ok = frame.get("success") is True
    return Answer(op, is_ok, "" if is_ok else str(text), str(frame.get("req_id") or ""))


def best_of(frame: Frame) -> Best | None:
    """Return the best prices of an `orderbook` frame, None of any other."""
    topic = frame.get("topic")
    if not isinstance(topic, str) or not topic.startswith("orderbook."):
        return None
    data = frame.get("data")
    if not isinstance(data, dict):
        raise WireError("data of the order book is no object")
    symbol = data.get("s")
    if not isinstance(symbol, str) or not symbol:
        raise WireError(f"an order book has s={symbol!r}")
    is_delta = frame.get("type") == "delta"
    bid, ask = _top(data.get("b"), max), _top(data.get("a"), min)
    return Best(symbol, bid, ask, _time(frame.get("ts")), _integer(data.get("u")), is_delta)


def news_of(frame: Frame) -> list[CandleClosed | OrderNews]:
    """Return what a frame of the candle, order and execution topics tells."""
    topic = frame.get("topic")
    if not isinstance(topic, str):
        raise WireError("a frame has no topic")
    if topic.startswith("kline."):
        return _closed(topic, _rows(frame))
    if topic in _ACCOUNT_TOPICS:
        return _orders(topic, _rows(frame))
    return []


def price_of(best: Best) -> Price | None:
    """Return both prices of a book, None if a side is empty."""
    if best.bid is None or best.ask is None:
        return None
    return Price(best.symbol, best.bid, best.ask, best.at)


def _closed(topic: str, rows: list[Frame]) -> list[CandleClosed | OrderNews]:
    _, code, symbol = (*topic.split("."), "", "")[:3]
    interval = INTERVALS.get(code)
    if interval is None or not symbol:
        raise WireError(f"no such candles: {topic}")
    closed: list[CandleClosed | OrderNews] = []
    for row in rows:
        if row.get("confirm") is not True:
            continue
        start = _integer(row.get("start"))
        values = [row.get(name) for name in ("open", "high", "low", "close", "volume", "turnover")]
        body = {"retCode": 0, "result": {"symbol": symbol, "list": [[start, *values]]}}
        end = _time(start + interval.length_ms)
        closed.append(CandleClosed(symbol, interval, wire.candles(body, symbol, interval, end)))
    return closed


def _orders(topic: str, rows: list[Frame]) -> list[CandleClosed | OrderNews]:
    """Return each order once. Topics of all categories name each row's; those of spot alone need not."""
    default = "spot" if topic in _SPOT_TOPICS else ""
    told: dict[OrderNews, None] = {}
    for row in rows:
        if row.get("category", default) != "spot":
            continue
        symbol, link = row.get("symbol"), row.get("orderLinkId", "")
        if not isinstance(symbol, str) or not symbol or not isinstance(link, str):
            raise WireError(f"an order has symbol={symbol!r} and orderLinkId={link!r}")
        told[OrderNews(symbol, link)] = None
    return list(told)


def _rows(frame: Frame) -> list[Frame]:
    rows = frame.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise WireError(f"data of {frame.get('topic')} is no list of objects")
    return rows


def _top(levels: Any, best: Any) -> Decimal | None:
    """Return the best price of a side; a level of size 0 is one that is gone."""
    if not isinstance(levels, list):
        raise WireError("a side of the order book is no list")
    if len(levels) == 1:
        return _level(levels[0])
    return best((price for level in levels if (price := _level(level)) is not None), default=None)  # type: ignore[no-any-return]


def _level(level: Any) -> Decimal | None:
    try:
        price, size = level
        value = decimal_of(price)
        if value <= 0 or abs(value.adjusted()) > _ADJUSTED_MAX:
            raise ValueError("out of range")
        return value if size.strip("0.") else None
    except (AttributeError, TypeError, ValueError) as e:
        raise WireError(f"a level of the order book is {level!r}") from e


def _time(stamp: Any) -> datetime:
    try:
        return from_ms(_integer(stamp))
    except (ValueError, OverflowError, OSError) as e:
        raise WireError(f"a time is {stamp!r}") from e


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise WireError(f"a whole number is {value!r}")
    return value
