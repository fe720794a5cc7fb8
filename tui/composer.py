"""The input: several lines, and what was typed before.

What is entered is what is sent, character by character; only what is painted of it has stand-ins.
"""

from __future__ import annotations

import re
from inspect import isawaitable
from typing import Final, Protocol

from rich.text import Text
from textual.binding import Binding
from textual.document._document import Location
from textual.document._document_navigator import DocumentNavigator
from textual.document._wrapped_document import WrappedDocument
from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import Static, TextArea

from sandpiper.common.limits import DRAFT_CHARS, TYPED_LINES
from sandpiper.common.sanitise import printable, stand_ins
from sandpiper.tui.input_text import DisplayedText, InputText
from sandpiper.tui.keyboard import text_of

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WORD: Final = re.compile(r"\s*\w+")
_NEW_LINE: Final = frozenset(("alt+enter", "shift+enter", "ctrl+j", "ctrl+enter", "shift+\r", "alt+\r", "ctrl+\r"))
"""Some terminals tell Shift+Enter apart; Alt+Enter and Ctrl+J all of them."""


def _editing() -> dict[str, tuple[str, tuple[bool, ...]]]:
    keys: dict[str, tuple[str, tuple[bool, ...]]] = {"alt+d": ("delete_word_right", ())}
    for binding in TextArea.BINDINGS:
        if isinstance(binding, Binding):
            name, _, argument = binding.action.partition("(")
            keys.update(dict.fromkeys(binding.key.split(","), (name, (True,) if argument else ())))
    keys["ctrl+underscore"] = keys["ctrl+slash"] = ("undo", ())
    keys["ctrl+y"], keys["ctrl+shift+z"] = ("yank", ()), ("redo", ())
    return keys


_EDITING: Final = _editing()
"""TextArea's own keys. As bindings they are carried out when they have gone up to the App and back, and what is typed
fast overtakes them."""


_CUTTING: Final = frozenset(
    (
        "delete_to_start_of_line",
        "delete_to_end_of_line_or_delete_line",
        "delete_word_left",
        "delete_word_right",
    )
)
"""What Ctrl+Y brings back; several in a row as one."""


class SentLines:
    """The lines one has sent, for Up and Ctrl-R."""

    def __init__(self, lines: list[str] | None = None) -> None:
        self.lines = lines or []
        self._at = len(self.lines)
        self._draft = ""

    @classmethod
    def recalled(cls, lines: object) -> SentLines:
        """Makes the list of what the history file kept; anything else that stands there is left out."""
        return cls([line for line in lines if isinstance(line, str)] if isinstance(lines, list) else [])

    def add(self, line: str) -> None:
        """The newest; once if it is the same again."""
        if line and (not self.lines or self.lines[-1] != line):
            self.lines.append(line)
            del self.lines[:-TYPED_LINES]
        self.rest()

    def rest(self) -> None:
        """Has Up begin with the newest line again."""
        self._at, self._draft = len(self.lines), ""

    def older(self, current: str) -> str | None:
        """The line before, or None; `current` comes back in the end."""
        if self._at == 0:
            return None
        if self._at == len(self.lines):
            self._draft = current
        self._at -= 1
        return self.lines[self._at]

    def newer(self) -> str | None:
        """The line after, and at last what one was typing."""
        if self._at >= len(self.lines):
            return None
        self._at += 1
        return self._draft if self._at == len(self.lines) else self.lines[self._at]

    def search(self, words: str, skip: int = 0) -> str | None:
        """The newest line with these words in it, or one of those before."""
        found = [line for line in reversed(self.lines) if words.casefold() in line.casefold()]
        return found[skip] if skip < len(found) else None


class ComposerHost(Protocol):
    """The screen, as the input needs it. Each call is carried out at once: the next key must find it done."""

    def entered(self, text: str) -> bool:
        """Enter; whether the text has been taken."""

    def completed(self, step: int) -> None:
        """Tab, or Shift+Tab (-1)."""

    def pasted(self, event: Paste) -> None:
        """A paste, however long."""

    def touched(self, key: str) -> bool:
        """Handles any other key; returns whether it has been used up."""


