"""What came of it: statistics, the shadow book, and what is left to be reviewed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botbox_cli.cli.console import Column, Console
from botbox_cli.cli.render.numbers import amount, ratio
from botbox_cli.cli.render.parts import show_table

if TYPE_CHECKING:
    from botbox_cli.domain.account import Account
    from botbox_cli.domain.statistics import Statistics
    from botbox_cli.services.review import Question
    from botbox_cli.services.shadow import Shadow


def stats_table(console: Console, rows: Iterable[tuple[Account, Statistics]]) -> None:
    table = [
        (
            str(account.mode),
            account.user_id,
            str(s.trades),
            str(s.wins),
            str(s.losses),
            ratio(console, None if s.win_rate is None else s.win_rate * 100),
            ratio(console, s.expectancy_r, sign=True),
            ratio(console, s.profit_factor),
            amount(console, s.max_drawdown),
            amount(console, s.pnl, sign=True),
            amount(console, s.fees),
        )
        for account, s in rows
    ]
    show_table(console, _STATS, table)


_STATS = (
    Column("mode"),
    Column("user_id", 2),
    Column("trades", right=True),
    Column("wins", 1, right=True),
    Column("losses", 1, right=True),
    Column("win_rate_percent", right=True, label="win %"),
    Column("expectancy_r", right=True, signed=True, label="expectancy R"),
    Column("profit_factor", right=True),
    Column("max_drawdown", 1, right=True),
    Column("pnl", right=True, signed=True, label="P&L"),
    Column("fees", 2, right=True),
)


_SHADOW = (
    Column("group"),
    Column("n", right=True),
    Column("would_r", right=True, signed=True, label="would R"),
    Column("low", 2, right=True, label="from"),
    Column("high", 2, right=True, label="to"),
    Column("hit_rate_percent", 3, right=True, label="hit %"),
    Column("total_r", 1, right=True, signed=True, label="total R"),
    Column("made_r", right=True, signed=True, label="decision made R"),
    Column("made_low", 2, right=True, label="each from"),
    Column("made_high", 2, right=True, label="each to"),
    Column("unfinished", 4, right=True),
    Column("not_entered", 3, label="not entered"),
)


def shadow_table(console: Console, shadow: Shadow) -> None:
    from botbox_cli.services.backtest import LEAST_TRADES

    rows = []
    for g in shadow.groups:
        s, m = g.summary, g.made_each
        figures = (s.expectancy, s.expectancy_low, s.expectancy_high)
        rate = s.hit_rate * 100 if s.hit_rate is not None and s.n >= LEAST_TRADES else None
        rows.append(
            (
                g.name,
                str(s.n),
                *(_r(console, v) for v in figures),
                _r(console, rate),
                _r(console, s.total_r if s.n else None),
                _r(console, g.made if s.n else None),
                _r(console, m.expectancy_low),
                _r(console, m.expectancy_high),
                str(g.unfinished) if g.unfinished else "",
                ", ".join(f"{n} {why}" for why, n in g.not_entered.items()),
            )
        )
    show_table(console, _SHADOW, rows)


def _r(console: Console, value: float | None) -> str:
    if value is None:
        return ""
    return repr(value) if console.width is None else f"{value:+.2f}"


_REVIEW = (
    Column("trade_id", right=True, label="trade"),
    Column("symbol"),
    Column("exit_time", 1, label="exited"),
    Column("r_multiple", right=True, signed=True, label="R"),
    Column("question"),
)


def review_table(console: Console, questions: Iterable[Question]) -> None:
    rows = [
        (
            str(q.trade.trade.id),
            q.trade.trade.symbol,
            console.time(q.trade.trade.exit_time),
            ratio(console, q.trade.pnl.r_multiple, sign=True),
            q.text,
        )
        for q in questions
    ]
    show_table(console, _REVIEW, rows)
