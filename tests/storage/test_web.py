"""What the web server keeps in the database, and how it sees that anything has changed."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from botbox_cli.domain.account import Account
from botbox_cli.ports import LogEntry, WebSession
from botbox_cli.storage.store import SqlStore
from botbox_cli.storage.web import SqlWebStore
from tests.support.books import NOW

SINCE = NOW - timedelta(minutes=15)


@pytest.fixture
def web(store: SqlStore) -> Iterator[SqlWebStore]:
    web = SqlWebStore(store.database)
    yield web
    web.close()


def session(digest: str, *, hours: int = 24) -> WebSession:
    return WebSession(digest, "127.0.0.1", NOW, NOW + timedelta(hours=hours))


def test_first_token_stays_until_it_is_replaced(web: SqlWebStore) -> None:
    assert web.token_digest() is None

    assert web.add_token("first", NOW) is True
    assert web.add_token("second", NOW) is False
    assert web.token_digest() == "first"

    web.replace_token("third", NOW)
    assert web.token_digest() == "third"


def test_new_token_ends_all_sessions(web: SqlWebStore) -> None:
    web.add_session(session("one"))

    web.replace_token("new", NOW)

    assert web.session("one") is None


def test_session_is_found_until_it_is_ended(web: SqlWebStore) -> None:
    web.add_session(session("one"))
    web.add_session(session("two"))

    web.end_session("one")

    assert web.session("one") is None
    assert web.session("two") == session("two")


def test_expired_sessions_are_dropped_by_the_next_login(web: SqlWebStore) -> None:
    web.add_session(session("old", hours=0))

    web.add_session(session("new"))

    assert web.session("old") is None


def test_failures_are_counted_by_client_and_together(web: SqlWebStore) -> None:
    for client in ("a", "a", "b"):
        web.add_failure(client, NOW, SINCE)

    assert web.failures("a", SINCE) == (2, 3, NOW)
    assert web.failures("b", SINCE) == (1, 3, NOW)
    assert web.failures("c", SINCE) == (0, 3, NOW)


def test_failures_are_forgotten_when_their_time_is_over(web: SqlWebStore) -> None:
    web.add_failure("a", SINCE - timedelta(seconds=1), SINCE - timedelta(minutes=15))
    assert web.failures("a", SINCE) == (0, 0, None)

    web.add_failure("a", NOW, SINCE)

    assert web.failures("a", SINCE) == (1, 1, NOW)


def test_client_that_logged_in_is_forgiven(web: SqlWebStore) -> None:
    web.add_failure("a", NOW, SINCE)
    web.add_failure("b", NOW, SINCE)

    web.forget_failures("a")

    assert web.failures("a", SINCE)[:2] == (0, 1)


def test_stamp_is_another_one_after_every_commit_of_anybody(
    store: SqlStore, web: SqlWebStore, account: Account, url: str
) -> None:
    other = SqlStore(url)
    stamps = [web.stamp()]
    for number, writer in enumerate((store, other, store)):
        with writer.write(account) as books:
            books.log(LogEntry(NOW, "event", str(number)))
        stamps.append(web.stamp())
    other.close()

    assert len(set(stamps)) == len(stamps)


def test_stamp_stays_while_nobody_writes(
    web: SqlWebStore, store: SqlStore, account: Account, backend: str
) -> None:
    if backend == "postgres":
        pytest.skip("there, what is committed in other databases of the server counts too")
    first = web.stamp()
    with store.read(account) as books:
        books.trades()

    assert web.stamp() == first
