"""Every way of failing, with a marked key, secret and password: the marks may be found nowhere afterwards.

The console blots secrets out at the end of every way; the files show that they never get that far.
"""

from __future__ import annotations

import logging
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from botbox_cli import bootstrap, config
from botbox_cli.domain.account import Mode
from botbox_cli.errors import ConfigError
from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.exchange.paper.faults import Broken
from botbox_cli.exchange.paper.identity import connect
from botbox_cli.exchange.paper.protocol import Reply, Request
from botbox_cli.exchange.session import Access, make_http
from tests.crash.situations import propose, trade
from tests.support.forkserver import Ended, Forkserver, a_forkserver
from tests.support.postgres import PostgresServer
from tests.support.stage import HttpHost, HttpStage, quick_folder

KEY, SECRET, PASSWORD = "MARKkeyAAAAAAAA0001", "MARKsecretBBBBBBBBBBBBBBBBBBBB0002", "MARKpass/CC@0003"
MARKS = (KEY, SECRET, PASSWORD, quote(PASSWORD, safe=""))
ECHO = f"error sign! origin_string[1682321990138{KEY}5000category=spot] and {SECRET}, key={KEY}"


@pytest.fixture(scope="module")
def forkserver() -> Iterator[Forkserver]:
    with a_forkserver() as server:
        yield server


@pytest.fixture(scope="module")
def host() -> Iterator[HttpHost]:
    host = HttpHost()
    yield host
    host.close()


@pytest.fixture(scope="module")
def prepared(forkserver: Forkserver, host: HttpHost) -> Iterator[HttpStage]:
    """An account with a marked key: trade 1 is open, setup 2 approved."""
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        stage = HttpStage(forkserver, Path(folder) / "prepared", host)
        stage.folder.mkdir()
        with closing(connect(stage.exchange_file)) as file:
            marked = [("user_id", "1"), ("api_key", KEY), ("api_secret", SECRET)]
            file.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", marked)
        stage.folder.rename(stage.folder.with_name("made"))
        stage.folder = stage.folder.with_name("made")
        stage.database_url = f"sqlite:///{stage.folder / 'botbox.sqlite'}"
        stage.settings = {"BOTBOX_DEBUG": "1"}
        with stage:
            stage.must("init")
            trade(stage)
            propose(stage, symbol="ETHUSDT", approve=True)
        yield stage


@pytest.fixture
def stage(prepared: HttpStage, tmp_path: Path) -> Iterator[HttpStage]:
    with prepared.copy(tmp_path / "stage") as stage:
        yield stage


class Failing:
    """The sandbox's exchange, failing at one path as it is told to; all else works."""

    def __init__(self, stage: HttpStage, path: str, fail: Callable[[], Reply], times: float = inf) -> None:
        self.engine = stage.host.sandbox.exchange
        self.path, self.fail, self.times = path, fail, times
        self.keys_seen: set[str | None] = set()
        stage.host.sandbox.faulty = self  # type: ignore[assignment]  # It is asked to handle, nothing else.

    def handle(self, request: Request) -> Reply:
        if request.path != self.path or not self.times:
            return self.engine.handle(request)
        self.times -= 1
        self.keys_seen.add(request.headers.get("X-BAPI-API-KEY"))
        return self.fail()


def refused(code: int) -> Callable[[], Reply]:
    body = {"retCode": code, "retMsg": ECHO, "result": {"echo": ECHO}, "retExtInfo": {}, "time": 1}
    return lambda: Reply(200, {}, body)


def said(status: int, text: str = f"<html>{ECHO}</html>") -> Callable[[], Reply]:
    return lambda: Reply(status, {}, text)


def broken(how: str, seconds: float = 0.0) -> Callable[[], Reply]:
    def fail() -> Reply:
        raise Broken(how, None, seconds)

    return fail


def odd(body: dict[str, Any]) -> Callable[[], Reply]:
    return lambda: Reply(200, {}, body)


