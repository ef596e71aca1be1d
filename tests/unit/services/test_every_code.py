"""Every code that the exchange may answer, to each write and look-up of a trade's life: told truly, and settled."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from botbox_cli.exchange.codes import CODES, Class
from botbox_cli.services.monitor import monitor
from tests.simulation.checkers import Told
from tests.support.faults import LOOK_UPS, Faults, code, code_after
from tests.support.verdict import (
    exit_code_of,
    open_at_target,
    open_trade,
    open_with_fired_stop,
    settle,
    tell_close,
    tell_execute,
    told_truly,
)
from tests.support.world import World, a_world

UNLISTED = 99999
ALL = (*CODES, UNLISTED)
MAY_HAVE_LANDED = tuple(n for n in ALL if n == UNLISTED or CODES[n].kind in (Class.UNKNOWN, Class.DUPLICATE))

SAYS_OF_ENTRY = {
    Class.RETRY: 0,
    Class.UNKNOWN: 0,
    Class.WAIT: 0,
    Class.GONE: 0,
    Class.DUPLICATE: 7,
    Class.REFUSED: 5,
    Class.FATAL: 3,
}
"""Exit codes after one such answer: what is over by itself is waited for, what is not is told."""


def entering(world: World) -> Told:
    return tell_execute(world.desk, world.add_setup().id)


def closing(world: World) -> Told:
    return tell_close(world.desk, 1)


def passing(world: World) -> Told:
    return Told("monitor", exit_code_of(monitor(world.desk)))


Place = tuple[Callable[[World], object], Callable[[World], Told], str, str]

PLACES: dict[str, Place] = {
    "stop": (lambda world: None, entering, "place_order", "-stop"),
    "look-ups of an entry": (lambda world: None, entering, LOOK_UPS, ""),
    "exit": (open_trade, closing, "place_order", "-exit"),
    "cancel": (open_trade, closing, "cancel_order", ""),
    "look-ups of an exit": (open_trade, closing, LOOK_UPS, ""),
    "exit at the target": (open_at_target, passing, "place_order", "-exit"),
    "cancel at the target": (open_at_target, passing, "cancel_order", ""),
    "look-ups of a fired stop": (open_with_fired_stop, passing, LOOK_UPS, ""),
}


def class_of(number: int) -> Class:
    return CODES[number].kind if number in CODES else Class.UNKNOWN


@pytest.mark.parametrize("number", ALL)
def test_answer_to_an_entry_is_told_by_its_class(number: int) -> None:
    with a_world() as world:
        faults = Faults(world)
        faults.on("place_order", code(number), link="-entry")

        told = told_truly(world, lambda: entering(world))

        assert faults.met
        assert told.exit_code == SAYS_OF_ENTRY[class_of(number)]
        if class_of(number) is not Class.DUPLICATE:  # it stays in doubt until a person says otherwise
            assert settle(world, faults) == []


@pytest.mark.parametrize("number", MAY_HAVE_LANDED)
@pytest.mark.parametrize("link", ["-entry", "-stop"])
def test_order_that_landed_with_any_such_answer_is_found(number: int, link: str) -> None:
    with a_world() as world:
        faults = Faults(world)
        faults.on("place_order", code_after(number), link=link)

        told = told_truly(world, lambda: entering(world))

        assert (told.exit_code, faults.met) == (0, ["place_order"])
        assert settle(world, faults) == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", ALL)
def test_answer_anywhere_else_is_told_truly_and_settled(number: int, place: str) -> None:
    prepare, act, names, link = PLACES[place]
    with a_world() as world:
        prepare(world)
        faults = Faults(world)
        faults.on(names, code(number), link=link)

        told_truly(world, lambda: act(world))

        assert faults.met
        assert settle(world, faults) == []
