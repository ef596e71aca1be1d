"""`botbox doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile
from botbox_cli.cli.session import Session, console_of
from botbox_cli.domain.account import Mode
from botbox_cli.errors import ConfigError, gravest

if TYPE_CHECKING:
    from botbox_cli.bootstrap import Wiring
    from botbox_cli.cli.console import Console
    from botbox_cli.services.doctor import Finding


def doctor(
    ctx: typer.Context,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only what is not well; nothing while all is (for cron).")
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Check settings, key, clock, database, candles, stops.

    Each finding comes with its remedy; the exit code is that of the gravest failure. A warning is no failure.

    \b
    Examples:
      botbox doctor
      botbox doctor --quiet || echo "botbox needs you"
    """
    from botbox_cli.cli.render.doctor import findings_report
    from botbox_cli.documents import error_document
    from botbox_cli.services.doctor import Status

    console = console_of(ctx, as_json)
    findings = [f for f in _findings(console, env_file) if not quiet or f.status is not Status.OK]
    errors = [f.error for f in findings if f.error is not None]
    if quiet and not findings and not as_json:
        return 0
    if as_json:
        console.document(
            {
                "ok": not errors,
                "findings": [
                    {
                        "check": f.check,
                        "status": str(f.status),
                        "detail": f.detail,
                        "remedy": f.remedy,
                        "code": None if f.error is None else error_document(f.error)["code"],
                    }
                    for f in findings
                ],
            }
        )
    else:
        findings_report(console, findings)
    return gravest([e.exit_code for e in errors])


def _findings(console: Console, env_file: Path | None) -> Iterator[Finding]:
    """Look at one thing after the other, each as far as what it needs is in order."""
    from botbox_cli import config
    from botbox_cli.services import doctor as d

    try:
        path = config.find_env_file(env_file)
    except ConfigError as e:
        yield d.failed("settings", e)
        return
    settings, problems = config.check(path)
    yield from (d.failed("settings", problem) for problem in problems)
    if settings is None:
        return
    console.hide(settings.secrets)
    yield d.good("settings", f"mode {settings.mode}, from {path or 'the environment and defaults'}")
    if path is not None:
        yield from d.check_names(config.read_env_file(path), config.NAMES)
    if (warning := config.exposed(path)) is not None:
        yield d.doubtful("settings", warning, f"run `chmod 600 {path}`")
    session = Session(console, settings)
    yield from d.attempt("database", lambda: _wired_findings(session))


def _wired_findings(session: Session) -> Iterator[Finding]:
    from botbox_cli import bootstrap
    from botbox_cli.services import doctor as d
    from botbox_cli.services.lease import Budget

    settings = session.settings
    try:
        with session.wired() as patient:
            # Each look may wait for an exchange that does not answer; together they end within the contract's 30 s.
            w = replace(patient, exchange=patient.exchange.within(Budget(patient.clock).left_s))
            name = bootstrap.database_name(settings)
            yield from d.attempt(
                "database", lambda: [d.check_writable(w.store, w.holder, w.clock.now(), name)]
            )
            yield from d.attempt("clock", lambda: [d.check_clock(w.exchange, w.clock)])
            if settings.mode is not Mode.PAPER:
                yield from d.attempt("key", lambda: _key_findings(w))
            now = w.clock.now()
            yield from d.attempt(
                "candles",
                lambda: d.check_candles(w.candles, w.venue, settings.symbols, settings.timeframes, now),
            )
            yield from d.attempt("stops", lambda: _book_findings(w))
    except ConfigError as e:
        yield d.failed("settings", e)


def _key_findings(wiring: Wiring) -> list[Finding]:
    from botbox_cli.services import doctor as d

    settings = wiring.settings
    return d.check_key(wiring.exchange.key_info(), settings.mode, settings.arm_live, wiring.clock.now())


def _book_findings(wiring: Wiring) -> list[Finding]:
    from botbox_cli.domain.trade import LIVING_TRADES
    from botbox_cli.services import doctor as d

    desk = wiring.desk()
    with desk.store.read(desk.account) as books:
        has_open_trades = bool(books.trades(LIVING_TRADES))
    names = (f"record:{wiring.venue}", f"scan:{desk.account.id}", f"monitor:{desk.account.id}")
    jobs = d.check_jobs(desk.store, names, wiring.clock.now(), has_open_trades=has_open_trades)
    return [*d.check_trades(desk), *jobs]
