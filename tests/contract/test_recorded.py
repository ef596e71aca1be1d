"""Bybit's answers that the paper exchange gives only to hundreds of requests; and the cassettes themselves."""

import re

import pytest

from botbox_cli.errors import ExchangeUnavailable
from tests.contract.cassettes import FOLDER, STORIES, rendered
from tests.contract.scenes import cassette_scene
from tests.support.bybit_bodies import names


def test_exhausted_limit_says_when_to_come_back() -> None:
    with cassette_scene("too_many_requests") as scene, pytest.raises(ExchangeUnavailable) as caught:
        scene.exchange.cancel("BTCUSDT", scene.link_id, is_stop=True)

    assert caught.value.retry_after_s == pytest.approx(0.554)


def test_banned_address_is_told_to_wait_ten_minutes() -> None:
    with cassette_scene("banned_address") as scene, pytest.raises(ExchangeUnavailable) as caught:
        scene.exchange.server_time()

    assert caught.value.retry_after_s == 600


def test_cassette_is_what_its_story_says(story: str) -> None:
    written = (FOLDER / f"{story}.yaml").read_text(encoding="utf-8")

    assert written == rendered(STORIES[story]), "write it anew: python -m tests.contract.cassettes"


def test_cassette_names_where_its_bodies_are_from(story: str) -> None:
    written = (FOLDER / f"{story}.yaml").read_text(encoding="utf-8")

    origins = re.findall(r"^# .*bybit-v5/(\w+)\.json \(", written, re.MULTILINE)
    assert origins
    assert set(origins) <= set(names())


def test_no_cassette_is_without_a_story() -> None:
    assert {path.stem for path in FOLDER.glob("*")} == set(STORIES)


def test_no_cassette_holds_what_signs_a_request(story: str) -> None:
    written = (FOLDER / f"{story}.yaml").read_text(encoding="utf-8")

    assert not re.search(r"(?i)x-bapi-(api-key|sign|timestamp)|set-cookie|authorization|traceid", written)
    for shown in re.findall(r'"(?:apiKey|secret)": "([^"]*)"', written):
        assert set(shown) <= {"X"}


def test_request_that_differs_from_the_recorded_one_is_not_answered() -> None:
    with cassette_scene("accepted_entry") as scene:
        with pytest.raises(Exception, match="_json_body differs"):
            scene.exchange.place(scene.buy("0.002"))

        scene.exchange.place(scene.buy())
