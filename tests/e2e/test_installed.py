"""The installed command: in pipes, on a terminal, interrupted, at once, and what it imports."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.support.person import BOTBOX, Person
from tests.support.sockets import Client

REPLAY = {"BOTBOX_MARKET": "replay", "BOTBOX_SYMBOLS": "BTCUSDT", "BOTBOX_TIMEFRAMES": "60,240"}
HEAVY = {"pybit", "requests", "numpy", "talib", "alembic", "rich", "plotext", "websocket"}
SQL = {"sqlalchemy", "sqlmodel"}
"""Not needed for the usual statements on SQLite: their SQL is kept."""


@pytest.fixture(scope="module")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of somebody who has just run `botbox init` for a replay."""
    home = tmp_path_factory.mktemp("new")
    assert Person(home, dict(REPLAY)).runs("init").returncode == 0
    return home


@pytest.fixture(scope="module")
def holders_home(new_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of somebody with candles and an open trade that ends soon."""
    home = tmp_path_factory.mktemp("holder") / "home"
    someone = Person(shutil.copytree(new_home, home), dict(REPLAY))
    someone.document("record", "--once", "--since", "20d")
    setup = someone.document("propose", "BTCUSDT", *levels_of(someone))["setup"]
    assert someone.document("approve", setup["id"], "--execute")["success"]
    return home


@pytest.fixture
def person(new_home: Path, tmp_path: Path) -> Person:
    return Person(shutil.copytree(new_home, tmp_path / "person"), dict(REPLAY))


@pytest.fixture
def holder(holders_home: Path, tmp_path: Path) -> Person:
    return Person(shutil.copytree(holders_home, tmp_path / "holder"), dict(REPLAY))


def levels_of(someone: Person) -> tuple[object, ...]:
    """Return the levels of a long at the price of a replay that stands still: its last candle's close."""
    return levels_at(float(someone.document("candles", "BTCUSDT", "--limit", 1)["candles"][0]["close"]))


def levels_at(price: float) -> tuple[object, ...]:
    return ("--entry", price, "--stop", price * 0.994, "--tp1", price * 1.006)


# -- the whole way


def test_from_nothing_to_a_closed_trade(holder: Person) -> None:
    looks = 0
    while not holder.document("monitor", "--once")["closed"]:
        looks += 1
        assert looks < 50
        assert holder.runs("forward", "2h").returncode == 0

    (trade,) = holder.document("trades")["trades"]
    assert trade["close_reason"] in ("Stop loss hit", "Take profit hit")
    assert holder.document("stats")["stats"][0]["trades"] == 1
    assert holder.runs("doctor").returncode == 0


def test_it_runs_as_a_module(person: Person) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "botbox_cli", "setups", "--json"],
        env=person.environment,
        cwd=person.home,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert json.loads(done.stdout) == {"schema": 1, "setups": []}


# -- pipes


def test_a_pipe_gets_data_on_stdout_and_talk_on_stderr(holder: Person) -> None:
    done = holder.runs("trades")

    heading, record = done.stdout.splitlines()
    assert heading.split("\t")[0] == "id"
    assert len(record.split("\t")) == len(heading.split("\t"))
    assert "\x1b" not in done.stdout + done.stderr
    assert holder.runs("setups").stderr == "no active setups; `botbox scan` looks for new ones\n"


def test_a_closed_pipe_is_quiet(holder: Person) -> None:
    with holder.start("candles", "BTCUSDT", "--limit", 100_000, "--csv") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"open_time,")
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_process_without_its_streams_works_all_the_same(closed: str, holder: Person) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{BOTBOX} trades {closed}"],
        env=holder.environment,
        cwd=holder.home,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_stream_of_letters_only_gets_letters(holder: Person) -> None:
    holder.settings.update(PYTHONIOENCODING="latin-1")

    assert holder.runs("test-execution", "--setup", 1).stdout.isascii()
    assert holder.types("show", 1, columns=70)[1].isascii()


# -- a terminal


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_and_cards_fit_the_terminal(columns: int, holder: Person) -> None:
    for command in (
        ["trades"],
        ["setups", "--status", "all"],
        ["candles", "BTCUSDT", "--limit", "5"],
        ["show", "1"],
    ):
        code, screen = holder.types(*command, columns=columns)

        plain = re.sub(r"\x1b\[[0-9;]*m", "", screen)
        assert code == 0
        assert all(len(line) <= columns for line in plain.splitlines()), plain
        assert "…" not in plain


def test_no_color_is_heeded(holder: Person) -> None:
    assert "\x1b[" in holder.types("trades")[1]

    holder.settings["NO_COLOR"] = "1"

    assert "\x1b[" not in holder.types("trades")[1]
    assert "\x1b[" not in holder.types("show", 1)[1]


def test_times_on_a_terminal_are_local_with_their_offset(holder: Person) -> None:
    screen = holder.types("show", 1)[1]

    assert re.search(r"detected +2025-04-28 02:00\+02:00", screen)


def test_record_shows_a_bar_on_a_terminal_and_lines_otherwise(person: Person) -> None:
    piped = person.runs("record", "--once")
    drawn = person.types("record", "--once", "--since", "1y")[1]

    assert "BTCUSDT\t60\t" in piped.stdout
    assert "━" not in piped.stderr
    assert "━" in drawn


