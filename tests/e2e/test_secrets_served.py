"""What watches, serves, tells, logs and backs up: with every secret marked, while the exchange repeats them.

Beside the key and its secret: the login token, the password of a message channel, and that of the database.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from botbox_cli.exchange.paper.identity import connect
from tests.crash.situations import propose, trade
from tests.e2e.test_secrets import (
    KEY,
    PASSWORD,
    SECRET,
    Failing,
    broken,
    forkserver,
    host,
    odd,
    refused,
    said,
)
from tests.support.forkserver import Forkserver, Running
from tests.support.receiver import Receiver, a_receiver
from tests.support.stage import HttpHost, HttpStage, quick_folder
from tests.support.waiting import until

__all__ = ["forkserver", "host"]

CHANNEL = "MARKchannelDD0004"
ECHOES = {
    "/v5/order/realtime": refused(10003),
    "/v5/market/tickers": said(502),
    "/v5/account/wallet-balance": odd({"retCode": f"{KEY} {SECRET}", "retMsg": f"{KEY} {SECRET}"}),
    "/v5/order/create": refused(10001),
    "/v5/market/kline": broken("reset"),
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as receiver:
        receiver.status = 500
        yield receiver


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def stage(
    request: pytest.FixtureRequest, forkserver: Forkserver, host: HttpHost, receiver: Receiver
) -> Iterator[HttpStage]:
    """An account with everything marked: trade 1 is open, setup 2 waits; every message is refused."""
    url = ""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        stage = HttpStage(forkserver, Path(folder) / "stage", host, url=url, wall=True)
        stage.folder.mkdir()
        with closing(connect(stage.exchange_file)) as file:
            marked = [("user_id", "1"), ("api_key", KEY), ("api_secret", SECRET)]
            file.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", marked)
        stage.settings = {
            "BOTBOX_DEBUG": "1",
            "BOTBOX_LOG_FILE": str(stage.folder / "botbox.log"),
            "BOTBOX_NOTIFY": receiver.url.replace("://", f"://{CHANNEL}:{CHANNEL}@"),
            "BOTBOX_PUBLIC_URL": "https://desk.example",
            "BYBIT_WS_ENDPOINT": host.sandbox.url.replace("http", "ws", 1),
        }
        with stage:
            stage.host.sandbox.sockets.exchange = stage.host.sandbox.exchange
            stage.must("init")
            trade(stage)
            propose(stage, symbol="ETHUSDT")
            yield stage


def fresh_token(stage: HttpStage) -> str:
    """Return a login token; what printed it, this once, is thrown away."""
    ended = stage.must("serve", "--new-token", "--json")
    for file in stage.folder.glob("command-*"):
        if file.is_file():
            file.unlink()
    token: str = json.loads(ended.out)["web_token"]
    return token


def found_in(stage: HttpStage, token: str, texts: dict[str, bytes]) -> list[str]:
    """Return where a mark is: in these texts, or in name or content of any file but the exchange's own."""
    marks = [KEY, SECRET, PASSWORD, quote(PASSWORD, safe=""), CHANNEL, token]
    marks += [password] if (password := urlsplit(stage.database_url).password) else []
    files = [p for p in stage.folder.rglob("*") if p.is_file() and "exchange.sqlite" not in p.name]
    known = {**{str(path): path.read_bytes() for path in files}, **texts}
    return [
        f"{mark[:12]} in {name}"
        for name, data in known.items()
        for mark in marks
        if mark.encode() in data or mark in name
    ]


def ended(running: Running) -> int:
    os.kill(running.pid, signal.SIGTERM)
    return running.wait().code


def test_what_is_served_shows_none_of_them(stage: HttpStage) -> None:
    token = fresh_token(stage)
    serving = stage.start("serve", "--port", "0", "--json")
    out = serving.output.with_suffix(".out")
    until(lambda: out.exists() and "url" in out.read_text())
    texts: dict[str, bytes] = {}
    with httpx.Client(base_url=json.loads(out.read_text())["url"], timeout=60, trust_env=False) as http:

        def keep(name: str, answer: httpx.Response) -> None:
            texts[f"{name} {answer.status_code} {len(texts)}"] = answer.content + str(answer.headers).encode()

        bearer = {"Authorization": f"Bearer {token}"}
        paths = [
            "/", "/main.js", "/docs", "/openapi.json", "/metrics", "/link/none", "/api/links/none", "/api/session",
            "/api/setups", "/api/setups/2", "/api/trades", "/api/trades/1", "/api/status", "/api/stats",
            "/api/prices", "/api/health", "/api/candles/BTCUSDT/60", "/api/nothing",
        ]  # fmt: skip
        for path in paths:
            keep("GET", http.get(path, headers=bearer))
            keep("nobody's GET", http.get(path))
        for place, fail in ECHOES.items():
            Failing(stage, place, fail)
            time.sleep(2.1 if place == "/v5/market/tickers" else 0)  # prices are remembered for two seconds
            for path in ("/api/status", "/api/prices", "/api/setups/2", "/api/health"):
                keep(f"GET {path}, {place} failing", http.get(path, headers=bearer))
            for path in ("/api/setups/2/approve", "/api/trades/1/close"):
                keep(f"POST {path}, {place} failing", http.post(path, headers=bearer, json={}))
        keep("wrong token", http.get("/api/trades", headers={"Authorization": f"Bearer {token}x"}))
        keep("wrong way", http.get("/api/trades", headers={"Authorization": f"Basic {token}"}))
        with http.stream("GET", "/api/events", headers=bearer) as events:
            texts["events"] = next(events.iter_raw())

    assert ended(serving) == 0
    assert {"200", "401", "404"} <= {name.split()[-2] for name in texts if name != "events"}
    assert found_in(stage, token, texts) == []


def test_what_watches_tells_and_logs_shows_none_of_them(stage: HttpStage, receiver: Receiver) -> None:
    token = fresh_token(stage)
    for place, fail in ECHOES.items():
        Failing(stage, place, fail)
        for argv in (("doctor", "--quiet"), ("run", "--once")):
            stage.run(*argv)
    stage.host.show(stage.host.sandbox.exchange)
    watching = stage.start("watch", "--interval", "5")
    shown = watching.output.with_suffix(".out")
    until(lambda: shown.exists() and "acts now" in shown.read_text())
    receiver.status = 200
    Failing(stage, "/v5/market/kline", ECHOES["/v5/market/kline"])
    stage.host.sandbox.sockets.control({"refuse_auth": True})
    time.sleep(3)

    assert ended(watching) in (0, 3)
    assert found_in(stage, token, {"messages": json.dumps(receiver.got).encode()}) == []


def test_what_is_kept_and_printed_shows_none_of_them(stage: HttpStage) -> None:
    token = fresh_token(stage)
    (stage.folder / "backups").mkdir()
    for argv in (
        ("db", "backup", "backups"),
        ("db", "backup", "nowhere/at/all.backup"),
        ("schedule", "--cron", "--env-file", "none.vars"),
        ("explain", "--trade", "1", "--json"),
        ("trade", "1", "--json"),
        ("audit", "export"),
        ("audit", "verify"),
        ("test-execution", "--setup", "2", "--json"),
        ("reconcile", "--json"),
        ("db", "move", f"postgresql://me:{quote(PASSWORD, safe='')}@127.0.0.1:1/books"),
    ):
        stage.run(*argv)

    if stage.database_url.startswith("sqlite"):  # PostgreSQL's own program may not be there
        assert list((stage.folder / "backups").iterdir())
    assert found_in(stage, token, {}) == []
