"""The doctor's checks one by one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from botbox_cli.domain.account import KeyInfo, Mode, Venue
from botbox_cli.ports import Series
from botbox_cli.services import doctor as d
from botbox_cli.storage.store import SqlStore

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY = KeyInfo(
    "4711", read_only=False, may_trade_spot=True, may_withdraw=False, ip_bound=True, expires_at=None
)


class Clock:
    """Each look takes `step`."""

    def __init__(self, step: timedelta = timedelta(0)) -> None:
        self.at, self.step = NOW, step

    def now(self) -> datetime:
        self.at += self.step
        return self.at

    def sleep(self, seconds: float) -> None:
        raise AssertionError


class Exchange:
    """Its clock differs by `skew` from ours."""

    def __init__(self, clock: Clock, skew: timedelta) -> None:
        self.clock, self.skew = clock, skew

    def server_time(self) -> datetime:
        return self.clock.at - self.skew


def skewed(milliseconds: int) -> d.Finding:
    clock = Clock()
    exchange = Exchange(clock, timedelta(milliseconds=milliseconds))
    return d.check_clock(exchange, clock)  # type: ignore[arg-type]  # it only tells the time


@pytest.mark.parametrize(
    ("milliseconds", "status"),
    [
        (0, "ok"),
        (400, "ok"),
        (-500, "ok"),
        (-2000, "warning"),
        (501, "failed"),
        (2000, "failed"),
        (-4600, "failed"),
    ],
)
def test_a_clock_may_lag_more_than_it_may_lead(milliseconds: int, status: str) -> None:
    """The exchange takes a request up to 5 s old and less than 1 s early."""
    found = skewed(milliseconds)

    assert found.status == status
    assert (found.error is not None) is (status == "failed")
    assert found.error is None or (found.error.code, found.error.exit_code) == ("clock", 6)


def test_a_skew_is_told_in_words() -> None:
    assert skewed(-2000).detail == "2000 ms behind the exchange, round trip 0 ms"
    assert skewed(2000).remedy == "set the clock by NTP: `timedatectl set-ntp true`"


def test_a_slow_line_is_no_skew() -> None:
    clock = Clock(timedelta(seconds=2))

    assert d.check_clock(Exchange(clock, timedelta(0)), clock).status == "ok"  # type: ignore[arg-type]


def statuses(info: KeyInfo, mode: Mode = Mode.TESTNET, armed: str | None = None) -> dict[str, str]:
    """Return the findings that are not ok, by their code or first words."""
    found = d.check_key(info, mode, armed, NOW)
    return {(f.error.code if f.error else f.detail[:24]): str(f.status) for f in found if f.status != "ok"}


def test_a_good_key_has_nothing_to_remark() -> None:
    assert statuses(KEY) == {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"may_withdraw": True}, {"withdraw_key": "failed"}),
        ({"read_only": True}, {"permission": "failed"}),
        ({"may_trade_spot": False}, {"permission": "failed"}),
        ({"ip_bound": False}, {"the API key works from a": "warning"}),
        ({"expires_at": NOW + timedelta(days=13)}, {"the API key ends at 2026": "warning"}),
        ({"expires_at": NOW + timedelta(days=15)}, {}),
    ],
)
def test_a_key_is_judged_by_what_it_may(change: dict[str, object], expected: dict[str, str]) -> None:
    assert statuses(replace(KEY, **change)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("armed", "expected"),
    [("4711", {}), (None, {"not armed: nothing moves": "warning"}), ("12", {"not_armed": "failed"})],
)
def test_a_live_account_is_armed_or_not(armed: str | None, expected: dict[str, str]) -> None:
    assert statuses(KEY, Mode.LIVE, armed) == expected


class Candles:
    def __init__(self, *series: Series) -> None:
        self._series = list(series)

    def series(self, venue: Venue) -> list[Series]:
        return self._series


HOUR = 3_600_000
LAST = int(NOW.timestamp() * 1000) - HOUR


@pytest.mark.parametrize(
    ("stored", "detail"),
    [
        ([Series("BTCUSDT", "60", 3, LAST - 2 * HOUR, LAST)], "1 series, fresh and without gaps"),
        ([], "1 of 1 series not recorded: BTCUSDT 60"),
        ([Series("BTCUSDT", "60", 3, LAST - 4 * HOUR, LAST - 2 * HOUR)], "1 of 1 series stale: BTCUSDT 60"),
        ([Series("BTCUSDT", "60", 3, LAST - 4 * HOUR, LAST)], "1 of 1 series with gaps: BTCUSDT 60 (2)"),
    ],
)
def test_series_are_missing_stale_or_have_gaps(stored: list[Series], detail: str) -> None:
    (found,) = d.check_candles(Candles(*stored), Venue.MAINNET, ["BTCUSDT"], ["60"], NOW)  # type: ignore[arg-type]

    assert found.detail == detail


def test_many_series_are_counted_not_listed() -> None:
    symbols = [f"C{n}USDT" for n in range(8)]

    (found,) = d.check_candles(Candles(), Venue.MAINNET, symbols, ["60"], NOW)  # type: ignore[arg-type]

    assert found.detail.endswith("C4USDT 60 and 3 more")


@pytest.fixture
def store() -> SqlStore:
    return SqlStore("sqlite://")


def ran(store: SqlStore, job: str, ago: timedelta, *, ok: bool = True) -> None:
    number = store.start_job(job, NOW - ago)
    store.finish_job(number, NOW - ago, ok=ok, detail="" if ok else "no connection")


def test_jobs_tell_when_they_last_ran(store: SqlStore) -> None:
    ran(store, "record:mainnet", timedelta(hours=5))
    ran(store, "scan:1", timedelta(days=3), ok=False)

    found = d.check_jobs(store, ["record:mainnet", "scan:1", "monitor:1"], NOW, has_open_trades=False)

    assert [(f.status, f.detail) for f in found] == [
        ("ok", "record last ran 5 h ago"),
        ("warning", "scan last ran 3 days ago, not well: no connection"),
        ("ok", "monitor has never run"),
    ]


@pytest.mark.parametrize(("minutes", "status"), [(14, "ok"), (16, "warning")])
def test_open_trades_want_a_monitor(minutes: int, status: str, store: SqlStore) -> None:
    ran(store, "monitor:1", timedelta(minutes=minutes))

    (found,) = d.check_jobs(store, ["monitor:1"], NOW, has_open_trades=True)

    assert found.status == status


def test_open_trades_that_no_monitor_ever_looked_at_are_remarked(store: SqlStore) -> None:
    (found,) = d.check_jobs(store, ["monitor:1"], NOW, has_open_trades=True)

    assert found.status == "warning"
    assert found.remedy == "run `botbox monitor` or put `botbox monitor --once` into cron"
