"""The rooms on the screen: which are open, which is looked at, and the frames in which what happens is shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final

from textual.app import App
from textual.content import Content

from sandpiper.chat.look_alikes import LookAlikes
from sandpiper.chat.table import Span
from sandpiper.chat.wording import counted
from sandpiper.common.errors import AccessDenied, Removed, SandpiperError, Unreachable
from sandpiper.common.limits import QUIT_S, SCREEN_FRAME_S, SCREEN_INTAKE_S, SCREEN_MEMBERS_S
from sandpiper.common.sanitise import printable
from sandpiper.tui.completion_popup import CompletionPopup
from sandpiper.tui.composer import Composer, SecretInput, SentLines
from sandpiper.tui.history import History
from sandpiper.tui.jobs import Jobs
from sandpiper.tui.modes import Modes
from sandpiper.tui.notify import Notifier, is_notified
from sandpiper.tui.port import OpenRoom, RoomRequest, ScreenSettings
from sandpiper.tui.renderer import Renderer
from sandpiper.tui.round_trips import steadied
from sandpiper.tui.secret_prompt import SecretPrompt
from sandpiper.tui.sidebar import Sidebar
from sandpiper.tui.statusline import Hint, Status, StatusLine
from sandpiper.tui.surroundings import left_words, right_end, sidebar_rooms
from sandpiper.tui.tab import Tab
from sandpiper.tui.themes import PALETTES, Styles, first_palette
from sandpiper.tui.timeline import Timeline
from sandpiper.tui.timeline_entry import TimelineEntry
from sandpiper.tui.wrap import breaks

_TAKEN_AT_ONCE: Final = 50
_SECRETS: Final = {"access code": "The broker's access code", "password": "The room's password"}


class Workspace(App[int]):
    """The screen's rooms and its frames. The subclass that composes the widgets sets `timeline` and the others."""

    timeline: Timeline
    composer: Composer
    side: Sidebar
    hint: Hint
    line: StatusLine
    secret_prompt: SecretPrompt
    popup: CompletionPopup

    def __init__(
        self, open_room: OpenRoom, first: RoomRequest, settings: ScreenSettings, history: History | None, **more: Any
    ) -> None:
        super().__init__(**more)
        self.open_room = open_room
        self.settings = settings
        self.history = history
        self.look_alikes = LookAlikes()
        self.palette = first_palette(settings.theme, self._recalled("theme"), no_color=settings.no_color)
        self.renderer = Renderer(Styles(self.palette), self.look_alikes)
        self.tabs: list[Tab] = []
        self.current = self.first = Tab(self, first, settings.notify)
        self.modes = Modes(self)
        self.sent = SentLines.recalled(self._recalled("typed"))
        self.mention_at: int | None = None
        self.leaving = ""
        """What the last line says of it."""
        self.ended = False
        self.begun = False
        """Whether something has been typed."""
        self._frame_due: asyncio.Handle | None = None
        self._framed_at = 0.0
        self._jobs = Jobs()
        self._notifier = Notifier(settings)
        self._fault_said = ""

    def _recalled(self, name: str) -> Any:
        return self.history.recall(name) if self.history is not None else None

    def now(self) -> float:
        """Seconds since 1970."""
        return self.settings.clock() if self.settings.clock is not None else time.time()

    # Rooms -------------------------------------------------------------------------------------------------

    def open(self, request: RoomRequest) -> None:
        """Opens one more room, and goes there; where it is open already, only goes."""
        for tab in self.tabs:
            if not request.create and request.target and request.target in (tab.request.target, tab.key, tab.name):
                self.go_to(tab)
                if tab.state in ("failed", "left"):
                    self.retry(tab)
                return
        tab = Tab(self, request, self.settings.notify)
        self.add_tab(tab)
        self.go_to(tab)

    def add_tab(self, tab: Tab) -> None:
        """Adds a room at the end, and opens it."""
        self.tabs.append(tab)
        tab.start()
        self.changed()

    def retry(self, tab: Tab) -> None:
        """Tries again to open it."""
        tab.start()
        self.changed()

    def close_tab(self, tab: Tab) -> None:
        """Leaves a room; with the last one, the screen."""
        if len(self.tabs) == 1:
            self.quit(0)
            return
        words = left_words(tab)
        tab.leave()
        index = self.tabs.index(tab)
        self.tabs.remove(tab)
        if tab is self.current:
            self.go_to(self.tabs[min(index, len(self.tabs) - 1)])
        if words:
            self.note(self.current, words)
        self.later(self.current, tab.gone())
        if self.history is not None and tab.key:
            self.history.note(f"draft {tab.key}", tab.draft or None)

    def go_to(self, tab: Tab) -> None:
        """Looks at another room; what was being typed stays with its own. One that could not be opened goes."""
        if tab is self.current or self.secret_prompt.tab is not None:
            return
        self.modes.end()
        old = self.current
        old.draft, old.anchor = self.composer.text, self.timeline.place
        old.model.unread_from = None
        if old.state == "failed" and not (old.entered or old.draft.strip()) and old in self.tabs:
            self.tabs.remove(old)
        self.current, self.mention_at = tab, None
        self.mark_read(tab)
        self.timeline.show(tab.model, tab.anchor)
        self.composer.set_text(tab.draft)
        self.sent.rest()
        tab.members_due = 0.0
        self.show_around()

    def mark_read(self, tab: Tab) -> None:
        """Marks all of the room as read."""
        tab.unread, tab.mentioned = 0, False

    def quit(self, status: int) -> None:
        """Leaves all rooms, once all is delivered."""
        raise NotImplementedError

    # Frames ------------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """There is something to show: a frame is wanted, at once after a quiet time, else in turn."""
        if self._frame_due is None and not self.ended:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._framed_at + SCREEN_FRAME_S - loop.time())
            self._frame_due = loop.call_later(wait, self._frame)

    def _frame(self) -> None:
        loop = asyncio.get_running_loop()
        self._frame_due, self._framed_at = None, loop.time()
        deadline = time.perf_counter() + SCREEN_INTAKE_S
        waiting = [tab for tab in self.tabs if tab.inbox]
        while waiting and time.perf_counter() < deadline:
            for tab in waiting:
                tab.take(_TAKEN_AT_ONCE)
            waiting = [tab for tab in waiting if tab.inbox]
        if waiting:
            self.changed()
        if not self.is_attached or not hasattr(self, "line"):
            return
        if self.current.draft and self.current.state == "open" and not self.composer.text and not self.modes:
            self.composer.set_text(self.current.draft)
            self.current.draft = ""
        self.timeline.refresh_if_changed()
        self.show_around()

    def show_around(self) -> None:
        """Shows what stands around the timeline."""
        tab = self.current
        self.side.show_rooms(sidebar_rooms(self.tabs, tab))
        own = tab.room.fingerprint if tab.room is not None else ""
        hidden = frozenset(tab.model.ignored.nicks)
        self.side.show_members(tab.members, own, tab.nick, hidden)
        right = right_end(self.tabs, tab, self.timeline.below, beside=self.side.display)
        self.line.show(Status(tab.health, self.leaving or tab.status, right))
        placeholder = f"Write to {tab.name}" + (f" as {tab.nick}" if tab.nick else "")
        if isinstance(tab.error, Removed):
            placeholder = f"You were removed from {tab.name}"
        content = Content(printable(placeholder))
        if self.composer.placeholder != content:
            self.composer.placeholder = content
        if self.history is not None and bool(fault := self.history.fault) is not bool(self._fault_said):
            self._fault_said = fault
            missed, self.history.missed = self.history.missed, 0
            without = f", without {counted(missed, 'message')} that came meanwhile" if missed else ""
            tab.model.say("bad" if fault else "note", fault or f"this history is kept again{without}", self.now())
            self.timeline.refresh_if_changed()

    def tick(self) -> None:
        """Asks from time to time who is there."""
        tab, now = self.current, asyncio.get_running_loop().time()
        if tab.state == "open" and now >= tab.members_due:
            tab.members_due = now + SCREEN_MEMBERS_S
            self.later(tab, self.ask_members(tab), quiet=True)
        self.show_around()

    async def ask_members(self, tab: Tab) -> None:
        """Asks who is there, and shows it."""
        if tab.room is not None:
            tab.members = steadied(tab.members, await tab.room.members())
            for member in tab.members:
                self.look_alikes.alike(member.nick)
            self.changed()

    async def load_older(self, tab: Tab) -> int:
        """Fetches older messages of a room and shows them above the others; how many. Raises Refusal, Unreachable."""
        try:
            count = await asyncio.wait_for(tab.load_older(), QUIT_S)
        except asyncio.TimeoutError:
            raise Unreachable("no answer; try again") from None
        await asyncio.sleep(0)  # what is held here comes at once: keys are to be heard meanwhile
        self.changed()
        return count

    async def fetch_older(self, tab: Tab) -> None:
        """Fetches older messages for a reader who has scrolled up to the first; says why, if there are none."""
        if not tab.looking_back and not await self.load_older(tab) and tab is self.current and not self.modes:
            self.say_hint("passing", tab.older.why or "nothing older", "soft")

    # What the rooms tell -----------------------------------------------------------------------------------

    def heard(self, tab: Tab, entry: TimelineEntry) -> None:
        """Marks the room as unread, or rings, because another person has said something."""
        looking = tab is self.current and self.app_focus
        if looking and self.timeline.following:
            return
        if not looking or entry.mentioned:
            tab.unread += not looking
            tab.mentioned |= entry.mentioned and not looking
        if tab.model.unread_from is None:
            tab.model.unread_from = entry.serial
            entry.version += 1
        if not looking and is_notified(tab.notify, mentioned=entry.mentioned):
            sequences = self._notifier.sequences(tab.name, entry.nick, entry.text, self.now())
            if sequences and self._driver is not None and not self.is_headless:
                self._driver.write(sequences)

    def failed(self, tab: Tab, error: SandpiperError) -> None:
        """The room could not be opened, or has broken off."""
        if isinstance(error, AccessDenied) and error.asks_for in _SECRETS:
            self._ask_secret(tab, _SECRETS[error.asks_for])
        else:
            self._give_up(tab)

    def _give_up(self, tab: Tab) -> None:
        # Who asked for one room and cannot come in wants the shell and the reason, not a screen with nothing on it.
        if self.tabs == [self.first] == [tab] and not (tab.entered or self.begun or self.composer.text):
            self.quit(0)

    def _ask_secret(self, tab: Tab, what: str) -> None:
        if tab is not self.current or self.leaving:
            return
        self.modes.end()
        self.say_hint("secret", f"{what} goes here; it is shown to nobody and kept nowhere. Enter tries, Esc gives up")
        self.secret_prompt.ask(tab)

    def on_secret_input_submitted(self, given: SecretInput.Submitted) -> None:
        """Tries to enter the room with the secret that was typed."""
        tab = self.secret_prompt.end()
        if tab is None:
            return
        if given.text:
            tab.request = replace(tab.request, secret=given.text)
            self.retry(tab)
        else:
            self._give_up(tab)

    def note(self, tab: Tab, text: str) -> None:
        """Shows a line of the screen's own in a room."""
        tab.model.say("note", text, self.now())
        self._scroll_to_end(tab)

    def table(self, tab: Tab, lines: list[list[Span]]) -> None:
        """Shows several lines of the screen's own in a room."""
        entry = tab.model.table(lines, self.now())
        self._scroll_to_end(tab)
        if tab is self.current:
            self.timeline.begin_with(entry.serial)

    def _scroll_to_end(self, tab: Tab) -> None:
        if tab is self.current:
            self.timeline.newest()
        self.changed()

    def later(
        self, tab: Tab, job: Coroutine[Any, Any, object], *, quiet: bool = False, most_s: float | None = QUIT_S
    ) -> None:
        """Does something that takes time; what goes wrong with it is shown in its room."""
        self._jobs.attempt(job, lambda text: None if quiet else self._complain(tab, text), most_s=most_s)

    def _complain(self, tab: Tab, text: str) -> None:
        tab.model.say("bad", text, self.now())
        self._scroll_to_end(tab)

    def join_line(self, code: str, password: bool) -> str:
        """Returns the command line by which others join."""
        return self.settings.join_line(code, password)

    def set_theme(self, name: str) -> None:
        """Takes another theme, from now on and the next time."""
        self.palette = PALETTES[name]
        styles = Styles(self.palette)
        self.renderer = Renderer(styles, self.look_alikes)
        self.theme = name
        for widget in (self.side, self.line, self.hint):
            widget.paint(styles)
        self.timeline.paint(self.renderer)
        if self.history is not None:
            self.history.note("theme", name)

    # Above the input ---------------------------------------------------------------------------------------

    def say_hint(self, kind: str, text: str, key: str = "accent") -> None:
        """Words for the reader; `kind` says who may take them away (`passing`: any key)."""
        width = max(20, self.size.width - 4 - (self.side.size.width if self.side.display else 0))
        cuts = breaks(text, width)
        rows = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        self.hint.show(kind, [[(row, key)] for row in rows])
