"""The parts of the documents that are written by the program: one truth, in the code."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from botbox_cli.cli.app import app
from botbox_cli.cli.commands import COMMANDS
from botbox_cli.cli.exit_codes import MEANING
from tests.support.terminal import on_terminal

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "commands.md"

_PICTURE = re.compile(
    r"^\$ botbox show \d+$(?!.*^\$ botbox show).*?(?=^\$ botbox trade \d)", re.MULTILINE | re.DOTALL
)

_COMMON = ("as_json", "env_file")


def readme() -> str:
    """Return README.md with its written parts anew."""
    text = README.read_text("utf-8")
    for name, part in (
        ("picture", picture()),
        ("commands", commands_table()),
        ("exit codes", exit_codes_table()),
    ):
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        assert after, f"README.md lacks the marks of {name}"
        text = f"{before}{begin}{part}{end}{after}"
    return text


def picture() -> str:
    """Return what the demo shows between looking at its last setup and the end of that trade."""
    with tempfile.TemporaryDirectory() as home:
        shown = on_terminal(["demo"], Path(home))
    found = _PICTURE.search(shown)
    assert found is not None, shown
    lines = [line.rstrip() for line in found[0].strip().splitlines()]
    return "\n".join(["```", *lines, "```", ""])


def commands_table() -> str:
    rows = [f"| `botbox {name}` | {_cell(does)} |" for name, does in COMMANDS.items()]
    return "\n".join(["| command | does |", "|---|---|", *rows, ""])


def exit_codes_table() -> str:
    rows = [f"| {int(code)} | {_cell(meaning)} |" for code, meaning in MEANING.items()]
    return "\n".join(["| code | when |", "|---:|---|", *rows, ""])


def reference() -> str:
    """Return docs/commands.md: every command with its arguments and options."""
    head = (
        "# Commands\n\n"
        "Written by `make docs` from the program's own help. Every command also takes `--json` (one document on\n"
        "stdout), `--env-file FILE` (settings to read instead of `./.dev.vars`) and `--help`.\n"
    )
    return head + "".join(_section(name, command) for name, command in commands())


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command by name, built."""
    group: Any = typer.main.get_command(app)
    for name in COMMANDS:
        yield name, group.commands[name]


def _section(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    arguments = (p for p in command.params if p.param_type_name == "argument")
    usage = " ".join([f"botbox {name}", *(p.metavar if p.required else f"[{p.metavar}]" for p in arguments)])
    records = [p.get_help_record(context) for p in command.params if p.name not in _COMMON]
    rows = [
        f"| `{names.removesuffix(' <int>')}` | {_cell(' '.join(told.split()))} |" for names, told in records
    ]
    table = ["", "| | |", "|---|---|", *rows] if rows else []
    return "\n".join(["", f"## `{usage}`", "", _prose(command.help), *table, ""])


def _prose(text: str) -> str:
    """Return a command's help in Markdown: paragraphs, and its example as code."""
    parts = []
    for paragraph in text.split("\n\n"):
        if not paragraph.startswith("\b"):
            parts.append(" ".join(paragraph.split()))
            continue
        lines = [line.strip() for line in paragraph.splitlines()[2:]]
        parts.append("\n".join(["```", *lines, "```"]))
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write everything anew."""
    README.write_text(readme(), "utf-8")
    REFERENCE.write_text(reference(), "utf-8")


if __name__ == "__main__":
    main()
