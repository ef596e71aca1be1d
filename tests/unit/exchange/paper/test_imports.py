"""What a quick start loads."""

import subprocess
import sys

import pytest

_HEAVY = {"numpy", "pandas", "talib", "requests", "pybit", "sqlmodel", "pydantic", "typer", "rich"}


def loaded(*modules: str) -> set[str]:
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_recognising_a_paper_account_needs_little() -> None:
    modules = loaded("botbox_cli.exchange.paper.identity")

    assert not modules & _HEAVY
    assert {name for name in modules if name.startswith("botbox_cli.exchange.paper.")} == {
        "botbox_cli.exchange.paper.identity"
    }
    assert "decimal" not in modules


@pytest.mark.parametrize(
    "module", ["engine", "store", "replay", "scripted", "live", "faults", "direct", "server"]
)
def test_the_exchange_itself_needs_the_standard_library_only(module: str) -> None:
    modules = loaded(f"botbox_cli.exchange.paper.{module}")

    assert not modules & (_HEAVY - {"requests"} if module == "direct" else _HEAVY)
    own = {name for name in modules if name.startswith("botbox_cli.")}
    assert {name for name in own if not name.startswith("botbox_cli.exchange")} == set()
