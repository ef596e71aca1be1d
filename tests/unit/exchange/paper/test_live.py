"""Live prices: passed on as they are, walked minute by minute between two looks, never invented."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
import requests

from botbox_cli.exchange.paper.bundled import instrument_rows
from botbox_cli.exchange.paper.live import LiveMarket
from botbox_cli.exchange.paper.protocol import Unavailable, to_ms
from tests.support.paper import START, PaperDesk

MINUTE_MS = 60_000


class Mainnet:
    """A public host with one symbol: its last price, its book and its one-minute candles, oldest first."""

    def __init__(self) -> None:
        self.last = "100000"
        self.minutes: list[list[str]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.error: Exception | None = None
        self.body: dict[str, Any] | None = None

    def fetch(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        self.asked.append((path, dict(params)))
        if self.error:
            raise self.error
        return self.body or {"retCode": 0, "retMsg": "OK", "result": self._result(path, params)}

    def minute(self, start_ms: int, *prices: str) -> None:
        self.minutes.append([str(start_ms), *prices, "1", "1"])

    def _result(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        if path.endswith("instruments-info"):
            return {"category": "spot", "list": instrument_rows()}
        if path.endswith("tickers"):
            return {"category": "spot", "list": [{"symbol": "BTCUSDT", "lastPrice": self.last}]}
        if path.endswith("orderbook"):
            return {"b": [["99999.9", "1"]], "a": [["100000.2", "0.004"], ["100000.5", "2"]]}
        assert path.endswith("kline")
        first, end = int(params.get("start", 0)), int(params.get("end", 1 << 60))
        found = [row for row in self.minutes if first <= int(row[0]) <= end]
        return {"category": "spot", "list": found[::-1][: int(params["limit"])]}


@pytest.fixture
def mainnet() -> Mainnet:
    return Mainnet()


@pytest.fixture
def desk(mainnet: Mainnet) -> PaperDesk:
    return PaperDesk(market=LiveMarket(mainnet.fetch), opening={"USDT": Decimal(10000), "BTC": Decimal(1)})


def test_market_orders_take_the_real_book(desk: PaperDesk) -> None:
    desk.buy("0.01")

    fills = [(fill["execPrice"], fill["execQty"]) for fill in reversed(desk.fills("entry"))]
    assert fills == [("100000.2", "0.004000"), ("100000.5", "0.006000")]


def test_candles_tickers_and_rules_are_passed_on(desk: PaperDesk, mainnet: Mainnet) -> None:
    mainnet.minute(0, "1", "2", "0.5", "1.5")

    rows = desk.get("market/kline", symbol="BTCUSDT", interval="1", start="0", end="5", limit="7")["list"]

    assert rows == [["0", "1", "2", "0.5", "1.5", "1", "1"]]
    query = {"category": "spot", "symbol": "BTCUSDT", "interval": "1", "limit": "7", "start": "0", "end": "5"}
    assert mainnet.asked[-1] == ("/v5/market/kline", query)
    assert desk.get("market/tickers", symbol="BTCUSDT")["list"] == [
        {"symbol": "BTCUSDT", "lastPrice": "100000"}
    ]
    assert desk.get("market/instruments-info")["list"] == instrument_rows()


def test_a_stop_triggers_on_a_minute_that_nobody_watched(desk: PaperDesk, mainnet: Mainnet) -> None:
    desk.stop("0.01", "99000")
    begin = to_ms(START)
    mainnet.minute(begin, "100000", "100000", "99990", "100000")
    mainnet.minute(begin + MINUTE_MS, "100000", "100500", "98900", "100200")
    mainnet.minute(begin + 2 * MINUTE_MS, "100200", "101000", "100200", "100900")
    mainnet.last = "100900"

    desk.clock.sleep(170)

    row = desk.order("stop")
    assert (row["orderStatus"], row["avgPrice"]) == ("Filled", "99000")
    assert begin + MINUTE_MS < int(row["updatedTime"]) < begin + 2 * MINUTE_MS


def test_a_minute_that_opens_below_the_stop_fills_there(desk: PaperDesk, mainnet: Mainnet) -> None:
    desk.stop("0.01", "99000")
    mainnet.minute(to_ms(START) + MINUTE_MS, "98000", "98100", "97900", "98050")

    desk.clock.sleep(90)

    assert desk.order("stop")["avgPrice"] == "98000"


def test_a_stop_does_not_feel_the_minute_it_was_born_in(desk: PaperDesk, mainnet: Mainnet) -> None:
    """The minute's low may have been before the order: only its present price is certain."""
    desk.clock.sleep(30)
    mainnet.minute(to_ms(START), "100000", "100000", "98000", "100000")
    desk.stop("0.01", "99000")

    desk.clock.sleep(10)
    assert desk.status("stop") == "Untriggered"
    mainnet.last = "98990"
    desk.clock.sleep(1)

    assert desk.order("stop")["avgPrice"] == "98990"


def test_a_low_that_came_after_the_last_look_at_the_same_minute_counts(
    desk: PaperDesk, mainnet: Mainnet
) -> None:
    desk.stop("0.01", "99000")
    desk.clock.sleep(70)
    mainnet.minute(to_ms(START) + MINUTE_MS, "100000", "100000", "99500", "99600")
    assert desk.status("stop") == "Untriggered"
    mainnet.minutes[-1][3] = "98900"

    desk.clock.sleep(60)

    assert desk.order("stop")["avgPrice"] == "99000"


def test_a_long_absence_is_walked_page_by_page(desk: PaperDesk, mainnet: Mainnet) -> None:
    desk.stop("0.01", "99000")
    begin = to_ms(START)
    for number in range(2500):
        mainnet.minute(begin + number * MINUTE_MS, "100000", "100100", "99900", "100000")
    mainnet.minutes[3][3] = "98990"

    desk.clock.sleep(2500 * 60)

    assert desk.order("stop")["avgPrice"] == "99000"
    assert int(desk.order("stop")["updatedTime"]) < begin + 4 * MINUTE_MS
    pages = [query for path, query in mainnet.asked if path.endswith("kline")]
    assert len(pages) == 3


def test_nothing_open_asks_nothing(desk: PaperDesk, mainnet: Mainnet) -> None:
    desk.clock.sleep(3600)

    assert desk.get("order/realtime")["list"] == []
    assert mainnet.asked == []


@pytest.mark.parametrize(
    "error", [requests.exceptions.ReadTimeout(), ConnectionError(), ValueError("no JSON")]
)
def test_a_silent_source_is_unavailable_and_changes_nothing(
    desk: PaperDesk, mainnet: Mainnet, error: Exception
) -> None:
    desk.stop("0.01", "99000")
    mainnet.error = error
    desk.clock.sleep(60)

    with pytest.raises(Unavailable):
        desk.buy("0.01")
    with pytest.raises(Unavailable):
        desk.cancel("stop", orderFilter="tpslOrder")

    mainnet.error = None
    assert desk.status("stop") == "Untriggered"
    assert desk.refused(orderLinkId="entry") == 0


def test_a_refusal_of_the_source_is_passed_on(desk: PaperDesk, mainnet: Mainnet) -> None:
    desk.get("market/instruments-info")
    mainnet.body = {"retCode": 10006, "retMsg": "Too many visits!", "result": {}}

    assert desk.code("GET", "market/tickers", symbol="BTCUSDT") == 10006
