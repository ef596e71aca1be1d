"""The fault schedule: what it hits, that it is repeatable, and the kinds that are more than a broken line."""

import json

import pytest

from botbox_cli.exchange.paper.faults import KINDS, Broken, FaultSchedule, FaultyExchange, Rule
from botbox_cli.exchange.paper.protocol import Request
from tests.support.paper import PaperDesk

CREATE = "/v5/order/create"


def faulty(desk: PaperDesk, *rules: Rule, seed: int = 0) -> FaultyExchange:
    return FaultyExchange(desk.exchange, FaultSchedule(rules, seed))


def buy(link: str, stamp: int | None = None) -> Request:
    params = {
        "category": "spot",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Market",
        "qty": "0.01",
        "marketUnit": "baseCoin",
        "orderLinkId": link,
    }
    headers = {} if stamp is None else {"X-BAPI-TIMESTAMP": str(stamp), "X-BAPI-RECV-WINDOW": "5000"}
    return Request("POST", CREATE, params, headers)


def look_up(link: str) -> Request:
    return Request("GET", "/v5/order/realtime", {"category": "spot", "orderLinkId": link})


@pytest.fixture
def desk() -> PaperDesk:
    return PaperDesk()


def test_a_rule_hits_the_path_parameters_link_and_turn_it_names() -> None:
    rule = Rule("reset_before", path=CREATE, params={"side": "Sell"}, link="-exit", nth=2)
    schedule = FaultSchedule([rule])

    def hits(**params: str) -> bool:
        return bool(schedule.befall(Request("POST", CREATE, params)))

    assert not hits(side="Sell", orderLinkId="bb-exit1")
    assert not hits(side="Buy", orderLinkId="bb-exit1")
    assert not hits(side="Sell", orderLinkId="bb-stop1")
    assert not schedule.befall(
        Request("POST", "/v5/order/cancel", {"side": "Sell", "orderLinkId": "bb-exit1"})
    )
    assert hits(side="Sell", orderLinkId="bb-exit2")
    assert not hits(side="Sell", orderLinkId="bb-exit3")
    assert schedule.fired == [(5, "reset_before", CREATE)]


def test_the_same_seed_gives_the_same_faults() -> None:
    def fired(seed: int) -> list[tuple[int, str, str]]:
        schedule = FaultSchedule([Rule(kind, probability=0.3) for kind in KINDS], seed)
        for number in range(50):
            schedule.befall(buy(str(number)))
        return schedule.fired

    assert fired(1) == fired(1) != fired(2)


def test_a_schedule_survives_json() -> None:
    rules = [Rule("lag", realtime_ms=5, params={"side": "Buy"}), Rule("reject_after", code=170007, nth=3)]
    schedule = FaultSchedule(rules, seed=9)

    again = FaultSchedule.from_json(schedule.to_json())

    assert (again.rules, again.seed) == (schedule.rules, 9)


@pytest.mark.parametrize("text", ["[]", "{}", '{"rules": [{}]}', '{"rules": [{"kind": "x"}]}', "rubbish"])
def test_what_is_no_schedule_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        FaultSchedule.from_json(text)


def test_the_first_of_several_connection_faults_wins(desk: PaperDesk) -> None:
    exchange = faulty(desk, Rule("timeout_after"), Rule("reset_before"))

    with pytest.raises(Broken, match="timeout"):
        exchange.handle(buy("bb-1"))

    assert desk.status("bb-1") == "Filled"


def test_a_delay_lets_time_pass_before_the_request_arrives(desk: PaperDesk) -> None:
    exchange = faulty(desk, Rule("delay", seconds=6))

    reply = exchange.handle(buy("bb-1", stamp=desk.now_ms))

    assert json.loads(json.dumps(reply.body))["retCode"] == 10002


def test_a_stale_answer_is_the_former_one(desk: PaperDesk) -> None:
    exchange = faulty(desk, Rule("stale", path="/v5/order/realtime", nth=2))

    before = exchange.handle(look_up("bb-1"))
    exchange.handle(buy("bb-1"))

    assert exchange.handle(look_up("bb-1")) == before
    assert exchange.handle(look_up("bb-1")) != before


def test_a_request_delivered_twice_places_one_order(desk: PaperDesk) -> None:
    reply = faulty(desk, Rule("twice")).handle(buy("bb-1"))

    assert isinstance(reply.body, dict)
    assert reply.body["retCode"] == 170141
    assert len(desk.exchange.look()[0]) == 1


def test_a_late_request_arrives_after_the_client_gave_up(desk: PaperDesk) -> None:
    exchange = faulty(desk, Rule("late", path=CREATE, seconds=4))
    sent_ms = desk.now_ms

    with pytest.raises(Broken, match="timeout"):
        exchange.handle(buy("bb-1", stamp=sent_ms))

    desk.clock.sleep(3)
    assert found(exchange, "bb-1") == []
    desk.clock.sleep(9)
    [row] = found(exchange, "bb-1")
    assert row["createdTime"] == str(sent_ms + 4000)


def test_a_request_that_arrives_beyond_the_fence_is_never_accepted(desk: PaperDesk) -> None:
    exchange = faulty(desk, Rule("late", path=CREATE, seconds=5.001))

    with pytest.raises(Broken):
        exchange.handle(buy("bb-1", stamp=desk.now_ms))

    desk.clock.sleep(10)
    assert found(exchange, "bb-1") == []


def found(exchange: FaultyExchange, link: str) -> list[dict[str, str]]:
    body = exchange.handle(look_up(link)).body
    assert isinstance(body, dict)
    rows: list[dict[str, str]] = body["result"]["list"]
    return rows


@pytest.mark.parametrize(
    ("rule", "status", "filled"),
    [
        (Rule("partial_fill", fraction="0.25"), "PartiallyFilledCanceled", "0.002500"),
        (Rule("zero_fill"), "Cancelled", "0.000000"),
        (Rule("async_reject", reason="EC_ReachRiskPriceLimit"), "Rejected", "0.000000"),
    ],
)
def test_effects_befall_the_created_order(desk: PaperDesk, rule: Rule, status: str, filled: str) -> None:
    reply = faulty(desk, rule).handle(buy("bb-1"))

    assert isinstance(reply.body, dict)
    assert reply.body["retCode"] == 0
    row = desk.order("bb-1")
    assert (row["orderStatus"], row["cumExecQty"]) == (status, filled)


def test_a_lag_hides_the_created_order_for_a_while(desk: PaperDesk) -> None:
    exchange = faulty(desk, Rule("lag", path=CREATE, realtime_ms=700))

    exchange.handle(buy("bb-1"))

    assert found(exchange, "bb-1") == []
    desk.clock.sleep(0.7)
    assert len(found(exchange, "bb-1")) == 1
