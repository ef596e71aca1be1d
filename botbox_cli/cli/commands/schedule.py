"""`botbox schedule`."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.session import begin
from botbox_cli.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from botbox_cli.cli.console import Console
    from botbox_cli.services.schedule import Machine


def schedule(
    ctx: typer.Context,
    cron: Annotated[bool, typer.Option("--cron", help="Lines for `crontab -e`.")] = False,
    systemd: Annotated[bool, typer.Option("--systemd", help="Units for your own systemd.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="systemd: a unit of `botbox serve`, too.")] = False,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="DIR", help="systemd: write the units there, not to stdout."),
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Print what cron or systemd needs to run botbox on this machine.

    Paths are absolute and those of this machine: this program, this env file, this folder. Nothing is installed.

    \b
    Examples:
      botbox schedule --cron
      botbox schedule --systemd --write ~/.config/systemd/user
    """
    from botbox_cli import config
    from botbox_cli.services.schedule import crontab, how_to_enable, units

    if cron is systemd:
        raise UsageError("say which: --cron or --systemd", "see `botbox schedule --help`")
    if cron and (serve or write is not None):
        raise UsageError("--serve and --write belong to --systemd", "see `botbox schedule --help`")
    console = begin(ctx, as_json, env_file).console
    machine = _machine(config.find_env_file(env_file))
    _warn_of_environment(console, machine.env_file)
    if cron:
        text = crontab(machine)
        if as_json:
            console.document({"crontab": text})
        else:
            console.write(text.rstrip("\n"))
        return 0
    files = units(machine, serve=serve)
    if write is not None:
        _write(write, files)
    if as_json:
        console.document({"units": files, "written_to": None if write is None else str(write)})
        return 0
    for name, text in files.items():
        console.write(str(write / name) if write is not None else f"# {name}\n{text}")
    for line in how_to_enable(files):
        console.say(line)
    return 0


def _machine(env_file: Path | None) -> Machine:
    """Return where things lie here. Raises ConfigError."""
    from botbox_cli import config
    from botbox_cli.services.schedule import Machine

    if env_file is None:
        raise ConfigError("there is no env file to run with", "make it: `botbox init`")
    beside = Path(sys.executable).parent / "botbox"
    program = (str(beside),) if beside.exists() else (sys.executable, "-m", "botbox_cli")
    data = config.data_dir()
    found = Machine(
        program,
        Path(os.path.abspath(env_file)),  # noqa: PTH100  # resolve() would follow a link that may be moved later
        Path.cwd(),
        data / "backups",
        data / "cron.log",
        os.pathsep.join(dict.fromkeys((str(beside.parent), "/usr/local/bin", "/usr/bin", "/bin"))),
        getpass.getuser(),
        shutil.which("timeout"),
    )
    for text in (*program, str(found.env_file), str(found.folder), str(data)):
        if not text.isprintable():
            raise ConfigError(
                f"a scheduler can't take the path {text!r}", "move it to one without control characters"
            )
    return found


def _warn_of_environment(console: Console, env_file: Path) -> None:
    """Warn of settings that the scheduler will not see."""
    from botbox_cli import config

    in_file = config.read_env_file(env_file)
    only_here = [n for n in config.NAMES if os.environ.get(n) and os.environ[n] != in_file.get(n)]
    if only_here:
        console.warn(
            f"set in this shell only, where no scheduler sees it: {', '.join(only_here)}; put it into {env_file}"
        )


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as e:
        raise ConfigError(
            f"{folder} can't be written: {e.strerror}", "check the folder and its permissions"
        ) from e
