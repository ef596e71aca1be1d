"""One PostgreSQL, one exchange with both sockets, and several machines."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.server import Sandbox
from tests.machines.machine import Machine
from tests.support.forkserver import Forkserver, a_forkserver
from tests.support.stage import HttpHost, HttpStage, quick_folder

MakeMachine = Callable[[str], Machine]


class SocketsHost(HttpHost):
    """A sandbox whose sockets tell of the stage that it serves."""

    def __init__(self) -> None:
        """Wait for the engine."""

    def show(self, engine: PaperExchange) -> None:
        self.sandbox = Sandbox(engine).start()

    def close(self) -> None:
        self.sandbox.close()


class SocketsStage(HttpStage):
    """A stage that is reached over both."""

    @property
    def way(self) -> dict[str, str]:
        url = self.host.sandbox.url
        return {
            **super().way,
            "BYBIT_WS_ENDPOINT": url.replace("http", "ws"),
            "BOTBOX_SYMBOLS": "BTCUSDT,ETHUSDT",
        }


@pytest.fixture(scope="module")
def forkserver() -> Iterator[Forkserver]:
    with a_forkserver() as server:
        yield server


@pytest.fixture
def stage(forkserver: Forkserver, postgres_url: str) -> Iterator[SocketsStage]:
    """The account: its exchange is served, its books lie in PostgreSQL."""
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        host = SocketsHost()
        stage = SocketsStage(forkserver, Path(folder) / "stage", host, url=postgres_url, wall=True)
        stage.build()
        host.close()
        with stage:
            yield stage
            host.close()


@pytest.fixture
def a_machine(stage: SocketsStage, tmp_path: Path) -> Iterator[MakeMachine]:
    """Return what sets up a machine with nothing but the settings; all are switched off in the end."""
    machines = []

    def make(name: str) -> Machine:
        folder = tmp_path / name
        folder.mkdir()
        machines.append(Machine(name, folder, {**stage.environment, "HOME": str(folder)}))
        return machines[-1]

    yield make
    for machine in machines:
        machine.pull_the_plug()
