"""`botbox setups`."""

from __future__ import annotations

from typing import Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, parse_word
from botbox_cli.cli.session import begin
from botbox_cli.domain.setup import SetupStatus

WORDS = (*(str(status).lower() for status in SetupStatus), "all")


def setups(
    ctx: typer.Context,
    status: Annotated[
        str, typer.Option("--status", metavar="STATUS", help=f"One of {', '.join(WORDS)}.")
    ] = "active",
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """List setups, newest first.

    \b
    Example:
      botbox setups --status all
    """
    from botbox_cli.cli.render.setups import setups_table
    from botbox_cli.documents import setup_document

    session = begin(ctx, as_json, env_file)
    word = parse_word(status, WORDS, "--status")
    wanted = None if word == "all" else [SetupStatus(word.upper())]
    with session.wired() as wiring, wiring.store.read(wiring.account()) as books:
        found = sorted(books.setups(wanted), key=lambda s: s.id, reverse=True)
    if as_json:
        session.console.document({"setups": [setup_document(s) for s in found]})
    else:
        setups_table(session.console, found)
        if not found:
            session.console.say(f"no {word} setups; `botbox scan` looks for new ones".replace("all ", ""))
