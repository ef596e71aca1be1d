"""Opening the desk on this terminal, and what is to be put right when it closes."""

from __future__ import annotations

import io
import signal
import time
from typing import TYPE_CHECKING, TextIO, cast

from botbox_cli.cli.desk.app import DeskApp
from botbox_cli.cli.desk.place import Place, Tell
from botbox_cli.cli.watch_lines import call_postman
from botbox_cli.services.watch import Sight, Watch
from botbox_cli.services.watch_clerk import Threads

if TYPE_CHECKING:
    from botbox_cli.bootstrap import Wiring
    from botbox_cli.cli.postman import Tell as Post
    from botbox_cli.cli.session import Session
    from botbox_cli.ports import Stream
    from botbox_cli.services.watch_events import Event


class _ToDesk(io.TextIOBase):
    """Stands for stderr: what is said there goes into the desk's log, where it does not spoil the screen."""

    def __init__(self, app: DeskApp) -> None:
        self._app = app

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.strip():
                self._app.warn(line)
        return len(text)


def run_desk(session: Session, wiring: Wiring, sight: Sight, stream: Stream, post: Post) -> int:
    """Show the desk until the person quits. Raises what ended its watch."""

    def make_watch(tell: Tell) -> Watch:
        def tell_both(event: Event) -> None:
            call_postman(post, event)
            tell(event)

        return Watch(wiring.hand, Threads(stream.wake), stream, time.monotonic, sight, tell_both)

    place = Place(
        mode=session.settings.mode,
        account=wiring.account().user_id,
        hand=wiring.hand,
        make_watch=make_watch,
        wake=stream.wake,
        colour=session.console.colour,
        scrub=session.console.scrub,
    )
    app = DeskApp(place)
    console, stderr = session.console, session.console.err
    console.err = cast("TextIO", _ToDesk(app))
    before = signal.signal(signal.SIGTERM, lambda *_: app.live.stop())
    try:
        app.run()
    finally:
        signal.signal(signal.SIGTERM, before)
        console.err = stderr
    if app.ended_by is not None:
        raise app.ended_by
    return 130 if app.was_interrupted else 0
