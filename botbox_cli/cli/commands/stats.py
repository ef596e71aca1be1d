"""`botbox stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from botbox_cli.cli.options import AsJson, EnvFile, ModeFilter, Since, parse_when
from botbox_cli.cli.session import begin

if TYPE_CHECKING:
    from botbox_cli.cli.documents import Document
    from botbox_cli.domain.account import Account
    from botbox_cli.domain.statistics import Statistics


def stats(
    ctx: typer.Context,
    mode: ModeFilter = None,
    since: Since = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Win rate, expectancy in R, profit factor, drawdown.

    One line an account; paper and real are never summed.

    \b
    Example:
      botbox stats --since 90d
    """
    from botbox_cli.cli.commands.trades import accounts_of
    from botbox_cli.cli.render import stats_table
    from botbox_cli.services.stats import stats as service

    session = begin(ctx, as_json, env_file)
    with session.wired() as wiring:
        start = parse_when(since, wiring.clock.now())
        rows = [(a, service(wiring.store, a, since=start)) for a in accounts_of(wiring, mode)]
    if as_json:
        session.console.document({"stats": [_document(account, figures) for account, figures in rows]})
    else:
        stats_table(session.console, rows)


def _document(account: Account, figures: Statistics) -> Document:
    from botbox_cli.cli.documents import number_or_null
    from botbox_cli.domain.number import plain

    return {
        "mode": str(account.mode),
        "user_id": account.user_id,
        "trades": figures.trades,
        "wins": figures.wins,
        "losses": figures.losses,
        "win_rate": number_or_null(figures.win_rate),
        "expectancy_r": number_or_null(figures.expectancy_r),
        "profit_factor": number_or_null(figures.profit_factor),
        "max_drawdown": plain(figures.max_drawdown),
        "pnl": plain(figures.pnl),
        "fees": plain(figures.fees),
    }
