"""`botbox rules`."""

from __future__ import annotations

import typer

from botbox_cli.cli.console import Column
from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.session import console_of

_COLUMNS = (
    Column("id"),
    Column("parameters", 1),
    Column("package", 2),
    Column("about", 3),
)


def rules(ctx: typer.Context, as_json: AsJson = False, env_file: EnvFile = None) -> int:  # noqa: ARG001  # every command takes it
    """List the rules that find setups, and their parameters.

    Packages add rules as entry points of the group `botbox.rules`. One that is broken is named; the others go on.

    \b
    Example:
      botbox rules
    """
    from botbox_cli.analysis.rules.registry import rules as service

    console = console_of(ctx, as_json)
    found = service()
    if as_json:
        known = [
            {
                "name": k.name,
                "id": k.id,
                "package": k.origin,
                "about": k.about,
                "parameters": [{"name": p.name, "default": p.default} for p in k.parameters],
            }
            for k in found.known.values()
        ]
        broken = [{"name": b.name, "package": b.origin, "fault": b.fault} for b in found.broken]
        console.document({"rules": known, "broken": broken})
        return 0
    rows = [
        (k.id, " ".join(f"{p.name}={p.default}" for p in k.parameters), k.origin, k.about)
        for k in found.known.values()
    ]
    console.table(_COLUMNS, rows)
    for b in found.broken:
        console.warn(f"rule {b.name} of package {b.origin} is broken and left out: {b.fault}")
    return 0
