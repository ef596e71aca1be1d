"""`botbox reconcile`."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botbox_cli.cli.console import Column
from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.session import begin
from botbox_cli.cli.unbroken import unbroken

if TYPE_CHECKING:
    from botbox_cli.services.reconcile import Difference, Reconciliation

COLUMNS = (
    Column("trade_id", right=True, label="trade"),
    Column("kind"),
    Column("ours", 1),
    Column("theirs", 1),
    Column("remedy"),
)


def reconcile(
    ctx: typer.Context,
    apply: Annotated[
        bool,
        typer.Option(
            "--apply", help="Do what is safe: book fills, adopt our own orders, arm stops. Never a sale."
        ),
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Compare the books with the exchange and say what differs.

    Ends with 8 while anything differs.

    \b
    Example:
      botbox reconcile --apply
    """
    from botbox_cli.errors import Mismatch
    from botbox_cli.services.reconcile import reconcile as compare

    session = begin(ctx, as_json, env_file)
    with session.wired(moves_money=apply) as wiring:
        desk = wiring.desk()
        with unbroken(session.console) if apply else nullcontext():
            result = compare(desk, apply=apply)
    if as_json:
        session.console.document(_document(result))
    else:
        for mended in result.applied:
            session.console.say(f"mended: {mended.kind} of trade {mended.trade_id}, {mended.theirs}")
        if result.differences:
            session.console.table(COLUMNS, [_row(d) for d in result.differences])
        session.console.say(f"{result.matched} orders and positions agree, {len(result.differences)} differ")
    return Mismatch.exit_code if result.differences else 0


def _row(difference: Difference) -> list[str]:
    trade_id = "" if difference.trade_id is None else str(difference.trade_id)
    return [trade_id, difference.kind, difference.ours, difference.theirs, difference.remedy]


def _document(result: Reconciliation) -> dict[str, Any]:
    return {
        "matched": result.matched,
        "differences": [_difference(d) for d in result.differences],
        "applied": [_difference(d) for d in result.applied],
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "trade_id": difference.trade_id,
        "kind": difference.kind,
        "ours": difference.ours,
        "theirs": difference.theirs,
        "remedy": difference.remedy,
    }