FAILURES = {
    **{
        f"code {code}": refused(code)
        for code in (10001, 10003, 10004, 10005, 10010, 33004, 170131, 10016, 99999)
    },
    **{f"status {status}": said(status) for status in (401, 403, 404, 429, 500, 503)},
    "bad JSON": said(200, f'{{"retCode": 0, "retMsg": "{ECHO}'),
    "no result": odd({"retCode": 0, "retMsg": ECHO}),
    "odd result": odd(
        {"retCode": 0, "retMsg": "OK", "result": {"list": [{"symbol": ECHO, "orderId": ECHO}]}}
    ),
    "odd code": odd({"retCode": ECHO, "retMsg": ECHO, "result": {}}),
    "reset": broken("reset"),
}
USES = {
    "/v5/user/query-api": ("doctor",),
    "/v5/market/kline": ("record", "--once"),
    "/v5/market/instruments-info": ("execute", "2"),
    "/v5/market/tickers": ("monitor", "--once"),
    "/v5/account/wallet-balance": ("execute", "2"),
    "/v5/order/create": ("execute", "2"),
    "/v5/order/cancel": ("close", "1"),
    "/v5/order/realtime": ("monitor", "--once"),
    "/v5/execution/list": ("reconcile",),
}


def marks_in(stage: HttpStage, *ended: Ended) -> list[str]:
    """Return where a mark is found: in what commands said, or in any file but the exchange's own."""
    texts = [(f"{e.argv}", (e.out + e.err).encode()) for e in ended]
    files = (
        path for path in stage.folder.rglob("*") if path.is_file() and "exchange.sqlite" not in path.name
    )
    texts += [(str(path), path.read_bytes()) for path in files]
    return [f"{mark[:8]} in {name}" for name, data in texts for mark in MARKS if mark.encode() in data]


@pytest.mark.parametrize("path", USES)
def test_no_failure_of_a_request_shows_them(path: str, stage: HttpStage) -> None:
    ended = []
    for number, fail in enumerate(FAILURES.values()):
        failing = Failing(stage, path, fail)
        ended.append(stage.run(*USES[path], *(["--json"] if number % 2 else [])))
        assert failing.keys_seen, "the command never came to the failing request"
        stage.pass_time(60)
    others = [
        stage.run(*argv) for argv in (("trade", "1", "--json"), ("trades", "--status", "all"), ("audit",))
    ]

    assert all(e.code for e in ended if path != "/v5/order/cancel")
    assert marks_in(stage, *ended, *others) == []


def test_no_answer_in_time_shows_them(stage: HttpStage) -> None:
    Failing(stage, "/v5/order/create", broken("timeout", 30.0), times=1)

    ended = stage.run("execute", "2", "--json")

    assert ended.code == 0, ended
    assert marks_in(stage, ended) == []


@pytest.mark.parametrize("argv", [("doctor",), ("monitor", "--once", "--json"), ("execute", "2"), ("init",)])
def test_a_key_that_is_not_the_accounts_is_not_shown(argv: tuple[str, ...], stage: HttpStage) -> None:
    """Bybit's answer to a wrong signature repeats the key."""
    with closing(sqlite3.connect(stage.exchange_file)) as file, file:
        file.execute("UPDATE meta SET value = 'another' WHERE name = 'api_secret'")
    stage.settings["BYBIT_API_SECRET"] = SECRET

    with stage.copy(stage.folder.with_name("other")) as other:
        ended = other.run(*argv)

    assert ended.code == (0 if argv == ("init",) else 3), ended
    assert marks_in(other, ended) == []


REFUSED_URLS = [
    f"postgresql://someone:{quote(PASSWORD, safe='')}@127.0.0.1:1/books",
    f"postgresql://someone:{PASSWORD}@127.0.0.1:1/books",
    f"postgresql://someone:{quote(PASSWORD, safe='')}@[::1/books",
    f"postgresql://someone:{quote(PASSWORD, safe='')}@127.0.0.1:port/books",
    f"postgresql://127.0.0.1:1/books?password={quote(PASSWORD, safe='')}",
    f"mysql://someone:{quote(PASSWORD, safe='')}@127.0.0.1/books",
    f"{quote(PASSWORD, safe='')}",
]


@pytest.mark.parametrize("argv", [("monitor", "--once", "--json"), ("init",), ("doctor",)])
@pytest.mark.parametrize("url", REFUSED_URLS, ids=range(len(REFUSED_URLS)))
def test_a_refused_database_url_is_not_shown(url: str, argv: tuple[str, ...], stage: HttpStage) -> None:
    stage.database_url = url

    ended = stage.run(*argv)

    assert ended.code in (3, 9), ended
    assert marks_in(stage, ended) == []


