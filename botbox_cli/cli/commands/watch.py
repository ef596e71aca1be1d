"""`botbox watch`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, Yes
from botbox_cli.cli.postman import ROUND_EVERY_S, post_of
from botbox_cli.cli.session import Session, begin
from botbox_cli.errors import UsageError

if TYPE_CHECKING:
    from botbox_cli.bootstrap import Wiring
    from botbox_cli.cli.postman import Tell as Post
    from botbox_cli.ports import Stream
    from botbox_cli.services.watch import Sight

SWITCH_S = 0.0005


def watch(
    ctx: typer.Context,
    interval: Annotated[
        int,
        typer.Option("--interval", metavar="SECONDS", min=1, max=3600, help="Wait between two full passes."),
    ] = 60,
    timeframe: Annotated[
        str, typer.Option("--timeframe", metavar="CODE", help="The candles that are scanned.")
    ] = "60",
    plain: Annotated[bool, typer.Option("--plain", help="One line an event, on a terminal too.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """The live desk: candles, prices and orders as they stream.

    On a terminal it is a desk to decide at (`pip install 'botbox[desk]'`), elsewhere one line an event. With --json
    each event is a document of its own on a line of its own. It ends with Ctrl-C.

    \b
    Example:
      botbox watch
    """
    from botbox_cli.cli.confirm import ask, is_asked
    from botbox_cli.domain.candle import INTERVALS
    from botbox_cli.services.watch import Sight
    from botbox_cli.services.watch_silence import Silence

    # The thread that acts on a price waits for the interpreter at most so long while others compute.
    sys.setswitchinterval(SWITCH_S)
    session = begin(ctx, as_json, env_file)
    if timeframe not in INTERVALS:
        raise UsageError(f"--timeframe {timeframe!r} is not known", f"one of {', '.join(INTERVALS)}")
    must_ask = is_asked(session, yes=yes)
    settings = session.settings
    sight = Sight(settings.symbols, settings.timeframes, timeframe, float(interval))
    with session.wired(moves_money=True) as wiring, post_of(session, wiring, every_s=ROUND_EVERY_S) as post:
        if must_ask:
            account = f"LIVE account {settings.arm_live}"
            ask(session, [f"{account}: open trades are left at their targets until you end this"])
        stream = wiring.stream() or Silence()
        if _wants_desk(session, plain=plain):
            from botbox_cli.cli.desk.run import run_desk

            return run_desk(session, wiring, sight, stream, post)
        return _run_lines(session, wiring, sight, stream, post)


def _wants_desk(session: Session, *, plain: bool) -> bool:
    """Tell whether to open the desk: on a terminal, unless lines are asked for, if what it needs is installed."""
    console = session.console
    if plain or console.as_json or console.width is None or not console.can_ask:
        return False
    from importlib.util import find_spec

    if find_spec("textual") is None:
        console.say("the desk needs textual: `pip install 'botbox[desk]'`; until then, one line an event")
        return False
    return True


def _run_lines(session: Session, wiring: Wiring, sight: Sight, stream: Stream, post: Post) -> int:
    """Write one line or document an event until somebody ends it, or nobody reads any more."""
    import signal
    import time
    from types import FrameType

    from botbox_cli.cli.watch_lines import call_postman, document_of, line_of
    from botbox_cli.documents import iso
    from botbox_cli.services.watch import Watch
    from botbox_cli.services.watch_clerk import Threads
    from botbox_cli.services.watch_events import Event

    console = session.console
    codes = {signal.SIGINT: 130, signal.SIGTERM: 0}
    asked_to_end: list[int] = []

    def tell(event: Event) -> None:
        now = wiring.clock.now()
        call_postman(post, event)
        if console.as_json:
            document = document_of(event)
            if document is not None:
                console.document({"at": iso(now), **document})
        elif (line := line_of(console, event)) is not None:
            console.write(f"{iso(now)} {line}")
            console.flush()
        if console.is_closed:
            live.stop()

    def end(number: int, _frame: FrameType | None) -> None:
        if asked_to_end:  # Twice means now.
            raise KeyboardInterrupt
        asked_to_end.append(codes[signal.Signals(number)])
        live.stop()

    live = Watch(wiring.hand, Threads(stream.wake), stream, time.monotonic, sight, tell)
    before = {number: signal.signal(number, end) for number in codes}
    try:
        live.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return asked_to_end[0] if asked_to_end else 0
