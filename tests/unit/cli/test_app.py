"""From errors to messages and exit codes, and the form of help and usage errors."""

import json
import re
import sys

import pytest
import typer
from typer.testing import CliRunner

from botbox_cli import __version__, errors
from botbox_cli.cli.app import app, guarded
from botbox_cli.cli.commands import COMMANDS, load
from botbox_cli.cli.exit_codes import MEANING, ExitCode
from tests.support.cli import botbox, console


def raising(error: BaseException) -> typer.Typer:
    raise error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("m"), 2),
        (errors.ConfigError("m"), 3),
        (errors.Denied("m"), 4),
        (errors.NotFound("m"), 4),
        (errors.Conflict("m"), 4),
        (errors.ExchangeRejected("m"), 5),
        (errors.DuplicateOrder("m"), 5),
        (errors.ExchangeUnavailable("m"), 6),
        (errors.OutcomeUnknown("m"), 7),
        (errors.Mismatch("m"), 8),
        (errors.StorageError("m"), 9),
        (errors.StopMissing("m"), 10),
        (ZeroDivisionError("m"), 1),
        (typer.Abort(), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_each_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert guarded(lambda: raising(error), console()) == code


def test_every_exit_code_of_the_contract_has_a_name_and_a_meaning() -> None:
    assert sorted(ExitCode) == [*range(11), 130]
    assert set(MEANING) == set(ExitCode)


def test_an_error_is_two_lines_on_stderr() -> None:
    at = console()

    guarded(lambda: raising(errors.Denied("setup 41 expired 12 min ago", "run `botbox scan`")), at)

    assert at.err.getvalue() == "error: setup 41 expired 12 min ago\nhint: run `botbox scan`\n"  # type: ignore[attr-defined]
    assert at.out.getvalue() == ""  # type: ignore[attr-defined]


def test_with_json_an_error_is_a_document_on_stdout() -> None:
    at = console()
    at.as_json = True

    guarded(lambda: raising(errors.ExchangeUnavailable("gone", "wait")), at)

    assert json.loads(at.out.getvalue()) == {  # type: ignore[attr-defined]
        "schema": 1,
        "error": {"code": "unavailable", "message": "gone", "hint": "wait", "retryable": True},
    }
    assert at.err.getvalue() == ""  # type: ignore[attr-defined]


def test_a_bug_is_told_without_a_traceback() -> None:
    at = console()

    guarded(lambda: raising(RuntimeError("odd\nthing")), at)

    assert at.err.getvalue() == (  # type: ignore[attr-defined]
        "error: botbox has a bug: RuntimeError: odd thing\n"
        "hint: run it again with BOTBOX_DEBUG=1 to see where, and report that\n"
    )


def test_the_traceback_of_a_bug_can_be_seen_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_DEBUG", "1")
    at = console()
    at.hide(["marked-secret"])

    guarded(lambda: raising(RuntimeError("it was marked-secret")), at)

    text = at.err.getvalue()  # type: ignore[attr-defined]
    assert "Traceback" in text
    assert "it was ***" in text
    assert "marked-secret" not in text


def test_an_interrupt_says_what_to_look_at() -> None:
    at = console()

    assert guarded(lambda: 130, at) == 130
    assert "`botbox trades --status open`" in at.err.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (["nope"], "No such command 'nope'", "see `botbox --help`"),
        (["show"], "Missing argument 'ID'", "see `botbox show --help`"),
        (
            ["show", "abc"],
            "'abc' is no id",
            "ids are numbers, as `botbox setups` and `botbox trades` list them",
        ),
        (
            ["close", "1_0"],
            "'1_0' is no id",
            "ids are numbers, as `botbox setups` and `botbox trades` list them",
        ),
        (["show", "--nope", "1"], "No such option: --nope", "see `botbox show --help`"),
        (["reject", "1"], "Missing option '--reason'", "see `botbox reject --help`"),
        (
            ["propose", "BTCUSDT", "--entry"],
            "Option '--entry' requires an argument",
            "see `botbox propose --help`",
        ),
    ],
)
def test_usage_errors_are_exit_2_in_both_forms(args: list[str], message: str, hint: str) -> None:
    plain, as_json = (
        botbox(*args),
        botbox(*args, "--json")
        if args[-1] != "--entry"
        else botbox("propose", "--json", "BTCUSDT", "--entry"),
    )

    assert (plain.code, plain.out) == (2, "")
    assert plain.err.startswith(f"error: {message}")
    assert plain.err.endswith(f"hint: {hint}\n")
    assert (as_json.code, as_json.err) == (2, "")
    assert as_json.document["error"]["code"] == "usage"
    assert as_json.document["error"]["hint"] == hint


def test_a_mistyped_command_suggests_the_right_one() -> None:
    assert "Did you mean 'monitor'" in botbox("monitr").err


def test_no_command_shows_the_help_and_fails() -> None:
    ran = botbox()

    assert (ran.code, ran.out) == (2, "")
    assert "Usage: botbox" in ran.err


def test_version() -> None:
    assert botbox("--version") == type(botbox("--version"))(0, f"botbox {__version__}\n", "")


def test_help_lists_every_command_and_every_exit_code() -> None:
    text = CliRunner().invoke(app, ["--help"]).stdout

    words = " ".join(text.split())
    assert all(f" {name} {sentence}" in words for name, sentence in COMMANDS.items())
    for code in ExitCode:
        assert re.search(rf"^ +{code.value}  {re.escape(MEANING[code])}$", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_json_env_file_help_and_an_example(name: str) -> None:
    text = CliRunner().invoke(app, [name, "--help"]).stdout

    assert "--json" in text
    assert "--env-file" in text
    assert "Exit codes: see `botbox --help`." in text
    assert re.search(rf"Examples?.*:\n +.*botbox {name}", text)
    sentence = " ".join(text.split())
    assert COMMANDS[name] in sentence


@pytest.mark.parametrize("name", COMMANDS)
def test_the_first_sentence_of_a_command_is_the_one_in_the_list(name: str) -> None:
    assert (load(name).__doc__ or "").splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_a_runner_sees_the_exit_codes_too(flag: str) -> None:
    runner = CliRunner()

    assert runner.invoke(app, [flag]).exit_code == 0
    assert runner.invoke(app, ["show"]).exit_code == 2


def test_a_module_for_each_command_and_no_other() -> None:
    import botbox_cli.cli.commands as package

    for name in COMMANDS:
        load(name)
    modules = {m.rpartition(".")[2] for m in sys.modules if m.startswith(f"{package.__name__}.")}
    assert modules == {name.replace("-", "_") for name in COMMANDS}
