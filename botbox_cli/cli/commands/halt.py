"""`botbox halt`."""

from __future__ import annotations

from typing import Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.session import begin


def halt(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: it is kept.")] = "",
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Stop new entries; exits, stops and cancels go on.

    \b
    Example:
      botbox halt --reason "away until Monday"
    """
    from botbox_cli.cli.documents import iso
    from botbox_cli.services.halt import halt as pull

    session = begin(ctx, as_json, env_file)
    with session.wired() as wiring:
        brake = pull(wiring.store, wiring.account(), wiring.clock, reason=reason)
    if as_json:
        session.console.document({"halted": True, "since": iso(brake.since), "reason": brake.reason})
    else:
        why = f": {brake.reason}" if brake.reason else ""
        session.console.write(f"new entries are halted since {session.console.time(brake.since)}{why}")
        session.console.say("open trades are looked after as before; `botbox resume` allows entries again")
