"""What lies over the desk for a moment: a question, a reason, a refusal, a card, the help."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static


class Question(ModalScreen[bool]):
    """Names what is about to be done and asks once; anything but Yes is No."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
        Binding("left,right", "app.focus_next", show=False),
    ]

    def __init__(self, lines: str, *, is_real: bool) -> None:
        super().__init__()
        self._lines, self._is_real = lines, is_real

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog real" if self._is_real else "dialog"):
            if self._is_real:
                yield Static("REAL MONEY", classes="warning")
            yield Static(Text(self._lines))
            with Horizontal(classes="buttons"):
                yield Button("No", id="no")
                yield Button("Yes", id="yes", variant="error" if self._is_real else "default")

    def on_mount(self) -> None:
        self.query_one("#no", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class Reason(ModalScreen[str]):
    """Asks for a reason; an empty one, or Escape, calls it off."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "Cancel")]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Text(self._question))
            yield Input(placeholder="why: it is kept (Enter), or nothing to call it off", max_length=500)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_give_up(self) -> None:
        self.dismiss("")


class Notice(ModalScreen[str]):
    """Shows a text until a key is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,space,q", "dismiss", "Back")]

    def __init__(self, text: Text | str, *, classes: str = "dialog") -> None:
        super().__init__()
        self._text, self._box = text, classes

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes=self._box):
            yield Static(Text(self._text) if isinstance(self._text, str) else self._text, id="notice")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


class CardNotice(Notice):
    """Shows a card; the keys that act on what it shows end it with the name of their action."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"leave_for('{action}')")
        for key, action in (("a", "approve"), ("r", "reject"), ("c", "close"))
    ]

    def __init__(self, text: Text) -> None:
        super().__init__(text, classes="dialog card")

    def action_leave_for(self, action: str) -> None:
        self.dismiss(action)
