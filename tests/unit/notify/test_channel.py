"""Apprise as botbox uses it, against a real HTTP receiver."""

import base64
import subprocess
import sys
import threading

import pytest

from botbox_cli.errors import ConfigError, NotTold
from botbox_cli.notify.channel import open_channels
from botbox_cli.ports import Message
from tests.support.receiver import a_receiver

TELLS = """
import sys
from botbox_cli.errors import NotTold
from botbox_cli.notify import channel
from botbox_cli.ports import Message
channel.TELL_S = 1
(one,) = channel.open_channels([sys.argv[1]])
try:
    one.tell(Message("Entered", "x"))
except NotTold:
    sys.exit(0)
sys.exit(1)
"""


def test_a_message_arrives_with_its_picture() -> None:
    with a_receiver() as receiver:
        (channel,) = open_channels([receiver.url])

        channel.tell(Message("Setup 1", "entry 60000\nstop 58000", picture=b"\x89PNG..."))

    (got,) = receiver.got
    assert (got["title"], got["message"]) == ("Setup 1", "entry 60000\nstop 58000")
    assert base64.b64decode(got["attachments"][0]["base64"]) == b"\x89PNG..."


def test_an_urgent_message_is_a_warning() -> None:
    with a_receiver() as receiver:
        (channel,) = open_channels([receiver.url])
        channel.tell(Message("NO STOP", "", is_urgent=True))

    assert receiver.got[0]["type"] == "warning"


def test_a_refused_message_raises_without_the_address() -> None:
    with a_receiver() as receiver:
        receiver.status = 500
        (channel,) = open_channels([receiver.url])
        with pytest.raises(NotTold) as refused:
            channel.tell(Message("Entered", "x"))

    assert "secret-path-in-url" not in f"{refused.value!r} {refused.value.hint} {channel.name}"
    assert "channel 1" in refused.value.message


def test_an_answer_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botbox_cli.notify.channel.TELL_S", 0.3)
    threads = threading.active_count()
    with a_receiver() as receiver:
        receiver.drips = True
        (channel,) = open_channels([receiver.url])
        for _ in range(3):
            with pytest.raises(NotTold):
                channel.tell(Message("Entered", "x"))
        hanging = threading.active_count() - threads
        receiver.drips = False

    assert hanging <= 3  # The receiver's two, and one that waits.


def test_a_process_ends_although_an_answer_does_not() -> None:
    with a_receiver() as receiver:
        receiver.drips = True
        ended = subprocess.run([sys.executable, "-c", TELLS, receiver.url], timeout=60, check=False)
        receiver.drips = False

    assert ended.returncode == 0


def test_an_address_that_nobody_listens_at_raises() -> None:
    with a_receiver() as receiver:
        url = receiver.url
    (channel,) = open_channels([url])
    with pytest.raises(NotTold):
        channel.tell(Message("Entered", "x"))


def test_an_unknown_address_is_named_by_its_place_only() -> None:
    with pytest.raises(ConfigError) as refused:
        open_channels(["json://127.0.0.1:1", "nosuch://token-in-it"])

    assert "place 2" in refused.value.message
    assert "token-in-it" not in refused.value.message + refused.value.hint


def test_a_channel_is_remembered_by_its_address() -> None:
    one, other = open_channels(["json://127.0.0.1:1/a", "json://127.0.0.1:1/b"])
    (again,) = open_channels(["json://127.0.0.1:1/a"])

    assert one.name == again.name != other.name


@pytest.mark.parametrize("place", ["apprise.Apprise.notify", "apprise.plugins.custom_json.NotifyJSON.send"])
def test_a_plugin_that_raises_is_a_message_not_told_and_no_traceback(
    place: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def breaks(*args: object, **options: object) -> bool:
        raise RuntimeError("https://secret-path-in-url")

    (channel,) = open_channels(["json://127.0.0.1:1/secret-path-in-url"])
    monkeypatch.setattr(place, breaks)

    with pytest.raises(NotTold) as refused:
        channel.tell(Message("Entered", "x"))

    assert "secret-path" not in f"{refused.value!r} {refused.value.hint}"
    assert tuple(capfd.readouterr()) == ("", "")
