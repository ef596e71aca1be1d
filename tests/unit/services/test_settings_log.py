from botbox_cli.services.settings_log import note_settings
from tests.support.world import World, a_world


def logged(world: World) -> list[tuple[str, object]]:
    with world.store.read(world.account) as books:
        return [(e.detail, e.data) for e in books.log_of(event="settings")]


def note(world: World, **settings: str) -> bool:
    return note_settings(world.store, world.account, world.clock, settings)


def test_settings_are_logged_whole_when_they_are_first_seen() -> None:
    with a_world() as world:
        assert note(world, RISK="1", SHORTS="off")

        assert logged(world) == [("first seen", {"changed": {"RISK": ["", "1"], "SHORTS": ["", "off"]}})]


def test_same_settings_are_logged_once() -> None:
    with a_world() as world:
        note(world, RISK="1")

        assert not note(world, RISK="1")
        assert len(logged(world)) == 1


def test_change_is_logged_with_both_values() -> None:
    with a_world() as world:
        note(world, RISK="1", SHORTS="off", GONE="x")

        assert note(world, RISK="2", SHORTS="off", NEW="y")

        assert logged(world)[1] == (
            "GONE from x to unset; NEW from unset to y; RISK from 1 to 2",
            {"changed": {"GONE": ["x", ""], "NEW": ["", "y"], "RISK": ["1", "2"]}},
        )
