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
from sandpiper.chat.wording import counted, farewell
from sandpiper.common.errors import AccessDenied, PasswordNeeded, Refusal, SandpiperError, Unreachable
from sandpiper.common.limits import QUIT_S, SCREEN_FRAME_S, SCREEN_INTAKE_S, SCREEN_MEMBERS_S
from sandpiper.common.sanitise import printable
from sandpiper.tui.completion_popup import CompletionPopup
from sandpiper.tui.composer import Composer, SecretInput, SentLines
from sandpiper.tui.history import History
from sandpiper.tui.modes import Modes
from sandpiper.tui.notify import Bells, rings
from sandpiper.tui.port import OpenRoom, RoomRequest, ScreenSettings
from sandpiper.tui.renderer import Renderer
from sandpiper.tui.round_trips import steadied
from sandpiper.tui.sidebar import Sidebar, SidebarRoom
from sandpiper.tui.statusline import Hint, Status, StatusLine
from sandpiper.tui.tab import Tab
from sandpiper.tui.themes import DARK, PALETTES, TERMINAL, Palette, Styles
from sandpiper.tui.timeline import Timeline
from sandpiper.tui.timeline_model import TimelineEntry
from sandpiper.tui.wrap import breaks

_TAKEN_AT_ONCE: Final = 50
_EITHER: Final = "An access code or a password"


