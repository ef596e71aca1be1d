"""`botbox propose SYMBOL`."""

from __future__ import annotations

from typing import Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, parse_price
from botbox_cli.cli.session import begin
from botbox_cli.domain.number import plain


def propose(
    ctx: typer.Context,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The pair, such as BTCUSDT.")],
    entry: Annotated[str, typer.Option("--entry", metavar="P", help="Entry price.")],
    stop: Annotated[str, typer.Option("--stop", metavar="P", help="Stop price.")],
    tp1: Annotated[str, typer.Option("--tp1", metavar="P", help="First target.")],
    tp2: Annotated[str | None, typer.Option("--tp2", metavar="P", help="Second target.")] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why: it is kept.")] = "",
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Propose a setup by hand.

    The direction follows from entry and first target: a target above the entry makes a long.

    \b
    Example:
      botbox propose BTCUSDT --entry 61250 --stop 60200 --tp1 63000
    """
    from botbox_cli.documents import setup_document
    from botbox_cli.services.propose import propose as service

    session = begin(ctx, as_json, env_file)
    console = session.console
    with session.wired() as wiring:
        proposal = service(
            wiring.desk(),
            symbol.strip().upper(),
            entry=parse_price(entry, "--entry"),
            stop=parse_price(stop, "--stop"),
            tp1=parse_price(tp1, "--tp1"),
            tp2=None if tp2 is None else parse_price(tp2, "--tp2"),
            note=note,
        )
    setup = proposal.setup
    if as_json:
        console.document({"setup": setup_document(setup)})
    else:
        console.write(
            f"setup {setup.id}: {setup.symbol} {setup.direction}, entry {plain(setup.entry_price)}, "
            f"stop {plain(setup.stop_loss)}, target {plain(setup.take_profit_1)}"
        )
    for r in proposal.rounded:
        console.say(f"{r.name} {plain(r.given)} is off the tick: {plain(r.used)} is used")
    for remark in proposal.remarks:
        console.warn(remark)
    if not as_json:
        console.say(f"next: `botbox show {setup.id}`, then `botbox approve {setup.id} --execute`")
