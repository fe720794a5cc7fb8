"""The input: several lines, what was typed before, and nothing in it that a paste could hide."""

from __future__ import annotations

from inspect import isawaitable
from typing import Final, Protocol

from rich.text import Text
from textual.binding import Binding
from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import Static, TextArea

from sandpiper.common.limits import DRAFT_CHARS, PASTE_LINES, TYPED_LINES
from sandpiper.common.sanitise import printable
from sandpiper.tui.keyboard import text_of

_NEW_LINE: Final = frozenset(("alt+enter", "shift+enter", "ctrl+j", "ctrl+enter", "shift+\r", "alt+\r", "ctrl+\r"))
"""Some terminals tell Shift+Enter apart; Alt+Enter and Ctrl+J all of them."""


def _editing() -> dict[str, tuple[str, tuple[bool, ...]]]:
    keys: dict[str, tuple[str, tuple[bool, ...]]] = {"alt+d": ("delete_word_right", ())}
    for binding in TextArea.BINDINGS:
        if isinstance(binding, Binding):
            name, _, argument = binding.action.partition("(")
            keys.update(dict.fromkeys(binding.key.split(","), (name, (True,) if argument else ())))
    keys["ctrl+underscore"] = keys["ctrl+slash"] = ("undo", ())
    return keys


_EDITING: Final = _editing()
"""TextArea's own keys. As bindings they are carried out when they have gone up to the App and back, and what is typed
fast overtakes them."""


class Typed:
    """The lines one has sent, for Up and Ctrl-R."""

    def __init__(self, lines: list[str] | None = None) -> None:
        self.lines = lines or []
        self._at = len(self.lines)
        self._draft = ""

    def add(self, line: str) -> None:
        """The newest; once if it is the same again."""
        if line and (not self.lines or self.lines[-1] != line):
            self.lines.append(line)
            del self.lines[:-TYPED_LINES]
        self.rest()

    def rest(self) -> None:
        """Up begins with the newest again."""
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


class Host(Protocol):
    """What the input asks of the screen. At once: what is typed next must find it done."""

    def entered(self, text: str) -> bool:
        """Enter; whether the text has been taken."""

    def completed(self, step: int) -> None:
        """Tab, or Shift+Tab (-1)."""

    def pasted(self, text: str) -> None:
        """Many lines at once."""

    def touched(self, key: str) -> bool:
        """Any other key; whether it has been used up."""


class Composer(TextArea):
    """Where one types."""

    def __init__(self, host: Host, typed: Typed, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(
            "", soft_wrap=True, tab_behavior="focus", show_line_numbers=False, compact=True,
            highlight_cursor_line=False, id=id,
        )  # fmt: skip
        self.cursor_blink = False
        self.typed = typed
        self._host = host

    async def _on_key(self, event: Key) -> None:
        if not await self._used(event):
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()

    async def _used(self, event: Key) -> bool:
        key = event.key
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
        elif text_of(event) is not None and len(self.text) >= DRAFT_CHARS:
            self.app.bell()
        elif key in _EDITING:
            name, selecting = _EDITING[key]
            done = getattr(self, f"action_{name}")(*selecting)
            if isawaitable(done):
                await done
        else:
            return event.is_printable and text_of(event) is None  # which TextArea would type
        return True

    async def _on_paste(self, event: Paste) -> None:
        event.stop()
        event.prevent_default()
        # Editors and `cat` end the last line too, which is not to become an empty one of the message.
        text = clean(event.text).rstrip("\n")[: max(0, DRAFT_CHARS - len(self.text))]
        if text.count("\n") >= PASTE_LINES:
            self._host.pasted(text)
        elif text:
            self._put(text)

    def _put(self, text: str) -> None:
        start, end = self.selection
        self.replace(text, start, end, maintain_selection_offset=False)
        self.scroll_cursor_visible()

    def put(self, text: str) -> None:
        """Inserts at the cursor."""
        self._put(clean(text))
        self.focus()

    def take_over(self, text: str) -> None:
        """Has this text now, the cursor at its end."""
        self.load_text(clean(text))
        self.move_cursor(self.document.end)

    def _recall(self, text: str | None) -> None:
        if text is not None:
            self.take_over(text)

    @property
    def before(self) -> str:
        """What stands before the cursor in its line."""
        row, column = self.cursor_location
        return self.document.get_line(row)[:column]

    def replace_before(self, count: int, text: str) -> None:
        """Puts `text` in place of the last `count` characters before the cursor."""
        row, column = self.cursor_location
        self.replace(clean(text), (row, max(0, column - count)), (row, column), maintain_selection_offset=False)


class Secret(Static):
    """One hidden line: an access code or a password. It is kept in no history and no draft."""

    can_focus = True

    class Given(Message):
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
            self.post_message(self.Given(self._text))
            self._text = ""
        elif event.key == "escape":
            self.post_message(self.Given(None))
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
        """The same for a paste."""
        event.stop()
        self._text = (self._text + event.text.strip())[:256]
        self._draw()

    def _draw(self) -> None:
        self.update(Text("•" * min(len(self._text), 32) + "▏"))


def clean(text: str) -> str:
    """Text for the input: as many lines as it has, and nothing in it that moves a cursor or hides."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line if line.isascii() and line.isprintable() else _clean_line(line) for line in lines)


def _clean_line(line: str) -> str:
    return "\t".join(map(printable, line.split("\t")))
