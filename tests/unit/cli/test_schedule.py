"""`botbox schedule`: what it prints is understood by cron's shell and by systemd, whatever the paths are called."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from botbox_cli.cli.commands import COMMANDS
from botbox_cli.services.schedule import Machine, crontab, how_to_enable, units
from tests.support.cli import botbox

_LINE = re.compile(r"((?:[0-9*/,-]+ ){5})(.*)")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine whose paths hold everything that a scheduler might stumble over, and a program that tells its words."""
    folder = tmp_path / "my $HOME 100% o'clock"
    folder.mkdir()
    program = folder / "bot box"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$PWD" "$@"\n')
    program.chmod(0o755)
    return Machine(
        (str(program),),
        folder / "dev vars",
        folder,
        folder / "kept",
        folder / "cron.log",
        "/usr/bin:/bin",
        "you",
        None,
    )


def test_cron_lines_run_the_program_in_its_folder(machine: Machine) -> None:
    jobs = [m for line in crontab(machine).splitlines() if (m := _LINE.fullmatch(line))]

    assert len(jobs) == 4
    for job in jobs:
        # cron itself: a bare % ends the command, \% is a %.
        assert re.search(r"(?<!\\)%", job[2]) is None
        command = job[2].replace("\\%", "%")
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, check=True, env={"PATH": "/bin"}
        )
        said = (machine.log.read_text() if ">>" in command else done.stdout).splitlines()
        assert said[0] == str(machine.folder)
        assert said[1] in COMMANDS
        assert said[-2:] == ["--env-file", str(machine.env_file)]
        machine.log.unlink(missing_ok=True)


def test_only_the_doctor_is_mailed(machine: Machine) -> None:
    text = crontab(machine)

    assert "\nMAILTO=you\n" in text
    (mailed,) = (line for line in text.splitlines() if _LINE.fullmatch(line) and ">>" not in line)
    assert " doctor --quiet " in mailed


def test_pass_that_hangs_is_ended(machine: Machine) -> None:
    text = crontab(
        Machine(
            **{name: getattr(machine, name) for name in machine.__slots__} | {"timeout": "/usr/bin/timeout"}
        )
    )

    assert len(re.findall(r"&& /usr/bin/timeout [0-9]+m ", text)) == 4


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_the_units(machine: Machine, tmp_path: Path) -> None:
    files = units(machine, serve=True)
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in files)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    complaints = [line for line in done.stderr.splitlines() if "botbox-" in line]
    assert complaints == []


def test_units_name_commands_of_this_version(machine: Machine) -> None:
    named = {
        re.search(r'^ExecStart=.*"/\S.*?bot box" (\S+)', text, re.MULTILINE)[1]  # type: ignore[index]
        for name, text in units(machine, serve=True).items()
        if name.endswith(".service")
    }

    assert named >= {"watch", "serve", "run", "monitor", "doctor", "db"}
    assert named <= set(COMMANDS)


def test_every_timer_has_its_service_and_is_enabled(machine: Machine) -> None:
    files = units(machine, serve=False)
    enabled = how_to_enable(files)[1]

    for name in files:
        if name.endswith(".timer"):
            assert name.replace(".timer", ".service") in files
            assert name in enabled
    assert "botbox-watch.service" in enabled
    assert "botbox-run.service" not in enabled


def test_command_prints_this_machine(installation: Path) -> None:
    ran = botbox("schedule", "--cron")

    assert ran.code == 0
    assert f"--env-file {installation / '.dev.vars'}" in ran.out
    # The fixture sets these in the environment, where cron does not see them.
    assert "set in this shell only" in ran.err
    assert "BOTBOX_MARKET" in ran.err


def test_units_are_written_where_asked(installation: Path, tmp_path: Path) -> None:
    ran = botbox("schedule", "--systemd", "--write", tmp_path / "units")

    assert ran.code == 0
    assert (tmp_path / "units" / "botbox-run.timer").read_text().startswith("[Unit]\n")
    assert "systemctl --user enable --now" in ran.err


@pytest.mark.parametrize("args", [(), ("--cron", "--systemd"), ("--cron", "--serve")])
def test_choice_must_be_made(installation: Path, args: tuple[str, ...]) -> None:
    assert botbox("schedule", *args).code == 2


def test_without_an_env_file_nothing_can_be_scheduled(private_home: Path) -> None:
    assert botbox("schedule", "--cron").code == 3
