"""`botbox resume`."""

from __future__ import annotations

import typer

from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.session import begin


def resume(ctx: typer.Context, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Allow new entries again after `halt`.

    \b
    Example:
      botbox resume
    """
    from botbox_cli.services.halt import resume as release

    session = begin(ctx, as_json, env_file)
    with session.wired() as wiring:
        was_halted = release(wiring.store, wiring.account(), wiring.clock)
    if as_json:
        session.console.document({"halted": False, "was_halted": was_halted})
    else:
        session.console.write("new entries are allowed" + ("" if was_halted else ", as they were"))
