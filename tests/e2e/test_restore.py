"""Books of an earlier moment beside an exchange that went on: what is said of a trade that they don't know."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.forkserver import Forkserver, a_forkserver
from tests.support.stage import HttpHost, HttpStage, quick_folder


@pytest.fixture(scope="module")
def forkserver() -> Iterator[Forkserver]:
    with a_forkserver() as server:
        yield server


@pytest.fixture
def stage(forkserver: Forkserver) -> Iterator[HttpStage]:
    """A testnet account whose exchange is a server of its own."""
    host = HttpHost()
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        stage = HttpStage(forkserver, Path(folder) / "desk", host)
        stage.build()
        with stage:
            yield stage
    host.close()


def approve(stage: HttpStage, number: int) -> int:
    levels = stage.levels("stay", "BTCUSDT")
    words = [word for name, level in levels.items() for word in (f"--{name}", level)]
    stage.must("propose", "BTCUSDT", *words)
    return stage.run("approve", str(number), "--execute").code


def document(stage: HttpStage, *argv: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stage.run(*argv, "--json").out)
    return found


def test_trade_that_restored_books_do_not_know_keeps_its_stop_and_is_named(stage: HttpStage) -> None:
    stage.must("monitor", "--once")  # the account is known now
    stage.must("db", "backup", "safe.sqlite")
    assert approve(stage, 1) == 0
    (stop,) = (o for o in document(stage, "trade", "1")["trade"]["orders"] if o["role"] == "stop")

    stage.must("db", "restore", "safe.sqlite", "--force")

    assert stage.run("monitor", "--once").code == 0
    found = document(stage, "reconcile")["differences"]
    # The stop that is alive, and the entry that filled.
    assert [d["kind"] for d in found] == ["unknown_order", "unknown_order"]
    assert stop["order_link_id"] in found[0]["theirs"]
    assert "-1-entry1)" in found[1]["theirs"]
    # Until a person has looked, nothing new is entered.
    assert approve(stage, 1) == 4


def test_what_was_kept_aside_knows_it_again(stage: HttpStage) -> None:
    stage.must("monitor", "--once")
    stage.must("db", "backup", "safe.sqlite")
    assert approve(stage, 1) == 0
    aside = document(stage, "db", "restore", "safe.sqlite", "--force")["aside"]

    stage.must("db", "restore", aside, "--force")

    stage.must("monitor", "--once")
    stage.must("resume")
    assert stage.faults() == []
