"""The modes of the input when it is not for writing: a question, a search, old lines, a choice to copy."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from sandpiper.chat.table import Row
from sandpiper.chat.timestamps import moment
from sandpiper.common.errors import Refusal, SandpiperError
from sandpiper.common.limits import QUIT_S
from sandpiper.common.sanitise import printable
from sandpiper.tui.composer import Composer, SentLines
from sandpiper.tui.statusline import Hint
from sandpiper.tui.tab import Tab
from sandpiper.tui.timeline import Timeline
from sandpiper.tui.timeline_model import TimelineModel


class ModesHost(Protocol):
    """The screen, as the modes need it."""

    composer: Composer
    timeline: Timeline
    hint: Hint
    sent: SentLines
    current: Tab

    def now(self) -> float:
        """Returns the seconds since 1970."""

    def say_hint(self, kind: str, text: str, key: str = "accent") -> None:
        """Shows words above the input."""

    def later(
        self, tab: Tab, job: Coroutine[Any, Any, object], *, quiet: bool = False, most_s: float | None = QUIT_S
    ) -> None:
        """Does something that takes time."""

    async def load_older(self, tab: Tab) -> int:
        """Fetches older messages of a room, and returns how many."""

    def copy_to_clipboard(self, text: str) -> None:
        """Puts a text on the clipboard."""


class Modes:
    """The mode is "" (writing), ask, find, recall, choose or read. What was being written is put aside."""

    def __init__(self, screen: ModesHost) -> None:
        self._screen = screen
        self.mode = ""
        self.put_aside = ""
        self._answer: Callable[[], object] | None = None
        self._found: int | None = None
        self._looking = False
        self._recalls = 0
        self._place: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        return bool(self.mode)

    @property
    def draft(self) -> str:
        """The text that is being written, in this mode or put aside for it."""
        return self.put_aside if self.mode in ("find", "recall") else self._screen.composer.text

    def end(self) -> None:
        """Back to writing."""
        mode, self.mode, self._answer = self.mode, "", None
        if not mode:
            return
        screen = self._screen
        screen.hint.hide()
        if mode in ("find", "recall"):
            screen.composer.set_text(self.put_aside)
            screen.timeline.highlight(None)
        screen.timeline.chosen = None
        if mode == "read":
            screen.timeline.show(screen.current.model, self._place)
        screen.timeline.lay_out_again()

    def _begin(self, mode: str) -> None:
        self.end()
        self.put_aside, self.mode = self._screen.composer.text, mode

    def asks_for(self, answer: Callable[[], object] | None) -> bool:
        """Whether this is what a yes would do now."""
        return answer is not None and self._answer is answer

    # What is typed -----------------------------------------------------------------------------------------

    def entered(self, text: str) -> None:
        """Enter, in a mode."""
        if self.mode == "ask":
            answer = self._answer
            self.end()
            if answer is not None:
                answer()
        elif self.mode == "find":
            self.find_next(-1)
        elif self.mode == "recall":
            found = self._screen.sent.search(text, self._recalls) if text else None
            self.end()
            self._screen.composer.set_text(self.put_aside if found is None else found)
        elif self.mode == "choose":
            self._copy()
        elif self.mode == "read":
            self.end()

    def touched(self, key: str) -> bool:
        """Handles any other key; returns whether it has been used up."""
        if self.mode == "ask":
            self.end()
        elif self.mode == "find" and key in ("up", "down"):
            self.find_next(-1 if key == "up" else 1)
            return True
        elif self.mode == "read":
            if key in ("up", "down"):
                self._screen.timeline.move(-1 if key == "up" else 1)
                return True
            self.end()
        elif self.mode == "choose":
            if key in ("up", "down", "k", "j"):
                self.choose(-1 if key in ("up", "k") else 1)
                return True
            if key in ("c", "y"):
                self._copy()
                return True
            self.end()
        return False

    def changed(self) -> None:
        """The text in the input has changed."""
        if self.mode == "find":
            self._find(self._screen.composer.text)
        elif self.mode == "recall":
            self._recalls = 0
            self._show_recalled()

    # Asking ------------------------------------------------------------------------------------------------

    def ask(self, question: str, answer: Callable[[], object]) -> None:
        """Asks something that Enter says yes to, and any other key no."""
        self.end()
        self.mode, self._answer = "ask", answer
        self._screen.say_hint("ask", f"{question} Enter: yes. Any other key: no", "warn")

    # Reading -----------------------------------------------------------------------------------------------

    def read(self, lines: list[Row]) -> None:
        """Shows something in place of the conversation, and nothing of it stays."""
        self.end()
        screen = self._screen
        self.mode, self._place = "read", screen.timeline.place
        model = TimelineModel()
        entry = model.table(lines, screen.now())
        screen.timeline.show(model)
        screen.timeline.begin_with(entry.serial)
        screen.say_hint("read", "PgUp, PgDn scroll; any other key goes back")

    # Searching ---------------------------------------------------------------------------------------------

    def search(self, words: str = "") -> None:
        """Searches the room; one goes on typing, up and down go from one place to the next."""
        self._begin("find")
        self._found = None
        self._screen.composer.set_text(words)
        self._say_how()
        if words:
            self._find(words)

    def _say_how(self) -> None:
        self._screen.say_hint("find", "Search: Enter or Up for older, Down for newer, Esc ends")

    def _find(self, words: str) -> None:
        pattern = _pattern(words)
        self._found = None
        self._screen.timeline.highlight(pattern)
        if pattern is not None:
            self.find_next(-1)

    def find_next(self, step: int) -> None:
        """The next place, older (-1) or newer (1)."""
        screen, pattern = self._screen, _pattern(self._screen.composer.text)
        if pattern is None:
            return
        model = screen.current.model
        start = model.end - 1 if self._found is None else self._found + step
        found = screen.timeline.seek(pattern, start, step)
        if found is None and step < 0:
            if not self._looking:
                self._looking = True
                screen.later(screen.current, self._find_older(), most_s=None)
            return
        if found is None:
            self._say_none("nothing newer")
            return
        self._reveal(found)

    async def _find_older(self) -> None:
        """Goes on where there are no more messages here: with what the log has, page by page, until it is ended."""
        screen, tab = self._screen, self._screen.current
        try:
            while self._wanted(tab) is not None:
                first, begins, trouble = tab.model.oldest, tab.model.begins, ""
                back = f", before {moment(begins.ts)}" if begins is not None else ""
                screen.say_hint("find", f"Search: looking further back{back} … Esc stops")
                try:
                    count = await screen.load_older(tab)
                except (Refusal, SandpiperError) as error:
                    count, trouble = 0, str(error)
                pattern = self._wanted(tab)
                if pattern is None:
                    return
                if not count:
                    self._say_none("nothing" if self._found is None else "nothing older", trouble or tab.older.why)
                    return
                found = screen.timeline.seek(pattern, first - 1, -1)
                if found is not None:
                    self._reveal(found)
                    return
        finally:
            self._looking = False

    def _wanted(self, tab: Tab) -> re.Pattern[str] | None:
        """Returns the pattern that is searched for in that room now."""
        screen = self._screen
        return _pattern(screen.composer.text) if self.mode == "find" and screen.current is tab else None

    def _say_none(self, what: str, why: str = "") -> None:
        because = f" ({why})" if why else ""
        self._screen.say_hint("find", f"Search: {what} found{because}. Esc ends", "warn")

    def _reveal(self, found: int) -> None:
        self._found = found
        self._say_how()
        self._screen.timeline.reveal(found)

    # What was sent before ----------------------------------------------------------------------------------

    def recall(self) -> None:
        """Ctrl+R: begins, or goes on to an older one."""
        if self.mode == "recall":
            if self._screen.sent.search(self._screen.composer.text, self._recalls + 1) is not None:
                self._recalls += 1
        else:
            self._begin("recall")
            self._recalls = 0
            self._screen.composer.set_text("")
        self._show_recalled()

    def _show_recalled(self) -> None:
        words = self._screen.composer.text
        found = self._screen.sent.search(words, self._recalls) if words else None
        shown = "type a part of what you sent" if not words else (found or "nothing like that").replace("\n", " ⏎ ")
        self._screen.hint.show("recall", [[("Sent before: ", "accent"), (shown, "" if found else "soft")]])

    # Choosing ----------------------------------------------------------------------------------------------

    def choose(self, step: int = -1) -> None:
        """Alt+C: begins, or goes on to the next message."""
        screen = self._screen
        if self.mode != "choose":
            self.end()
            self.mode = "choose"
            screen.say_hint("choose", "Copy: Up and Down choose a message, Enter copies it, Esc ends")
        model, at = screen.current.model, screen.timeline.chosen
        serial = (model.end if at is None else at) + step
        while model.first <= serial < model.end and (model.at(serial).message is None or model.at(serial).hidden):
            serial += step
        if model.first <= serial < model.end:
            screen.timeline.reveal(serial)

    def _copy(self) -> None:
        screen, chosen = self._screen, self._screen.timeline.chosen
        self.end()
        model = screen.current.model
        if chosen is not None and model.first <= chosen < model.end:
            screen.copy_to_clipboard(printable(model.at(chosen).text, newlines=True))
            screen.say_hint("passing", "Copied to the clipboard", "good")
        screen.timeline.newest()


def _pattern(words: str) -> re.Pattern[str] | None:
    return re.compile(re.escape(words), re.IGNORECASE) if words.strip() else None
