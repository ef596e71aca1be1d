"""`botbox show ID`."""

from __future__ import annotations

import typer

from botbox_cli.cli.options import AsJson, EnvFile, SetupId, checked_id
from botbox_cli.cli.session import begin


def show(ctx: typer.Context, setup_id: SetupId, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Show one setup: signals, size at the present price, chart.

    \b
    Example:
      botbox show 1
    """
    from botbox_cli.cli.progress import replaying
    from botbox_cli.cli.render.setups import setup_card, setup_chart
    from botbox_cli.documents import error_document, setup_document
    from botbox_cli.services.card import card, card_facts

    session = begin(ctx, as_json, env_file)
    with session.wired() as wiring:
        found = card(
            wiring.desk(), checked_id(setup_id, "setup", "setups"), waiting=replaying(session.console)
        )
        if as_json:
            facts = card_facts(found)
            facts["against"] = [error_document(e) for e in found.against]
            session.console.document({"setup": setup_document(found.setup), **facts})
            return
        setup_card(session.console, found)
        setup_chart(session.console, wiring.candles, wiring.venue, found.setup)
