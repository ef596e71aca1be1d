"""What every test gets: no network, no settings from this machine, a home of its own; on request a real PostgreSQL."""

import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.postgres import PostgresHome, PostgresServer, missing_for_postgres, shared_server

# Settings of the person who runs the tests must not reach them, nor a proxy carry a request past the guard below.
for _name in list(os.environ):
    if _name.startswith(("BYBIT_", "BOTBOX_")) or _name == "DATABASE_URL" or _name.lower().endswith("_proxy"):
        del os.environ[_name]
os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"

# A shell lets what it starts in the background ignore Ctrl-C, and every command that a test starts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("botbox", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("botbox")

_POSTGRES_HOME = pytest.StashKey[PostgresHome]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[_POSTGRES_HOME] = PostgresHome()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the run's server lives."""
    node.workerinput["postgres_home"] = str(node.config.stash[_POSTGRES_HOME].path)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _POSTGRES_HOME in config.stash:
        config.stash[_POSTGRES_HOME].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"postgres_server", "postgres_url"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("postgres")


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> PostgresServer:
    """The run's PostgreSQL; without its wheel the test is skipped, or fails if `REQUIRE_POSTGRES` is set."""
    if reason := missing_for_postgres():
        (pytest.fail if "REQUIRE_POSTGRES" in os.environ else pytest.skip)(reason)
    config = request.config
    if _POSTGRES_HOME in config.stash:
        return shared_server(config.stash[_POSTGRES_HOME].path)
    return shared_server(Path(config.workerinput["postgres_home"]))  # type: ignore[attr-defined]  # set by pytest-xdist


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a fresh, empty database, dropped after the test."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(autouse=True)
def private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and working directory, so that no env file or database of this machine is found."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    return home


@pytest.fixture(autouse=True, scope="session")
def only_loopback() -> Iterator[None]:
    """Refuse every connection and look-up beyond this machine, louder than a network error that code may handle."""
    with pytest.MonkeyPatch.context() as patch:
        connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

        def guarded_connect(self: socket.socket, address: Any) -> None:
            _refuse_beyond_loopback(self.family, address)
            connect(self, address)

        def guarded_connect_ex(self: socket.socket, address: Any) -> int:
            _refuse_beyond_loopback(self.family, address)
            return connect_ex(self, address)

        def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
            _refuse_beyond_loopback(socket.AF_INET, (host,))
            return getaddrinfo(host, *args, **kwargs)

        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


def _refuse_beyond_loopback(family: int, address: Any) -> None:
    if family not in (socket.AF_INET, socket.AF_INET6) or address[0] in (None, "", "localhost", b"localhost"):
        return
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    try:
        if ipaddress.ip_address(host.split("%")[0]).is_loopback:
            return
    except ValueError:
        pass
    raise RuntimeError(f"a test reached for the network: {host}")
