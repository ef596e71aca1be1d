"""Live mode against a host on loopback: armed, asked, refused; and the accounts kept apart."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from botbox_cli.domain.account import KeyInfo
from botbox_cli.exchange.bybit import BybitExchange
from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.faults import FaultSchedule, Rule
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.server import Sandbox
from botbox_cli.exchange.paper.store import MemoryBooks
from tests.support.cli import botbox

LEVELS = ("--entry", "60000", "--stop", "58000", "--tp1", "63000")


@dataclass(frozen=True)
class Bank:
    """The exchange and what it has been asked to do."""

    host: Sandbox

    @property
    def orders(self) -> list[dict[str, Any]]:
        return self.host.exchange.look()[0]

    def fail(self, *rules: Rule) -> None:
        self.host.faulty.schedule = FaultSchedule(list(rules))


@pytest.fixture
def bank(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    """A live account on loopback, armed, with one setup waiting."""
    exchange = PaperExchange(MemoryBooks(), ScriptedMarket({"BTCUSDT": "60000"}), WallClock())
    with Sandbox(exchange) as host:
        who = exchange.identity
        monkeypatch.setenv("BOTBOX_MODE", "live")
        monkeypatch.setenv("BOTBOX_ARM_LIVE", who.user_id)
        monkeypatch.setenv("BYBIT_API_KEY", who.api_key)
        monkeypatch.setenv("BYBIT_API_SECRET", who.api_secret)
        monkeypatch.setenv("BYBIT_ENDPOINT", host.url)
        assert botbox("init").code == 0
        assert botbox("propose", "BTCUSDT", *LEVELS).code == 0
        yield Bank(host)


def status_of_the_setup() -> str:
    status: str = botbox("setups", "--status", "all", "--json").document["setups"][0]["status"]
    return status


def test_without_a_terminal_and_without_yes_nothing_is_sent(bank: Bank) -> None:
    ran = botbox("approve", 1, "--execute")

    assert ran.code == 2
    assert ran.err == (
        "error: live mode needs a confirmation, and there is no terminal to ask on; nothing was sent\n"
        "hint: add `--yes` to confirm from a script\n"
    )
    assert (bank.orders, status_of_the_setup()) == ([], "ACTIVE")


@pytest.mark.parametrize("answer", ["\n", "no\n", "BTC\n"])
def test_anything_but_yes_sends_nothing(answer: str, bank: Bank) -> None:
    ran = botbox("approve", 1, "--execute", answer=answer)

    assert ran.code == 4
    assert "error: not confirmed: nothing was sent" in ran.err
    assert (bank.orders, status_of_the_setup()) == ([], "ACTIVE")


def test_a_yes_trades_what_was_shown(bank: Bank) -> None:
    ran = botbox("approve", 1, "--execute", answer="yes\n")

    assert ran.code == 0
    user = bank.host.exchange.identity.user_id
    assert ran.err.startswith(
        f"LIVE account {user}: setup 1, BTCUSDT long\n  buy 0.016666 BTC at market, near 60000."
    )
    assert "stop 58000, target 63000, risk 33.3" in ran.err
    assert [(o["side"], o["qty"], o["triggerPrice"]) for o in bank.orders] == [
        ("Buy", "0.016666", "0.0"),
        ("Sell", "0.016649", "58000.0"),
    ]


def test_yes_in_advance_asks_nothing(bank: Bank) -> None:
    ran = botbox("approve", 1, "--execute", "--yes", "--json")

    assert (ran.code, ran.err) == (0, "")
    assert ran.document["trade"]["mode"] == "live"


def test_yes_lifts_no_limit(bank: Bank) -> None:
    botbox("halt")

    assert botbox("approve", 1, "--execute", "--yes").code == 4
    assert bank.orders == []


def test_a_refusal_comes_before_the_question(bank: Bank) -> None:
    botbox("halt")

    ran = botbox("approve", 1, "--execute", answer="yes\n")

    assert ran.code == 4
    assert "Type yes" not in ran.err


def test_closing_asks_too(bank: Bank) -> None:
    botbox("approve", 1, "--execute", "--yes")

    assert botbox("close", 1).code == 2
    assert botbox("close", 1, answer="no\n").code == 4
    assert botbox("trades", "--status", "open", "--json").document["trades"] != []
    closed = botbox("close", 1, answer="yes\n")

    assert closed.code == 0
    assert "sell 0.016649334 BTC at market; its stop 58000 is cancelled" in closed.err


def test_all_approved_setups_are_one_question(bank: Bank) -> None:
    botbox("propose", "BTCUSDT", *LEVELS)
    for number in (1, 2):
        botbox("approve", number)

    ran = botbox("execute", "--approved", "--json", answer="yes\n")

    assert ran.err.count("Type yes") == 1
    assert ran.err.count("LIVE account") == 2
    assert [r["success"] for r in ran.document["results"]] == [True, True]


def test_approving_without_trading_asks_nothing(bank: Bank) -> None:
    assert botbox("approve", 1).code == 0


@pytest.mark.parametrize("mode", ["demo", "testnet"])
def test_other_modes_ask_nothing(mode: str, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_MODE", mode)
    botbox("propose", "BTCUSDT", *LEVELS)
    (setup,) = botbox("setups", "--json").document["setups"]

    assert botbox("approve", setup["id"], "--execute").code == 0


# -- armed


MONEY = [
    ["approve", "1", "--execute", "--yes"],
    ["execute", "1", "--yes"],
    ["execute", "--approved", "--yes"],
    ["close", "1", "--yes"],
    ["monitor", "--once"],
    ["run", "--once"],
]


@pytest.mark.parametrize("command", MONEY, ids=lambda c: " ".join(c[:2]))
def test_no_command_moves_money_of_an_account_that_is_not_armed(
    command: list[str], bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOTBOX_ARM_LIVE")

    ran = botbox(*command, "--json")

    assert (ran.code, ran.document["error"]["code"]) == (3, "not_armed")
    assert bank.orders == []


def test_another_account_than_the_armed_one_is_refused(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    user = bank.host.exchange.identity.user_id
    monkeypatch.setenv("BOTBOX_ARM_LIVE", "12345")

    ran = botbox("approve", 1, "--execute", "--yes")

    assert ran.code == 3
    assert ran.err.startswith(f"error: BOTBOX_ARM_LIVE=12345, but the key belongs to user {user}\n")
    assert (bank.orders, status_of_the_setup()) == ([], "ACTIVE")


@pytest.mark.parametrize(
    "command",
    [["monitor", "--once"], ["close", "--all", "--yes"], ["halt", "--flatten", "--yes"]],
    ids=lambda c: " ".join(c[:2]),
)
def test_with_nothing_to_do_the_wrong_account_is_told_too(
    command: list[str], bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_ARM_LIVE", "12345")

    ran = botbox(*command, "--json")

    assert (ran.code, ran.document["error"]["code"]) == (3, "not_armed")
    monkeypatch.setenv("BOTBOX_ARM_LIVE", bank.host.exchange.identity.user_id)
    assert botbox("approve", 1, "--execute", "--yes").code == 0


def test_key_that_was_another_users_before_touches_none_of_their_trades(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    botbox("approve", 1, "--execute", "--yes")
    monkeypatch.setenv("BOTBOX_ARM_LIVE", "12345")
    told = KeyInfo("12345", False, True, False, True, None)
    monkeypatch.setattr(BybitExchange, "key_info", lambda self: told)

    ran = botbox("close", 1, "--yes", "--json")

    assert (ran.code, ran.document["error"]["code"]) == (3, "not_armed")
    assert [o["orderStatus"] for o in bank.orders] == ["Filled", "Untriggered"]


def test_an_open_trade_is_not_touched_by_a_monitor_of_another_account(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    botbox("approve", 1, "--execute", "--yes")
    monkeypatch.setenv("BOTBOX_ARM_LIVE", "12345")

    ran = botbox("monitor", "--once", "--json")

    assert ran.code == 3
    assert botbox("close", 1, "--yes").code == 3
    assert [o["orderStatus"] for o in bank.orders] == ["Filled", "Untriggered"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"read_only": True}, "permission"),
        ({"may_trade_spot": False}, "permission"),
        ({"may_withdraw": True}, "withdraw_key"),
    ],
)
def test_a_key_that_may_too_little_or_too_much_is_refused(
    change: dict[str, bool], code: str, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = KeyInfo(bank.host.exchange.identity.user_id, False, True, False, True, None)
    monkeypatch.setattr(BybitExchange, "key_info", lambda self: replace(told, **change))

    ran = botbox("approve", 1, "--execute", "--yes", "--json")

    assert (ran.code, ran.document["error"]["code"]) == (3, code)
    assert bank.orders == []


def test_lists_need_no_arming(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOTBOX_ARM_LIVE")

    assert [botbox(name).code for name in ("setups", "trades", "stats")] == [0, 0, 0]


@pytest.mark.parametrize("missing", ["BYBIT_API_KEY", "BYBIT_API_SECRET"])
def test_a_missing_key_is_exit_3(missing: str, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(missing)

    ran = botbox("setups", "--json")

    assert (ran.code, ran.document["error"]["code"]) == (3, "missing_key")
    assert missing in ran.document["error"]["message"]


def test_doctor_tells_whose_account_it_is(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    user = bank.host.exchange.identity.user_id
    monkeypatch.delenv("BOTBOX_ARM_LIVE")

    findings = botbox("doctor", "--json").document["findings"]

    assert f"of user {user}" in [f["detail"] for f in findings]
    assert f"set BOTBOX_ARM_LIVE={user} to trade this account" in [f["remedy"] for f in findings]


# -- exit codes of the exchange


def test_a_rejection_is_exit_5(bank: Bank) -> None:
    bank.fail(Rule("reject_before", path="/v5/order/create", code=170131))

    ran = botbox("approve", 1, "--execute", "--yes", "--json")

    assert ran.code == 5
    assert (ran.document["success"], ran.document["setup_status"]) == (False, "APPROVED")
    assert ran.document["error"]["code"] == "rejected"


def test_a_position_without_a_stop_is_exit_10(bank: Bank) -> None:
    bank.fail(
        Rule("reject_before", path="/v5/order/create", params={"orderFilter": "tpslOrder"}, code=170131)
    )

    ran = botbox("approve", 1, "--execute", "--yes", "--json")

    assert (ran.code, ran.document["success"]) == (10, True)
    assert ran.document["error"]["code"] == "stop_missing"
    assert botbox("monitor", "--once").code == 10
    assert botbox("doctor").code == 10


def test_a_host_that_is_away_is_exit_6_and_nothing_has_changed(bank: Bank) -> None:
    bank.host.close()

    ran = botbox("approve", 1, "--execute", "--yes", "--json")

    assert (ran.code, set(ran.document)) == (6, {"schema", "error"})
    assert status_of_the_setup() == "ACTIVE"


def test_a_wrong_secret_is_exit_3_and_appears_nowhere(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bybit's answer 10004 repeats the API key, and pybit's texts repeat the answer."""
    monkeypatch.setenv("BYBIT_API_KEY", "marked-key-4711")
    monkeypatch.setenv("BYBIT_API_SECRET", "marked-secret-4711")
    monkeypatch.setenv("BOTBOX_DEBUG", "1")

    for command in (["setups"], ["doctor"], ["approve", "1", "--execute", "--yes"], ["monitor", "--once"]):
        for form in ([], ["--json"]):
            ran = botbox(*command, *form)
            assert ran.code == 3, ran
            assert "marked" not in ran.out + ran.err


# -- accounts


def test_accounts_never_see_each_other(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    botbox("approve", 1, "--execute", "--yes")
    monkeypatch.setenv("BOTBOX_MODE", "paper")
    monkeypatch.setenv("BOTBOX_MARKET", "replay")

    assert botbox("setups", "--status", "all", "--json").document["setups"] == []
    assert botbox("trades", "--json").document["trades"] == []
    assert [t["mode"] for t in botbox("trades", "--mode", "all", "--json").document["trades"]] == ["live"]
    assert [
        botbox(*command).code for command in (["show", 1], ["trade", 1], ["close", 1], ["approve", 1])
    ] == [4] * 4
    assert botbox("monitor", "--once", "--json").document["checked"] == 0
    assert [row["mode"] for row in botbox("stats", "--mode", "all", "--json").document["stats"]] == [
        "live",
        "paper",
    ]
