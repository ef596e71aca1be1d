"""Stored candles with their indicators, and the prices of what is on the page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from botbox_cli.documents import Document, number_or_null
from botbox_cli.domain.instrument import Quote
from botbox_cli.domain.number import plain
from botbox_cli.domain.setup import LIVING
from botbox_cli.domain.trade import LIVING_TRADES, TradeStatus
from botbox_cli.services.candles import CandleRow, candle_rows
from botbox_cli.services.standing import Standing, standing
from botbox_cli.services.trades import TradeView, list_trades
from botbox_cli.web.answer import answer, camel, encoded, raw
from botbox_cli.web.office import Lately, Office, office_of, visit_of
from botbox_cli.web.shapes import Candle, Prices

router = APIRouter(tags=["candles"])
PRICES_HOLD_S = 2.0

Symbol = Annotated[str, Path(pattern=r"^[A-Za-z0-9]{2,30}$", examples=["BTCUSDT"])]
Timeframe = Annotated[str, Path(pattern=r"^[A-Za-z0-9]{1,5}$", examples=["60"])]
MONEY = ("open", "high", "low", "close", "volume")
NUMBERS = ("bb_upper", "bb_middle", "bb_lower", "rsi", "atr")


@router.get("/api/candles/{symbol}/{timeframe}", response_model=list[Candle])
async def candles(
    request: Request,
    symbol: Symbol,
    timeframe: Timeframe,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """Closed candles, oldest first; `time` is when one opened, in seconds. Indicators are numbers or null."""
    office, stamp = office_of(request), visit_of(request).stamp
    key = ("candles", symbol.upper(), timeframe.upper(), limit)
    body = office.remembered.get(stamp, key)
    if body is None:
        body = await office.read(office.remembered.made, stamp, key, lambda: _rows(office, key))
    return raw(body)


def _rows(office: Office, key: tuple[str, str, str, int]) -> bytes:
    _, symbol, timeframe, limit = key
    wiring = office.wiring
    rows = candle_rows(wiring.store, wiring.candles, wiring.venue, symbol, timeframe=timeframe, limit=limit)
    return encoded([_candle(row) for row in rows])


def _candle(row: CandleRow) -> dict[str, Any]:
    money = {name: plain(getattr(row, name)) for name in MONEY}
    found: dict[str, Any] = camel({name: getattr(row, name) for name in NUMBERS})
    return {"time": int(row.open_time.timestamp()), **money, **found}


@router.get("/api/prices", response_model=Prices)
async def prices(request: Request) -> Response:
    """Best prices of every open trade and waiting setup, some two seconds old at most, and where each open trade stands
    at them: its P&L so far counts what is realised and what is still held, net of fees."""
    office = office_of(request)
    if office.prices is None:
        office.prices = Lately(PRICES_HOLD_S, lambda: office.work(_prices, office))
    return answer(await office.prices.get())


def _prices(office: Office) -> Document:
    desk = office.desk
    open_trades = list_trades(desk.store, desk.account, LIVING_TRADES)
    with desk.store.read(desk.account) as books:
        symbols = {v.trade.symbol for v in open_trades} | {s.symbol for s in books.setups(LIVING)}
    quotes = desk.exchange.quotes(sorted(symbols)) if symbols else {}
    return {
        "prices": {
            symbol: {name: plain(getattr(quote, name)) for name in ("bid", "ask", "last")}
            for symbol, quote in quotes.items()
        },
        "trades": {
            str(view.trade.id): _standing(at) for view in open_trades if (at := _at(view, quotes)) is not None
        },
    }


def _at(view: TradeView, quotes: dict[str, Quote]) -> Standing | None:
    quote = quotes.get(view.trade.symbol)
    if quote is None or view.trade.status is not TradeStatus.OPEN:
        return None
    return standing(view, quote.bid if view.trade.direction.sign > 0 else quote.ask)


def _standing(at: Standing) -> Document:
    return {"price": plain(at.price), "pnl": plain(at.pnl), "r_multiple": number_or_null(at.r)}
