"""`botbox monitor`."""

from __future__ import annotations

from signal import SIGTERM

import typer

from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.postman import post_of
from botbox_cli.cli.repeat import Interval, Once, repeat
from botbox_cli.cli.session import begin
from botbox_cli.cli.unbroken import unbroken


def monitor(
    ctx: typer.Context,
    once: Once = False,
    interval: Interval = 60,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Settle, keep stops in place, close at stop and target.

    \b
    Example, for cron:
      * * * * * botbox monitor --once
    """
    from botbox_cli.cli.passes import monitor_pass
    from botbox_cli.cli.render.passes import monitor_report

    session = begin(ctx, as_json, env_file)
    with session.wired(moves_money=True) as wiring, post_of(session, wiring) as tell:

        def one_pass() -> int:
            with unbroken(session.console) as held:
                done = monitor_pass(wiring)
            if as_json:
                session.console.document(done.document)
            else:
                monitor_report(session.console, done.result)
            tell(done.errors, done.result.checked > 0)
            if held.is_asked and not once:
                # As for `watch`: whoever asks by SIGTERM wants no more than that it ends.
                raise typer.Exit(0) if held.by is SIGTERM else KeyboardInterrupt
            return done.exit_code

        return repeat(session.console, one_pass, once=once, interval=interval)