class Composer(TextArea):
    """The input: a text area that sends on Enter."""

    def __init__(self, host: ComposerHost, typed: SentLines, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(
            "", soft_wrap=True, tab_behavior="focus", show_line_numbers=False, compact=True,
            highlight_cursor_line=False, id=id,
        )  # fmt: skip
        self.cursor_blink = False
        self.typed = typed
        self._host = host
        self._cut = ""
        self._cutting = False

    def _set_document(self, text: str, language: str | None) -> None:
        """See Textual, whose own ends lines where we do not, and measures what is not painted."""
        super()._set_document("", language)
        self.document = InputText(text)
        self.wrapped_document = WrappedDocument(DisplayedText(self.document), tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self.move_cursor((0, 0))
        self._rewrap_and_refresh_virtual_size()

    def get_line(self, line_index: int) -> Text:
        """A line as it is painted."""
        return Text(stand_ins(self.document.get_line(line_index)), end="", no_wrap=True)

    async def _on_key(self, event: Key) -> None:
        if not await self._used(event):
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()

    async def _used(self, event: Key) -> bool:
        key = event.key
        again, self._cutting = self._cutting, False
        if key in ("tab", "shift+tab"):
            self._host.completed(1 if key == "tab" else -1)
        elif key == "enter":
            text = self.text
            if self._host.entered(text) and self.text == text:
                self.load_text("")
        elif self._host.touched(key):
            pass
        elif key in _NEW_LINE:
            self._put("\n")
        elif key == "up" and self.navigator.is_first_wrapped_line(self.cursor_location):
            self._recall(self.typed.older(self.text))
        elif key == "down" and self.navigator.is_last_wrapped_line(self.cursor_location):
            self._recall(self.typed.newer())
        elif key in _EDITING:
            self._cutting = again  # an action that cuts goes on with what was cut before
            name, selecting = _EDITING[key]
            done = getattr(self, f"action_{name}")(*selecting)
            if isawaitable(done):
                await done
            self._cutting = name in _CUTTING
        elif (typed := text_of(event)) is None:
            return event.is_printable  # which TextArea would type
        elif len(self.text) >= DRAFT_CHARS:
            self.app.bell()
        else:
            self._replace_via_keyboard(typed, *self.selection)
        return True

    async def _on_paste(self, event: Paste) -> None:
        event.stop()
        event.prevent_default()
        self._host.pasted(event)

    def on_too_much(self, event: Paste) -> None:
        """A paste that has not been kept."""
        event.stop()
        self._host.pasted(event)

    # Cutting, as shells do it -------------------------------------------------------------------------------

    def _kill(self, to: Location) -> None:
        """Cuts what is selected, else what is between the cursor and there."""
        start, end = self.selection
        at = end if start == end else start
        done = self._delete_via_keyboard(at, to if start == end else end)
        if done is not None and done.replaced_text:
            kept = self._cut if self._cutting else ""
            self._cut = done.replaced_text + kept if to < at else kept + done.replaced_text

    def action_delete_to_start_of_line(self) -> None:
        """Ctrl+U: all that stands before the cursor in its line, however many rows it takes; then the line's end."""
        row, column = self.selection.end
        self._kill((row, 0) if column else self.get_cursor_left_location())

    async def action_delete_to_end_of_line_or_delete_line(self) -> None:
        """Ctrl+K: all that stands behind it; then the line's end."""
        row, column = self.selection.end
        last = len(self.document.get_line(row))
        self._kill((row, last) if column < last else self.get_cursor_right_location())

    def action_delete_word_left(self) -> None:
        """Ctrl+W."""
        self._kill(self.get_cursor_word_left_location())

    def action_delete_word_right(self) -> None:
        """Alt+D."""
        self._kill(self._word_end())

    def _word_end(self) -> Location:
        row, column = self.selection.end
        line = self.document.get_line(row)
        found = _WORD.match(line, column)
        if found is not None:
            return row, found.end()
        return (row, len(line)) if column < len(line) else self.get_cursor_right_location()

    def action_yank(self) -> None:
        """Ctrl+Y: what was cut last."""
        if self._cut and len(self.text) + len(self._cut) <= DRAFT_CHARS:
            self._put(self._cut)

    def action_cut(self) -> None:
        """Ctrl+X: what is selected, and nothing without a selection."""
        if not self.selection.is_empty:
            super().action_cut()

    # What it holds -----------------------------------------------------------------------------------------

    def _put(self, text: str) -> None:
        start, end = self.selection
        self.replace(text, start, end, maintain_selection_offset=False)
        self.scroll_cursor_visible()

    def put(self, text: str) -> None:
        """Inserts at the cursor."""
        self._put(clean(text))
        self.focus()

    def set_text(self, text: str) -> None:
        """Has this text now, the cursor at its end."""
        self.load_text(clean(text))
        self.move_cursor(self.document.end)

    def _recall(self, text: str | None) -> None:
        if text is not None:
            self.set_text(text)

    @property
    def before(self) -> str:
        """The text before the cursor in its line."""
        row, column = self.cursor_location
        return self.document.get_line(row)[:column]

    def replace_before(self, count: int, text: str) -> None:
        """Puts `text` in place of the last `count` characters before the cursor."""
        row, column = self.cursor_location
        self.replace(clean(text), (row, max(0, column - count)), (row, column), maintain_selection_offset=False)


class SecretInput(Static):
    """A hidden line for an access code or a password, which is kept in no history and no draft."""

    can_focus = True

    class Submitted(Message):
        """Enter; None for Escape."""

        def __init__(self, text: str | None) -> None:
            super().__init__()
            self.text = text

    def __init__(self, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__("", id=id)
        self._text = ""

    def ask(self) -> None:
        """Begins with nothing."""
        self._text = ""
        self._draw()

    def on_key(self, event: Key) -> None:
        """Everything that is typed is a part of it."""
        if event.key == "enter":
            self.post_message(self.Submitted(self._text))
            self._text = ""
        elif event.key == "escape":
            self.post_message(self.Submitted(None))
            self._text = ""
        elif event.key == "backspace":
            self._text = self._text[:-1]
        elif event.key == "ctrl+u":
            self._text = ""
        elif (text := text_of(event)) and len(self._text) < 256:
            self._text += text
        else:
            return
        event.stop()
        event.prevent_default()
        self._draw()

    def on_paste(self, event: Paste) -> None:
        """Adds a paste to it."""
        event.stop()
        self._text = (self._text + event.text.strip())[:256]
        self._draw()

    def _draw(self) -> None:
        self.update(Text("•" * min(len(self._text), 32) + "▏"))


def clean(text: str) -> str:
    """Text for the input: all of it, but for controls, whose pictures stand for them."""
    return _CONTROL.sub(lambda found: printable(found[0]), text.replace("\r\n", "\n").replace("\r", "\n"))
