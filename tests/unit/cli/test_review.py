"""`botbox review` and `botbox stats --shadow`: looking back from the command line."""

from pathlib import Path

import pytest

from tests.support.cli import botbox
from tests.support.session import SYMBOLS, detect, trade_to_the_end

QUESTION = "The target was hit at +0.96 R. Which part of the evidence was right, and was the size?"


@pytest.fixture
def closed(installation: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The id of the setup behind the one closed trade."""
    monkeypatch.setenv("BOTBOX_SYMBOLS", SYMBOLS)
    setup_id = detect()
    trade_to_the_end(setup_id)
    return setup_id


def answers() -> list[tuple[str, str]]:
    entries = botbox("audit", "export", "--json").document["entries"]
    return [(e["detail"], e["data"]["question"]) for e in entries if e["event"] == "reviewed"]


def test_questions_are_listed_without_a_terminal(closed: int) -> None:
    (review,) = botbox("review", "--json").document["reviews"]

    assert (review["trade_id"], review["setup_id"], review["question"]) == (1, closed, QUESTION)
    assert review["close_reason"] == "Take profit hit"
    ran = botbox("review")
    assert ran.records[0]["question"] == QUESTION
    assert ran.err == 'answer one with `botbox review 1 --answer "…"`\n'


def test_answer_from_a_script_is_kept_and_closes_the_question(closed: int) -> None:
    ran = botbox("review", 1, "--answer", " size\nwas right ", "--json")

    assert ran.code == 0
    assert ran.document["review"]["answer"] == "size was right"
    assert answers() == [("size was right", QUESTION)]
    assert botbox("review", "--json").document["reviews"] == []
    assert botbox("review").err == "every closed trade is reviewed\n"
    assert "reviewed: size was right" in botbox("explain", closed).out


def test_person_is_asked_and_may_put_it_off(closed: int) -> None:
    later = botbox("review", answer="\n")
    assert (later.code, answers()) == (0, [])
    assert f"{QUESTION} [later]: " in later.err

    assert botbox("review", answer="the band\n").code == 0
    assert answers() == [("the band", QUESTION)]


def test_end_of_input_leaves_the_rest_for_later(closed: int) -> None:
    assert botbox("review", answer="").code == 0
    assert answers() == []


def test_second_answer_is_refused_with_the_first(closed: int) -> None:
    botbox("review", 1, "--answer", "fine")

    ran = botbox("review", 1, "--answer", "not so fine")

    assert ran.code == 4
    assert ran.err.startswith("error: trade 1 was reviewed at 2025-04-28 22:00 UTC: fine\n")
    assert botbox("review", 1).code == 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--answer", "x"), 2),
        ((1, "--answer", " "), 2),
        ((1, "--answer", "x" * 2001), 2),
        ((99, "--answer", "x"), 4),
        ((99,), 4),
    ],
)
def test_what_cannot_be_answered_is_refused(closed: int, arguments: tuple[object, ...], code: int) -> None:
    assert botbox("review", *arguments).code == code
    assert answers() == []


def test_open_trade_is_not_reviewed(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_SYMBOLS", SYMBOLS)
    botbox("approve", detect(), "--execute")

    ran = botbox("review", 1, "--answer", "x")

    assert ran.code == 4
    assert ran.err.startswith("error: trade 1 is OPEN, not CLOSED\n")
    assert botbox("review", "--json").document["reviews"] == []


# -- stats --shadow


def test_veto_is_followed_to_its_would_be_end(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_SYMBOLS", SYMBOLS)
    setup_id = detect()
    botbox("reject", setup_id, "--reason", "afraid")
    botbox("forward", "12h")
    botbox("record", "--once")

    (account,) = botbox("stats", "--shadow", "--json").document["shadow"]

    (setup,) = account["setups"]
    assert (setup["id"], setup["group"], setup["outcome"]) == (setup_id, "rejected", "target")
    rejected = account["groups"][0]
    assert rejected["n"] == 1
    assert rejected["decision_r"] == -rejected["total_r"] == -setup["r"] < 0
    assert rejected["hit_rate"] is rejected["expectancy_r_interval"] is None
    assert botbox("stats", "--shadow").records[0]["group"] == "rejected"


def test_traded_setup_is_in_the_shadow_book_too(closed: int) -> None:
    (account,) = botbox("stats", "--shadow", "--json").document["shadow"]

    (setup,) = account["setups"]
    assert setup["group"] == "traded"
    assert setup["actual_r"] == pytest.approx(0.9615, abs=1e-4)
    assert account["groups"][3]["decision_r"] == pytest.approx(setup["actual_r"] - setup["r"])
    assert botbox("stats", "--shadow", "--since", "1h", "--json").document["shadow"][0]["setups"] == []
