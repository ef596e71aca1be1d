"""The cassettes: what botbox asks, answered with stored bodies of Bybit.

Write them anew with `python -m tests.contract.cassettes`.

Nothing here was recorded with a key. A body is a file of `tests/fixtures/bybit-v5`, named in each cassette with where
it is from; only the requests are ours, and an empty last page after a page that names a cursor.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.support.bybit_bodies import case, listed

FOLDER = Path(__file__).parents[2] / "cassettes"
HOST = "https://api-testnet.bybit.com"
LAST_PAGE = "an empty last page, assembled"

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """One question and the stored body that answers it."""

    fixture: str
    method: str
    path: str
    params: Params = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """The turns of one behaviour. `at_ms` is when it happened, `link_id` whose order it is about."""

    turns: tuple[Turn, ...]
    at_ms: int
    link_id: str = ""
    symbol: str = "BTCUSDT"


def _get(fixture: str, path: str, **params: Any) -> Turn:
    return Turn(fixture, "GET", path, params)


def _create(fixture: str, **params: Any) -> Turn:
    return Turn(fixture, "POST", "/v5/order/create", {
        "category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.001",
        "marketUnit": "baseCoin", "isLeverage": "0", **params,
    })  # fmt: skip


def _cancel(fixture: str, link_id: str) -> Turn:
    return Turn(fixture, "POST", "/v5/order/cancel", {
        "category": "spot", "symbol": "BTCUSDT", "orderLinkId": link_id, "orderFilter": "tpslOrder",
    })  # fmt: skip


_SOLD, _SOLD_AT = "1609604284784580097", 1_706_615_840_224
_BOUGHT, _BOUGHT_AT = "1609602210852247041", 1_706_615_640_419
_FILLED, _FILLED_AT = "1644387819067894017", 1_710_762_743_905
_STOP_SENT, _ENTRY_SENT = "1992319485469878528", "1971981115648733697"
_NOWHERE = "bb-test01-404-entry1"
_MINUTE_MS = 60_000


def _looked_up(link_id: str, symbol: str, **answers: str) -> tuple[Turn, ...]:
    mine = {"category": "spot", "symbol": symbol, "orderLinkId": link_id, "limit": 50}
    return tuple(_get(fixture, f"/v5/order/{path}", **mine) for path, fixture in answers.items())


def _executed(link_id: str, symbol: str, since_ms: int, *fixtures: str, cursor: str = "") -> tuple[Turn, ...]:
    """Return the pages of executions asked for from a minute before `since_ms` on."""
    asked = {"category": "spot", "symbol": symbol, "orderLinkId": link_id, "limit": 100,
             "startTime": since_ms - _MINUTE_MS}  # fmt: skip
    first, *following = fixtures
    pages = [_get(first, "/v5/execution/list", **asked)]
    pages += [_get(fixture, "/v5/execution/list", **asked, cursor=cursor) for fixture in following]
    return tuple(pages)


HOUR_MS = 60 * _MINUTE_MS

STORIES = {
    "time": Story((_get("market_time", "/v5/market/time"),), 1_688_639_403_423),
    "pairs": Story(
        (_get("instruments_info_spot_btcusdt", "/v5/market/instruments-info", category="spot"),),
        1_760_027_412_300,
    ),
    "open_candle": Story(
        (_get("kline_spot_btcusdt_1d_unclosed", "/v5/market/kline",
              category="spot", symbol="BTCUSDT", interval="D", limit=1000),),
        1_745_919_999_317,
    ),
    "quote": Story(
        (_get("tickers_spot_btcusdt", "/v5/market/tickers", category="spot", symbol="BTCUSDT"),), 1_673_859_087_947
    ),
    "unknown_symbol": Story(
        (_get("error_170121_invalid_symbol", "/v5/market/tickers", category="spot", symbol="NOUSDT"),),
        1_763_738_830_446,
    ),
    "key": Story((_get("user_query_api", "/v5/user/query-api"),), 1_776_149_990_532),
    "wallet": Story(
        (_get("wallet_balance_unified", "/v5/account/wallet-balance", accountType="UNIFIED"),), 1_736_866_023_302
    ),
    "fee_rate": Story(
        (_get("fee_rate_documented", "/v5/account/fee-rate", category="spot", symbol="ETHUSDT"),),
        1_676_360_412_576, symbol="ETHUSDT",
    ),
    "accepted_entry": Story(
        (_create("order_create_ok_market_buy_by_value", orderLinkId=_ENTRY_SENT),), 1_747_500_000_000, _ENTRY_SENT
    ),
    "accepted_stop": Story(
        (_create("order_create_ok_tpsl_market_sell", side="Sell", orderLinkId=_STOP_SENT,
                 orderFilter="tpslOrder", triggerPrice="90000"),),
        1_752_238_990_423, _STOP_SENT,
    ),
    "accepted_cancel": Story(
        (_cancel("order_cancel_ok", "ZwAC7nLlHkQAAQAAAAAA"),), 1_764_947_226_743, "ZwAC7nLlHkQAAQAAAAAA"
    ),
    "finished_order": Story(
        _looked_up(_SOLD, "XRPUSDT", realtime="error_170213_order_does_not_exist",
                   history="order_history_spot_market_sell_filled"),
        _SOLD_AT, _SOLD, "XRPUSDT",
    ),
    "order_cut_short": Story(
        _looked_up(_BOUGHT, "BTCUSDT", realtime="error_170213_order_does_not_exist",
                   history="order_history_spot_market_buy_quote_partially_filled_canceled"),
        _BOUGHT_AT, _BOUGHT,
    ),
    "fills_of_an_order": Story(
        _executed(_FILLED, "ETHUSDT", _FILLED_AT - HOUR_MS, "execution_list_spot_buy_fee_in_base", LAST_PAGE,
                  cursor="5771348%3A0%2C5771348%3A0"),
        _FILLED_AT, _FILLED, "ETHUSDT",
    ),
    "order_that_is_nowhere": Story(
        _looked_up(_NOWHERE, "BTCUSDT", realtime="error_170213_order_does_not_exist",
                   history="error_170213_order_does_not_exist")
        + _executed(_NOWHERE, "BTCUSDT", _SOLD_AT - HOUR_MS, LAST_PAGE),
        _SOLD_AT, _NOWHERE,
    ),
    "too_dear": Story(
        (_create("error_170131_insufficient_balance", qty="9", orderLinkId="bb-test01-1-entry1"),),
        1_736_866_023_302, "bb-test01-1-entry1",
    ),
    "too_small": Story(
        (_create("error_170140_order_value_below_minimum", qty="0.000012", orderLinkId="bb-test01-1-entry1"),),
        1_736_866_023_302, "bb-test01-1-entry1",
    ),
    "same_id_again": Story(
        (_create("error_170141_duplicate_order_link_id", orderLinkId="bb-test01-1-entry1"),),
        1_736_866_023_302, "bb-test01-1-entry1",
    ),
    "cancel_of_nothing": Story(
        (_cancel("error_170213_order_does_not_exist", _NOWHERE),), 1_736_866_023_302, _NOWHERE
    ),
    "late_request": Story(
        (_create("error_10002_timestamp", orderLinkId="bb-test01-1-entry1"),),
        1_677_853_421_570, "bb-test01-1-entry1",
    ),
    "wrong_secret": Story(
        (_get("error_10004_bad_signature", "/v5/account/wallet-balance", accountType="UNIFIED"),),
        1_682_321_990_235,
    ),
    "too_many_requests": Story(
        (_cancel("error_10006_rate_limit", _NOWHERE),), 1_763_738_830_446, _NOWHERE
    ),
    "banned_address": Story(
        (_get("http_403_ip_rate_limit", "/v5/market/time"),), 1_763_738_830_446
    ),
}  # fmt: skip


def rendered(story: Story) -> str:
    """Return a cassette as vcrpy reads it, with the origin of every body above it."""
    origins = [f"# {turn.path}: {_origin(turn.fixture)}" for turn in story.turns]
    content = {"interactions": [_interaction(turn) for turn in story.turns], "version": 1}
    return "\n".join([*origins, yaml.safe_dump(content, sort_keys=False, width=100)])


def _origin(fixture: str) -> str:
    if fixture == LAST_PAGE:
        return fixture
    stored = case(fixture)
    return f"tests/fixtures/bybit-v5/{fixture}.json ({stored['kind']}; {stored['source']})"


def _interaction(turn: Turn) -> dict[str, Any]:
    stored: dict[str, Any] = (
        {"status": 200, "body": listed()} if turn.fixture == LAST_PAGE else case(turn.fixture)
    )
    text = stored["body"] if isinstance(stored["body"], str) else json.dumps(stored["body"])
    is_get = turn.method == "GET"
    # A cursor is percent-encoded already.
    query = "&".join(
        f"{name}={value}" if name == "cursor" else urlencode({name: value})
        for name, value in sorted(turn.params.items())
    )
    return {
        "request": {
            "method": turn.method,
            "uri": f"{HOST}{turn.path}" + (f"?{query}" if is_get and query else ""),
            "body": None if is_get else json.dumps(dict(turn.params)),
            "headers": {"Content-Type": ["application/json"]},
        },
        "response": {
            "status": {"code": stored["status"], "message": "OK" if stored["status"] == 200 else "Refused"},
            "headers": {name: [value] for name, value in stored.get("headers", {}).items()},
            "body": {"string": text},
        },
    }


def write() -> None:
    """Write all cassettes anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, story in STORIES.items():
        (FOLDER / f"{name}.yaml").write_text(rendered(story), encoding="utf-8")


if __name__ == "__main__":
    write()
