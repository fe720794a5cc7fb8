"""The screen as a whole: the widgets, the rooms, the frames in which events are shown, and the keys."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, ClassVar, Final

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.driver import Driver
from textual.filter import Monochrome, NoColor
from textual.widgets import Static, TextArea

from sandpiper.common.errors import AccessDenied, Refusal, SandpiperError
from sandpiper.common.limits import (
    NOTIFY_EVERY_S,
    QUIT_S,
    SCREEN_CLOSING_S,
    SCREEN_FRAME_S,
    SCREEN_INTAKE_S,
    SCREEN_MEMBERS_S,
)
from sandpiper.common.sanitise import printable
from sandpiper.tui import keyboard
from sandpiper.tui.code import Span
from sandpiper.tui.commands import COMMANDS, obey
from sandpiper.tui.completion import Known, Offer, offers
from sandpiper.tui.composer import Composer, Secret, Typed
from sandpiper.tui.history import History
from sandpiper.tui.notify import desktop, rings
from sandpiper.tui.painter import Painter
from sandpiper.tui.people import Faces
from sandpiper.tui.port import OpenRoom, RoomRequest, ScreenSettings
from sandpiper.tui.record import Entry
from sandpiper.tui.sidebar import RoomRow, Sidebar
from sandpiper.tui.statusline import Hint, Status, StatusLine
from sandpiper.tui.tab import Tab
from sandpiper.tui.themes import DARK, PALETTES, TERMINAL, Palette, Styles, textual_theme
from sandpiper.tui.timeline import Timeline
from sandpiper.tui.wrap import breaks

_BESIDE: Final = 72
"""Columns from which the side stands beside the timeline."""
_TICK_S: Final = 0.5
_OFFERED: Final = 6
_INTERRUPTED: Final = 130
_SIGNALS: Final = ("SIGHUP", "SIGTERM", "SIGINT")


_KEYS: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "ctrl+c": ("interrupt", ()),
    "ctrl+q": ("leave", ()),
    "ctrl+z": ("suspend_process", ()),
    "ctrl+d": ("end", ()),
    "ctrl+l": ("redraw", ()),
    "pageup": ("page", (-1,)),
    "pagedown": ("page", (1,)),
    "shift+up": ("rows", (-1,)),
    "shift+down": ("rows", (1,)),
    "ctrl+home": ("oldest", ()),
    "ctrl+end": ("newest", ()),
    "alt+up": ("room", (-1,)),
    "alt+down": ("room", (1,)),
    **{f"alt+{number}": ("room_number", (number,)) for number in range(1, 10)},
    "alt+a": ("room_with_news", ()),
    "alt+m": ("mention", ()),
    "alt+c": ("choose", ()),
    "ctrl+f": ("find", ()),
    "ctrl+r": ("recall", ()),
    "f1": ("help", ()),
    "f2": ("side", ()),
    "escape": ("step_back", ()),
}
"""Key, action, arguments. The input passes them on in the order in which they came: a binding with priority would
overtake the letters before it."""


def _driver() -> type[Driver] | None:
    if sys.platform == "win32":
        return None
    from sandpiper.tui.terminal import Terminal

    return Terminal


class ChatApp(App[int]):
    """Several rooms in one terminal."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; background: $background; color: $foreground; layers: base; }
    #middle { height: 1fr; }
    #side { width: 26; height: 1fr; display: none; }
    #talk { width: 1fr; height: 1fr; }
    #timeline { height: 1fr; width: 1fr; }
    #hint { height: 1; display: none; }
    #input { height: auto; max-height: 10; padding: 0 1 0 0; background: $panel; }
    #prompt { width: 3; height: 1; color: $accent; text-style: bold; }
    #composer, #composer:focus {
        height: auto; min-height: 1; max-height: 8; width: 1fr; border: none; padding: 0;
        background: $panel; color: $foreground; scrollbar-size: 1 1;
    }
    #composer .text-area--placeholder { color: $foreground 45%; }
    #secret { display: none; height: 1; width: 1fr; }
    #status { height: 1; }
    Screen.-wide #side { width: 30; }
    Screen.-narrow.-side #side { width: 100%; }
    Screen.-narrow.-side #talk { display: none; }
    Screen.-beside #side, Screen.-side #side { display: block; }
    Screen.-away #side { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"{name}{args if len(args) != 1 else f'({args[0]})'}", show=False)
        for key, (name, args) in _KEYS.items()
    ]

    def __init__(
        self, open_room: OpenRoom, first: RoomRequest, settings: ScreenSettings, history: History | None
    ) -> None:
        keyboard.teach()
        super().__init__(driver_class=_driver())
        self.open_room = open_room
        self.settings = settings
        self.history = history
        self.faces = Faces()
        self.palette = self._first_palette()
        self.painter = Painter(Styles(self.palette), self.faces)
        self.tabs: list[Tab] = []
        self.current = Tab(self, first, settings.notify)
        self.mode = ""
        self.title = "sandpiper"
        self._filters = [each for each in self._filters if not isinstance(each, (Monochrome, NoColor))]
        self.no_color = settings.no_color
        if settings.no_color:
            self._filters.append(NoColor())
        for palette in PALETTES.values():
            self.register_theme(textual_theme(palette))
        self._sent = Typed(self._recalled("typed"))
        self._frame_due: asyncio.Handle | None = None
        self._framed_at = 0.0
        self._jobs: set[asyncio.Task[None]] = set()
        self._answer: Callable[[], object] | None = None
        self._put_aside = ""
        self._found: int | None = None
        self._recalls = 0
        self._offers: list[Offer] = []
        self._offered = -1
        self._rang: dict[int, float] = {}
        self._mention_at: int | None = None
        self._leaving = False
        self._secret_for: Tab | None = None
        self._fault_said = False
        self._leaving_words = ""
        self._left = False
        self._taken_over = ""
        self.exit_status = 0

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

    # Life --------------------------------------------------------------------------------------------------

    async def live(self) -> int:
        """Runs it; the exit status."""
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as stack:
            for name in _SIGNALS:
                number = getattr(signal, name, None)
                with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                    if number is not None:
                        loop.add_signal_handler(number, self._signalled, name)
                        stack.callback(loop.remove_signal_handler, number)
            try:
                status = await self.run_async()
            finally:
                await self._let_go()
        return self.exit_status if status is None else status

    def hung_up(self) -> None:
        """The terminal is gone, as the one who reads from it has noticed."""
        self._signalled("SIGHUP")

    def _signalled(self, name: str) -> None:
        self._leave(_INTERRUPTED, SCREEN_CLOSING_S if name == "SIGHUP" else QUIT_S)

    async def _let_go(self) -> None:
        self._put_draft_by()
        for tab in self.tabs:
            tab.abandon()
        for tab in self.tabs:
            await tab.gone()
        if self.history is not None:
            self._keep_drafts()
            self.history.note("typed", self._sent.lines)
            await asyncio.to_thread(self.history.close)

    def _put_draft_by(self) -> None:
        if not self._leaving and hasattr(self, "composer"):
            self.current.draft = self._put_aside if self.mode in ("find", "recall") else self.composer.text

    def _keep_drafts(self) -> None:
        assert self.history is not None
        for tab in self.tabs:
            if tab.key:
                draft = "\n".join([*tab.unsent, *([tab.draft] if tab.draft else [])])
                self.history.note(f"draft {tab.key}", draft or None)

    def compose(self) -> ComposeResult:
        """The widgets."""
        styles = self.painter.styles
        with Horizontal(id="middle"):
            yield Sidebar(styles, self.faces, id="side")
            with Vertical(id="talk"):
                yield Timeline(self.painter, self.current.record, id="timeline")
                yield Hint(styles, id="hint")
                with Horizontal(id="input"):
                    yield Static(" > ", id="prompt")
                    yield Composer(self, self._sent, id="composer")
                    yield Secret(id="secret")
        yield StatusLine(styles, id="status")

    def on_mount(self) -> None:
        """First a frame, then the connection."""
        self.app_resume_signal.subscribe(self, lambda app: self.action_redraw())
        self.timeline = self.query_one(Timeline)
        self.composer = self.query_one(Composer)
        self.side = self.query_one(Sidebar)
        self.hint = self.query_one(Hint)
        self.line = self.query_one(StatusLine)
        self.theme = self.palette.name
        self.composer.focus()
        self.set_interval(_TICK_S, self._tick)
        self._show_around()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        # What is loaded by now stays: the collector, which would look at all of it again and again while messages come
        # in, costs 100 ms each time.
        gc.collect()
        gc.freeze()
        self._add_tab(self.current)
        self.later(self.current, self._warm_up())

    async def _warm_up(self) -> None:
        # The table of look-alikes takes 50 ms to load: not when the first message is to be shown.
        await asyncio.to_thread(self.faces.alike, self.current.request.nick or "a")

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
        self._add_tab(tab)
        self.go_to(tab)

    def _add_tab(self, tab: Tab) -> None:
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
        tab.leave()
        index = self.tabs.index(tab)
        self.tabs.remove(tab)
        if tab is self.current:
            self.go_to(self.tabs[min(index, len(self.tabs) - 1)])
        self.later(self.current, tab.gone())
        if self.history is not None and tab.key:
            self.history.note(f"draft {tab.key}", tab.draft or None)

    def go_to(self, tab: Tab) -> None:
        """Looks at another room; what was being typed stays with its own."""
        if tab is self.current or self._secret_for is not None:
            return
        self._end_mode()
        old = self.current
        old.draft, old.anchor = self.composer.text, self.timeline.place
        old.record.unread_from = None
        self.current, self._mention_at = tab, None
        self._looked_at(tab)
        self.timeline.show(tab.record, tab.anchor)
        self.composer.take_over(tab.draft)
        self._sent.rest()
        tab.members_due = 0.0
        self._show_around()

    def _looked_at(self, tab: Tab) -> None:
        tab.unread, tab.mentioned = 0, False

    # Frames ------------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """There is something to show: a frame is wanted, at once after a quiet time, else in turn."""
        if self._frame_due is None and not self._left:
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
                tab.take(50)
            waiting = [tab for tab in waiting if tab.inbox]
        if waiting:
            self.changed()
        if not self.is_attached or not hasattr(self, "line"):
            return
        if self.current.draft and self.current.state == "open" and not self.composer.text and not self.mode:
            self.composer.take_over(self.current.draft)
            self.current.draft = ""
        self.timeline.freshen()
        self._show_around()

    def _show_around(self) -> None:
        """What stands around the timeline."""
        tab = self.current
        self.side.show_rooms(
            tuple(
                RoomRow(each.name, each.health, each.unread, each.mentioned, each is tab, each.notify == "none")
                for each in self.tabs
            )
        )
        own = tab.room.fingerprint if tab.room is not None else ""
        hidden = frozenset(tab.record.ignored.nicks())
        self.side.show_members(tab.members, own, hidden)
        self.line.show(Status(tab.health, self._leaving_words or tab.status, self._right(tab)))
        placeholder = f"Write to {tab.name}" + (f" as {tab.nick}" if tab.nick else "")
        content = Content(printable(placeholder))
        if self.composer.placeholder != content:
            self.composer.placeholder = content
        if self.history is not None and self.history.fault and not self._fault_said:
            self._fault_said = True
            tab.record.say("bad", self.history.fault, self.now())
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

    def _tick(self) -> None:
        tab = self.current
        if tab.state == "open" and self.now() >= tab.members_due:
            tab.members_due = self.now() + SCREEN_MEMBERS_S
            self.later(tab, self.ask_members(tab), quiet=True)
        self._show_around()

    async def ask_members(self, tab: Tab) -> None:
        """Asks who is there, and shows it."""
        if tab.room is not None:
            tab.members = tuple(await tab.room.members())
            for member in tab.members:
                self.faces.alike(member.nick)
            self.changed()

    # What the rooms tell -----------------------------------------------------------------------------------

    def heard(self, tab: Tab, entry: Entry) -> None:
        """Somebody else has said something."""
        looking = tab is self.current and self.app_focus
        if looking and self.timeline.following:
            return
        if not looking or entry.mentioned:
            tab.unread += not looking
            tab.mentioned |= entry.mentioned and not looking
        if tab.record.unread_from is None:
            tab.record.unread_from = entry.serial
            entry.version += 1
        if not looking and rings(tab.notify, mentioned=entry.mentioned):
            self._ring(tab, entry)

    def _ring(self, tab: Tab, entry: Entry) -> None:
        if self.now() - self._rang.get(id(tab), -NOTIFY_EVERY_S) < NOTIFY_EVERY_S:
            return
        self._rang[id(tab)] = self.now()
        if self.settings.bell:
            self.bell()
        settings = self.settings
        said = desktop(
            settings.term,
            settings.term_program,
            f"{entry.nick} in {tab.name}",
            entry.text[:200],
            multiplexer=settings.multiplexer,
        )
        if said is not None and self._driver is not None and not self.is_headless:
            self._driver.write(said)

    def denied(self, tab: Tab, error: AccessDenied) -> None:
        """The room wants a secret, or another one."""
        if tab is not self.current or self._leaving:
            return
        self._end_mode()
        self._secret_for = tab
        self._hint("secret", "Type it here; it is shown to nobody and kept nowhere. Enter tries, Esc gives up")
        self.composer.display = False
        secret = self.query_one(Secret)
        secret.display = True
        secret.ask()
        secret.focus()

    def on_secret_given(self, given: Secret.Given) -> None:
        """It has been typed."""
        tab, self._secret_for = self._secret_for, None
        self.query_one(Secret).display = False
        self.composer.display = True
        self.composer.focus()
        self.hint.hide("secret")
        if tab is not None and given.text:
            tab.request = replace(tab.request, secret=given.text)
            self.retry(tab)

    def note(self, tab: Tab, text: str) -> None:
        """A line of the screen's own in a room."""
        tab.record.say("note", text, self.now())
        self._look_at_end(tab)

    def table(self, tab: Tab, lines: list[list[Span]]) -> None:
        """Several of them."""
        entry = tab.record.table(lines, self.now())
        self._look_at_end(tab)
        if tab is self.current:
            self.timeline.begin_with(entry.serial)

    def _look_at_end(self, tab: Tab) -> None:
        if tab is self.current:
            self.timeline.newest()
        self.changed()

    def later(self, tab: Tab, job: Coroutine[Any, Any, object], *, quiet: bool = False) -> None:
        """Does something that takes time; what goes wrong with it is shown in its room."""

        async def run() -> None:
            try:
                await asyncio.wait_for(job, QUIT_S)
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
            tab.record.say("bad", text, self.now())
            self._look_at_end(tab)

    # What is typed: composer.Host --------------------------------------------------------------------------

    def entered(self, text: str) -> bool:
        """Enter; whether the text has been taken."""
        if self.mode == "ask":
            answer, self._answer = self._answer, None
            self._end_mode()
            if answer is not None:
                answer()
            return False
        if self.mode == "find":
            self._find_next(-1)
            return False
        if self.mode == "recall":
            found = self._sent.search(text, self._recalls) if text else None
            self._end_mode()
            self.composer.take_over(self._put_aside if found is None else found)
            return False
        if self.mode == "choose":
            self._copy_chosen()
            return False
        return self._said(text)

    def _said(self, text: str) -> bool:
        tab = self.current
        self.hint.hide()
        if not text.strip():
            if tab.state in ("failed", "left"):
                self.retry(tab)
            return not text
        if tab.state == "failed" and not text.startswith("/"):
            self._hint(
                "wrong", f"Not in {tab.name} yet: Enter on an empty line tries again, /join goes elsewhere", "bad"
            )
            return False
        self._sent.add(text)
        tab.record.unread_from = None
        if text.startswith("/") and not text.startswith("//"):
            self.later(tab, obey(self, tab, text))
        else:
            tab.say(text[1:] if text.startswith("//") else text)
            self.timeline.newest()
        return True

    def completed(self, step: int) -> None:
        """Tab: the next of what the word may become."""
        if self.mode:
            return
        if not self._offers:
            composer = self.composer
            first_line = composer.cursor_location[0] == 0
            self._offers = offers(composer.before, self._known(), first_line=first_line)
            self._offered = -1
            if not self._offers:
                return
            if len(self._offers) == 1:
                self._take_offer(0)
                self._offers = []
                return
        count = len(self._offers)
        self._take_offer((self._offered + step) % count if self._offered >= 0 else (0 if step > 0 else count - 1))
        self._show_offers()

    def _take_offer(self, index: int) -> None:
        offer = self._offers[index]
        if self._offered < 0:
            self._taken_over = self.composer.before[len(self.composer.before) - offer.count :]
            count = offer.count
        else:
            count = len(self._offers[self._offered].text)
        self._offered = index
        self.composer.replace_before(count, offer.text)

    def _show_offers(self) -> None:
        low = max(0, min(self._offered - _OFFERED // 2, len(self._offers) - _OFFERED))
        rows: list[list[Span]] = []
        for index, offer in enumerate(self._offers[low : low + _OFFERED], low):
            chosen = index == self._offered
            mark: Span = ("▸ " if chosen else "  ", "accent")
            rows.append([mark, (f"{offer.label}  ", "accent bold" if chosen else ""), (offer.help, "soft")])
        self.hint.show("offers", rows)

    def _known(self) -> Known:
        tab = self.current
        rooms = [each.name for each in self.tabs]
        return Known(COMMANDS, tab.nicks, rooms, self.settings.words)

    def pasted(self, text: str) -> None:
        """Many lines at once."""
        lines = text.count("\n") + 1
        self.ask(f"Paste {lines} lines, {len(text):,} characters?", lambda: self.composer.put(text))

    def touched(self, key: str) -> bool:
        """Any other key; whether it has been used up."""
        if key in _KEYS:
            if key != "escape":
                self._forget_offers()
                if self.mode == "ask":
                    self._end_mode()
            name, arguments = _KEYS[key]
            getattr(self, f"action_{name}")(*arguments)
            return True
        if self.screen.has_class("-side"):
            self._close_side()
        self._forget_offers()
        if self.mode == "ask":
            self._end_mode()
            return False
        if self.mode == "find" and key in ("up", "down"):
            self._find_next(-1 if key == "up" else 1)
            return True
        if self.mode == "choose":
            if key in ("up", "down", "k", "j"):
                self._choose(-1 if key in ("up", "k") else 1)
                return True
            if key in ("c", "y"):
                self._copy_chosen()
                return True
            self._end_mode()
            return False
        if self.hint.kind == "wrong":
            self.hint.hide("wrong")
        return False

    def _forget_offers(self) -> None:
        if self._offers:
            self._offers = []
            self.hint.hide("offers")

    # Modes -------------------------------------------------------------------------------------------------

    def ask(self, question: str, answer: Callable[[], object]) -> None:
        """Asks something that Enter says yes to, and any other key no."""
        self._end_mode()
        self.mode, self._answer = "ask", answer
        self._hint("ask", f"{question} Enter: yes. Any other key: no", "warn")

    def _hint(self, kind: str, text: str, key: str = "accent") -> None:
        width = max(20, self.size.width - 4 - (self.side.size.width if self.side.display else 0))
        cuts = breaks(text, width)
        rows = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        self.hint.show(kind, [[(row, key)] for row in rows])

    def _end_mode(self) -> None:
        mode, self.mode, self._answer = self.mode, "", None
        if not mode:
            return
        self.hint.hide()
        if mode in ("find", "recall"):
            self.composer.take_over(self._put_aside)
            self.timeline.look_for(None)
        self.timeline.chosen = None
        self.timeline.renew()

    def search(self, words: str) -> None:
        """Searches the room; one goes on typing, up and down go from one place to the next."""
        self._end_mode()
        self._put_aside, self.mode, self._found = self.composer.text, "find", None
        self.composer.take_over(words)
        self._hint("find", "Search: Enter or Up for older, Down for newer, Esc ends")
        if words:
            self._find(words)

    def _pattern(self, words: str) -> re.Pattern[str] | None:
        return re.compile(re.escape(words), re.IGNORECASE) if words.strip() else None

    def _find(self, words: str) -> None:
        pattern = self._pattern(words)
        self._found = None
        self.timeline.look_for(pattern)
        if pattern is not None:
            self._find_next(-1)

    def _find_next(self, step: int) -> None:
        pattern = self._pattern(self.composer.text)
        if pattern is None:
            return
        record = self.current.record
        start = record.end - 1 if self._found is None else self._found + step
        found = self.timeline.seek(pattern, start, step)
        if found is None:
            where = "nothing older" if self._found is not None and step < 0 else "nothing newer"
            self._hint("find", f"Search: {where if self._found is not None else 'nothing'} found. Esc ends", "warn")
            return
        self._found = found
        self._hint("find", "Search: Enter or Up for older, Down for newer, Esc ends")
        self.timeline.reveal(found)

    def on_text_area_changed(self, changed: TextArea.Changed) -> None:
        """What is searched for has changed."""
        if self.mode == "find":
            self._find(self.composer.text)
        elif self.mode == "recall":
            self._recalls = 0
            self._show_recalled()

    def _show_recalled(self) -> None:
        words = self.composer.text
        found = self._sent.search(words, self._recalls) if words else None
        shown = "type a part of what you sent" if not words else (found or "nothing like that").replace("\n", " ⏎ ")
        self.hint.show("recall", [[("Sent before: ", "accent"), (shown, "" if found else "soft")]])

    def _choose(self, step: int) -> None:
        record, at = self.current.record, self.timeline.chosen
        serial = (record.end if at is None else at) + step
        while record.first <= serial < record.end and (record.at(serial).message is None or record.at(serial).hidden):
            serial += step
        if record.first <= serial < record.end:
            self.timeline.reveal(serial)

    def _copy_chosen(self) -> None:
        chosen = self.timeline.chosen
        self._end_mode()
        if chosen is not None and self.current.record.first <= chosen < self.current.record.end:
            self.copy_to_clipboard(printable(self.current.record.at(chosen).text, newlines=True))
            self._hint("wrong", "Copied to the clipboard", "good")
        self.timeline.newest()

    # Keys --------------------------------------------------------------------------------------------------

    def action_interrupt(self) -> None:
        """Ctrl+C: copies what is selected, else leaves; a second one does not wait."""
        selected = self.screen.get_selected_text() or self.composer.selected_text
        if selected and not self._leaving:
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            self._hint("wrong", "Copied to the clipboard", "good")
            return
        self.quit(_INTERRUPTED)

    def action_leave(self) -> None:
        """Ctrl+Q."""
        self.quit(0)

    async def action_quit(self) -> None:
        """Textual's own word for it."""
        self.quit(0)

    def action_end(self) -> None:
        """Ctrl+D: leaves if nothing has been typed, else deletes to the right."""
        if self.composer.text or self.mode:
            self.composer.action_delete_right()
        else:
            self.quit(0)

    def action_redraw(self) -> None:
        """Ctrl+L."""
        self.refresh(repaint=True, layout=True)

    def action_page(self, count: int) -> None:
        """PgUp, PgDn."""
        self.timeline.page(count)

    def action_rows(self, count: int) -> None:
        """Shift+Up, Shift+Down."""
        self.timeline.move(count)

    def action_oldest(self) -> None:
        """Ctrl+Home."""
        self.timeline.oldest()

    def action_newest(self) -> None:
        """Ctrl+End."""
        self.timeline.newest()

    def action_room(self, step: int) -> None:
        """Alt+Up, Alt+Down."""
        if self.tabs:
            self.go_to(self.tabs[(self.tabs.index(self.current) + step) % len(self.tabs)])

    def action_room_number(self, number: int) -> None:
        """Alt+1 and so on."""
        if number <= len(self.tabs):
            self.go_to(self.tabs[number - 1])

    def action_room_with_news(self) -> None:
        """Alt+A: the next room in which something is unread, first those that mention one."""
        order = sorted(self.tabs, key=lambda tab: (not tab.mentioned, not tab.unread))
        if order and order[0].unread:
            self.go_to(order[0])

    def action_mention(self) -> None:
        """Alt+M: the last mention, then the one before."""
        mentions = self.current.record.mentions
        before = [serial for serial in mentions if self._mention_at is None or serial < self._mention_at]
        if not before:
            self._mention_at = None
            text = "Nobody has mentioned you here" if not mentions else "That was the first; Alt+M begins anew"
            self._hint("wrong", text, "soft")
            return
        self._mention_at = before[-1]
        self.timeline.reveal(before[-1])

    def action_choose(self) -> None:
        """Alt+C: choose a message to copy."""
        if self.mode == "choose":
            self._choose(-1)
            return
        self._end_mode()
        self.mode = "choose"
        self._hint("choose", "Copy: Up and Down choose a message, Enter copies it, Esc ends")
        self._choose(-1)

    def action_find(self) -> None:
        """Ctrl+F."""
        if self.mode == "find":
            self._find_next(-1)
        else:
            self.search("")

    def action_recall(self) -> None:
        """Ctrl+R."""
        if self.mode == "recall":
            if self._sent.search(self.composer.text, self._recalls + 1) is not None:
                self._recalls += 1
            self._show_recalled()
            return
        self._end_mode()
        self._put_aside, self.mode, self._recalls = self.composer.text, "recall", 0
        self.composer.take_over("")
        self._show_recalled()

    def action_help(self) -> None:
        """F1."""
        self.later(self.current, obey(self, self.current, "/help"))

    def action_side(self) -> None:
        """F2: rooms and members, beside or away."""
        screen = self.screen
        if screen.has_class("-beside"):
            screen.toggle_class("-away")
        else:
            screen.remove_class("-away")
            screen.toggle_class("-side")
            self.call_after_refresh(self._focus)

    def action_step_back(self) -> None:
        """Esc."""
        if self._secret_for is not None:
            self.on_secret_given(Secret.Given(None))
        elif self._offers:
            offer = self._offers[self._offered]
            self._offers = []
            self.composer.replace_before(len(offer.text), self._taken_over)
            self.hint.hide("offers")
        elif self.mode:
            self._end_mode()
        elif self.screen.selections:
            self.screen.clear_selection()
        elif self.hint.rows:
            self.hint.hide()
        elif self.screen.has_class("-side"):
            self._close_side()
        else:
            self.timeline.newest()
            self._mention_at = None

    def _close_side(self) -> None:
        self.screen.remove_class("-side")
        self.call_after_refresh(self._focus)

    def _focus(self) -> None:
        if self._secret_for is None and self.composer.display:
            self.composer.focus()

    # Textual's events --------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """What fits beside what."""
        width = event.size.width
        screen = self.screen
        screen.set_class(width >= _BESIDE, "-beside")
        screen.set_class(width < _BESIDE, "-narrow")
        screen.set_class(width >= 110, "-wide")
        if width >= _BESIDE:
            screen.remove_class("-side")

    def on_timeline_moved(self, moved: Timeline.Moved) -> None:
        """It was scrolled."""
        self._show_around()

    def on_sidebar_room_chosen(self, chosen: Sidebar.RoomChosen) -> None:
        """A click on a room."""
        self.action_room_number(chosen.index + 1)
        self._close_side()

    def on_sidebar_member_chosen(self, chosen: Sidebar.MemberChosen) -> None:
        """A click on a member: one wants to say something to them."""
        self._close_side()
        self.composer.put(f"{chosen.nick}: " if not self.composer.text else f"@{chosen.nick} ")

    def on_app_focus(self, event: events.AppFocus) -> None:
        """The terminal is looked at again."""
        self._looked_at(self.current)
        self.changed()

    def on_click(self, event: events.Click) -> None:
        """Wherever one clicks, one goes on typing."""
        self._focus()

    def on_key(self, event: events.Key) -> None:
        """On a phone the side covers the input; who types wants it back."""
        if self.screen.has_class("-side") and event.is_printable and event.character:
            self._close_side()
            self.composer.put(event.character)

    def wear(self, name: str) -> None:
        """Other colours, from now on and the next time."""
        self.palette = PALETTES[name]
        styles = Styles(self.palette)
        self.painter = Painter(styles, self.faces)
        self.theme = name
        for widget in (self.side, self.line, self.hint):
            widget.paint(styles)
        self.timeline.paint(self.painter)
        if self.history is not None:
            self.history.note("theme", name)

    # Leaving -----------------------------------------------------------------------------------------------

    def quit(self, status: int) -> None:
        """Leaves all rooms, once all is delivered; the second time at once."""
        self._leave(status, QUIT_S)

    def _leave(self, status: int, patience_s: float) -> None:
        if self._leaving:
            self._finish(status)
            return
        self._put_draft_by()
        self._leaving = True
        errors = [tab.error for tab in self.tabs if tab.error is not None]
        if status == 0 and len(errors) == len(self.tabs) and errors:
            status = errors[0].exit_code
        unsent = sum(len(tab.unsent) for tab in self.tabs)
        self._leaving_words = f"leaving once {unsent} more are delivered; Ctrl+C does not wait" if unsent else "leaving"
        task = asyncio.get_running_loop().create_task(self._leave_rooms(status, patience_s))
        self._jobs.add(task)

    async def _leave_rooms(self, status: int, patience_s: float) -> None:
        self.changed()
        for tab in self.tabs:
            tab.leave()
        leaving: list[Awaitable[None]] = [tab.gone() for tab in self.tabs if tab.state != "connecting"]
        if leaving:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.gather(*leaving), patience_s)
        self._finish(status)

    def _finish(self, status: int) -> None:
        self.exit_status = status
        self._left = True
        self.exit(status)
