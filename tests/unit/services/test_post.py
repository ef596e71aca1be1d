"""What is told to whom, when, and how often."""

import threading
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from decimal import Decimal

from pybit.exceptions import InvalidRequestError
from requests.exceptions import ReadTimeout

from botbox_cli.domain.hours import QuietHours
from botbox_cli.domain.setup import SetupStatus
from botbox_cli.errors import BotboxError, ExchangeUnavailable, NotTold
from botbox_cli.ports import Holder, LogEntry, Message
from botbox_cli.services.alarms import Pass
from botbox_cli.services.close import close
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from botbox_cli.services.notices import Writer
from botbox_cli.services.post import STORM, Post
from tests.support.world import World, a_world

DOWN = Pass((ExchangeUnavailable("Bybit does not answer", "wait"),), has_asked=True)
UP = Pass((), has_asked=True)


@dataclass
class Inbox:
    """A channel that keeps what it is told, or fails: while it is down, or once it has no more `room`."""

    name: str = "inbox"
    got: list[Message] = field(default_factory=list)
    is_down: bool = False
    room: int | None = None

    def tell(self, message: Message) -> None:
        if self.is_down or len(self.got) == self.room:
            raise NotTold("inbox is down")
        self.got.append(message)

    @property
    def titles(self) -> list[str]:
        return [m.title for m in self.got]


def post_of(world: World, *channels: Inbox, quiet: QuietHours | None = None, url: str | None = None) -> Post:
    return Post(world.desk, channels, Writer(world.desk, lambda _: b"png", url), quiet)


def detect(world: World, **levels: str | None) -> int:
    """Store a setup as a scan does."""
    setup = world.add_setup(approved=False, **levels)
    with world.store.write(world.account) as books:
        books.log(LogEntry(world.clock.now(), "detected", "MANUAL by hand", setup_id=setup.id))
    return setup.id


def log_alarm(world: World, title: str) -> None:
    with world.store.write(world.account) as books:
        books.log(LogEntry(world.clock.now(), "alarm", title, data={"body": "", "is_urgent": True}))


def test_a_setup_is_told_with_card_picture_and_links(world: World) -> None:
    inbox = Inbox()
    setup_id = detect(world)

    post_of(world, inbox, url="https://desk.example").carry()

    (message,) = inbox.got
    assert message.title == f"Setup {setup_id}: BTCUSDT long"
    assert message.picture == b"png"
    assert "stop 58000 (-3.33 %)" in message.body
    assert "size 0.0" in message.body
    assert message.body.count("https://desk.example/link/") == 2


def test_without_an_address_there_are_no_links(world: World) -> None:
    inbox = Inbox()
    detect(world)
    post_of(world, inbox).carry()

    assert "link" not in inbox.got[0].body


def test_nothing_is_told_twice(world: World) -> None:
    inbox = Inbox()
    detect(world)
    post = post_of(world, inbox)
    post.carry()
    post.carry()

    assert len(inbox.got) == 1


def test_a_trade_is_told_from_entry_to_target(world: World) -> None:
    inbox = Inbox()
    post = post_of(world, inbox)
    setup = world.add_setup()
    execute(world.desk, setup.id)
    post.carry()
    world.set_price("BTCUSDT", "62100")
    world.pass_time(60)
    monitor(world.desk)
    post.carry()

    assert inbox.titles == ["Entered: trade 1 BTCUSDT long", "Target hit: trade 1 BTCUSDT long"]
    assert "stop 58000, target 62000" in inbox.got[0].body
    assert "P&L +" in inbox.got[1].body
    assert " R" in inbox.got[1].body


def test_a_stop_and_a_close_by_hand_have_their_names(world: World) -> None:
    inbox = Inbox()
    post = post_of(world, inbox)
    execute(world.desk, world.add_setup().id)
    world.set_price("BTCUSDT", "57000")
    world.pass_time(60)
    monitor(world.desk)
    world.set_price("BTCUSDT", "60000")
    world.pass_time(60)
    execute(world.desk, world.add_setup().id)
    close(world.desk, 2, reason="")
    post.carry()

    assert inbox.titles[1] == "Stopped out: trade 1 BTCUSDT long"
    assert inbox.titles[3] == "Closed by hand: trade 2 BTCUSDT long"


def test_target_1_is_told_with_what_is_still_held() -> None:
    with a_world() as world:
        world.desk = world.new_desk("desk", tp1_fraction=Decimal("0.5"))
        inbox = Inbox()
        post = post_of(world, inbox)
        execute(world.desk, world.add_setup().id)
        world.set_price("BTCUSDT", "62100")
        world.pass_time(60)
        monitor(world.desk)
        post.carry()

    assert inbox.titles == ["Entered: trade 1 BTCUSDT long", "Target 1 hit: trade 1 BTCUSDT long"]
    assert "BTC held, stop 600" in inbox.got[1].body


