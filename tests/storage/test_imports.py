import subprocess
import sys

HEAVY = {
    "alembic",
    "mako",
    "numpy",
    "pandas",
    "polars",
    "psycopg",
    "pybit",
    "sqlalchemy",
    "sqlmodel",
    "talib",
}


def loaded_by(code: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_an_idle_pass_over_the_books_loads_nothing_heavy(sqlite_copy: str) -> None:
    loaded = loaded_by(
        "from botbox_cli.domain.account import Mode, Venue\n"
        "from botbox_cli.domain.trade import LIVING_TRADES\n"
        "from botbox_cli.storage.store import SqlStore\n"
        f"store = SqlStore({sqlite_copy!r})\n"
        "account = store.save_account(Mode.PAPER, '1', 'a', Venue.MAINNET)\n"
        "with store.write(account) as books:\n"
        "    assert books.trades(LIVING_TRADES) == []\n"
        "store.close()\n"
    )

    assert loaded & HEAVY == set()
    assert "sqlite3" in loaded


def test_sqlite_does_not_load_the_drivers_of_postgres(sqlite_copy: str) -> None:
    code = f"from botbox_cli.storage.store import SqlStore\nSqlStore({sqlite_copy!r}).database.engine.dispose()\n"
    code += (
        "import sys\nassert not [m for m in sys.modules if m.startswith('sqlalchemy.dialects.postgresql')]"
    )

    assert "sqlalchemy" in loaded_by(code)