class Workspace(App[int]):
    """See above. Whoever composes the widgets sets `timeline` and the others."""

    timeline: Timeline
    composer: Composer
    side: Sidebar
    hint: Hint
    line: StatusLine
    secret: SecretInput
    popup: CompletionPopup

    def __init__(
        self, open_room: OpenRoom, first: RoomRequest, settings: ScreenSettings, history: History | None, **more: Any
    ) -> None:
        super().__init__(**more)
        self.open_room = open_room
        self.settings = settings
        self.history = history
        self.look_alikes = LookAlikes()
        self.palette = self._first_palette()
        self.renderer = Renderer(Styles(self.palette), self.look_alikes)
        self.tabs: list[Tab] = []
        self.current = self.first = Tab(self, first, settings.notify)
        self.modes = Modes(self)
        self.sent = SentLines(self._recalled("typed"))
        self.mention_at: int | None = None
        self.secret_for: Tab | None = None
        self.leaving = ""
        """What the last line says of it."""
        self.ended = False
        self.begun = False
        """Whether something has been typed."""
        self._frame_due: asyncio.Handle | None = None
        self._framed_at = 0.0
        self._jobs: set[asyncio.Task[None]] = set()
        self._bells = Bells(settings)
        self._fault_said = ""

    def _first_palette(self) -> Palette:
        if self.settings.no_color:
            return TERMINAL
        name = self.settings.theme or str(self._recalled_note("theme") or "")
        return PALETTES.get(name, DARK)

    def _recalled_note(self, name: str) -> Any:
        return self.history.recall(name) if self.history is not None else None

    def _recalled(self, name: str) -> list[str]:
        lines = self._recalled_note(name)
        return [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []

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
        """One more room, at the end."""
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
        words = _farewell(tab)
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
        """Looks at another room; what was being typed stays with its own."""
        if tab is self.current or self.secret_for is not None:
            return
        self.modes.end()
        old = self.current
        old.draft, old.anchor = self.composer.text, self.timeline.place
        old.model.unread_from = None
        self.current, self.mention_at = tab, None
        self.looked_at(tab)
        self.timeline.show(tab.model, tab.anchor)
        self.composer.take_over(tab.draft)
        self.sent.rest()
        tab.members_due = 0.0
        self.show_around()

    def looked_at(self, tab: Tab) -> None:
        """Nothing in it is unread any more."""
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
            self.composer.take_over(self.current.draft)
            self.current.draft = ""
        self.timeline.freshen()
        self.show_around()

    def show_around(self) -> None:
        """What stands around the timeline."""
        tab = self.current
        self.side.show_rooms(
            tuple(
                SidebarRoom(each.name, each.health, each.unread, each.mentioned, each is tab, each.notify == "none")
                for each in self.tabs
            )
        )
        own = tab.room.fingerprint if tab.room is not None else ""
        hidden = frozenset(tab.model.ignored.nicks)
        self.side.show_members(tab.members, own, tab.nick, hidden)
        self.line.show(Status(tab.health, self.leaving or tab.status, self._right(tab)))
        placeholder = f"Write to {tab.name}" + (f" as {tab.nick}" if tab.nick else "")
        content = Content(printable(placeholder))
        if self.composer.placeholder != content:
            self.composer.placeholder = content
        if self.history is not None and bool(fault := self.history.fault) is not bool(self._fault_said):
            self._fault_said = fault
            missed, self.history.missed = self.history.missed, 0
            without = f", without {counted(missed, 'message')} that came meanwhile" if missed else ""
            tab.model.say("bad" if fault else "note", fault or f"this history is kept again{without}", self.now())
            self.timeline.freshen()

    def _right(self, tab: Tab) -> tuple[Span, ...]:
        spans: list[Span] = []
        if self.timeline.below:
            spans.append((f"{self.timeline.below} new below: Ctrl+End", "accent"))
        elsewhere = sum(each.unread for each in self.tabs if each is not tab)
        if elsewhere:
            named = any(each.mentioned for each in self.tabs if each is not tab)
            spans.append((f"{'@ ' if named else ''}{elsewhere} elsewhere: Alt+A", "accent"))
        if not self.side.display and tab.members:
            spans.append((f"{len(tab.members)} here", "soft"))
        if not spans:
            spans.append(("F1 help", "faint"))
        out: list[Span] = []
        for span in spans:
            out += [span, ("   ", "")] if span is not spans[-1] else [span]
        return tuple(out)

    def tick(self) -> None:
        """Now and then."""
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

    async def look_older(self, tab: Tab) -> None:
        """The same for whoever has scrolled up to the first; says why, if there are none."""
        if not tab.looking_back and not await self.load_older(tab) and tab is self.current and not self.modes:
            self.say_hint("passing", tab.older.why or "nothing older", "soft")

    # What the rooms tell -----------------------------------------------------------------------------------

    def heard(self, tab: Tab, entry: TimelineEntry) -> None:
        """Somebody else has said something."""
        looking = tab is self.current and self.app_focus
        if looking and self.timeline.following:
            return
        if not looking or entry.mentioned:
            tab.unread += not looking
            tab.mentioned |= entry.mentioned and not looking
        if tab.model.unread_from is None:
            tab.model.unread_from = entry.serial
            entry.version += 1
        if not looking and rings(tab.notify, mentioned=entry.mentioned):
            self._ring(tab, entry)

    def _ring(self, tab: Tab, entry: TimelineEntry) -> None:
        sequences = self._bells.ring(tab.name, entry.nick, entry.text, self.now())
        if sequences and self._driver is not None and not self.is_headless:
            self._driver.write(sequences)

    def failed(self, tab: Tab, error: SandpiperError) -> None:
        """The room could not be opened, or has broken off."""
        if isinstance(error, AccessDenied):
            self._ask_secret(tab, "The room's password" if isinstance(error, PasswordNeeded) else _EITHER)
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
        self.secret_for = tab
        self.say_hint("secret", f"{what} goes here; it is shown to nobody and kept nowhere. Enter tries, Esc gives up")
        self.composer.display = False
        secret = self.secret
        secret.display = True
        secret.ask()
        secret.focus()

    def on_secret_input_submitted(self, given: SecretInput.Submitted) -> None:
        """It has been typed."""
        tab, self.secret_for = self.secret_for, None
        self.secret.display = False
        self.composer.display = True
        self.composer.focus()
        self.hint.hide("secret")
        if tab is None:
            return
        if given.text:
            tab.request = replace(tab.request, secret=given.text)
            self.retry(tab)
        else:
            self._give_up(tab)

    def note(self, tab: Tab, text: str) -> None:
        """A line of the screen's own in a room."""
        tab.model.say("note", text, self.now())
        self._look_at_end(tab)

    def table(self, tab: Tab, lines: list[list[Span]]) -> None:
        """Several of them."""
        entry = tab.model.table(lines, self.now())
        self._look_at_end(tab)
        if tab is self.current:
            self.timeline.begin_with(entry.serial)

    def _look_at_end(self, tab: Tab) -> None:
        if tab is self.current:
            self.timeline.newest()
        self.changed()

    def later(
        self, tab: Tab, job: Coroutine[Any, Any, object], *, quiet: bool = False, most_s: float | None = QUIT_S
    ) -> None:
        """Does something that takes time; what goes wrong with it is shown in its room."""

        async def run() -> None:
            try:
                await asyncio.wait_for(job, most_s)
            except asyncio.TimeoutError:
                self._complain(tab, "no answer; try again", quiet)
            except Refusal as refusal:
                self._complain(tab, refusal.text, quiet)
            except SandpiperError as error:
                self._complain(tab, str(error), quiet)

        task = asyncio.get_running_loop().create_task(run())
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    def _complain(self, tab: Tab, text: str, quiet: bool) -> None:
        if not quiet:
            tab.model.say("bad", text, self.now())
            self._look_at_end(tab)

    def join_line(self, code: str, password: bool) -> str:
        """What others paste to come in."""
        return self.settings.join_line(code, password)

    def wear(self, name: str) -> None:
        """Other colours, from now on and the next time."""
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


def _farewell(tab: Tab) -> str:
    """What becomes of a room that one leaves for another one on the screen; nothing of one that was not entered."""
    room = tab.room
    if room is None:
        return ""
    if room.code is not None:
        return farewell(room.code, room.alone, f"/join {room.code}")
    return f"{room.name} is left, and goes on without you; to come back: /join {room.where}/{room.name}"
