"""The card of a setup while the exchange can't be asked."""

from __future__ import annotations

from botbox_cli.services.card import card
from tests.support.faults import READS, Faults, broken, http
from tests.support.world import World


def test_without_an_answer_the_card_says_why_there_is_no_size(world: World, faults: Faults) -> None:
    setup = world.add_setup()
    for fault in (broken("timeout"), http(502)):
        faults.on(READS, fault, times=9999)

        found = card(world.desk, setup.id)

        assert (found.quote, found.drift_r, found.sizing) == (None, None, None)
        assert [e.exit_code for e in found.against] == [6]
        faults.clear()
