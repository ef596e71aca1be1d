"""PostgreSQL's own client programs, and databases made and renamed on a server."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import which

from sqlalchemy import URL, Connection, text

from botbox_cli.errors import StorageError
from botbox_cli.storage.engine import Database

DEBIAN = Path("/usr/lib/postgresql")
TIMEOUT_S = 3600
_VERSION = re.compile(r"\) (\d+)")


def tool(name: str, server_version: int) -> str:
    """Return the program `name` of a version that can talk to a server of `server_version`.

    Raises:
        StorageError: If there is none on PATH, nor where Debian puts them.
    """
    debian = sorted(DEBIAN.glob(f"*/bin/{name}"), reverse=True)
    found = [path for path in (which(name), *map(str, debian)) if path is not None]
    versions = {path: _major(path) for path in found}
    fit = [path for path, version in versions.items() if version >= server_version]
    if fit:
        return fit[0]
    has = f"only of version {max(versions.values())}" if versions else "missing"
    raise StorageError(
        f"PostgreSQL {server_version} needs its client program {name}, which is {has}",
        f"install it: the package postgresql-client-{server_version}, or PATH must name its folder",
        code="tool_missing",
    )


def _major(path: str) -> int:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=60)
    match = _VERSION.search(done.stdout)
    return int(match[1]) if match else 0


def server_version(connection: Connection) -> int:
    """Return the server's major version."""
    return int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000


def run(program: str, url: URL, *arguments: str) -> None:
    """Run a client program on the database of `url`. Raises StorageError with its first words."""
    password = {} if url.password is None else {"PGPASSWORD": str(url.password)}
    plain = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    try:
        done = _ran(program, plain, password, arguments)
    except subprocess.TimeoutExpired as e:
        raise StorageError(f"{Path(program).name} was not done after {TIMEOUT_S // 60} min") from e
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if line.strip()), "no reason given")
        raise StorageError(
            f"{Path(program).name} failed: {said.replace(str(url.password), '***') if url.password else said}",
            "check the server's log, and that its disk has room",
        )


def _ran(
    program: str, url: URL, password: dict[str, str], arguments: tuple[str, ...]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, f"--dbname={url.render_as_string()}", "--no-password", *arguments],
        env={**os.environ, **password, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def sibling(url: URL, name: str) -> str:
    """Return the URL of another database on the same server."""
    return url.set(database=name).render_as_string(hide_password=False)


def make(database: Database, name: str) -> None:
    """Make an empty database on the server of `database`. Raises StorageError, also where its user may not."""
    try:
        _outside(database, f'CREATE DATABASE "{name}" TEMPLATE template0')
    except StorageError as e:
        if e.code != "storage_read_only":
            raise
        user = database.url.username
        raise StorageError(
            f"user {user!r} of {database.name} may not create databases, and a copy is looked at in one",
            f'let its administrator run `ALTER ROLE "{user}" CREATEDB`',
            code="storage_refused",
        ) from e


def drop(database: Database, name: str) -> None:
    """Drop a database that botbox has made."""
    _outside(database, f'DROP DATABASE IF EXISTS "{name}"')


@contextmanager
def scratch(database: Database, name: str) -> Iterator[str]:
    """Make a database for a while; its URL."""
    make(database, name)
    try:
        yield sibling(database.url, name)
    finally:
        drop(database, name)


def put_in_place(database: Database, new: str, aside: str | None) -> None:
    """Rename the database `new` to that of `database`, whose own is renamed to `aside` (None: dropped), both or none.

    Nobody may be connected to either.
    """
    name = database.url.database
    with closing(Database(sibling(database.url, "postgres"))) as other:
        if aside is None:
            drop(other, str(name))
        with other.writing() as connection:
            if aside is not None:
                connection.exec_driver_sql(f'ALTER DATABASE "{name}" RENAME TO "{aside}"')
            connection.exec_driver_sql(f'ALTER DATABASE "{new}" RENAME TO "{name}"')


def _outside(database: Database, statement: str) -> None:
    """Run what may not run inside a transaction."""
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with database.translated(), engine.connect() as connection:
        connection.exec_driver_sql(statement)
