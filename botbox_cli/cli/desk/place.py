"""What a desk works with, as the command wires it and tests wire it otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botbox_cli.domain.account import Mode

if TYPE_CHECKING:
    from botbox_cli.services.desk import Desk
    from botbox_cli.services.watch import Watch
    from botbox_cli.services.watch_events import Event

Tell = Callable[["Event"], None]


@dataclass(frozen=True, slots=True)
class Place:
    """The account and its watch.

    Args:
        hand: Makes a desk with a holder of its own, for one piece of work.
        make_watch: Makes the watch that tells its events to the given function.
        wake: Lets a waiting watch look up at once.
        scrub: Blots out secrets in what is shown.
    """

    mode: Mode
    account: str
    hand: Callable[[], Desk]
    make_watch: Callable[[Tell], Watch]
    wake: Callable[[], None]
    colour: bool = True
    scrub: Callable[[str], str] = str
