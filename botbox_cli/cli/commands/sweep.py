"""`botbox sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from botbox_cli.cli.app import Interrupted
from botbox_cli.cli.options import AsJson, EnvFile, Since
from botbox_cli.cli.replay_options import Delay, Fee, RuleName, Slippage, Symbols, Timeframe, Until, ask_of
from botbox_cli.cli.session import begin


def sweep(  # noqa: PLR0913, PLR0917  # one parameter an option
    ctx: typer.Context,
    set_: Annotated[
        list[str],
        typer.Option("--set", metavar="NAME=FROM:TO:STEP", help="Values to try (or a,b,c); may be repeated."),
    ],
    rule: RuleName = "bb-mean-reversion",
    symbol: Symbols = None,
    timeframe: Timeframe = "60",
    since: Since = None,
    until: Until = None,
    delay: Delay = 1,
    slippage: Slippage = 0.05,
    fee: Fee = 0.1,
    split: Annotated[
        int,
        typer.Option("--split", metavar="%", min=10, max=90, help="Share of the period to compare them on."),
    ] = 70,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, max=1024, help="Processes; else all cores.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="URL", help="A Dask scheduler, such as tcp://10.0.0.5:8786."),
    ] = None,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="How many to print.")] = 10,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="One line a combination.")] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Try many parameters of a rule, and say how much is luck.

    A sweep that was interrupted goes on where it was. The best is looked at on candles on which nothing was chosen.

    \b
    Example:
      botbox sweep --set rsi_low=25:40:5 --set volume_factor=0.8:1.6:0.2
    """
    import tempfile

    from botbox_cli.analysis.rules.grid import combinations, grid_of
    from botbox_cli.analysis.rules.registry import configured, known_rule
    from botbox_cli.cli import sweep_report as report
    from botbox_cli.cli.progress import counting
    from botbox_cli.config import data_dir
    from botbox_cli.services import sweep as service

    known = known_rule(rule)
    wanted = combinations(grid_of(known, set_))
    session = begin(ctx, as_json, env_file)
    with tempfile.TemporaryDirectory(prefix="botbox-sweep-") as folder:
        with session.recorded() as recorded:
            source, ask = ask_of(
                session.settings,
                recorded,
                configured(known, {}),
                symbols=symbol,
                timeframe=timeframe,
                since=since,
                until=until,
                delay=delay,
                slippage=slippage,
                fee=fee,
            )
            prepared = service.prepare(source, ask, Path(folder), split / 100, known.id)
        if cluster is None:
            workplace = service.processes(prepared.job, workers)
        else:
            from botbox_cli.services.cluster import cluster as connected

            workplace = connected(cluster, prepared.job)  # type: ignore[assignment]
        memory = data_dir() / "sweeps" / f"{prepared.job.key}.jsonl"
        try:
            with workplace as pool, counting(session.console, "combinations", worth_a_line=100) as progress:
                result = service.sweep(ask, prepared, wanted, pool, memory, progress=progress)
        except KeyboardInterrupt:
            raise Interrupted("interrupted", "the same sweep goes on where it was") from None
    if csv is not None:
        report.write_csv(csv, result)
    if as_json:
        session.console.document(report.sweep_document(result))
    else:
        report.show(session.console, result, top)
        if csv is not None:
            session.console.say(f"wrote {csv}")
    return 0
