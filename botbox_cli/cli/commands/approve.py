"""`botbox approve ID`."""

from __future__ import annotations

from typing import Annotated

import typer

from botbox_cli.cli.options import AcceptPrice, AsJson, EnvFile, SetupId, Yes, checked_id
from botbox_cli.cli.session import begin


def approve(
    ctx: typer.Context,
    setup_id: SetupId,
    execute: Annotated[bool, typer.Option("--execute", help="Trade it at once.")] = False,
    yes: Yes = False,
    accept_price: AcceptPrice = False,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why: it is kept.")] = "",
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Approve a setup; with `--execute`, trade it too.

    \b
    Example:
      botbox approve 1 --execute
    """
    from botbox_cli.cli.commands.execute import trade_setup
    from botbox_cli.cli.person import decider
    from botbox_cli.cli.progress import replaying
    from botbox_cli.cli.render.setups import evidence_lines
    from botbox_cli.documents import outcome_document
    from botbox_cli.services import decide
    from botbox_cli.services.card import card, card_facts

    session = begin(ctx, as_json, env_file)
    number = checked_id(setup_id, "setup", "setups")
    if execute:
        return trade_setup(session, number, yes=yes, accept_price=accept_price, approve=True, note=note)
    with session.wired() as wiring:
        desk = wiring.desk()
        shown = decider()
        if not as_json:
            seen = card(desk, number, waiting=replaying(session.console))
            evidence_lines(session.console, seen)
            shown |= card_facts(seen)
        setup = decide.approve(desk, number, note=note, shown=shown)
    if as_json:
        session.console.document(outcome_document(setup, None, None, success=True))
    else:
        session.console.write(f"setup {setup.id} ({setup.symbol} {setup.direction}) is {setup.status}")
        session.console.say(f"next: `botbox execute {setup.id}`")
    return 0
