"""The screen as a whole: its widgets, what is typed, and what Textual tells."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any, ClassVar, Final

from rich.console import RenderableType
from textual import events
from textual._compositor import CompositorUpdate
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.driver import Driver
from textual.filter import Monochrome, NoColor
from textual.geometry import Region
from textual.screen import Screen
from textual.widgets import Static, TextArea

from sandpiper.chat.commands import COMMANDS, is_command
from sandpiper.common.nicks import skeleton
from sandpiper.tui import keyboard
from sandpiper.tui.actions import BINDINGS, KEYS
from sandpiper.tui.completion import Candidates
from sandpiper.tui.completion_popup import CompletionPopup
from sandpiper.tui.composer import Composer, SecretInput, clean
from sandpiper.tui.history import History
from sandpiper.tui.lifecycle import Lifecycle
from sandpiper.tui.pasting import Pasting, TooMuch, fits
from sandpiper.tui.port import OpenRoom, RoomRequest, ScreenSettings
from sandpiper.tui.screen_chat import obey
from sandpiper.tui.secret_prompt import SecretPrompt
from sandpiper.tui.sidebar import Sidebar
from sandpiper.tui.statusline import Hint, StatusLine
from sandpiper.tui.themes import PALETTES, textual_theme
from sandpiper.tui.timeline import Timeline

_BESIDE: Final = 72
"""Columns from which the side stands beside the timeline."""
_ROOMY: Final = 110
"""Columns from which the side is wider."""
_TICK_S: Final = 0.5
_NO: Final = frozenset(("ctrl+c", "ctrl+d", "escape"))
"""To a question these are an answer, and nothing more; and they only end what is read."""
_READING: Final = frozenset(
    ("pageup", "pagedown", "shift+up", "shift+down", "ctrl+home", "ctrl+end", "ctrl+l", "ctrl+z", "f2")
)
"""Keys that one goes on reading with."""


def _driver() -> type[Driver] | None:
    if sys.platform == "win32":
        return None
    from sandpiper.tui.driver import TerminalDriver

    return TerminalDriver


class ChatApp(Lifecycle):
    """The full screen: several rooms in one terminal."""

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
    BINDINGS: ClassVar[list[BindingType]] = BINDINGS

    def __init__(
        self, open_room: OpenRoom, first: RoomRequest, settings: ScreenSettings, history: History | None
    ) -> None:
        keyboard.install_keys()
        super().__init__(open_room, first, settings, history, driver_class=_driver())
        self.title = "sandpiper"
        self.pasting = Pasting(self)
        self._filters = [each for each in self._filters if not isinstance(each, (Monochrome, NoColor))]
        self.no_color = settings.no_color
        if settings.no_color:
            self._filters.append(NoColor())
        for palette in PALETTES.values():
            self.register_theme(textual_theme(palette))

    # Widgets -----------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The widgets."""
        styles = self.renderer.styles
        with Horizontal(id="middle"):
            yield Sidebar(styles, self.look_alikes, id="side")
            with Vertical(id="talk"):
                yield Timeline(self.renderer, self.current.model, id="timeline")
                yield Hint(styles, id="hint")
                with Horizontal(id="input"):
                    yield Static(" > ", id="prompt")
                    yield Composer(self, self.sent, id="composer")
                    yield SecretInput(id="secret")
        yield StatusLine(styles, id="status")

    def on_mount(self) -> None:
        """First a frame, then the connection."""
        self.app_resume_signal.subscribe(self, lambda app: self.action_redraw())
        self.timeline = self.query_one(Timeline)
        self.composer = self.query_one(Composer)
        self.side = self.query_one(Sidebar)
        self.hint = self.query_one(Hint)
        self.line = self.query_one(StatusLine)
        self.secret_prompt = SecretPrompt(self.composer, self.query_one(SecretInput), self.hint)
        self.popup = CompletionPopup(self.composer, self.hint)
        self.theme = self.palette.name
        self.composer.focus()
        self.set_interval(_TICK_S, self.tick)
        self.show_around()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        # What is loaded by now stays: the collector, which would look at all of it again and again while messages come
        # in, costs 100 ms each time.
        gc.collect()
        gc.freeze()
        self.add_tab(self.current)
        self.later(self.current, self._warm_up())

    async def _warm_up(self) -> None:
        # The table of look-alikes takes 50 ms to load: not when the first message is to be shown.
        await asyncio.to_thread(skeleton, "a")

    # What is typed: composer.ComposerHost --------------------------------------------------------------------------

    def entered(self, text: str) -> bool:
        """Enter; whether the text has been taken."""
        if self.modes:
            self.modes.entered(text)
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
            self.say_hint(
                "passing", f"Not in {tab.name} yet: Enter on an empty line tries again, /join goes elsewhere", "bad"
            )
            return False
        if not fits(text):
            self.pasting.offer(text)
            return False
        self.sent.add(text)
        tab.model.unread_from = None
        if is_command(text):
            self.later(tab, obey(self, tab, text))
        else:
            tab.say(text[1:] if text.startswith("//") else text)
            self.timeline.newest()
        return True

    def completed(self, step: int) -> None:
        """Tab."""
        if not self.modes:
            rooms = [tab.name for tab in self.tabs]
            self.popup.step(step, Candidates(COMMANDS, self.current.nicks, rooms, self.settings.words))

    def pasted(self, event: events.Paste) -> None:
        """A paste, however long."""
        if isinstance(event, TooMuch):
            self.pasting.refuse(event.chars)
        else:
            self.pasting.take(clean(event.text))

    def touched(self, key: str) -> bool:
        """Handles any other key; returns whether it has been used up."""
        if key != "escape":
            self.popup.forget()
        if key in KEYS:
            asked = self.modes.mode
            if asked == "ask" or (asked == "read" and key not in _READING):
                self.modes.end()
                if key in _NO or (asked == "read" and key == "f1"):
                    return True
            name, arguments = KEYS[key]
            getattr(self, f"action_{name}")(*arguments)
            return True
        if self.screen.has_class("-side"):
            self.close_side()
        self.hint.hide("passing")
        return self.modes.touched(key)

    def on_text_area_changed(self, changed: TextArea.Changed) -> None:
        """Tells the mode that the text in the input has changed."""
        self.begun = True
        self.modes.changed()

    # Textual's events --------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Decides by the width whether the sidebar stands beside the timeline."""
        width = event.size.width
        screen = self.screen
        screen.set_class(width >= _BESIDE, "-beside")
        screen.set_class(width < _BESIDE, "-narrow")
        screen.set_class(width >= _ROOMY, "-wide")
        if width >= _BESIDE:
            screen.remove_class("-side")

    def on_timeline_moved(self, moved: Timeline.Moved) -> None:
        """Shows how many entries are out of sight."""
        self.show_around()

    def on_timeline_reached(self, reached: Timeline.Reached) -> None:
        """Older messages are wanted."""
        if not self.modes or self.modes.mode == "find":
            self.later(self.current, self.fetch_older(self.current))

    def on_sidebar_room_chosen(self, chosen: Sidebar.RoomChosen) -> None:
        """A click on a room."""
        self.action_room_number(chosen.index + 1)
        self.close_side()

    def on_sidebar_member_chosen(self, chosen: Sidebar.MemberChosen) -> None:
        """A click on a member: one wants to say something to them."""
        self.close_side()
        self.composer.put(f"{chosen.nick}: " if not self.composer.text else f"@{chosen.nick} ")

    def on_app_focus(self, event: events.AppFocus) -> None:
        """The terminal is looked at again."""
        self.mark_read(self.current)
        self.changed()

    def on_click(self, event: events.Click) -> None:
        """Wherever one clicks, one goes on typing."""
        self.focus_input()

    def on_key(self, event: events.Key) -> None:
        """Brings the input back from under the sidebar when a character is typed."""
        if self.screen.has_class("-side") and (text := keyboard.text_of(event)):
            self.close_side()
            self.composer.put(text)

    # Drawing -----------------------------------------------------------------------------------------------

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """See Textual, which would write all that may have changed, and wait for the terminal to take it."""
        show = getattr(self._driver, "show", None)
        if show is None:
            super()._display(screen, renderable)
            return
        if renderable is not None and self._running and not self._closed and not self._batch_count:
            if not isinstance(renderable, CompositorUpdate):
                renderable = self.screen._compositor.render_full_update()
            scrolls = self.timeline.region if hasattr(self, "timeline") else Region()
            show(renderable, self.screen.outer_size.clamp_offset(self.cursor_position), scrolls)
        self.post_display_hook()

    def action_redraw(self) -> None:
        """Ctrl+L."""
        super().action_redraw()
        if (redraw := getattr(self._driver, "redraw", None)) is not None:
            redraw()