# -- live mode on a terminal


@contextmanager
def serving(person: Person) -> Iterator[dict[str, str]]:
    """Run `botbox sandbox` and give the settings that it prints."""
    process = person.start("sandbox", "--market", "replay", "--json")
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["env"]
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert err == b"the sandbox has stopped\n"


def price_now(endpoint: str) -> float:
    """Return BTC's price at this minute, which may be far from where its last candle closed."""
    with urlopen(f"{endpoint}/v5/market/tickers?category=spot&symbol=BTCUSDT") as answer:
        return float(json.load(answer)["result"]["list"][0]["lastPrice"])


def test_the_sandbox_serves_a_live_account_that_asks_first(person: Person) -> None:
    with serving(person) as env:
        real = Person(person.home, REPLAY | env | {"BOTBOX_MODE": "live"})
        findings = real.runs("doctor", "--json").stdout
        user = re.search(r"BOTBOX_ARM_LIVE=(\d+)", findings)
        assert user is not None
        real.settings["BOTBOX_ARM_LIVE"] = user[1]
        real.document("record", "--once", "--since", "5d")
        real.document("propose", "BTCUSDT", *levels_at(price_now(env["BYBIT_ENDPOINT"])))

        refused = real.types("approve", 1, "--execute", answer="no\n")
        agreed = real.types("approve", 1, "--execute", answer="yes\n")
        cron = real.runs("close", 1)

        assert refused[0] == 4
        assert f"LIVE account {user[1]}" in refused[1]
        assert agreed[0] == 0
        assert "trade 1 OPEN" in agreed[1]
        assert cron.returncode == 2
        assert real.runs("close", 1, "--yes").returncode == 0


def test_the_sandbox_serves_both_sockets_and_ends_while_clients_are_connected(person: Person) -> None:
    with serving(person) as env:
        public = Client(f"{env['BYBIT_WS_ENDPOINT']}/v5/public/spot")
        private = Client(f"{env['BYBIT_WS_ENDPOINT']}/v5/private")

        assert public.subscribe("orderbook.1.BTCUSDT")["success"] is True
        assert public.frame("orderbook.1.BTCUSDT")["data"]["b"]
        assert private.subscribe("order")["ret_msg"] == "Request not authorized"

    public.close()
    private.close()


# -- interrupted, and at once


def test_ctrl_c_ends_a_monitor_with_130(holder: Person) -> None:
    with serving(holder) as env:
        watcher = Person(holder.home, REPLAY | env)
        process = watcher.start("monitor", "--json")
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["checked"] == 0

        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert err == b""


def test_overlapping_runs_do_no_harm(holder: Person) -> None:
    processes = [holder.start("run", "--once", "--json") for _ in range(4)]
    ended: list[tuple[int, Any]] = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert b"Traceback" not in err
        ended.append((process.returncode, json.loads(out)))

    assert [code for code, _ in ended] == [0] * 4
    assert any("already_running" not in document for _, document in ended)
    assert len(holder.document("trades", "--status", "open")["trades"]) == 1


def test_one_approval_from_two_terminals_is_one_trade(holder: Person) -> None:
    setup = holder.document("propose", "BTCUSDT", *levels_of(holder))["setup"]

    processes = [holder.start("approve", setup["id"], "--execute", "--json") for _ in range(3)]
    ended = [(json.loads(p.communicate(timeout=60)[0]), p.returncode) for p in processes]

    assert sorted(code for _, code in ended) == [0, 4, 4]
    assert len([t for t in holder.document("trades")["trades"] if t["setup_id"] == setup["id"]]) == 1


# -- what it loads


def modules_of(person: Person, *args: str) -> set[str]:
    """Return the top-level packages that a command has loaded when it ends."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\n' + ' '.join(sorted({m.split('.')[0] for m in sys.modules}))))\n"
        f"sys.argv = ['botbox', *{list(args)!r}]\n"
        "from botbox_cli.__main__ import main\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=person.environment,
        cwd=person.home,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(option: str, person: Person) -> None:
    loaded = modules_of(person, option)

    assert "typer" in loaded
    assert not loaded & (HEAVY | SQL | {"pydantic", "pydantic_settings", "sqlite3"})


@pytest.mark.parametrize("market", ["live", "replay"])
def test_an_idle_monitor_imports_nothing_heavy(market: str, person: Person) -> None:
    person.settings["BOTBOX_MARKET"] = market

    loaded = modules_of(person, "monitor", "--once")

    assert "sqlite3" in loaded
    assert not loaded & (HEAVY | SQL)


def test_a_piped_list_draws_nothing_and_asks_no_exchange(holder: Person) -> None:
    assert not modules_of(holder, "trades") & (HEAVY | SQL)


def test_whoever_trades_a_setup_that_was_found_waits_for_no_sql_to_be_built(person: Person) -> None:
    person.settings["BOTBOX_SYMBOLS"] = "ETHUSDT"
    person.document("record", "--once", "--since", "30d")
    assert person.runs("forward", "16h").returncode == 0
    (setup,) = person.document("run", "--once")["scan"]["detected"]

    loaded = modules_of(person, "approve", str(setup["id"]), "--execute", "--json")

    assert "pybit" in loaded
    assert not loaded & (SQL | {"alembic", "asyncio", "numpy", "rich"})
