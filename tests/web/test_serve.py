"""`botbox serve` as a command: where it listens and where it refuses to, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from botbox_cli.services.web_login import digest_of
from botbox_cli.web.place import Place, checked_place, client_name
from tests.support.cli import botbox
from tests.support.person import Person
from tests.web.conftest import REPLAY


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 would serve others without encryption"),
        (["--host", "192.0.2.1"], "--host 192.0.2.1 would serve others without encryption"),
        (["--host", "desk.example.org"], "--host desk.example.org would serve others without encryption"),
        (["--host", "::"], "--host :: would serve others without encryption"),
        (["--tls-cert", "cert.pem"], "--tls-cert and --tls-key belong together"),
        (["--tls-cert", "no.pem", "--tls-key", "no.pem"], "there is no file no.pem"),
        (["--behind-proxy"], "browsers must be told apart from other sites by the name they ask for"),
    ],
)
def test_what_would_be_open_to_others_is_refused(argv: list[str], message: str, installation: Path) -> None:
    ran = botbox("serve", *argv)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {message}")


def test_port_that_is_taken_is_said(installation: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        ran = botbox("serve", "--port", port)

    assert ran.code == 2
    assert ran.err.startswith(f"error: 127.0.0.1 port {port} can't be used: ")


def test_without_its_packages_it_says_what_to_install(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("botbox_cli.web", "fastapi"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)

    ran = botbox("serve", "--port", "0")

    assert ran.code == 3
    assert ran.err == (
        "error: botbox serve needs fastapi, which is not installed\nhint: run `pip install 'botbox[web]'`\n"
    )


def test_new_token_is_printed_once_and_stored_as_a_hash(installation: Path) -> None:
    first = botbox("serve", "--new-token", "--json").document["web_token"]
    second = botbox("serve", "--new-token").out.split()[-1]

    assert first != second
    stored = (installation / "botbox.sqlite").read_bytes()
    log = installation / "botbox.sqlite-wal"
    stored += log.read_bytes() if log.exists() else b""
    assert digest_of(second).encode() in stored
    assert second.encode() not in stored


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_process_says_where_it_is_and_ends_quietly(ending: signal.Signals, installation: Path) -> None:
    person = Person(installation, {**REPLAY, "DATABASE_URL": f"sqlite:///{installation / 'botbox.sqlite'}"})
    process = person.start("serve", "--port", "0", "--json", stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        document = json.loads(process.stdout.readline())
        assert document["mode"] == "paper"
        answer = httpx.get(f"{document['url']}/api/health", timeout=60, trust_env=False)
        assert answer.status_code == 200

        process.send_signal(ending)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()

    assert (process.returncode, out) == (0, b"")
    assert err.decode() == "the server has stopped\n"


def test_address_of_the_page_is_told() -> None:
    assert Place(port=1).url == "http://127.0.0.1:1"
    assert Place("::1", 1).url == "http://[::1]:1"
    proxied = checked_place(
        "127.0.0.1", 1, names=["Desk.Example.org"], cert=None, key=None, behind_proxy=True
    )
    assert proxied.url == "https://desk.example.org"
    assert not proxied.is_loopback


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("testclient", "unknown"),
    ],
)
def test_client_is_counted_by_its_address_or_network(address: str, name: str) -> None:
    assert client_name(address) == name