@pytest.mark.postgres
def test_a_password_that_the_server_refuses_is_not_shown(
    stage: HttpStage, postgres_server: PostgresServer
) -> None:
    stage.database_url = (
        f"postgresql://botbox:{quote(PASSWORD, safe='')}@127.0.0.1:{postgres_server.port}/books"
    )

    ended = stage.run("monitor", "--once")

    assert ended.code == 9, ended
    assert marks_in(stage, ended) == []


BROKEN_FILES = [
    f'BYBIT_API_SECRET="{SECRET}\nBYBIT_API_KEY={KEY}\n',
    f"BYBIT_API_KEY {KEY}\n",
    f"BYBIT_API_KEY='{KEY} {SECRET}'\nBYBIT_API_SECRET={SECRET}\n",
    f"BYBIT_API_KEY={KEY}\nBYBIT_API_SECRET={SECRET}\nBOTBOX_MODE={SECRET[:3]}\n",
    f"BYBIT_API_KEY={KEY}\nBYBIT_API_SECRET={SECRET}\nBYBIT_ENDPOINT=http://{KEY}:{SECRET}@127.0.0.1/\n",
    f"BYBIT_API_KEY={KEY}\nBYBIT_API_SECRET={SECRET}\nBOTBOX_MODE={SECRET}\n",
    f"DATABASE_URL=postgresql://me:{quote(PASSWORD, safe='')}@h/\nBOTBOX_MAX_OPEN_POSITIONS=none\n",
]


@pytest.mark.parametrize("argv", [("monitor", "--once", "--json"), ("doctor",), ("init",)])
@pytest.mark.parametrize("text", BROKEN_FILES, ids=range(len(BROKEN_FILES)))
def test_a_broken_env_file_is_not_shown(
    text: str, argv: tuple[str, ...], stage: HttpStage, tmp_path: Path
) -> None:
    file = tmp_path / "vars"
    file.write_text(text)
    without = ("BYBIT_API_KEY", "BYBIT_API_SECRET", "BYBIT_ENDPOINT", "BOTBOX_MODE", "DATABASE_URL")
    env = {name: value for name, value in stage.environment.items() if name not in without}

    ended = stage.server.run([*argv, "--env-file", str(file)], env=env, folder=stage.folder)

    assert ended.code or argv == ("init",), ended
    assert marks_in(stage, ended) == []


def test_init_copies_no_secret_from_the_environment(stage: HttpStage) -> None:
    stage.database_url = f"sqlite:///{stage.folder / 'new.sqlite'}"

    ended = stage.run("init", "--env-file", "fresh.vars")

    assert (stage.folder / "fresh.vars").exists()
    assert marks_in(stage, ended) == []


def test_a_bug_shown_with_debug_on_shows_none_of_them(stage: HttpStage) -> None:
    ended = stage.run("halt", fault="steps=/nowhere/steps")

    assert ended.code == 1
    assert "Traceback" in ended.err
    assert marks_in(stage, ended) == []


def test_no_object_tells_them_about_itself(
    stage: HttpStage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """pybit's own session shows key and secret in its repr, and logs requests."""
    caplog.set_level(logging.DEBUG)
    for name, value in (stage.environment | {"BYBIT_API_KEY": KEY, "BYBIT_API_SECRET": SECRET}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    settings = config.load(None)
    http = make_http(Access(Mode.TESTNET, KEY, SECRET, endpoint=stage.host.sandbox.url), WallClock())

    with closing(http.client), bootstrap.wired(settings) as wiring:
        shown = [
            repr(each) for each in (http, settings, wiring, wiring.access, wiring.desk(), wiring.exchange)
        ]
        shown += [f"{settings}", f"{wiring.exchange.recv_window_s}", settings.model_dump_json()]
        Failing(stage, "/v5/account/wallet-balance", refused(10005))
        with pytest.raises(ConfigError) as raised:
            wiring.exchange.wallet()

    shown += [repr(raised.value), str(raised.value), repr(raised.value.__cause__), caplog.text]
    assert [mark for mark in MARKS for text in shown if mark in text] == []


def test_the_search_finds_a_mark(stage: HttpStage) -> None:
    (stage.folder / "some.log").write_text(f"secret={SECRET}")

    assert marks_in(stage, Ended(("x",), 0, KEY, "")) == [
        "MARKkeyA in ('x',)",
        f"MARKsecr in {stage.folder / 'some.log'}",
    ]
