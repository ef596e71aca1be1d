"""What services need from the outside, as Protocols: a clock, an exchange, a store. Imports domain only."""

from __future__ import annotations

from botbox_cli.ports.books import Books, JobRun, LogEntry, LogHead
from botbox_cli.ports.candles import CandleBatch, CandleReader, CandleStore, Indicators, Series
from botbox_cli.ports.channel import Channel, Message
from botbox_cli.ports.clock import Clock
from botbox_cli.ports.exchange import Exchange, Look, OrderRequest, Outlook
from botbox_cli.ports.holder import Holder
from botbox_cli.ports.store import Instruments, Store
from botbox_cli.ports.stream import CandleClosed, News, OrderNews, Price, Stream, StreamState
from botbox_cli.ports.web import WebSession, WebStore

__all__ = [
    "Books",
    "CandleBatch",
    "CandleClosed",
    "CandleReader",
    "CandleStore",
    "Channel",
    "Clock",
    "Exchange",
    "Holder",
    "Indicators",
    "Instruments",
    "JobRun",
    "LogEntry",
    "LogHead",
    "Look",
    "Message",
    "News",
    "OrderNews",
    "OrderRequest",
    "Outlook",
    "Price",
    "Series",
    "Store",
    "Stream",
    "StreamState",
    "WebSession",
    "WebStore",
]
