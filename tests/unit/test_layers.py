"""The rules on imports that import-linter cannot say; the others stand in pyproject.toml and run with `make lint`."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "botbox_cli"
DOMAIN = sorted((PACKAGE / "domain").rglob("*.py"))
ALLOWED = {*sys.stdlib_module_names, "botbox_cli.domain", "botbox_cli.errors"}


def imported_modules(path: Path) -> set[str]:
    """Return the imported modules' names: of other packages their first part, of our own the first two."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in found]
    return {".".join(part[:2]) if part[0] == PACKAGE.name else part[0] for part in parts}


@pytest.mark.parametrize("path", [*DOMAIN, PACKAGE / "errors.py"], ids=lambda path: path.stem)
def test_domain_and_errors_import_only_the_standard_library(path: Path) -> None:
    assert imported_modules(path) <= ALLOWED
