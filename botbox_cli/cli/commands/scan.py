"""`botbox scan`."""

from __future__ import annotations

from typing import Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.postman import post_of
from botbox_cli.cli.replay_options import RuleName
from botbox_cli.cli.session import begin


def scan(
    ctx: typer.Context,
    timeframe: Annotated[str, typer.Option("--timeframe", metavar="T", help="Bybit interval code.")] = "60",
    rule: RuleName = "bb-mean-reversion",
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Look for setups, with a reason for each symbol passed over.

    Stale setups are invalidated first.

    \b
    Example:
      botbox scan
      botbox scan --rule trend-pullback
    """
    from botbox_cli.analysis.rules.registry import configured, known_rule
    from botbox_cli.cli.passes import scan_pass
    from botbox_cli.cli.render.passes import scan_report
    from botbox_cli.services.jobs import AlreadyRunning

    chosen = configured(known_rule(rule), {})
    session = begin(ctx, as_json, env_file)
    with session.wired() as wiring, post_of(session, wiring) as tell:
        try:
            done = scan_pass(wiring, session.settings.symbols, timeframe.strip().upper(), chosen)
        except AlreadyRunning as e:
            return session.nothing_done(e, {"detected": [], "invalidated": [], "skipped": [], "scanned": 0})
        if as_json:
            session.console.document(done.document)
        else:
            scan_report(session.console, done.result)
        tell(done.errors, False)
    return done.exit_code
