"""The keys, and what they do."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding, BindingType

from sandpiper.common.io.process_group import in_front, stop_job
from sandpiper.tui.composer import SecretInput
from sandpiper.tui.screen_chat import obey
from sandpiper.tui.workspace import Workspace

_INTERRUPTED: Final = 130
KEYS: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "ctrl+c": ("interrupt", ()),
    "ctrl+q": ("nothing", ()),
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


BINDINGS: Final[list[BindingType]] = [
    Binding(key, f"{name}{args if len(args) != 1 else f'({args[0]})'}", show=False)
    for key, (name, args) in KEYS.items()
]


class Actions(Workspace):
    """The actions that keys stand for: a method for each row of KEYS."""

    def action_suspend_process(self) -> None:
        """Ctrl+Z: the whole job stops, as the terminal itself would have it."""
        if in_front() and self._driver is not None:
            self._suspend_signal()
            self._driver.suspend_application_mode()  # before the shell hears of it, and writes its prompt there
            stop_job()
        else:
            super().action_suspend_process()

    def action_interrupt(self) -> None:
        """Ctrl+C: copies what is selected, else ends a search or a choice, else leaves; a second one does not wait."""
        selected = self.screen.get_selected_text() or self.composer.selected_text
        if selected and not self.leaving:
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            self.say_hint("passing", "Copied to the clipboard", "good")
            return
        if self.modes and not self.leaving:
            self.modes.end()
            return
        self.quit(_INTERRUPTED)

    def action_nothing(self) -> None:
        """Ctrl+Q, which Textual would leave at: for many it only means that a terminal goes on after Ctrl+S."""

    async def action_quit(self) -> None:
        """Textual's own word for it."""
        self.quit(0)

    def action_end(self) -> None:
        """Ctrl+D: leaves if nothing has been typed, else deletes to the right."""
        if self.composer.text or self.modes:
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
        mentions = self.current.model.mentions
        before = [serial for serial in mentions if self.mention_at is None or serial < self.mention_at]
        if not before:
            self.mention_at = None
            text = "Nobody has mentioned you here" if not mentions else "That was the first; Alt+M begins anew"
            self.say_hint("passing", text, "soft")
            return
        self.mention_at = before[-1]
        self.timeline.reveal(before[-1])

    def action_choose(self) -> None:
        """Alt+C: choose a message to copy."""
        self.modes.choose()

    def action_find(self) -> None:
        """Ctrl+F."""
        if self.modes.mode == "find":
            self.modes.find_next(-1)
        else:
            self.modes.search()

    def action_recall(self) -> None:
        """Ctrl+R."""
        self.modes.recall()

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
            self.call_after_refresh(self.focus_input)

    def action_step_back(self) -> None:
        """Esc."""
        if self.secret_prompt.tab is not None:
            self.on_secret_input_submitted(SecretInput.Submitted(None))
        elif self.popup:
            self.popup.undo()
        elif self.modes:
            self.modes.end()
        elif self.screen.selections:
            self.screen.clear_selection()
        elif self.hint.rows:
            self.hint.hide()
        elif self.screen.has_class("-side"):
            self.close_side()
        else:
            self.timeline.newest()
            self.mention_at = None

    def close_side(self) -> None:
        """Hides the sidebar where it covers the whole screen."""
        self.screen.remove_class("-side")
        self.call_after_refresh(self.focus_input)

    def focus_input(self) -> None:
        """Gives the input the focus."""
        if self.secret_prompt.tab is None and self.composer.display:
            self.composer.focus()
