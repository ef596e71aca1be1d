"""Opening the desk on this terminal, and what is to be put right when it closes."""

from __future__ import annotations

import logging
import signal
import time
from typing import TYPE_CHECKING

from botbox_cli.cli.desk.app import DeskApp
from botbox_cli.cli.desk.place import Place, Tell
from botbox_cli.cli.warnings import show_warnings
from botbox_cli.services.watch import Sight, Watch
from botbox_cli.services.watch_clerk import Threads

if TYPE_CHECKING:
    from botbox_cli.bootstrap import Wiring
    from botbox_cli.cli.session import Session
    from botbox_cli.ports import Stream


class _ToDesk(logging.Handler):
    """Writes warnings into the desk's log: on stderr they would spoil the screen."""

    def __init__(self, app: DeskApp) -> None:
        super().__init__(logging.WARNING)
        self._app = app

    def emit(self, record: logging.LogRecord) -> None:
        self._app.warn(record.getMessage())


def run_desk(session: Session, wiring: Wiring, sight: Sight, stream: Stream) -> int:
    """Show the desk until the person quits. Raises what ended its watch."""

    def make_watch(tell: Tell) -> Watch:
        return Watch(wiring.hand, Threads(stream.wake), stream, time.monotonic, sight, tell)

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
    logging.getLogger("botbox_cli").handlers[:] = [_ToDesk(app)]
    before = signal.signal(signal.SIGTERM, lambda *_: app.live.stop())
    try:
        app.run()
    finally:
        signal.signal(signal.SIGTERM, before)
        show_warnings(session.console)
    if app.ended_by is not None:
        raise app.ended_by
    return 0
