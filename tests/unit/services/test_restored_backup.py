"""A database restored from an older copy of itself meets the orders of its own future, by the same ids."""

from __future__ import annotations

from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.close import close
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from tests.support.world import World, a_world


def test_order_of_an_earlier_life_is_never_taken_for_ours() -> None:
    with a_world() as world:
        close(world.desk, execute(world.desk, world.add_setup().id).trade.trade.id)
        world.pass_time(3600)
        _, before = world.engine.look()
        restored = World()
        try:
            restored.session.engine = world.engine
            restored.clock.sleep(3600)

            outcome = execute(restored.desk, restored.add_setup().id)
            monitor(restored.desk)

            assert not outcome.success
            assert outcome.error is not None
            assert outcome.error.exit_code == 5
            assert (
                outcome.error.hint
                == "setup 1 may have been traded already: `botbox reconcile` shows what these books lack"
            )
            assert outcome.trade.trade.status is TradeStatus.FAILED
            assert outcome.trade.position.entered == 0
            assert world.engine.look()[1] == before
        finally:
            restored.close()
