"""Scheduled jobs: one at a time, each pass on record."""

from datetime import UTC, datetime

import pytest

from botbox_cli.errors import StorageError
from botbox_cli.ports import Holder, JobRun
from botbox_cli.services.jobs import AlreadyRunning, job
from botbox_cli.storage.store import SqlStore

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINE, OTHERS = Holder("host", 1, "then", "mine"), Holder("host", 2, "then", "others")


class Clock:
    def now(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        raise AssertionError


@pytest.fixture
def store() -> SqlStore:
    return SqlStore("sqlite://")


def last(store: SqlStore) -> JobRun:
    found = store.last_job("record:x")
    assert found is not None
    return found


def test_a_pass_is_put_on_record(store: SqlStore) -> None:
    with job(store, Clock(), MINE, "record:x") as current:
        current.detail = "7 candles"
        assert last(store).finished_at is None

    assert (last(store).ok, last(store).detail, last(store).finished_at) == (True, "7 candles", NOW)


@pytest.mark.parametrize(
    ("error", "detail"), [(StorageError("full"), "full"), (KeyboardInterrupt(), "KeyboardInterrupt")]
)
def test_a_pass_that_breaks_off_is_on_record_as_such(
    error: BaseException, detail: str, store: SqlStore
) -> None:
    with pytest.raises(type(error)), job(store, Clock(), MINE, "record:x"):
        raise error

    assert (last(store).ok, last(store).detail) == (False, detail)


def test_a_job_is_alone(store: SqlStore) -> None:
    with job(store, Clock(), MINE, "record:x"):
        with (
            pytest.raises(AlreadyRunning, match=r"record is running already \(pid 1\)"),
            job(store, Clock(), OTHERS, "record:x"),
        ):
            pass
        with job(store, Clock(), OTHERS, "record:y"):
            pass

    with job(store, Clock(), OTHERS, "record:x"):
        pass


def test_a_job_that_need_not_be_alone_is_not(store: SqlStore) -> None:
    with (
        job(store, Clock(), MINE, "monitor:1", alone=False),
        job(store, Clock(), OTHERS, "monitor:1", alone=False),
    ):
        pass