def test_a_setup_that_was_decided_meanwhile_is_left_out(world: World) -> None:
    inbox = Inbox()
    setup_id = detect(world)
    with world.store.write(world.account) as books:
        books.move_setup(setup_id, [SetupStatus.ACTIVE], SetupStatus.REJECTED, reason="no")
    post_of(world, inbox).carry()

    assert inbox.got == []


def test_a_new_channel_hears_the_last_minutes_only(world: World) -> None:
    detect(world)
    world.pass_time(3600)
    detect(world, entry="60000")
    inbox = Inbox()
    post_of(world, inbox).carry()

    assert inbox.titles == ["Setup 2: BTCUSDT long"]


def test_a_channel_that_fails_holds_up_no_other_and_hears_it_later(world: World) -> None:
    down, up = Inbox("down", is_down=True), Inbox("up")
    post = post_of(world, down, up)
    detect(world)

    failures = post.carry()

    assert [e.message for e in failures] == ["inbox is down"]
    assert len(up.got) == 1
    down.is_down = False
    assert post.carry() == []
    assert down.got == [], "it is not asked again at once"
    world.pass_time(61)
    post.carry()
    assert len(down.got) == 1
    assert len(up.got) == 1


def test_what_was_told_before_a_failure_is_not_told_again(world: World) -> None:
    inbox = Inbox(room=1)
    post = post_of(world, inbox)
    log_alarm(world, "first")
    log_alarm(world, "second")

    assert [e.message for e in post.carry()] == ["inbox is down"]
    inbox.room = None
    world.pass_time(61)
    post.carry()

    assert inbox.titles == ["first", "second"]


def test_a_channel_that_goes_on_failing_is_asked_ever_more_seldom(world: World) -> None:
    down = Inbox(is_down=True)
    post = post_of(world, down)
    detect(world)
    tries = 0
    for _ in range(120):
        tries += bool(post.carry())
        world.pass_time(60)

    assert tries == 7  # at 0, 1, 3, 7, 15, 31 and 63 minutes; then an hour


def test_many_messages_become_one(world: World) -> None:
    inbox = Inbox()
    for _ in range(STORM + 1):
        detect(world)
    post_of(world, inbox).carry()

    (message,) = inbox.got
    assert message.title == f"{STORM + 1} news"
    assert len(message.body.splitlines()) == STORM + 1


def test_quiet_hours_hold_up_all_but_what_is_urgent(world: World) -> None:
    inbox = Inbox()
    quiet = QuietHours(time(11, 0), time(13, 0), world.clock.now().tzinfo)
    post = post_of(world, inbox, quiet=quiet)
    detect(world)
    log_alarm(world, "NO STOP")
    detect(world)
    post.carry()
    post.carry()
    assert inbox.titles == ["NO STOP"]

    world.pass_time(3600)
    post.carry()

    assert inbox.titles == ["NO STOP", "Setup 1: BTCUSDT long", "Setup 2: BTCUSDT long"]


def test_two_processes_tell_once(world: World) -> None:
    """While one is at it, the other leaves it to that one."""
    inbox = Inbox()
    detect(world)
    other = Holder("elsewhere", 7, "then", "other")
    assert world.store.take_lease(f"post:{world.account.id}", other, world.clock.now(), 120.0) is None
    post_of(world, inbox).carry()
    assert inbox.got == []

    world.store.free_lease(f"post:{world.account.id}", other)
    post_of(world, inbox).carry()

    assert len(inbox.got) == 1


def test_what_is_a_day_old_is_not_told(world: World) -> None:
    inbox = Inbox(is_down=True)
    post = post_of(world, inbox)
    log_alarm(world, "NO STOP")
    post.carry()
    inbox.is_down = False
    world.pass_time(25 * 3600)
    post.carry()

    assert inbox.got == []


# -- alarms


def test_an_exchange_out_of_reach_is_told_after_two_minutes_and_when_it_is_back(world: World) -> None:
    inbox = Inbox()
    post = post_of(world, inbox)
    for minute in range(10):
        post.carry(DOWN)
        assert inbox.titles == (["Exchange not reachable"] if minute >= 2 else [])
        world.pass_time(60)
    for _ in range(4):
        post.carry(UP)
        world.pass_time(60)

    assert inbox.titles == ["Exchange not reachable", "Over: Exchange not reachable"]


def test_a_blip_is_not_told(world: World) -> None:
    inbox = Inbox()
    post = post_of(world, inbox)
    for last in (DOWN, UP, UP, UP, UP, DOWN, UP):
        post.carry(last)
        world.pass_time(60)

    assert inbox.got == []


