"""`botbox halt`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from botbox_cli.cli.options import AsJson, EnvFile, Yes
from botbox_cli.cli.session import Session, begin

if TYPE_CHECKING:
    from botbox_cli.bootstrap import Wiring


def halt(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: it is kept.")] = "",
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Then close every open trade at market.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Stop new entries; exits, stops and cancels go on.

    With `--flatten`, close every open trade too.

    \b
    Example:
      botbox halt --reason "away until Monday"
    """
    session = begin(ctx, as_json, env_file)
    if flatten:
        return _flatten(session, reason, yes=yes)
    with session.wired() as wiring:
        document = _halted(session, wiring, reason)
    if as_json:
        session.console.document(document)
    else:
        session.console.say("open trades are looked after as before; `botbox resume` allows entries again")
    return 0


def _halted(session: Session, wiring: Wiring, reason: str) -> dict[str, Any]:
    """Pull the brake and say so; return its document."""
    from botbox_cli.documents import iso
    from botbox_cli.services.halt import halt as pull

    brake = pull(wiring.store, wiring.account(), wiring.clock, reason=reason)
    if not session.console.as_json:
        why = f": {brake.reason}" if brake.reason else ""
        session.console.write(f"new entries are halted since {session.console.time(brake.since)}{why}")
    return {"halted": True, "since": iso(brake.since), "reason": brake.reason}


def _flatten(session: Session, reason: str, *, yes: bool) -> int:
    """Halt at once, then, confirmed, close everything."""
    from botbox_cli.cli.commands.close import close_everything
    from botbox_cli.cli.confirm import ask, is_asked

    must_ask = is_asked(session, yes=yes)
    with session.wired(moves_money=True) as wiring:
        document = _halted(session, wiring, reason)
        if must_ask:
            ask(session, [f"LIVE account {session.settings.arm_live}: every open trade is closed at market"])
        return close_everything(session, wiring.desk(), reason, document)
