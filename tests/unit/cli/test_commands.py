"""Commands on the embedded exchange with recorded candles: documents as the contract has them, and what people read."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Ran, botbox, held_by_another_process

SETUP = {
    "id", "symbol", "timeframe", "kind", "direction", "source", "status", "entry_price", "stop_loss", "take_profit_1",
    "take_profit_2", "detected_at", "expires_at", "decided_at", "note", "reason", "signals",
}  # fmt: skip
TRADE = {
    "id", "setup_id", "symbol", "direction", "mode", "status", "quantity", "entry_price", "exit_price", "stop_loss",
    "take_profit_1", "take_profit_2", "entry_time", "exit_time", "close_reason", "gross_pnl", "fees", "pnl",
    "pnl_percent", "r_multiple", "dust", "orders",
}  # fmt: skip
ORDER = {
    "order_link_id", "exchange_order_id", "role", "side", "order_type", "qty", "filled_qty", "avg_price", "fees",
    "status", "created_at", "updated_at",
}  # fmt: skip
JOBS = ("job:record:replay", "job:scan:1", "job:run:1")
OUTCOME = {"schema", "success", "setup_id", "setup_status", "trade_id", "order_ids", "error", "trade"}
CANDLE = {
    "open_time", "open", "high", "low", "close", "volume", "turnover", "bb_upper", "bb_middle", "bb_lower", "rsi",
    "atr", "volume_ma",
}  # fmt: skip


def last_price() -> Decimal:
    document = botbox("candles", "BTCUSDT", "--limit", 1, "--json").document
    return Decimal(document["candles"][0]["close"])


def propose(*more: object) -> dict[str, Any]:
    """Propose a long around the present price; return its document."""
    price = last_price().quantize(Decimal(1))
    levels = {"--entry": price, "--stop": price - 2000, "--tp1": price + 3000}
    flags = [str(part) for pair in levels.items() for part in pair]
    setup: dict[str, Any] = botbox("propose", "BTCUSDT", *flags, *more, "--json").document["setup"]
    return setup


@pytest.fixture
def proposed(recorded: Path) -> dict[str, Any]:
    return propose("--note", "by hand")


@pytest.fixture
def opened(proposed: dict[str, Any]) -> dict[str, Any]:
    document = botbox("approve", proposed["id"], "--execute", "--json").document
    assert document["success"], document
    return document


def money_is_text(document: dict[str, Any], *names: str) -> bool:
    return all(document[n] is None or Decimal(document[n]).is_finite() for n in names) and all(
        document[n] is None or (isinstance(document[n], str) and "E" not in document[n]) for n in names
    )


# -- init


def test_init_writes_a_private_env_file_and_the_database_once(private_home: Path) -> None:
    first, second = botbox("init", "--json").document, botbox("init", "--json").document

    database = f"{private_home}/.local/share/botbox/botbox.sqlite"
    assert len(first["web_token"]) >= 32
    assert first == {
        "schema": 1,
        "env_file": ".dev.vars",
        "env_file_written": True,
        "database": database,
        "database_changed": True,
        "web_token": first["web_token"],
    }
    assert second == first | {"env_file_written": False, "database_changed": False, "web_token": None}
    assert (private_home / ".dev.vars").stat().st_mode & 0o777 == 0o600
    assert Path(database).stat().st_mode & 0o077 == 0


def test_init_copies_no_secret_from_the_environment(
    private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BYBIT_API_KEY", "marked-key")
    monkeypatch.setenv("BYBIT_API_SECRET", "marked-secret")

    ran = botbox("init")

    assert "marked" not in (private_home / ".dev.vars").read_text() + ran.out + ran.err


def test_init_leaves_an_env_file_alone(private_home: Path) -> None:
    mine = private_home / ".dev.vars"
    mine.write_text("BOTBOX_SHORTS=margin\n")
    mine.chmod(0o640)

    botbox("init")

    assert mine.read_text() == "BOTBOX_SHORTS=margin\n"
    assert mine.stat().st_mode & 0o777 == 0o640


def test_init_writes_the_file_that_is_named(private_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine"

    assert botbox("init", "--env-file", path, "--json").document["env_file"] == str(path)

    assert path.is_file()
    assert not (private_home / ".dev.vars").exists()


def test_init_that_cannot_write_says_why() -> None:
    ran = botbox("init", "--env-file", "no/such/folder/vars")

    assert ran.code == 3
    assert ran.err.startswith(
        "error: the env file no/such/folder/vars can't be written: No such file or directory"
    )


@pytest.mark.parametrize(
    "command", [["setups"], ["trades"], ["monitor", "--once"], ["record", "--once"], ["halt"]]
)
def test_without_a_database_each_command_points_to_init(
    command: list[str], private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_MARKET", "replay")

    ran = botbox(*command)

    assert ran.code == 9
    assert "hint: run `botbox init`" in ran.err
    assert not (private_home / ".local").exists()


def test_a_database_out_of_reach_is_exit_9_and_shows_no_password(
    private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:marked-secret@127.0.0.1:1/d")

    for command in (["init"], ["setups"], ["doctor"]):
        for form in ([], ["--json"]):
            ran = botbox(*command, *form)
            assert ran.code == 9
            assert "127.0.0.1:1" in ran.out + ran.err
            assert "marked-secret" not in ran.out + ran.err


def test_a_bad_setting_stops_a_command_before_it_does_anything(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_TP1_FRACTION", "2")

    ran = botbox("halt", "--json")

    assert ran.code == 3
    assert ran.document["error"]["message"].startswith("BOTBOX_TP1_FRACTION=2 is not valid")


def test_an_exposed_env_file_is_warned_about_on_stderr(installation: Path) -> None:
    path = installation / ".dev.vars"
    path.write_text("BYBIT_API_SECRET=marked-secret\n")
    path.chmod(0o644)

    ran = botbox("setups", "--json")

    assert ran.document["setups"] == []
    assert ran.err == (
        "warning: .dev.vars holds a secret and is open to others (mode 0644): run `chmod 600 .dev.vars`\n"
    )


# -- record, candles, scan


def test_record_document(installation: Path) -> None:
    first = botbox("record", "--once", "--since", "10d", "--json").document
    second = botbox("record", "--once", "--since", "10d", "--json").document

    assert set(first) == {"schema", "recorded", "repaired", "series", "errors", "pruned"}
    assert first["recorded"] == 2 * (240 + 60)
    assert [(s["symbol"], s["timeframe"], s["recorded"], s["gaps"]) for s in first["series"]] == [
        ("BTCUSDT", "60", 240, 0),
        ("BTCUSDT", "240", 60, 0),
        ("ETHUSDT", "60", 240, 0),
        ("ETHUSDT", "240", 60, 0),
    ]
    assert all(s["first"].endswith("Z") and s["last"].endswith("Z") for s in first["series"])
    assert (second["recorded"], second["errors"]) == (0, [])


def test_record_takes_symbols_and_timeframes(installation: Path) -> None:
    ran = botbox("record", "--once", "--since", "2d", "--symbol", "solusdt", "--timeframe", "60", "--json")

    assert [(s["symbol"], s["timeframe"]) for s in ran.document["series"]] == [("SOLUSDT", "60")]


def test_record_lists_what_failed_and_does_the_rest(installation: Path) -> None:
    ran = botbox("record", "--once", "--since", "2d", "--symbol", "NOPEUSDT", "--symbol", "BTCUSDT", "--json")

    assert ran.code == 4
    assert ran.document["recorded"] > 0
    assert [(e["code"], e["symbol"]) for e in ran.document["errors"]] == [("not_found", "NOPEUSDT")]


def test_record_of_an_unknown_interval_fetches_nothing(installation: Path) -> None:
    ran = botbox("record", "--once", "--timeframe", "7")

    assert ran.code == 4
    assert ran.err.startswith("error: no such interval: '7'")


def test_candles_document(recorded: Path) -> None:
    document = botbox("candles", "btcusdt", "--limit", 3, "--json").document

    assert (document["symbol"], document["timeframe"], len(document["candles"])) == ("BTCUSDT", "60", 3)
    assert all(set(c) == CANDLE for c in document["candles"])
    newest = document["candles"][-1]
    assert money_is_text(newest, "open", "high", "low", "close", "volume", "turnover")
    assert all(
        isinstance(newest[n], float) for n in ("bb_upper", "bb_middle", "bb_lower", "rsi", "atr", "volume_ma")
    )
    times = [c["open_time"] for c in document["candles"]]
    assert times == sorted(times)


def test_candles_before_the_warm_up_have_null_indicators(recorded: Path) -> None:
    first = botbox("candles", "BTCUSDT", "--limit", 100_000, "--json").document["candles"][0]

    assert {first[n] for n in ("bb_upper", "rsi", "atr", "volume_ma")} == {None}


def test_candles_as_csv(recorded: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(botbox("candles", "BTCUSDT", "--limit", 2, "--csv").out)))

    assert len(rows) == 2
    assert set(rows[0]) == CANDLE


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["NOPEUSDT"], 4, "no such symbol: 'NOPEUSDT'"),
        (["BTCUSDT", "--timeframe", "7"], 4, "no such interval: '7'"),
        (["BTCUSDT", "--limit", "0"], 2, "Invalid value for '--limit'"),
        (["BTCUSDT", "--csv", "--json"], 2, "--csv and --json exclude each other"),
    ],
)
def test_candles_of_what_is_not_there(args: list[str], code: int, message: str, recorded: Path) -> None:
    ran = botbox("candles", *args)

    assert ran.code == code
    assert message in ran.err + ran.out


def test_scan_document_has_a_reason_for_each_symbol(recorded: Path) -> None:
    document = botbox("scan", "--json").document

    assert set(document) == {"schema", "detected", "invalidated", "skipped", "scanned"}
    assert document["scanned"] == 2
    assert all(set(s) == SETUP for s in document["detected"])
    assert {s["symbol"] for s in document["skipped"] + document["detected"]} == {"BTCUSDT", "ETHUSDT"}
    assert all(set(s) == {"symbol", "reason", "detail"} for s in document["skipped"])


def test_scan_without_candles_says_so(installation: Path) -> None:
    assert {s["reason"] for s in botbox("scan", "--json").document["skipped"]} == {"NO_CANDLES"}


# -- setups


def test_propose_document(proposed: dict[str, Any]) -> None:
    assert set(proposed) == SETUP
    assert (proposed["direction"], proposed["source"], proposed["status"]) == ("long", "manual", "ACTIVE")
    assert money_is_text(proposed, "entry_price", "stop_loss", "take_profit_1", "take_profit_2")


def test_propose_says_what_was_rounded(recorded: Path) -> None:
    price = last_price().quantize(Decimal(1))

    ran = botbox(
        "propose",
        "BTCUSDT",
        "--entry",
        price,
        "--stop",
        price - 2000,
        "--tp1",
        f"{price + 3000}.07",
        "--json",
    )

    assert ran.document["setup"]["take_profit_1"] == str(price + 3000)
    assert ran.err == f"tp1 {price + 3000}.07 is off the tick: {price + 3000} is used\n"


@pytest.mark.parametrize(
    ("symbol", "entry", "stop", "tp1", "code", "message"),
    [
        ("NOPEUSDT", "1", "0.9", "1.1", 4, "no such symbol: 'NOPEUSDT'"),
        ("BTCUSDT", "0", "1", "2", 2, "--entry must be above zero, not 0"),
        ("BTCUSDT", "-5", "1", "2", 2, "--entry must be above zero, not -5"),
        ("BTCUSDT", "NaN", "1", "2", 2, "--entry 'NaN' is not a number"),
        ("BTCUSDT", "1e999999999", "1", "2", 2, "entry must be below 1000000000000000"),
        ("BTCUSDT", "60,000", "1", "2", 2, "--entry '60,000' is not a number"),
        (
            "BTCUSDT",
            "60000",
            "61000",
            "62000",
            2,
            "the stop of a long must be below its entry 60000, not 61000",
        ),
    ],
)
def test_propose_refuses_bad_prices(
    symbol: str, entry: str, stop: str, tp1: str, code: int, message: str, recorded: Path
) -> None:
    ran = botbox("propose", symbol, "--entry", entry, "--stop", stop, "--tp1", tp1)

    assert ran.code == code
    assert ran.err.startswith(f"error: {message}")
    assert botbox("setups", "--status", "all", "--json").document["setups"] == []


def test_setups_filter_by_status_in_either_case(proposed: dict[str, Any]) -> None:
    listed = [
        botbox("setups", "--status", word, "--json").document["setups"]
        for word in ("active", "ACTIVE", "all")
    ]

    assert listed == [[proposed]] * 3
    assert botbox("setups", "--status", "rejected", "--json").document == {"schema": 1, "setups": []}
    assert botbox("setups", "--status", "nope").code == 2


def test_piped_setups_are_records(proposed: dict[str, Any]) -> None:
    (record,) = botbox("setups").records

    assert (record["id"], record["symbol"], record["entry_price"]) == (
        str(proposed["id"]),
        "BTCUSDT",
        proposed["entry_price"],
    )
    assert record["expires_at"] == proposed["expires_at"]


def test_show_document_adds_the_size_at_the_present_price(proposed: dict[str, Any]) -> None:
    document = botbox("show", proposed["id"], "--json").document

    assert document["setup"] == proposed
    assert set(document) >= {"setup", "sizing", "statistics"}
    assert money_is_text(document["sizing"], "price", "qty", "risk", "equity", "value")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_show_draws_a_card_and_a_chart_that_fit(width: int, proposed: dict[str, Any]) -> None:
    lines = botbox("show", proposed["id"], width=width).out.splitlines()

    assert lines[0] == f"Setup {proposed['id']}: BTCUSDT long, by hand, ACTIVE"
    chart = lines[next(i for i, line in enumerate(lines) if "┌" in line) :]
    assert all(len(line) <= width for line in chart)
    assert any("█" in line for line in chart)
    for name, level in (("entry", "entry_price"), ("stop", "stop_loss"), ("target", "take_profit_1")):
        assert any(f"{name} {proposed[level]}" in line for line in chart)
    assert "\x1b" not in "".join(lines)


def test_show_in_a_pipe_draws_nothing(proposed: dict[str, Any]) -> None:
    assert not {"█", "│", "─"} & set(botbox("show", proposed["id"]).out)


@pytest.mark.parametrize(
    "command", [["show", "77"], ["approve", "77"], ["execute", "77"], ["reject", "77", "--reason", "x"]]
)
@pytest.mark.parametrize("number", [77, 10**30])
def test_an_unknown_setup_is_exit_4(command: list[str], number: int, installation: Path) -> None:
    ran = botbox(*(str(number) if part == "77" else part for part in command), "--json")

    assert ran.code == 4
    assert ran.document["error"]["code"] == "not_found"


@pytest.mark.parametrize("command", ["trade", "close"])
def test_an_unknown_trade_is_exit_4(command: str, installation: Path) -> None:
    assert botbox(command, 77).code == 4


# -- decisions and trades


def test_reject_document(proposed: dict[str, Any]) -> None:
    document = botbox("reject", proposed["id"], "--reason", "no", "--json").document

    assert (document["setup"]["status"], document["setup"]["reason"]) == ("REJECTED", "no")
    assert document["setup"]["decided_at"].endswith("Z")
    assert botbox("approve", proposed["id"]).code == 4


def test_approve_alone_trades_nothing(proposed: dict[str, Any]) -> None:
    document = botbox("approve", proposed["id"], "--json").document

    assert set(document) == OUTCOME
    assert (document["success"], document["setup_status"], document["trade_id"]) == (True, "APPROVED", None)
    assert (document["order_ids"], document["error"], document["trade"]) == ([], None, None)
    assert botbox("trades", "--json").document["trades"] == []


def test_approving_twice_is_done_already(proposed: dict[str, Any]) -> None:
    botbox("approve", proposed["id"])

    assert botbox("approve", proposed["id"], "--json").document["setup_status"] == "APPROVED"


def test_approve_execute_document(opened: dict[str, Any]) -> None:
    assert set(opened) == OUTCOME
    assert (opened["success"], opened["setup_status"], opened["error"]) == (True, "TRIGGERED", None)
    trade = opened["trade"]
    assert set(trade) >= TRADE
    assert (trade["id"], trade["status"], trade["mode"]) == (opened["trade_id"], "OPEN", "paper")
    assert money_is_text(trade, "quantity", "entry_price", "exit_price", "stop_loss", "fees", "pnl", "dust")
    assert [set(order) >= ORDER for order in trade["orders"]] == [True, True]
    assert [(o["role"], o["status"]) for o in trade["orders"]] == [("entry", "FILLED"), ("stop", "WORKING")]
    assert opened["order_ids"] == [o["exchange_order_id"] for o in trade["orders"]]


def test_execute_trades_what_was_approved(proposed: dict[str, Any]) -> None:
    assert botbox("execute", proposed["id"]).code == 4
    botbox("approve", proposed["id"])

    assert botbox("execute", proposed["id"], "--json").document["trade"]["status"] == "OPEN"
    assert botbox("execute", proposed["id"]).code == 4


def test_execute_approved_does_all_and_lists_refusals(
    proposed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = propose()
    monkeypatch.setenv("BOTBOX_MAX_OPEN_POSITIONS", "1")
    for setup in (proposed, other):
        botbox("approve", setup["id"])

    ran = botbox("execute", "--approved", "--json")

    assert ran.code == 4
    results = ran.document["results"]
    assert [set(r) for r in results] == [OUTCOME - {"schema"}] * 2
    assert [(r["setup_id"], r["success"]) for r in results] == [(proposed["id"], True), (other["id"], False)]
    assert results[1]["error"]["code"] == "too_many_positions"


@pytest.mark.parametrize("args", [["execute"], ["execute", "1", "--approved"]])
def test_execute_wants_one_id_or_all(args: list[str], installation: Path) -> None:
    assert botbox(*args).code == 2


def test_a_refusal_leaves_the_setup_as_it_was(proposed: dict[str, Any]) -> None:
    botbox("halt")

    ran = botbox("approve", proposed["id"], "--execute", "--json")

    assert (ran.code, set(ran.document)) == (4, {"schema", "error"})
    assert botbox("show", proposed["id"], "--json").document["setup"]["status"] == "ACTIVE"


def test_trades_document_and_filters(opened: dict[str, Any]) -> None:
    def ids(*args: str) -> list[int]:
        return [t["id"] for t in botbox("trades", *args, "--json").document["trades"]]

    assert botbox("trades", "--json").document == {"schema": 1, "trades": [opened["trade"]]}
    assert ids("--status", "open") == [1]
    assert ids("--status", "closed") == ids("--status", "failed") == []
    assert (ids("--symbol", "btcusdt"), ids("--symbol", "ETHUSDT")) == ([1], [])
    assert (ids("--mode", "paper"), ids("--mode", "live"), ids("--mode", "all")) == ([1], [], [1])
    assert ids("--since", "1h") == [1]
    assert botbox("trades", "--mode", "real").code == 2
    assert botbox("trades", "--since", "yesterday").code == 2
    assert botbox("trades", "--since", "2199-01-01").code == 2


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_trades_table_fits(width: int, opened: dict[str, Any]) -> None:
    lines = botbox("trades", width=width).out.splitlines()

    assert all(len(line) <= width for line in lines)
    assert "BTCUSDT" in "\n".join(lines)


def test_piped_trades_keep_every_digit(opened: dict[str, Any]) -> None:
    (record,) = botbox("trades").records

    assert {n: record[n] for n in ("id", "quantity", "entry_price", "fees")} == {
        "id": "1",
        "quantity": opened["trade"]["quantity"],
        "entry_price": opened["trade"]["entry_price"],
        "fees": opened["trade"]["fees"],
    }


def test_trade_document_has_orders_fills_and_log(opened: dict[str, Any]) -> None:
    document = botbox("trade", 1, "--json").document

    assert document["trade"] == opened["trade"]
    assert [f["order_link_id"] for f in document["fills"]] == [opened["trade"]["orders"][0]["order_link_id"]]
    assert "protected" in [entry["event"] for entry in document["log"]]


def test_trade_for_people(opened: dict[str, Any]) -> None:
    text = botbox("trade", 1, width=80).out

    assert text.startswith("trade 1 OPEN: BTCUSDT long, bought ")
    assert opened["trade"]["orders"][1]["order_link_id"] in text
    assert "protected: " in text


def test_monitor_document(opened: dict[str, Any]) -> None:
    document = botbox("monitor", "--once", "--json").document

    assert set(document) == {"schema", "checked", "closed", "errors", "trades"}
    assert (document["checked"], document["closed"], document["errors"]) == (1, 0, [])
    (action,) = document["trades"]
    assert set(action) == {"id", "symbol", "price", "action", "detail"}
    assert (action["id"], action["symbol"], action["action"]) == (1, "BTCUSDT", "none")
    assert money_is_text(action, "price")


def test_monitor_with_nothing_open(installation: Path) -> None:
    assert botbox("monitor", "--once", "--json").document == {
        "schema": 1,
        "checked": 0,
        "closed": 0,
        "errors": [],
        "trades": [],
    }


def test_an_idle_monitor_in_cron_says_nothing(installation: Path) -> None:
    assert botbox("monitor", "--once") == Ran(0, "", "")


def test_close_document_and_result(opened: dict[str, Any]) -> None:
    document = botbox("close", 1, "--reason", "enough", "--json").document

    assert (document["success"], document["trade_id"], document["error"]) == (True, 1, None)
    trade = document["trade"]
    assert (trade["status"], trade["close_reason"]) == ("CLOSED", "Closed by hand")
    assert Decimal(trade["pnl"]) == Decimal(trade["gross_pnl"]) - Decimal(trade["fees"])
    assert botbox("close", 1).code == 4


def test_stats_document(opened: dict[str, Any]) -> None:
    botbox("close", 1)

    (row,) = botbox("stats", "--json").document["stats"]

    assert (row["mode"], row["trades"], row["wins"] + row["losses"]) == ("paper", 1, 1)
    assert money_is_text(row, "win_rate", "expectancy_r", "max_drawdown", "pnl", "fees")


def test_stats_of_nothing_have_no_rates(installation: Path) -> None:
    botbox("trades")  # the account is known from its first command on

    (row,) = botbox("stats", "--json").document["stats"]

    assert (row["trades"], row["win_rate"], row["expectancy_r"], row["profit_factor"]) == (
        0,
        None,
        None,
        None,
    )


def test_halt_and_resume(installation: Path) -> None:
    first = botbox("halt", "--reason", "away", "--json").document

    assert (first["halted"], first["reason"]) == (True, "away")
    assert botbox("resume", "--json").document == {"schema": 1, "halted": False, "was_halted": True}
    assert botbox("resume", "--json").document["was_halted"] is False


def test_a_dry_run_shows_every_check_and_the_exact_request(proposed: dict[str, Any]) -> None:
    document = botbox("test-execution", "--json").document

    assert document["success"]
    assert all(check["ok"] for check in document["checks"])
    assert document["requests"]["entry"]["marketUnit"] == "baseCoin"
    assert document["requests"]["stop"]["triggerPrice"] == proposed["stop_loss"]
    assert botbox("trades", "--json").document["trades"] == []
    assert botbox("show", proposed["id"], "--json").document["setup"]["status"] == "ACTIVE"


def test_a_dry_run_marks_its_steps_one_a_line(proposed: dict[str, Any]) -> None:
    botbox("halt")

    ran = botbox("test-execution", "--setup", proposed["id"])

    assert ran.code == 4
    marks = [line[0] for line in ran.out.splitlines()[1:]]
    assert "✗" in marks
    assert set(marks) <= {"✓", "✗"}


def test_a_dry_run_without_setups(installation: Path) -> None:
    assert botbox("test-execution").code == 4


# -- scheduled jobs


def test_run_document(recorded: Path) -> None:
    document = botbox("run", "--once", "--json").document

    assert set(document) == {"schema", "record", "scan", "monitor"}
    assert set(document["record"]) == {"recorded", "repaired", "series", "errors", "pruned"}
    assert set(document["scan"]) == {"detected", "invalidated", "skipped", "scanned"}
    assert set(document["monitor"]) == {"checked", "closed", "errors", "trades"}


def test_run_writes_a_line_a_job_for_the_log(opened: dict[str, Any]) -> None:
    lines = botbox("run", "--once").out.splitlines()

    assert lines[0] == "record: 0 candles in 4 series"
    assert lines[1].startswith("scan: 2 symbols, ")
    assert lines[-1] == "monitor: 1 trade checked, 0 closed"


def test_a_job_that_fails_does_not_keep_the_next_from_its_work(
    opened: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_TIMEFRAMES", "60")
    monkeypatch.setenv("BOTBOX_SYMBOLS", "BTCUSDT,NOPEUSDT")

    ran = botbox("run", "--once", "--json")

    assert ran.code == 4
    assert [e["symbol"] for e in ran.document["record"]["errors"]] == ["NOPEUSDT"]
    assert ran.document["monitor"]["checked"] == 1


@pytest.mark.parametrize("command", [["record", "--once"], ["scan"], ["run", "--once"]])
def test_a_second_scheduled_job_says_so_and_ends_well(command: list[str], recorded: Path) -> None:
    with held_by_another_process(*JOBS):
        plain, document = botbox(*command), botbox(*command, "--json").document

    assert plain.code == 0
    assert f"{command[0]} is running already (pid " in plain.err
    assert "nothing to do" in plain.err
    assert f"{command[0]} is running already" in document["already_running"]


def test_monitors_may_run_side_by_side(opened: dict[str, Any]) -> None:
    with held_by_another_process(*JOBS):
        assert botbox("monitor", "--once", "--json").document["checked"] == 1


def test_a_trade_that_another_process_works_on_is_busy(opened: dict[str, Any]) -> None:
    with held_by_another_process("trade:1"):
        monitored = botbox("monitor", "--once", "--json")
        closed = botbox("close", 1, "--json")

    assert monitored.code == 0
    assert monitored.document["trades"][0]["action"] == "busy"
    assert (closed.code, closed.document["error"]["code"]) == (4, "busy")


def test_a_repeating_monitor_moves_on_and_ends_when_its_reader_goes(
    opened: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from botbox_cli.cli.console import Console

    lines: list[str] = []

    def document(self: Console, found: dict[str, Any]) -> None:
        lines.append(json.dumps(found))
        self.is_closed = len(lines) == 3

    waits: list[int] = []
    monkeypatch.setattr(Console, "document", document)
    monkeypatch.setattr("botbox_cli.cli.repeat.sleep", waits.append)

    assert botbox("monitor", "--interval", 60, "--json").code == 0
    assert len(lines) == 3
    assert waits == [60, 60]
    assert len(set(lines)) == 1, "time stands still in a replay"


# -- doctor


def test_doctor_document(recorded: Path) -> None:
    ran = botbox("doctor", "--json")

    assert (ran.code, ran.document["ok"]) == (0, True)
    assert all(set(f) == {"check", "status", "detail", "remedy", "code"} for f in ran.document["findings"])
    checks = {f["check"] for f in ran.document["findings"]}
    assert checks >= {"settings", "database", "clock", "candles", "stops", "jobs"}


def finding(ran: Ran, check: str, status: str) -> dict[str, Any]:
    return next(f for f in ran.document["findings"] if (f["check"], f["status"]) == (check, status))


def test_doctor_without_a_database_is_exit_9(private_home: Path) -> None:
    ran = botbox("doctor", "--json")

    assert (ran.code, ran.document["ok"]) == (9, False)
    assert finding(ran, "database", "failed")["remedy"] == "run `botbox init`"


def test_doctor_lists_every_bad_setting_and_is_exit_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_SHORTS", "x")
    monkeypatch.setenv("BOTBOX_TP1_FRACTION", "9")

    ran = botbox("doctor", "--json")

    assert ran.code == 3
    assert len([f for f in ran.document["findings"] if f["status"] == "failed"]) == 2


def test_doctor_warns_about_stale_candles_names_and_halts(installation: Path) -> None:
    (installation / ".dev.vars").write_text("BOTBOX_RISK_PER_TRADE_PERCNT=0.1\nBOTBOX_MARKET=replay\n")
    botbox("halt", "--reason", "away")

    ran = botbox("doctor", "--json")

    assert ran.code == 0
    assert finding(ran, "settings", "warning")["remedy"] == "did you mean BOTBOX_RISK_PER_TRADE_PERCENT?"
    assert finding(ran, "candles", "warning")["remedy"] == "run `botbox record --once`"
    assert finding(ran, "halt", "warning")["remedy"] == "`botbox resume` allows them again"


def test_doctor_for_people(recorded: Path) -> None:
    lines = botbox("doctor", width=80).out.splitlines()

    assert lines[0] == "✓ settings: mode paper, from .dev.vars"


def test_doctor_is_silent_while_all_is_well(recorded: Path) -> None:
    botbox("monitor", "--once")
    full = botbox("doctor", "--json").document
    quiet = botbox("doctor", "--quiet", "--json").document

    assert quiet["findings"] == [f for f in full["findings"] if f["status"] != "ok"]
    assert (botbox("doctor", "--quiet").out == "") is (quiet["findings"] == [])


def test_quiet_doctor_says_what_is_wrong_and_how_gravely(private_home: Path) -> None:
    ran = botbox("doctor", "--quiet")

    assert ran.code == 9
    assert [finding["status"] for finding in ran.records] == ["failed"]


def test_record_forgets_candles_that_are_too_old(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    botbox("record", "--once", "--since", "90d", "--timeframe", "60")
    monkeypatch.setenv("BOTBOX_CANDLE_RETENTION", "60=45d,D=2y")

    ran = botbox("record", "--once", "--timeframe", "60", "--json")

    assert ran.code == 0
    assert ran.document["pruned"] > 2 * 24 * 40
    assert botbox("record", "--once", "--timeframe", "60", "--json").document["recorded"] == 0
    assert botbox("scan").code == 0


@pytest.mark.parametrize("value", ["2", "2x", "60=", "61=2y", "60=2y,3d", "0d"])
def test_retention_that_is_none_is_refused(
    private_home: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("BOTBOX_CANDLE_RETENTION", value)

    ran = botbox("setups")

    assert ran.code == 3
    assert f"BOTBOX_CANDLE_RETENTION={value} is not valid" in ran.err


@pytest.mark.parametrize("command", ["show", "trade"])
def test_an_id_that_nothing_has_gets_the_same_hint_whatever_it_is(command: str, installation: Path) -> None:
    impossible, unknown = botbox(command, "0"), botbox(command, "99")

    assert (impossible.code, unknown.code) == (4, 4)
    assert impossible.err.splitlines()[1] == unknown.err.splitlines()[1]
