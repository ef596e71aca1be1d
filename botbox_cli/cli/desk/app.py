"""The desk itself: its screen, its keys, and the threads that keep requests away from both."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import DataTable, Footer, Input, RichLog, Static
from textual.worker import Worker, WorkerState

from botbox_cli.cli.desk import cards, deeds, rows
from botbox_cli.cli.desk.detail import Detail
from botbox_cli.cli.desk.dialogs import CardNotice, Notice, Question, Reason
from botbox_cli.cli.desk.model import Model, equity_of, read_model
from botbox_cli.cli.desk.news import Told, WatchEnded, line_of_log
from botbox_cli.cli.desk.place import Place
from botbox_cli.cli.desk.style import CSS, HELP
from botbox_cli.cli.desk.tables import Table, chosen_in, fill
from botbox_cli.domain.account import Mode
from botbox_cli.errors import BotboxError
from botbox_cli.services import watch_events as e

if TYPE_CHECKING:
    from botbox_cli.services.desk import Desk
    from botbox_cli.services.watch import Watch

REDRAW_S = 0.5
EQUITY_S = 30.0
LOG_LINES = 500


class DeskApp(App[int]):
    """Setups that wait above, open trades below, the chosen one's card beside them, the log at the bottom."""

    CSS = CSS
    TITLE = "botbox"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (116, "-wide")]  # noqa: RUF012  # As Textual declares it.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "Approve"),
        Binding("r", "reject", "Reject"),
        Binding("c", "close", "Close"),
        Binding("h", "halt", "Halt/resume"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
        Binding("escape", "unfilter", show=False),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.live: Watch = place.make_watch(self._tell)
        self.ended_by: Exception | None = None
        self.was_interrupted = False
        self._reader: Desk = place.hand()
        self._equity_reader: Desk = place.hand()
        self._thread = threading.Thread(target=self._run_watch, name="watch", daemon=True)
        self._model: Model | None = None
        self._equity: Decimal | None = None
        self._feed, self._lead = "connecting", ""
        self._troubles: dict[str, str] = {}
        self._wanted = ""
        self._card_of: tuple[str, int] | None = None
        self._is_asking = False
        self._is_ending = False

    # -- the screen

    def compose(self) -> ComposeResult:
        with Horizontal(id="head"):
            yield Static(f" {self.place.mode.upper()} ", id="mode", classes=f"mode-{self.place.mode}")
            yield Static("", id="state", markup=False)
        with Horizontal(id="body"):
            with Vertical(id="lists"):
                yield Static("Setups waiting", classes="title", id="setups-title")
                yield DataTable(id="setups", cursor_type="row", cell_padding=0)
                yield Static("Open trades", classes="title", id="trades-title")
                yield DataTable(id="trades", cursor_type="row", cell_padding=0)
                yield RichLog(id="log", max_lines=LOG_LINES, wrap=True, min_width=0, markup=False)
            with Detail(id="detail"):
                yield Static("", id="card")
        yield Input(placeholder="filter by symbol (Enter keeps it, Escape ends it)", id="filter")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        for table, columns in ((self.setups, rows.SETUP_COLUMNS), (self.trades, rows.TRADE_COLUMNS)):
            for name, width in columns.items():
                table.add_column(name, key=name, width=width)
        self.query_one("#filter", Input).display = False
        self.query_one("#log", RichLog).can_focus = False
        self.setups.focus()
        self._thread.start()
        self._reload()
        self._ask_equity()
        self.set_interval(REDRAW_S, self._redraw)
        self.set_interval(EQUITY_S, self._ask_equity)

    @property
    def setups(self) -> Table:
        return self.query_one("#setups", DataTable)

    @property
    def trades(self) -> Table:
        return self.query_one("#trades", DataTable)

    # -- the watch

    def _run_watch(self) -> None:
        error: Exception | None = None
        try:
            self.live.run()
        except Exception as e:  # noqa: BLE001  # Handed to the command, which says what it was.
            error = e
        self.post_message(WatchEnded(error))

    def _tell(self, event: e.Event) -> None:
        self.post_message(Told(event))

    def on_watch_ended(self, message: WatchEnded) -> None:
        self.ended_by = message.error
        self.exit(0)

    def on_told(self, message: Told) -> None:
        event = message.event
        match event:
            case e.Leading():
                self._lead = ""
            case e.Standby(other):
                self._lead = f"LOOKING ON (pid {other.pid} acts)"
            case e.Polling(is_on):
                self._feed = "polling" if is_on else "streaming"
            case e.Connection("public", is_up) if is_up:
                self._feed = "streaming"
            case e.Trouble(subject):
                self._troubles[subject] = f"{subject.upper()} FAILS"
            case e.Recovered(subject):
                self._troubles.pop(subject, None)
        if isinstance(
            event, e.BooksChanged | e.SetupFound | e.SetupClosed | e.Passed | e.Recorded | e.Scanned
        ):
            self._reload()
        if isinstance(event, e.BooksChanged):
            self._ask_equity()
        line = line_of_log(event)
        if line is not None and not isinstance(event, e.Passed):
            self._note(line)
        self._redraw()

    def _note(self, line: str) -> None:
        at = self._reader.clock.now()
        text = self.place.scrub(f"{at:%H:%M:%S} {line}")
        style = "bold red" if line.startswith("TROUBLE") else "bold" if line.startswith("SETUP") else ""
        self.query_one("#log", RichLog).write(Text(text, style))

    def warn(self, line: str) -> None:
        """Write a warning of the inner layers into the log, from whichever thread."""
        self.call_later(self._note, line)

    # -- what is read, away from the screen

    def _away(self, work: Callable[[], None], group: str, *, exclusive: bool = True) -> None:
        self.run_worker(work, thread=True, group=group, exclusive=exclusive, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """End over what nobody expected, as a command does."""
        if event.state is WorkerState.ERROR and isinstance(event.worker.error, Exception):
            self.ended_by = event.worker.error
            self.exit(1)

    def _reload(self) -> None:
        self._away(self._read, "model")

    def _read(self) -> None:
        try:
            model = read_model(self._reader)
        except BotboxError:
            return  # The watch tells of a database that is gone.
        self.call_from_thread(self._show_model, model)

    def _show_model(self, model: Model) -> None:
        self._model = model
        self._redraw()
        self._show_card()

    def _ask_equity(self) -> None:
        self._away(self._read_equity, "equity")

    def _read_equity(self) -> None:
        with suppress(BotboxError):  # The watch tells of an exchange or a database that is gone.
            self._equity = equity_of(self._equity_reader)

    # -- what is drawn

    def _redraw(self) -> None:
        if self._is_ending or not self.query("#state") or not self.setups.columns:
            return  # Closing, or not made yet.
        model = self._model
        state = rows.state_line(model, self._equity, self._feed, self._lead)
        self.query_one("#state", Static).update(" │ ".join([*self._troubles.values(), state]))
        if model is None:
            return
        prices, now = self.live.prices, model.now
        wanted = [s for s in model.setups if self._wanted in s.symbol]
        fill(self.setups, {s.id: rows.setup_cells(s, prices.get(s.symbol), now) for s in wanted})
        mine = [t for t in model.trades if self._wanted in t.trade.symbol]
        fill(self.trades, {t.trade.id: rows.trade_cells(t, prices.get(t.trade.symbol)) for t in mine})
        filtered = f", filter {self._wanted}" if self._wanted else ""
        self.query_one("#setups-title", Static).update(f"Setups waiting: {len(wanted)}{filtered}")
        self.query_one("#trades-title", Static).update(f"Open trades: {len(mine)}{filtered}")

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        self._show_card()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Show the card over everything, where the screen has no room for it beside the lists."""
        if self.query_one("#detail").display:
            return
        width = self.size.width - 6

        async def follow(action: str | None) -> None:
            if action is not None:
                await self.run_action(action)

        def show(text: str) -> None:
            self.push_screen(CardNotice(Text.from_ansi(text)), follow)

        self._draw_card(chosen_in(event.data_table), width, show)

    def on_detail_resized(self) -> None:
        self._show_card()

    def on_descendant_focus(self) -> None:
        self._show_card()

    def _show_card(self) -> None:
        detail = self.query_one("#detail", VerticalScroll)
        if not detail.display:
            return
        table = self.trades if self.focused is self.trades else self.setups
        chosen = chosen_in(table) or chosen_in(self.trades) or chosen_in(self.setups)
        card = self.query_one("#card", Static)
        if chosen is None:
            card.update("Nothing waits and nothing is open.")
        else:
            self._draw_card(chosen, max(40, detail.size.width - 3), lambda t: card.update(Text.from_ansi(t)))

    def _draw_card(self, chosen: tuple[str, int] | None, width: int, show: Callable[[str], None]) -> None:
        if chosen is None:
            return
        kind, number = self._card_of = chosen
        draw = cards.setup_text if kind == "setups" else cards.trade_text

        def work() -> None:
            try:
                text = draw(self.place.hand(), number, width=width, colour=self.place.colour)
            except BotboxError as error:
                text = error.message
            if self._card_of == chosen:  # The cursor may be on another row by now.
                self.call_from_thread(show, self.place.scrub(text))

        self._away(work, "card")

    # -- keys

    def action_approve(self) -> None:
        chosen = chosen_in(self.setups)
        if chosen is None:
            self._refuse("no setup waits")
            return
        number = chosen[1]
        self._ask_first(
            lambda desk: deeds.approval_question(desk, number), lambda desk: deeds.approve(desk, number)
        )

    def action_reject(self) -> None:
        chosen = chosen_in(self.setups)
        if chosen is None:
            self._refuse("no setup waits")
            return

        def given(reason: str | None) -> None:
            if reason:
                self._do(lambda desk: deeds.reject(desk, chosen[1], reason))

        self.push_screen(Reason(f"Reject setup {chosen[1]}?"), given)

    def action_close(self) -> None:
        chosen = chosen_in(self.trades)
        if chosen is None:
            self._refuse("no trade is open")
            return
        number = chosen[1]
        self._ask_first(
            lambda desk: deeds.close_question(desk, number), lambda desk: deeds.close_trade(desk, number)
        )

    def action_halt(self) -> None:
        is_halted = self._model is not None and self._model.halt is not None
        question = "Allow new entries again?" if is_halted else "Halt all new entries?"
        self._ask_first(lambda _: question, deeds.switch_halt)

    def _ask_first(self, question: Callable[[Desk], str], deed: Callable[[Desk], str]) -> None:
        """Find out what would be done, ask once, and do it."""
        if self._is_asking:
            return
        self._is_asking = True

        def answered(yes: bool | None) -> None:
            self._is_asking = False
            if yes:
                self._do(deed)

        def work() -> None:
            try:
                text = question(self.place.hand())
            except BotboxError as error:
                self.call_from_thread(self._refused, error)
                return
            is_real = self.place.mode is Mode.LIVE
            where = f"{self.place.mode.upper()} account {self.place.account}\n"
            self.call_from_thread(self.push_screen, Question(where + text, is_real=is_real), answered)

        self._away(work, "question")

    def _do(self, deed: Callable[[Desk], str]) -> None:
        def work() -> None:
            try:
                line = deed(self.place.hand())
            except BotboxError as error:
                self.call_from_thread(self._refused, error)
            else:
                self.call_from_thread(self._done, line)
            self.place.wake()

        self._away(work, "deed", exclusive=False)

    def _done(self, line: str) -> None:
        self._note(line)
        self.notify(self.place.scrub(line), markup=False)
        self._reload()

    def _refused(self, error: BotboxError) -> None:
        self._is_asking = False
        self._refuse(error.message, error.hint)

    def _refuse(self, message: str, hint: str = "") -> None:
        text = self.place.scrub(message + (f"\n\n{hint}" if hint else ""))
        self._note(message)
        self.push_screen(Notice(text))

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_unfilter(self) -> None:
        field = self.query_one("#filter", Input)
        field.value = ""
        self._end_filter()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "filter":
            self._wanted = event.value.strip().upper()
            self._redraw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "filter":
            self._end_filter()

    def _end_filter(self) -> None:
        self.query_one("#filter", Input).display = False
        self.setups.focus()

    def action_help(self) -> None:
        self.push_screen(Notice(HELP))

    async def action_interrupt(self) -> None:
        """End as `q` does, and say by the exit code that it was Ctrl-C."""
        self.was_interrupted = True
        await self.action_quit()

    async def action_quit(self) -> None:
        """End once what the watch has under way has ended; asked twice, at once."""
        if self._is_ending:
            self.exit(0)
            return
        self._note("ending; what is under way is finished first")
        self._is_ending = True
        self.live.stop()
        self.place.wake()
