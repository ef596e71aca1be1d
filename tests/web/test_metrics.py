"""`/metrics`: what Prometheus reads there are the figures of the books, and only who has the token reads them."""

from __future__ import annotations

from contextlib import closing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from botbox_cli import bootstrap, config
from botbox_cli.domain.account import Account
from botbox_cli.services.tally import Latency, add_latency
from botbox_cli.storage.store import SqlStore
from tests.support.cli import botbox
from tests.support.web import Served, Visitor
from tests.web.conftest import BY_HAND, FOUND

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(served: Served) -> Samples:
    """Return all samples by name and labels, without those of the account."""
    with served.script() as script:
        answer = script.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (
            sample.name,
            tuple((k, v) for k, v in sorted(sample.labels.items()) if k not in ("mode", "account")),
        ): (sample.value)
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def books(installation: object) -> tuple[SqlStore, Account]:
    with closing(bootstrap.open_store(config.load(None))) as store:
        yield store, store.accounts()[0]


def test_figures_are_those_of_the_books(served: Served) -> None:
    assert botbox("approve", FOUND, "--execute").code == 0
    assert botbox("close", 1).code == 0
    assert botbox("approve", BY_HAND, "--execute").code == 0
    closed = botbox("trades", "--status", "closed", "--json").document["trades"][0]

    found = scraped(served)

    assert found["botbox_setups", (("status", "TRIGGERED"),)] == 2
    assert found["botbox_trades", (("status", "OPEN"),)] == 1
    assert found["botbox_trades", (("status", "CLOSED"),)] == 1
    assert found["botbox_realised_pnl", (("coin", "USDT"),)] == float(closed["pnl"])
    assert found["botbox_fees", (("coin", "USDT"),)] == float(closed["fees"])
    assert found["botbox_open_risk", (("coin", "USDT"),)] > 0
    assert found["botbox_halted", ()] == 0
    assert found["botbox_pass_ok", (("job", "monitor"),)] == 1
    assert found["botbox_candle_age_seconds", (("timeframe", "60"),)] >= 3600


def test_figures_follow_the_books(served: Served) -> None:
    before = scraped(served)
    assert botbox("reject", BY_HAND, "--reason", "no").code == 0
    assert botbox("halt").code == 0

    after = scraped(served)

    assert before["botbox_setups", (("status", "REJECTED"),)] == 0
    assert after["botbox_setups", (("status", "REJECTED"),)] == 1
    assert (before["botbox_halted", ()], after["botbox_halted", ()]) == (0, 1)


def test_errors_of_passes_are_counted_by_code(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_SYMBOLS", "BTCUSDT,NOSUCHUSDT")
    for _ in range(2):
        assert botbox("record", "--once").code == 4

    found = scraped(served)

    assert found["botbox_errors_total", (("code", "not_found"),)] == 2
    assert found["botbox_pass_ok", (("job", "record"),)] == 0


def test_latency_of_all_processes_adds_up(served: Served, books: tuple[SqlStore, Account]) -> None:
    for seconds in (0.0008, 0.004, 99.0):
        latency = Latency()
        latency.observe(seconds)
        add_latency(*books, latency)

    found = scraped(served)

    name = "botbox_tick_to_request_seconds"
    buckets = {le: found[f"{name}_bucket", (("le", le),)] for le in ("0.001", "0.005", "2.5", "+Inf")}
    assert buckets == {"0.001": 1, "0.005": 2, "2.5": 2, "+Inf": 3}
    assert found[f"{name}_count", ()] == 3
    assert found[f"{name}_sum", ()] == pytest.approx(99.0048)


def test_every_sample_says_whose_it_is(served: Served) -> None:
    with served.script() as script:
        text = script.get("/metrics").text

    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    assert {s.labels.get("mode") for s in samples if s.name != "botbox_info"} == {"paper"}
    assert len({s.labels.get("account") for s in samples if s.name != "botbox_info"}) == 1


def test_nobody_reads_them_without_the_token(visitor: Visitor) -> None:
    assert visitor.get("/metrics").status_code == 401
    assert visitor.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
