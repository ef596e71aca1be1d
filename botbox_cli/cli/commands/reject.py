"""`botbox reject ID`."""

from __future__ import annotations

from typing import Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, SetupId, checked_id
from botbox_cli.cli.session import begin
from botbox_cli.errors import UsageError


def reject(
    ctx: typer.Context,
    setup_id: SetupId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: it is kept.")],
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Reject a setup.

    \b
    Example:
      botbox reject 1 --reason "news tonight"
    """
    from botbox_cli.cli.person import decider
    from botbox_cli.documents import setup_document
    from botbox_cli.services import decide

    session = begin(ctx, as_json, env_file)
    if not reason.strip():
        raise UsageError("--reason is empty", 'say why, like `--reason "news tonight"`')
    with session.wired() as wiring:
        desk, number = wiring.desk(), checked_id(setup_id, "setup", "setups")
        setup = decide.reject(desk, number, reason=reason, shown=decider())
    if as_json:
        session.console.document({"setup": setup_document(setup)})
    else:
        session.console.write(f"setup {setup.id} ({setup.symbol} {setup.direction}) rejected: {setup.reason}")
