"""The console: what goes where, what is kept back, and what a pipe gets."""

import io
import json
import os
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from botbox_cli.cli.app import app
from botbox_cli.cli.console import Column, Console
from botbox_cli.cli.exit_codes import ExitCode
from botbox_cli.cli.render.numbers import amount, price, ratio
from botbox_cli.cli.table import draw
from botbox_cli.errors import UsageError
from tests.support.cli import console

FULL = Path("/dev/full")
AT = datetime(2026, 7, 24, 12, 5, 9, 40_000, tzinfo=UTC)
COLUMNS = (Column("id", right=True), Column("symbol"), Column("note", 1), Column("made_at", 2, label="made"))


def out(at: Console) -> str:
    return at.out.getvalue()  # type: ignore[attr-defined,no-any-return]


def err(at: Console) -> str:
    return at.err.getvalue()  # type: ignore[attr-defined,no-any-return]


# -- secrets and foreign texts


@pytest.mark.parametrize("way", ["write", "say", "warn", "write_drawing"])
def test_secrets_are_blotted_out_wherever_text_is_written(way: str) -> None:
    at = console()
    at.hide(["marked-secret"])

    getattr(at, way)("it is marked-secret, and no other")

    assert "it is ***, and no other" in out(at) + err(at)


def test_secrets_are_blotted_out_of_documents_even_when_json_escapes_them() -> None:
    at = console()
    at.hide(['mar"ked\\secret'])

    at.document({"text": 'it is mar"ked\\secret'})

    assert json.loads(out(at))["text"] == "it is ***"


def test_a_short_secret_does_not_blot_out_words() -> None:
    at = console()
    at.hide(["a", ""])

    at.write("banana")

    assert out(at) == "banana\n"


def test_control_characters_of_foreign_texts_never_reach_the_terminal() -> None:
    at = console(width=80)

    at.write("a\x1b[2Jb\x07c\x9bd\re")
    at.say("f\x1b]0;title\x07")

    assert not {"\x1b", "\x07", "\x9b", "\r"} & set(out(at) + err(at))


# -- documents


def test_a_document_is_one_ascii_line_with_the_schema() -> None:
    at = console()

    at.document({"text": "é → ü"})

    assert out(at).isascii()
    assert out(at).count("\n") == 1
    assert json.loads(out(at)) == {"schema": 1, "text": "é → ü"}


# -- tables


def test_a_piped_table_is_tab_separated_and_whole() -> None:
    at = console()

    at.table(COLUMNS, [["7", "BTCUSDT", "two\nlines\tand a tab " + "x" * 300, ""]])

    assert out(at) == "id\tsymbol\tnote\tmade_at\n7\tBTCUSDT\ttwo lines and a tab " + "x" * 300 + "\t\n"


def test_an_empty_piped_table_is_its_heading() -> None:
    at = console()

    at.table(COLUMNS, [])

    assert out(at) == "id\tsymbol\tnote\tmade_at\n"


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_drawn_table_fits_the_terminal_and_cuts_no_id(width: int) -> None:
    rows = [[str(10**12 + n), "BTCUSDT", "a note of some length", "2026-07-24 14:05+02:00"] for n in range(3)]

    text = draw(COLUMNS, rows, width=width, colour=False, is_unicode=True)

    assert all(len(line) <= width for line in text.splitlines())
    assert all(row[0] in text for row in rows)
    assert "…" not in text
    assert ("2026-07-24" in text) is (width >= 80)
    assert ("more column" in text) is (width < 80)


def test_where_no_table_fits_each_row_is_a_record_and_no_id_is_cut() -> None:
    link = "bb-abcdef-12-entry1"

    text = draw(COLUMNS, [[link, "BTCUSDT", "a note", ""]], width=24, colour=False, is_unicode=True)

    assert text.splitlines() == [link, "  symbol BTCUSDT, note a", "  note"]


def test_a_drawn_table_without_unicode_is_ascii() -> None:
    assert draw(COLUMNS, [["1", "B", "n", "m"]], width=80, colour=False, is_unicode=False).isascii()


def test_colour_only_when_asked_for() -> None:
    columns = (Column("id"), Column("pnl", signed=True))
    rows = [["1", "-2.5"], ["2", "+3"], ["3", "0.00"]]

    plain = draw(columns, rows, width=80, colour=False, is_unicode=True)
    coloured = draw(columns, rows, width=80, colour=True, is_unicode=True)

    assert "\x1b" not in plain
    assert "\x1b[31m-2.5" in coloured
    assert "\x1b[32m+3" in coloured
    assert "\x1b[32m0.00" not in coloured


# -- times


def test_times_are_local_with_their_offset_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    import time

    time.tzset()
    try:
        assert console(width=80).time(AT) == "2026-07-24 17:35+05:30"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_times_are_utc_in_a_pipe() -> None:
    assert console().time(AT) == "2026-07-24T12:05:09.040Z"
    assert console().time(None) == ""


# -- questions


@pytest.mark.parametrize(
    ("answer", "is_yes"),
    [("yes\n", True), ("y\n", True), (" YES \n", True), ("\n", False), ("no\n", False), ("yess\n", False)],
)
def test_only_a_yes_is_a_yes(answer: str, is_yes: bool) -> None:
    at = console(answer=answer)

    assert at.confirm("Sure?") is is_yes
    assert err(at) == "Sure? Type yes to go on [no]: "
    assert out(at) == ""


def test_the_end_of_input_is_no_answer() -> None:
    with pytest.raises(UsageError, match="the question was not answered; nothing was sent"):
        console(answer="").confirm("Sure?")


def test_without_a_terminal_there_is_nobody_to_ask() -> None:
    with pytest.raises(UsageError, match="there is no terminal to ask on; nothing was sent"):
        console().confirm("Sure?")


# -- streams


def test_a_reader_who_has_gone_away_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as closed:
        at = Console(io.StringIO(), closed, io.StringIO())

        at.write("x" * 100_000)
        at.flush()
        at.write("more")

        assert at.is_closed


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_full_disk_under_stdout_is_told_once_and_ends_nothing() -> None:
    with FULL.open("w", encoding="utf-8") as full:
        at = Console(io.StringIO(), full, io.StringIO())

        at.document({"text": "the trade is open"})
        at.write("x" * 100_000)
        at.flush()

    assert not at.is_closed
    assert err(at) == (
        "warning: stdout can't be written, and what was said there is lost: No space left on device\n"
    )


def test_a_command_ends_with_its_own_code_when_nobody_reads_its_complaint() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as closed:
        at = Console(io.StringIO(), io.StringIO(), closed)

        assert app(["nonsense"], standalone_mode=False, obj=at) == ExitCode.USAGE


@pytest.mark.parametrize(
    ("environ", "colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_is_decided_by_terminal_and_environment(
    environ: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", terminal)

    at = Console.of_process(environ)

    assert at.colour is colour
    assert at.width is not None


def test_piped_streams_have_no_width_and_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    at = Console.of_process({})

    assert (at.width, at.colour) == (None, False)


def test_quotients_have_sensible_digits_in_a_pipe_and_amounts_all_of_theirs() -> None:
    pipe, exact = console(), Decimal("1996.177422600000001")

    assert ratio(pipe, Decimal(-1) / 3) == "-0.33333333"
    assert amount(pipe, exact) == price(pipe, exact) == str(exact)
    assert price(pipe, Decimal(10) / 3) == "3.333333333333333"
