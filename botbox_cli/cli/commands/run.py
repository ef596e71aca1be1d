"""`botbox run`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from botbox_cli.cli.console import Console
from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.postman import Tell, post_of
from botbox_cli.cli.repeat import Interval, Once, repeat
from botbox_cli.cli.session import Session, begin
from botbox_cli.cli.unbroken import unbroken
from botbox_cli.documents import Document, error_document
from botbox_cli.errors import BotboxError, gravest
from botbox_cli.services.jobs import AlreadyRunning, job

if TYPE_CHECKING:
    from botbox_cli.bootstrap import Wiring
    from botbox_cli.cli.passes import Done

    Part = tuple[str, Callable[[], Done], Callable[[Console, Any], None]]


def run(
    ctx: typer.Context,
    once: Once = False,
    interval: Interval = 60,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """The scheduled job: record, scan, monitor.

    \b
    Example, for cron:
      */5 * * * * botbox run --once
    """
    session = begin(ctx, as_json, env_file)
    with session.wired(moves_money=True) as wiring, post_of(session, wiring) as tell:

        def one_pass() -> int:
            name = f"run:{wiring.account().id}"
            try:
                with job(wiring.store, wiring.clock, wiring.holder, name) as current:
                    code = _all_three(session, wiring, tell)
                    current.ok = code == 0
            except AlreadyRunning as e:
                return session.nothing_done(e, {"record": None, "scan": None, "monitor": None})
            return code

        return repeat(session.console, one_pass, once=once, interval=interval)


def _all_three(session: Session, wiring: Wiring, tell: Tell) -> int:
    """Run the three jobs one after the other; what one meets does not keep the next from its work."""
    from botbox_cli.cli import passes
    from botbox_cli.cli.progress import counting
    from botbox_cli.cli.render import passes as render

    settings, console = session.settings, session.console

    def record() -> Done:
        with counting(console, "candles", worth_a_line=5000) as progress:
            return passes.record_pass(wiring, settings.symbols, settings.timeframes, None, progress)

    def monitor() -> Done:
        with unbroken(console) as held:
            done = passes.monitor_pass(wiring)
        if held.is_asked:
            raise KeyboardInterrupt
        return done

    parts: tuple[Part, ...] = (
        ("record", record, render.record_brief),
        ("scan", lambda: passes.scan_pass(wiring, settings.symbols, "60"), render.scan_brief),
        ("monitor", monitor, render.monitor_brief),
    )
    documents: Document = {}
    errors: list[BotboxError] = []
    for name, part, report in parts:
        documents[name], met = _one(console, part, report)
        errors += met
    if console.as_json:
        console.document(documents)
    tell(errors, True)
    return gravest([e.exit_code for e in errors])


def _one(
    console: Console, part: Callable[[], Done], report: Callable[[Console, Any], None]
) -> tuple[Document, Sequence[BotboxError]]:
    """Run one job; return its document, or that of the error which ended it, and what it met."""
    try:
        done = part()
    except AlreadyRunning as e:
        if not console.as_json:
            console.say(f"{e.message}: left to that process")
        return {"already_running": e.message}, ()
    except BotboxError as e:
        if not console.as_json:
            console.complain(e)
        return {"error": error_document(e)}, (e,)
    if not console.as_json:
        report(console, done.result)
    return done.document, done.errors
