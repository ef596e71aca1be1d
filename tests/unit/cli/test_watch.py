"""What `botbox watch` says of each event, and what it refuses before it begins."""

from __future__ import annotations

import importlib.util
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from botbox_cli.cli.watch_lines import call_postman, document_of, line_of
from botbox_cli.errors import BotboxError, ExchangeUnavailable
from botbox_cli.ports import Holder
from botbox_cli.services import watch_events as e
from botbox_cli.services.monitor import TradeAction
from tests.support.cli import botbox, console
from tests.support.verdict import open_trade
from tests.support.world import a_world

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
OTHER = Holder("desk/boot/ns", 77, "then", "token")
DOWN = ExchangeUnavailable("the exchange does not answer", "wait")


def every_event() -> list[e.Event]:
    """Return one event of each kind."""
    with a_world() as world:
        trade = open_trade(world)
        with world.store.read(world.account) as books:
            setup = books.setup(trade.setup_id)
    return [
        e.Leading(OTHER),
        e.Standby(OTHER),
        e.Connection("public", False, "silent for 12 s"),
        e.Polling(True, "the public stream is down"),
        e.CandleStored("BTCUSDT", "60", AT, 60000.5),
        e.Recorded(4, 1, (DOWN,)),
        e.Scanned("60", 10, 1),
        e.SetupFound(setup),
        e.SetupClosed(3, "expired"),
        e.Crossed(1, "BTCUSDT", "target", Decimal(62000), Decimal("62000.1")),
        e.Acted(TradeAction(1, "BTCUSDT", Decimal(62000), "stop_armed", "stop armed at 58000")),
        e.TradeMoved(trade),
        e.Passed(2, 1, (DOWN,)),
        e.Trouble("exchange", DOWN),
        e.Recovered("trade 7"),
        e.BooksChanged(),
    ]


def test_every_event_has_a_line_and_a_document() -> None:
    events = every_event()
    assert {type(event) for event in events} == set(get_args(e.Event))

    for event in events:
        line, document = line_of(console(), event), document_of(event)
        if isinstance(event, e.BooksChanged):
            assert (line, document) == (None, None)
        else:
            assert line
            assert "\n" not in line
            assert document is not None
            json.dumps(document)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (e.Leading(None), "this watch acts now"),
        (e.Standby(OTHER), "another watch acts (pid 77 on desk); this one looks on, and takes over after it"),
        (e.Polling(False, "prices stream again"), "prices stream again"),
        (e.Recorded(1, 0, ()), "1 candle recorded"),
        (
            e.Crossed(1, "BTCUSDT", "target", Decimal(62000), Decimal("62000.1")),
            "trade 1 BTCUSDT: 62000.1 has reached its target 62000",
        ),
        (e.Trouble("exchange", DOWN), "TROUBLE with the exchange: the exchange does not answer (wait)"),
        (e.Recovered("trade 7"), "trade 7 works again"),
        (e.Passed(0, 0), None),
    ],
)
def test_line(event: e.Event, line: str | None) -> None:
    assert line_of(console(), event) == line


def test_postman_hears_of_passes_with_their_errors_and_of_what_people_wait_for() -> None:
    calls: list[tuple[tuple[BotboxError, ...], bool]] = []

    for event in every_event():
        call_postman(lambda errors, has_asked: calls.append((tuple(errors), has_asked)), event)

    assert calls.count(((DOWN,), True)) == 1
    assert calls.count(((), False)) == 4


def test_unknown_timeframe_is_refused(installation: Path) -> None:
    ran = botbox("watch", "--timeframe", "61")

    assert ran.code == 2
    assert "--timeframe '61' is not known" in ran.err


def test_live_without_a_terminal_wants_yes(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "BOTBOX_MODE": "live",
        "BYBIT_API_KEY": "key-of-a-test",
        "BYBIT_API_SECRET": "secret-of-a-test",
        "BOTBOX_ARM_LIVE": "1",
    }.items():
        monkeypatch.setenv(name, value)

    ran = botbox("watch", "--json")

    assert ran.code == 2
    assert ran.document["error"]["code"] == "no_answer"


def test_without_textual_it_says_what_to_install(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from botbox_cli.cli.commands import watch

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(watch, "_run_lines", lambda *args: 0)

    ran = botbox("watch", width=80, answer="")

    assert ran.code == 0
    assert "pip install 'botbox[desk]'" in ran.err
