"""Pastes: they go into the input, after a question if they have many lines or are more than one message."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.events import Paste

from sandpiper.common.limits import DRAFT_BYTES, DRAFT_CHARS, PASTE_CHARS, PASTE_LINES
from sandpiper.tui.pieces import pieces

if TYPE_CHECKING:
    from sandpiper.tui.workspace import Workspace


class TooMuch(Paste):
    """A paste of which nothing has been kept."""

    def __init__(self, chars: int) -> None:
        super().__init__("")
        self.chars = chars


class Pasting:
    """The question about a paste. Another one while it stands is added to the first."""

    def __init__(self, screen: Workspace) -> None:
        self._screen = screen
        self._waiting = ""
        self._answer: Callable[[], object] | None = None

    def take(self, text: str) -> None:
        """A paste, as the input may have it."""
        screen = self._screen
        waits = screen.modes.asks_for(self._answer)
        whole = self._waiting + text if waits else text
        # Editors and `cat` end the last line too, which is not to become an empty one of the message.
        shown = whole.rstrip("\n")
        if len(whole) > PASTE_CHARS:
            self.refuse(len(whole))
        elif not fits(screen.composer.text + shown):
            self._ask_for_pieces(shown, whole)
        elif waits or shown.count("\n") >= PASTE_LINES:
            self._ask(f"Paste {_size(shown)}?", lambda: screen.composer.put(shown), whole)
        elif shown:
            screen.composer.put(shown)

    def offer(self, text: str) -> None:
        """Offers to send a written text in several messages, because it is too long for one."""
        parts = pieces(text)

        def send() -> None:
            self._screen.composer.load_text("")
            self._send(parts)

        question = f"{_size(text)}. More than one message holds. Send it in {len(parts)} messages?"
        self._screen.modes.ask(question, send)

    def refuse(self, chars: int) -> None:
        """Says that a paste is more than can be kept."""
        self._screen.modes.end()
        self._screen.say_hint(
            "passing", f"A paste of {chars:,} characters is not taken: {PASTE_CHARS:,} is the most at once", "bad"
        )

    def _ask_for_pieces(self, shown: str, whole: str) -> None:
        parts = pieces(shown)
        if len(parts) > 1:
            how = f"More than one message holds. Send it in {len(parts)} messages?"
        else:
            how = "More than fits behind what you have written. Send it as a message of its own?"
        self._ask(f"Pasted: {_size(shown)}. {how}", lambda: self._send(parts), whole)

    def _send(self, parts: list[str]) -> None:
        screen = self._screen
        for part in parts:
            screen.current.say(part)
        screen.timeline.newest()

    def _ask(self, question: str, answer: Callable[[], object], whole: str) -> None:
        self._screen.modes.ask(question, answer)
        self._waiting, self._answer = whole, answer


def fits(text: str) -> bool:
    """Returns whether one message holds the text."""
    return len(text) <= DRAFT_CHARS and len(text.encode("utf-8", "replace")) <= DRAFT_BYTES


def _size(text: str) -> str:
    lines, chars = text.count("\n") + 1, len(text)
    return f"{lines:,} line{'s' * (lines > 1)}, {chars:,} character{'s' * (chars > 1)}"