def test_a_pass_that_asked_nothing_says_nothing_of_the_exchange(world: World) -> None:
    inbox = Inbox()
    post = post_of(world, inbox)
    for last in (DOWN, DOWN, DOWN, Pass(), Pass(), Pass(), Pass(), None):
        post.carry(last)
        world.pass_time(60)

    assert inbox.titles == ["Exchange not reachable"]


def test_an_alarm_that_lasts_is_told_again_ever_more_seldom(world: World) -> None:
    inbox = Inbox()
    post = post_of(world, inbox)
    for _ in range(24 * 60):
        post.carry(DOWN)
        world.pass_time(60)

    assert len(inbox.got) == 4  # after 2 minutes, 1 hour, 5 hours, 17 hours


def test_an_exchange_out_of_reach_is_urgent_while_a_trade_is_open(world: World) -> None:
    inbox = Inbox()
    post = post_of(world, inbox)
    for _ in range(3):
        post.carry(DOWN)
        world.pass_time(60)
    assert [m.is_urgent for m in inbox.got] == [False]

    with a_world() as other:
        execute(other.desk, other.add_setup().id)
        urgent = Inbox()
        for _ in range(3):
            post_of(other, urgent).carry(DOWN)
            other.pass_time(60)

    assert [m.is_urgent for m in urgent.got if "Exchange" in m.title] == [True]


def test_a_missing_stop_is_told_until_it_is_back(world: World) -> None:
    inbox = Inbox()
    post = post_of(world, inbox)

    def refuse_stops(name: str, params: dict[str, object], send: object) -> object:
        if name == "place_order" and params.get("orderFilter") == "tpslOrder":
            raise InvalidRequestError("", "no stops today", 170199, "", {})
        return send()  # type: ignore[operator]

    world.session.hook = refuse_stops
    outcome = execute(world.desk, world.add_setup().id)
    assert isinstance(outcome.error, BotboxError)
    post.carry()
    assert "NO STOP: trade 1 BTCUSDT" in inbox.titles
    assert [m.is_urgent for m in inbox.got if "NO STOP" in m.title] == [True]

    world.session.hook = None
    for _ in range(5):
        world.pass_time(61)
        monitor(world.desk)
        post.carry()

    assert inbox.titles[-1] == "Over: NO STOP: trade 1 BTCUSDT"
    assert sum("NO STOP" in t for t in inbox.titles) == 2


def test_an_order_without_an_answer_is_told(world: World) -> None:
    inbox = Inbox()
    post = post_of(world, inbox)

    setup = world.add_setup()
    is_lost = False

    def lose(name: str, params: dict[str, object], send: object) -> object:
        nonlocal is_lost
        is_lost = is_lost or name == "place_order"
        if is_lost:
            raise ReadTimeout("lost")
        return send()  # type: ignore[operator]

    world.session.hook = lose
    execute(world.desk, setup.id)
    world.pass_time(31)
    post.carry()

    assert inbox.titles == ["Outcome unknown: entry of trade 1 BTCUSDT"]


def test_candles_that_cease_to_come_are_told() -> None:
    from botbox_cli.ports import Series

    class Stored:
        def series(self, venue: object) -> list[Series]:
            return [
                Series("BTCUSDT", "60", 5, 0, int(last.timestamp() * 1000)),
                Series("BTCUSDT", "240", 5, 0, 0),
            ]

    with a_world() as world:
        last = world.clock.now() - timedelta(hours=2)
        world.desk = replace(world.desk, candles=Stored())
        inbox = Inbox()
        post = Post(world.desk, [inbox], Writer(world.desk, lambda _: None), silence=timedelta(minutes=30))
        post.carry()
        assert inbox.got == [], "the next candle was due just now"
        world.pass_time(31 * 60)
        post.carry()

    assert inbox.titles == ["Nothing recorded"]
    assert not inbox.got[0].is_urgent


def test_channels_that_take_their_time_hold_up_no_other(world: World) -> None:
    """Two that drip end only when the third has been told."""
    has_told = threading.Event()

    @dataclass
    class Slow(Inbox):
        def tell(self, message: Message) -> None:
            assert has_told.wait(60)
            raise NotTold("it dripped")

    class Quick(Inbox):
        def tell(self, message: Message) -> None:
            super().tell(message)
            has_told.set()

    quick = Quick("quick")
    detect(world)

    untold = post_of(world, Slow("one"), Slow("two"), quick).carry()

    assert len(quick.got) == 1
    assert [str(e) for e in untold] == ["it dripped", "it dripped"]
