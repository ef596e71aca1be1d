"""Every command, option and setting is documented, and the documents say nothing else."""

import re

import pytest

from botbox_cli.config import NAMES, Settings
from tests.docs import pages

SETTINGS = pages.ROOT / "docs" / "settings.md"
EXAMPLE = pages.ROOT / ".dev.vars.example"
DEFAULTS = {str(f.validation_alias): f.default for f in Settings.model_fields.values()}


def text_of(default: object) -> str:
    """Return a default as people write it."""
    if default is None:
        return "–"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_reference_of_commands_is_up_to_date() -> None:
    """When this fails: `make docs`."""
    assert pages.REFERENCE.read_text("utf-8") == pages.reference()


@pytest.mark.parametrize("name", [name for name, _ in pages.commands()])
def test_every_parameter_of_a_command_has_help(name: str) -> None:
    command = dict(pages.commands())[name]

    assert command.help.splitlines()[0].endswith(".")
    assert [p.name for p in command.params if not p.help] == []
    assert {"as_json", "env_file"} <= {p.name for p in command.params}


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \|", SETTINGS.read_text("utf-8"), re.MULTILINE)

    assert dict(rows) == {name: text_of(DEFAULTS[name]) for name in NAMES}
    assert len(rows) == len(NAMES)


def test_env_file_example_names_every_setting_after_a_line_on_it() -> None:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    named = {
        found[1]: lines[i - 1]
        for i, line in enumerate(lines)
        if (found := re.match(r"(?:# )?([A-Z0-9_]+)=", line))
    }

    assert set(named) == set(NAMES)
    assert [name for name, above in named.items() if not above.startswith("# ")] == []
