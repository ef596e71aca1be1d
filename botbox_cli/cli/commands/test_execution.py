"""`botbox test-execution`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, checked_id
from botbox_cli.cli.session import begin


def dry_run(
    ctx: typer.Context,
    setup: Annotated[
        int | None, typer.Option("--setup", metavar="ID", help="This setup instead of the first active one.")
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Dry run of an entry: every check, the exact request.

    Nothing is sent and nothing is decided.

    \b
    Example:
      botbox test-execution --setup 1
    """
    from botbox_cli.documents import error_document, setup_document
    from botbox_cli.services import dry_run as service

    session = begin(ctx, as_json, env_file)
    number = None if setup is None else checked_id(setup, "setup", "setups")
    with session.wired() as wiring:
        seen = service.dry_run(wiring.desk(), number)
    console, error = session.console, seen.error
    if as_json:
        console.document(
            {
                "success": error is None,
                "setup": setup_document(seen.setup),
                "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in seen.checks],
                "requests": {"entry": seen.entry, "stop": seen.stop},
                "error": None if error is None else error_document(error),
            }
        )
        return 0 if error is None else error.exit_code
    good, bad = ("✓", "✗") if console.is_unicode else ("ok", "NO")
    console.write(f"setup {seen.setup.id}: {seen.setup.symbol} {seen.setup.direction}")
    for check in seen.checks:
        console.write(f"{good if check.ok else bad} {check.name}: {check.detail}")
    for name, request in (("entry", seen.entry), ("stop", seen.stop)):
        if request is not None:
            console.write(f"{good} {name} request: {json.dumps(request)}")
    if error is not None:
        console.complain(error)
        return error.exit_code
    console.say(f"nothing was sent; `botbox approve {seen.setup.id} --execute` would")
    return 0


COMMAND = dry_run
