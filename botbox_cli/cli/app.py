"""The program: its commands, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from botbox_cli import __version__, journal
from botbox_cli.cli.commands import COMMANDS, load
from botbox_cli.cli.console import Console
from botbox_cli.cli.exit_codes import ExitCode, table_of_codes
from botbox_cli.errors import BotboxError, UsageError

DEBUG_NAME = "BOTBOX_DEBUG"
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Interrupted(BotboxError):
    """Ctrl-C. What was under way stays as the books and the exchange have it."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED


class Bug(BotboxError):
    """What no line of this program expected."""

    code = "bug"
    exit_code = ExitCode.BUG


class Commands(MutableMapping[str, Any]):
    """The commands by name; each is imported and built when it is asked for."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            if name not in COMMANDS:
                raise KeyError(name)
            self._built[name] = built(name)
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        del self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def built(name: str) -> Any:
    """Return the parser of one command."""
    single = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=CONTEXT)
    single.command(name, epilog="Exit codes: see `botbox --help`.")(load(name))
    return typer.main.get_command(single)


class Program(TyperGroup):
    """The command group. Every way in (console script, `python -m`, tests) goes through `main`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = Commands()

    def list_commands(self, ctx: Any) -> list[str]:  # the signature is Typer's
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command. Exits with its code, or returns that when `standalone_mode` is off."""
        given = sys.argv[1:] if args is None else list(args)
        console = extra.pop("obj", None) or Console.of_process()
        # Arguments may be wrong before any option was read, and the complaint takes the asked form.
        console.as_json = "--json" in given
        console.arguments = given

        def command() -> Any:
            return super(Program, self).main(
                given, prog_name or "botbox", complete_var, False, windows_expand_args, obj=console, **extra
            )

        code = guarded(command, console, given)
        journal.stop(code)
        console.flush()
        if standalone_mode:
            sys.exit(code)
        return code


def guarded(command: Callable[[], Any], console: Console, args: Sequence[str] = ()) -> int:
    """Run a command, called with `args`, and return its exit code, having said what went wrong."""
    error: BotboxError
    try:
        code = command()
    except BotboxError as e:
        error = e
    except typer.TyperException as e:
        error = _usage_error(e, args)
    except typer.Abort:
        error = _interrupted()
    except Exception as e:  # noqa: BLE001  # The last resort: a person gets a sentence, not a traceback.
        error = _bug(e, console)
    else:
        if code != ExitCode.INTERRUPTED:
            return int(code or ExitCode.OK)
        error = _interrupted()
    console.fail(error)
    return error.exit_code


def _usage_error(error: typer.TyperException, args: Sequence[str]) -> UsageError:
    # Typer knows the command of some of its errors only.
    name = next((arg for arg in args if arg in COMMANDS), None)
    command = "botbox" if name is None else f"botbox {name}"
    return UsageError(error.format_message().rstrip("."), f"see `{command} --help`")


def _interrupted() -> Interrupted:
    return Interrupted(
        "interrupted",
        "`botbox trades --status open` shows what is open; `botbox monitor --once` settles the rest",
    )


def _bug(error: Exception, console: Console) -> Bug:
    if os.environ.get(DEBUG_NAME):
        import traceback

        console.say("".join(traceback.format_exception(error)))
    text = " ".join(str(error).split())[:300]
    return Bug(
        f"botbox has a bug: {type(error).__name__}{': ' if text else ''}{text}",
        f"run it again with {DEBUG_NAME}=1 to see where, and report that",
    )


def _show_version(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        ctx.obj.write(f"botbox {__version__}")
        raise typer.Exit


def _program(
    ctx: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Spot trading on Bybit from a terminal: it watches, proposes and asks; what you approve it carries alone.

    \b
    First steps:
      botbox init                          the env file and the database
      botbox record --once --since 90d     candles
      botbox scan                          setups
      botbox approve 1 --execute           a trade
      botbox monitor --once                watch it
    """
    if ctx.invoked_subcommand is None:
        ctx.obj.say(ctx.get_help())
        raise typer.Exit(ExitCode.USAGE)


def program() -> typer.Typer:
    """Return the program."""
    return typer.Typer(
        cls=Program,
        callback=_program,
        invoke_without_command=True,
        # Rich takes longer to import than everything else on the way to `--help`.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        epilog=table_of_codes(),
        context_settings=CONTEXT,
    )


app = program()
