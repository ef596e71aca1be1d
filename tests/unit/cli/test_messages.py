"""Messages as the commands carry them: to a real receiver, never in the way, never with the address in sight."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from botbox_cli.cli.postman import Postman
from botbox_cli.errors import BotboxError
from botbox_cli.ports import LogEntry, Message
from botbox_cli.services.notices import Writer
from botbox_cli.services.post import Post
from tests.support.cli import botbox
from tests.support.receiver import Receiver, a_receiver
from tests.support.world import a_world


@pytest.fixture
def receiver(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with a_receiver() as receiver:
        monkeypatch.setenv("BOTBOX_NOTIFY", receiver.url)
        monkeypatch.setenv("BOTBOX_NOTIFY_SILENCE_MINUTES", "0")
        yield receiver


def until_there_is_a_setup(direction: str = "") -> int:
    """Let time pass until a scan finds one; return its id."""
    for _ in range(24):
        botbox("forward", "1h")
        for setup in botbox("run", "--once", "--json").document["scan"]["detected"]:
            if direction in setup["direction"]:
                return int(setup["id"])
    pytest.fail("no setup in a day")


def test_a_setup_is_told_with_its_chart_and_links(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_PUBLIC_URL", "https://desk.example")
    until_there_is_a_setup()

    found = [m for m in receiver.got if m["title"].startswith("Setup 1: ")]
    assert len(found) == 1
    assert found[0]["attachments"][0]["mimetype"] == "image/png"
    assert "Approve: https://desk.example/link/" in found[0]["message"]
    assert botbox("audit", "verify").code == 0


def test_a_trade_is_told_by_the_monitor(receiver: Receiver) -> None:
    botbox("approve", until_there_is_a_setup("long"), "--execute")
    assert botbox("monitor", "--once").code == 0

    assert receiver.titles[-1].startswith("Entered: trade 1 ")


def test_a_channel_that_fails_is_a_warning_without_its_address(receiver: Receiver) -> None:
    receiver.status = 500
    until_there_is_a_setup()
    assert "warning" not in botbox("monitor", "--once").err, "it is too early to try again"
    botbox("forward", "2m")
    ran = botbox("monitor", "--once")

    assert ran.code == 0
    assert "warning: channel 1 (JSON) of BOTBOX_NOTIFY did not take the message" in ran.err
    assert "secret-path-in-url" not in ran.err + ran.out


def test_the_address_is_in_no_document_log_or_database(receiver: Receiver, private_home: Path) -> None:
    until_there_is_a_setup()
    said = "".join(
        botbox(*args).out for args in (("doctor", "--json"), ("explain", 1, "--json"), ("audit", "export"))
    )

    assert "secret-path-in-url" not in said
    for path in private_home.rglob("*"):
        assert not path.is_file() or b"secret-path-in-url" not in path.read_bytes(), path


def test_a_channel_that_hangs_delays_no_pass() -> None:
    """He is called and the caller goes on; at the end he is waited for, but not for ever."""
    gate, told = threading.Event(), threading.Event()

    class Hanging:
        name = "hanging"

        def tell(self, message: Message) -> None:
            told.set()
            assert gate.wait(60)

    with a_world() as world:
        with world.store.write(world.account) as books:
            books.log(LogEntry(world.clock.now(), "alarm", "NO STOP", data={"body": "", "is_urgent": True}))
        complaints: list[BotboxError] = []
        postman = Postman(
            Post(world.desk, [Hanging()], Writer(world.desk, lambda _: None)), complaints.append
        )
        postman.call()
        assert told.wait(60)
        postman.call()
        postman.close(wait_s=0.01)
        assert postman.is_out
        gate.set()
        postman.close(wait_s=60)

    assert not postman.is_out
    assert complaints == []


def test_a_command_that_goes_on_tells_what_others_have_logged() -> None:
    told = threading.Event()

    class Telling:
        name = "telling"

        def tell(self, message: Message) -> None:
            told.set()

    with a_world() as world:
        post = Post(world.desk, [Telling()], Writer(world.desk, lambda _: None))
        postman = Postman(post, lambda _: None, every_s=0.02)
        with world.store.write(world.account) as books:
            books.log(LogEntry(world.clock.now(), "alarm", "NO STOP", data={"body": "", "is_urgent": True}))
        assert told.wait(60)
        postman.close(wait_s=60)

    assert not postman.is_out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOTBOX_NOTIFY", "not an address"),
        ("BOTBOX_QUIET_HOURS", "22-7"),
        ("BOTBOX_QUIET_HOURS", "22:00-07:00 Mars/Olympus"),
        ("BOTBOX_PUBLIC_URL", "http://desk.example"),
        ("BOTBOX_NOTIFY_SILENCE_MINUTES", "-1"),
    ],
)
def test_a_bad_setting_is_named(
    installation: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    ran = botbox("monitor", "--once")

    assert ran.code == 3
    assert name in ran.err


def test_an_address_that_apprise_does_not_know_is_a_warning(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_NOTIFY", "nosuch://token")
    ran = botbox("monitor", "--once")

    assert ran.code == 0
    assert "place 1" in ran.err
    assert "token" not in ran.err
