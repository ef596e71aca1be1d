"""One-time links: what they allow, once, and to whom."""

import pytest

from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.setup import Setup, SetupStatus
from botbox_cli.errors import BotboxError, Conflict, Denied, NotFound
from botbox_cli.services.links import ACTIONS, make_links, read_link, using
from tests.support.world import World, a_world


def a_setup(world: World) -> Setup:
    return world.add_setup(approved=False)


def test_a_link_says_what_it_is_for_and_changes_nothing_when_read(world: World) -> None:
    setup = a_setup(world)
    links = make_links(world.desk, setup)
    for _ in range(2):
        read = {action: read_link(world.desk, links[action]) for action in ACTIONS}

    assert {a: (link.setup_id, link.action) for a, link in read.items()} == {
        a: (setup.id, a) for a in ACTIONS
    }


def test_a_link_works_once(world: World) -> None:
    token = make_links(world.desk, a_setup(world))["approve"]
    with using(world.desk, token):
        pass

    with pytest.raises(Conflict) as refused, using(world.desk, token):
        pytest.fail("used twice")
    assert refused.value.code == "used_link"
    with pytest.raises(Conflict):
        read_link(world.desk, token)


def test_a_refused_decision_leaves_the_link_good(world: World) -> None:
    token = make_links(world.desk, a_setup(world))["approve"]
    with pytest.raises(Denied), using(world.desk, token):
        raise Denied("too many open positions")

    assert read_link(world.desk, token).action == "approve"


def test_a_decision_that_failed_after_the_setup_was_moved_uses_the_link_up(world: World) -> None:
    setup = a_setup(world)
    token = make_links(world.desk, setup)["approve"]

    def approved_then_refused() -> None:
        with world.store.write(world.account) as books:
            books.move_setup(setup.id, [SetupStatus.ACTIVE], SetupStatus.APPROVED)
        raise Denied("the exchange said no")

    with pytest.raises(Denied), using(world.desk, token):
        approved_then_refused()

    with pytest.raises(Conflict):
        read_link(world.desk, token)


def test_a_link_expires_with_its_setup(world: World) -> None:
    setup = a_setup(world)
    token = make_links(world.desk, setup)["approve"]
    world.pass_time(24 * 3600)

    with pytest.raises(Denied) as refused:
        read_link(world.desk, token)
    assert refused.value.code == "expired"


@pytest.mark.parametrize("status", [SetupStatus.REJECTED, SetupStatus.INVALIDATED, SetupStatus.TRIGGERED])
def test_a_link_to_a_decided_setup_is_refused(world: World, status: SetupStatus) -> None:
    setup = a_setup(world)
    token = make_links(world.desk, setup)["approve"]
    with world.store.write(world.account) as books:
        books.move_setup(setup.id, [SetupStatus.ACTIVE], status, reason="gone")

    with pytest.raises(Conflict, match="gone"):
        read_link(world.desk, token)


def test_a_link_is_good_for_its_own_account_only(world: World) -> None:
    token = make_links(world.desk, a_setup(world))["approve"]
    with a_world() as other:
        a_setup(other)
        with pytest.raises(NotFound):
            read_link(other.desk, token)
    world.account = world.store.save_account(Mode.DEMO, "2", "hash2", Venue.MAINNET)
    with pytest.raises(NotFound):
        read_link(world.new_desk("elsewhere"), token)


def test_no_changed_character_passes(world: World) -> None:
    token = make_links(world.desk, a_setup(world))["reject"]
    payload, signature = token.split(".")
    swapped = [
        payload[:i] + ("A" if payload[i] != "A" else "B") + payload[i + 1 :] for i in range(len(payload))
    ]
    bad = [f"{p}.{signature}" for p in swapped]
    bad += ["", ".", "a.b", token + ".x", payload, f"{payload}.", f"{payload}.ä", "\x00.\x00", token[:-4]]
    for each in bad:
        with pytest.raises(BotboxError) as refused:
            read_link(world.desk, each)
        assert refused.value.code == "bad_link", each
