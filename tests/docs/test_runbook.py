"""The runbook can be followed: its commands, options, settings, units, metrics and error codes are the program's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from botbox_cli.cli.commands import COMMANDS
from botbox_cli.cli.exit_codes import ExitCode
from botbox_cli.config import NAMES
from botbox_cli.services.schedule import Machine, units
from tests.docs import pages

TEXT = (pages.ROOT / "docs" / "runbook.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL))
TYPED = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()] + INLINE
OURS = sorted(
    {found for text in TYPED for found in re.findall(r"(?:^|exec (?:-T )?watch )(botbox [a-z].*)", text)}
)
SETTINGS_OF_COMPOSE = {"BOTBOX_NAME", "BOTBOX_UID"}


def unit_names() -> set[str]:
    here = Path("/")
    machine = Machine(("/botbox",), here / "env", here, here / "backups", here / "log", "/bin", "you", None)
    return set(units(machine, serve=True))


def test_there_is_much_to_check() -> None:
    assert len(OURS) > 20


@pytest.mark.parametrize("line", OURS)
def test_command_has_these_arguments_and_options(line: str) -> None:
    name, *words = shlex.split(line)[1:]
    if name.startswith("--"):
        return

    assert name in COMMANDS
    command = dict(pages.commands())[name]
    # Parsed by the program's own parser; a word too many, an unknown option or a missing argument raises.
    context = command.make_context(name, list(words), resilient_parsing=False)
    for parameter, word in context.params.items():
        if parameter == "action":
            assert word in command.params[0].help


def test_settings_are_those_of_the_program() -> None:
    named = set(re.findall(r"\b(?:BOTBOX|BYBIT)_[A-Z_]+\b|\bDATABASE_URL\b", TEXT))

    assert named - SETTINGS_OF_COMPOSE <= set(NAMES)
    compose = (pages.ROOT / "compose.yaml").read_text("utf-8")
    assert all(f"${{{name}" in compose for name in SETTINGS_OF_COMPOSE)


def test_units_are_those_that_schedule_writes() -> None:
    named = set(re.findall(r"\bbotbox-[a-z]+\.(?:service|timer)\b", TEXT))

    assert named
    assert named <= unit_names()


def test_metrics_are_those_that_are_served() -> None:
    named = set(re.findall(r"\bbotbox_[a-z_]+\b", TEXT))
    source = (pages.ROOT / "botbox_cli" / "web" / "metrics.py").read_text("utf-8")

    assert len(named) > 4
    for name in named:
        assert f'"{name.removesuffix("_total")}"' in source or f'_gauge("{name[7:]}"' in source.replace(
            "_gauge(\n            ", "_gauge("
        )


def test_exit_codes_are_those_of_the_contract() -> None:
    named = {int(code) for code in re.findall(r"^### .*\((?:exit code )?(\d+)", TEXT, re.MULTILINE)}

    assert named == {10, 7, 8, 6, 9, 4}
    assert named <= {int(code) for code in ExitCode}


def test_services_of_the_compose_file_are_there() -> None:
    compose = (pages.ROOT / "compose.yaml").read_text("utf-8")

    for name in re.findall(r"docker compose (?:run --rm|exec(?: -T)?) (\w+)", TEXT):
        assert f"\n  {name}:\n" in compose
