"""`botbox record`."""

from __future__ import annotations

from typing import Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, Since, parse_when
from botbox_cli.cli.postman import post_of
from botbox_cli.cli.repeat import Interval, Once, repeat
from botbox_cli.cli.session import begin


def record(
    ctx: typer.Context,
    once: Once = False,
    since: Since = None,
    symbol: Annotated[
        list[str] | None, typer.Option("--symbol", metavar="S", help="Only this pair; may be repeated.")
    ] = None,
    timeframe: Annotated[
        list[str] | None,
        typer.Option("--timeframe", metavar="T", help="Only this interval; may be repeated."),
    ] = None,
    interval: Interval = 60,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Fetch closed candles, mend gaps, compute indicators.

    Goes on where it stopped; `--since` adds earlier history. Without `--once` it repeats.

    \b
    Example:
      botbox record --once --since 2y
    """
    from botbox_cli.cli.passes import record_pass
    from botbox_cli.cli.progress import counting
    from botbox_cli.cli.render.passes import record_report
    from botbox_cli.services.jobs import AlreadyRunning

    session = begin(ctx, as_json, env_file)
    symbols = tuple(s.strip().upper() for s in symbol or session.settings.symbols)
    timeframes = tuple(t.strip().upper() for t in timeframe or session.settings.timeframes)
    with session.wired() as wiring, post_of(session, wiring) as tell:
        start = parse_when(since, wiring.clock.now())

        def one_pass() -> int:
            try:
                with counting(session.console, "candles", worth_a_line=5000) as progress:
                    done = record_pass(wiring, symbols, timeframes, start, progress)
            except AlreadyRunning as e:
                return session.nothing_done(e, {"recorded": 0, "repaired": 0, "series": [], "errors": []})
            if as_json:
                session.console.document(done.document)
            else:
                record_report(session.console, done.result)
            tell(done.errors, True)
            return done.exit_code

        return repeat(session.console, one_pass, once=once, interval=interval)
