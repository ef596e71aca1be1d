"""The brake on requests, on a clock that is moved by hand."""

import threading

import pytest

from botbox_cli.exchange.limiter import HOLD_S_MAX, HOLD_S_MIN, IN_FLIGHT_MAX, Limiter

KLINE, ORDER = "/v5/market/kline", "/v5/order/create"
WALL = 1_700_000_000.0


class HandClock:
    def __init__(self) -> None:
        self.seconds = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def wall(self) -> float:
        return WALL + self.seconds


def limiter_of(clock: HandClock) -> Limiter:
    return Limiter(monotonic=clock.monotonic, sleep=clock.sleep, wall=clock.wall)


def sent_at(limiter: Limiter, clock: HandClock, count: int, path: str = KLINE) -> list[float]:
    moments = []
    for _ in range(count):
        with limiter.slot(path):
            moments.append(clock.seconds)
    return moments


def test_any_five_seconds_hold_fewer_than_600_requests() -> None:
    clock = HandClock()

    moments = sent_at(limiter_of(clock), clock, 2000)

    busiest = max(sum(start <= at < start + 5 for at in moments) for start in moments[:: len(moments) // 50])
    assert 500 <= busiest < 600


def test_first_requests_go_at_once() -> None:
    clock = HandClock()

    moments = sent_at(limiter_of(clock), clock, IN_FLIGHT_MAX)

    assert moments == pytest.approx([100.0] * IN_FLIGHT_MAX)


def test_idle_time_is_not_saved_up() -> None:
    clock = HandClock()
    limiter = limiter_of(clock)
    sent_at(limiter, clock, 20)

    clock.seconds += 3600
    moments = sent_at(limiter, clock, 600)

    assert moments[-1] - moments[0] > 5


def test_no_more_than_ten_are_in_flight() -> None:
    limiter = Limiter(sleep=lambda _: None)
    entered, leave, inside = threading.Semaphore(0), threading.Event(), []

    def occupy() -> None:
        with limiter.slot(KLINE):
            inside.append(1)
            entered.release()
            leave.wait(10)

    threads = [threading.Thread(target=occupy) for _ in range(IN_FLIGHT_MAX + 2)]
    for thread in threads:
        thread.start()
    for _ in range(IN_FLIGHT_MAX):
        assert entered.acquire(timeout=10)

    assert not entered.acquire(timeout=0.05)
    leave.set()
    for thread in threads:
        thread.join()
    assert len(inside) == IN_FLIGHT_MAX + 2


def test_slot_is_free_again_after_a_failure() -> None:
    limiter = Limiter(in_flight=1, sleep=lambda _: None)

    for _ in range(3):
        with pytest.raises(ValueError, match="failed"), limiter.slot(KLINE):
            raise ValueError("failed")


def told(left: str, reset_in_s: float | None = None) -> tuple[HandClock, Limiter]:
    clock = HandClock()
    limiter = limiter_of(clock)
    headers = {"X-Bapi-Limit-Status": left}
    if reset_in_s is not None:
        headers["X-Bapi-Limit-Reset-Timestamp"] = str(round((clock.wall() + reset_in_s) * 1000))
    limiter.observe(ORDER, headers)
    return clock, limiter


def test_used_up_budget_is_waited_for_until_its_reset() -> None:
    clock, limiter = told("0", 1.5)

    assert sent_at(limiter, clock, 1, ORDER) == [pytest.approx(101.5)]


def test_other_endpoints_do_not_wait() -> None:
    clock, limiter = told("0", 1.5)

    assert sent_at(limiter, clock, 1, KLINE) == [100.0]


def test_budget_with_something_left_is_not_waited_for() -> None:
    clock, limiter = told("2", 1.5)

    assert sent_at(limiter, clock, 1, ORDER) == [100.0]


@pytest.mark.parametrize("reset_in_s", [None, -60.0, 0.0])
def test_reset_that_is_past_or_not_said_means_a_short_pause(reset_in_s: float | None) -> None:
    clock, limiter = told("0", reset_in_s)

    assert sent_at(limiter, clock, 1, ORDER) == [pytest.approx(100 + HOLD_S_MIN)]


def test_reset_in_the_far_future_is_not_believed() -> None:
    clock, limiter = told("0", 3600)

    assert sent_at(limiter, clock, 1, ORDER) == [pytest.approx(100 + HOLD_S_MAX)]


@pytest.mark.parametrize("left", ["", "many", "-1", "²"])
def test_headers_that_make_no_sense_are_ignored(left: str) -> None:
    clock, limiter = told(left, 1.5)

    assert sent_at(limiter, clock, 1, ORDER) == [100.0]


def test_pause_is_over_once() -> None:
    clock, limiter = told("1", 1.0)

    assert sent_at(limiter, clock, 2, ORDER)[-1] == pytest.approx(101.0)
