"""`botbox stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, ModeFilter, Since, parse_when
from botbox_cli.cli.session import Session, begin

if TYPE_CHECKING:
    from datetime import datetime

    from botbox_cli.bootstrap import Wiring
    from botbox_cli.documents import Document
    from botbox_cli.domain.account import Account
    from botbox_cli.domain.statistics import Statistics
    from botbox_cli.services.shadow import Shadow, ShadowGroup


def stats(
    ctx: typer.Context,
    mode: ModeFilter = None,
    since: Since = None,
    shadow: Annotated[
        bool,
        typer.Option("--shadow", help="What was rejected, expired or invalidated would have made."),
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Win rate, expectancy in R, profit factor, drawdown.

    One line an account; paper and real are never summed.

    \b
    Example:
      botbox stats --since 90d
      botbox stats --shadow
    """
    from botbox_cli.cli.commands.trades import accounts_of
    from botbox_cli.cli.render.results import stats_table
    from botbox_cli.services.stats import stats as service

    session = begin(ctx, as_json, env_file)
    with session.wired() as wiring:
        start = parse_when(since, wiring.clock.now())
        if shadow:
            _shadow(session, wiring, accounts_of(wiring, mode), start)
            return
        rows = [(a, service(wiring.store, a, since=start)) for a in accounts_of(wiring, mode)]
    if as_json:
        session.console.document({"stats": [_document(account, figures) for account, figures in rows]})
    else:
        stats_table(session.console, rows)


def _shadow(session: Session, wiring: Wiring, accounts: list[Account], since: datetime | None) -> None:
    """Show the shadow book of each account."""
    from dataclasses import replace

    from botbox_cli.cli.render.results import shadow_table
    from botbox_cli.services.shadow import shadow as service

    desk = wiring.desk()
    books = [(a, service(replace(desk, account=a), since=since)) for a in accounts]
    if session.console.as_json:
        session.console.document({"shadow": [_shadow_document(a, found) for a, found in books]})
        return
    for account, found in books:
        if len(books) > 1:
            session.console.write(f"{account.mode} {account.user_id}")
        shadow_table(session.console, found)
    session.console.say(
        "would R: entered at the first open after the signal, net of fees; decision made: what leaving it, or trading "
        "it as it was traded, made of that"
    )


def _shadow_document(account: Account, found: Shadow) -> Document:
    from botbox_cli.documents import time_or_null

    return {
        "mode": str(account.mode),
        "user_id": account.user_id,
        "groups": [_group_document(g) for g in found.groups],
        "setups": [
            {
                "id": t.setup.id,
                "symbol": t.setup.symbol,
                "group": t.group,
                "outcome": t.outcome,
                "r": t.r,
                "exit_time": time_or_null(t.exit_time),
                "actual_r": t.actual_r,
            }
            for t in found.trades
        ],
    }


def _group_document(group: ShadowGroup) -> Document:
    from botbox_cli.services.backtest import LEAST_TRADES

    s, made = group.summary, group.made_each
    return {
        "name": group.name,
        "n": s.n,
        "unfinished": group.unfinished,
        "not_entered": group.not_entered,
        "hit_rate": s.hit_rate if s.n >= LEAST_TRADES else None,
        "hit_rate_interval": [s.hit_low, s.hit_high] if s.n >= LEAST_TRADES else None,
        "expectancy_r": s.expectancy,
        "expectancy_r_interval": None if s.expectancy_low is None else [s.expectancy_low, s.expectancy_high],
        "total_r": s.total_r,
        "decision_r": group.made,
        "decision_each_r": made.expectancy,
        "decision_each_r_interval": None
        if made.expectancy_low is None
        else [made.expectancy_low, made.expectancy_high],
    }


def _document(account: Account, figures: Statistics) -> Document:
    from botbox_cli.documents import statistics_document

    return {"mode": str(account.mode), "user_id": account.user_id, **statistics_document(figures)}
