"""What conftest.py promises to every test."""

import os
import socket
from pathlib import Path

import pytest


@pytest.mark.parametrize("host", ["203.0.113.1", "api.bybit.com", "2001:db8::1"])
def test_connections_beyond_this_machine_are_refused(host: str) -> None:
    with pytest.raises(RuntimeError, match=f"reached for the network: {host}"):
        socket.create_connection((host, 443), timeout=0.01)


def test_connections_on_loopback_pass() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_settings_of_this_machine_are_out_of_sight(private_home: Path) -> None:
    assert not [
        name for name in os.environ if name.startswith(("BYBIT_", "BOTBOX_")) or name == "DATABASE_URL"
    ]
    assert Path.home() == Path.cwd() == private_home
    assert list(private_home.iterdir()) == []
