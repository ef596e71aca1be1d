"""Options that `backtest` and `sweep` share, and what they ask together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import parse_when
from botbox_cli.errors import UsageError

if TYPE_CHECKING:
    from botbox_cli.analysis.rules.rule import Rule
    from botbox_cli.bootstrap import Recorded
    from botbox_cli.config import Settings
    from botbox_cli.services.backtest import Ask, Source

RuleName = Annotated[str, typer.Option("--rule", metavar="R", help="As `botbox rules` lists them.")]
Symbols = Annotated[
    list[str] | None, typer.Option("--symbol", metavar="S", help="Only this pair; may be repeated.")
]
Timeframe = Annotated[str, typer.Option("--timeframe", metavar="T", help="Bybit interval code.")]
Until = Annotated[
    str | None, typer.Option("--until", metavar="WHEN", help="Up to then, written like --since.")
]
Delay = Annotated[
    int,
    typer.Option("--delay", metavar="N", min=1, max=100_000, help="Enter at the N-th open after the signal."),
]
Slippage = Annotated[
    float, typer.Option("--slippage", metavar="%", min=0, max=50, help="Percent lost at each fill.")
]
Fee = Annotated[
    float, typer.Option("--fee", metavar="%", min=0, max=50, help="Percent of each fill, Bybit's taker fee.")
]


def ask_of(
    settings: Settings,
    recorded: Recorded,
    rule: Rule,
    *,
    symbols: list[str] | None,
    timeframe: str,
    since: str | None,
    until: str | None,
    delay: int,
    slippage: float,
    fee: float,
) -> tuple[Source, Ask]:
    """Return what to replay, from where. Raises NotFound, UsageError."""
    from botbox_cli.bootstrap import policy_of
    from botbox_cli.services.backtest import Ask, Source, period_of, terms_of
    from botbox_cli.services.lookup import interval_of

    source = Source(recorded.store, recorded.candles, recorded.venue)
    interval = interval_of(timeframe.strip().upper())
    chosen = tuple(dict.fromkeys(s.strip().upper() for s in symbols or settings.symbols))
    now = recorded.clock.now()
    first, last = parse_when(since, now), parse_when(until, now, option="--until")
    if first is not None and last is not None and first >= last:
        raise UsageError(f"--since {since} is not before --until {until}", "swap them")
    start_ms, end_ms = period_of(source, chosen, interval, first, last)
    policy = policy_of(settings)
    terms = terms_of(policy, delay=delay, slippage=slippage / 100, fee_rate=fee / 100)
    return source, Ask(rule, chosen, interval, start_ms, end_ms, terms, policy, settings.account_balance)
