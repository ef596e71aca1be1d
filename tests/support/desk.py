"""The desk on a world, driven by keys; its screen as text."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from difflib import unified_diff
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from botbox_cli.cli.desk.app import DeskApp
from botbox_cli.cli.desk.place import Place, Tell
from botbox_cli.domain.account import Mode
from botbox_cli.domain.candle import INTERVALS, to_ms
from botbox_cli.ports import Price, StreamState
from botbox_cli.services.desk import Desk
from botbox_cli.services.series_writer import SeriesWriter
from botbox_cli.services.watch import Sight, Watch
from botbox_cli.storage.candles import SqlCandles
from tests.support.candles import walk
from tests.support.watching import HeldStream, InlineClerk
from tests.support.world import World

PATIENCE_S = 60.0
SETTLE_S = 5.0
SNAPSHOTS = Path(__file__).parents[1] / "fixtures" / "screens"
HOURS = 150

Script = Callable[["DeskTest", "Pilot[int]"], Awaitable[None]]


class DeskTest:
    """A desk whose watch lives in its real thread, on the world's clock and exchange."""

    def __init__(self, world: World, *, mode: Mode = Mode.PAPER, colour: bool = False) -> None:
        self.world = world
        self.stream = HeldStream()
        self._hands = 0
        self.app = DeskApp(
            Place(
                mode=mode,
                account="1",
                hand=self._hand,
                make_watch=self._make_watch,
                wake=self.stream.wake,
                colour=colour,
            )
        )

    def _hand(self) -> Desk:
        self._hands += 1
        desk = self.world.new_desk(f"desk-{self._hands}")
        return replace(desk, candles=SqlCandles(self.world.store.database))

    def _make_watch(self, tell: Tell) -> Watch:
        sight = Sight(tuple(self.world.prices), ("60",))
        return Watch(self._hand, InlineClerk(), self.stream, time.monotonic, sight, tell)

    def list_candles(self, symbol: str, price: float) -> None:
        """Store candles up to now."""
        hour = INTERVALS["60"]
        start = hour.newest_closed_ms(to_ms(self.world.clock.now())) - (HOURS - 1) * hour.length_ms
        candles = walk(HOURS, seed=4, start_ms=start, price=price)
        SeriesWriter(self._hand().candles, self.world.account.venue, symbol, hour).append(candles)

    def price(self, bid: str, ask: str | None = None, symbol: str = "BTCUSDT") -> None:
        """Move the price on the exchange and stream it."""
        self.world.clock.sleep(0.001)
        self.world.set_price(symbol, bid)
        now = self.world.clock.now()
        self.stream.push(Price(symbol, Decimal(bid), Decimal(ask or bid), now))

    def up(self) -> None:
        self.stream.push(StreamState("public", True, "", self.world.clock.now()))

    def run(self, script: Script, *, width: int = 120, height: int = 40) -> None:
        """Open the desk with its stream up, wait until it is drawn, follow the script, and quit."""

        self.up()

        async def drive() -> None:
            async with self.app.run_test(size=(width, height)) as pilot:
                await self.until(pilot, lambda: "equity ?" not in self.text)
                await script(self, pilot)
                self.app.live.stop()
                self.stream.wake()
                await self.until(pilot, lambda: not self.app._thread.is_alive())

        asyncio.run(drive())
        if self.app.ended_by is not None:
            raise self.app.ended_by

    async def until(self, pilot: Pilot[int], is_so: Callable[[], bool]) -> None:
        """Wait until something is so; a desk that never comes to it is shown."""
        ends_at = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < ends_at, self.text
            await pilot.pause(0.02)

    async def shows(self, pilot: Pilot[int], *texts: str) -> None:
        await self.until(pilot, lambda: all(text in self.text for text in texts))

    async def types(self, pilot: Pilot[int], text: str) -> None:
        """Type into the field that is about to be focused, and press Enter."""
        await self.until(pilot, lambda: isinstance(self.app.focused, Input))
        await pilot.press(*text, "enter")

    async def looks_like(self, pilot: Pilot[int], name: str, *, dialog: bool = False) -> None:
        """Wait until the screen, or the dialog over it, is the one on file: columns find their widths step by step."""
        ends_at = time.monotonic() + (SETTLE_S if os.environ.get("UPDATE_SCREENS") else PATIENCE_S)
        while True:
            difference = _difference(name, self.dialog if dialog else self.text)
            if time.monotonic() > ends_at or (not difference and not os.environ.get("UPDATE_SCREENS")):
                assert not difference, difference
                return
            await pilot.pause(0.05)

    @property
    def dialog(self) -> str:
        """The dialog on top, without what is behind it."""
        box = self.app.screen.query_one(".dialog").region
        rows = self.text.splitlines()[box.y : box.bottom]
        return "\n".join(row[box.x : box.right].rstrip() for row in rows)

    @property
    def text(self) -> str:
        """The screen, line by line, without the spaces at their ends."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)


def _difference(name: str, text: str) -> str:
    """Return how a screen differs from the one on file, "" if it does not; UPDATE_SCREENS=1 writes it anew."""
    file = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SCREENS"):
        SNAPSHOTS.mkdir(exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
    wanted = file.read_text(encoding="utf-8")
    return "\n".join(unified_diff(wanted.splitlines(), text.splitlines(), lineterm=""))
