"""`botbox backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, Since
from botbox_cli.cli.replay_options import Delay, Fee, RuleName, Slippage, Symbols, Timeframe, Until, ask_of
from botbox_cli.cli.session import begin
from botbox_cli.errors import UsageError


def backtest(  # noqa: PLR0913, PLR0917  # one parameter an option
    ctx: typer.Context,
    rule: RuleName = "bb-mean-reversion",
    symbol: Symbols = None,
    timeframe: Timeframe = "60",
    since: Since = None,
    until: Until = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the rule; may be repeated."),
    ] = None,
    delay: Delay = 1,
    slippage: Slippage = 0.05,
    fee: Fee = 0.1,
    walk_forward: Annotated[
        int | None,
        typer.Option(
            "--walk-forward",
            metavar="N",
            min=1,
            max=100,
            help="N steps: choose on the candles before (--set name=from:to:step), try on those after.",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Charts and tables in one file.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="One line a trade.")] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """What a rule would have earned on stored candles.

    With the sizes, limits and fees of the real thing; the model is in docs/replay.md.

    \b
    Example:
      botbox backtest --symbol BTCUSDT --since 2y --html report.html
    """
    from botbox_cli.analysis.rules.grid import combinations, grid_of
    from botbox_cli.analysis.rules.registry import configured, known_rule
    from botbox_cli.cli import backtest_report as report
    from botbox_cli.services import backtest as service

    known = known_rule(rule)
    chosen = [configured(known, values) for values in combinations(grid_of(known, set_ or []))]
    if len(chosen) > 1 and walk_forward is None:
        raise UsageError(
            f"{len(chosen)} combinations are a search, and its best number is no result",
            "`--walk-forward N` tries each choice on later candles; `botbox sweep` looks at all of them",
        )
    session = begin(ctx, as_json, env_file)
    with session.recorded() as recorded:
        source, ask = ask_of(
            session.settings,
            recorded,
            chosen[0],
            symbols=symbol,
            timeframe=timeframe,
            since=since,
            until=until,
            delay=delay,
            slippage=slippage,
            fee=fee,
        )
        if walk_forward is None:
            result = service.backtest(source, ask)
        else:
            result = service.walk_forward(source, ask, chosen, walk_forward)
    if csv is not None:
        final = result.report or result.out_of_sample
        report.write_csv(csv, [] if final is None else [final])
    if html is not None:
        from botbox_cli.cli.backtest_html import write_html

        write_html(html, result)
    if as_json:
        session.console.document(report.backtest_document(result))
    else:
        report.show(session.console, result)
        for path in filter(None, (html, csv)):
            session.console.say(f"wrote {path}")
    return 0
