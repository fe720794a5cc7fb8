"""The terminal under the screen: Textual's driver, but one that nobody ever waits for.

What is typed is read by the loop itself, and what is drawn is a Framebuffer: whenever the terminal has taken what was
written last, it is told what has changed since. So one that takes nothing holds nobody up, and one that is slow shows
what is, not what was. It outlives its terminal, comes back from `fg`, and stays away when it is continued to be ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from rich.console import COLOR_SYSTEMS
from textual import constants
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.events import Paste, Resize
from textual.geometry import Region, Size
from textual.message import Message

from sandpiper.common.io.exit_deadline import before_the_end, deadline
from sandpiper.common.limits import PASTE_QUIET_S, SCREEN_TAKEN_S
from sandpiper.tui.framebuffer import Framebuffer, Part
from sandpiper.tui.input_parser import InputParser, Pasted
from sandpiper.tui.pasting import TooMuch
from sandpiper.tui.writer import Words, Writer

_READ_BYTES: Final = 4096
_SYNCED_FROM: Final = 256
"""Characters from which a change is shown in one go, by terminals that can."""
_KITTY_KEYS: Final = 0b11001
"""Keys told apart: escapes disambiguated, all keys reported, with their text, as Textual's driver asks for them."""
_PLAIN: Final = "\x1b[0m\x1b]8;;\x1b\\"
_BROKEN_OFF: Final = "\x18"
"""CAN: ends the sequence that a terminal may be in the middle of."""

if TYPE_CHECKING or sys.platform != "win32":
    from textual.drivers.linux_driver import LinuxDriver

    from sandpiper.tui.terminal_attributes import TerminalAttributes, erases_in_colour

    class TerminalDriver(LinuxDriver):
        """A driver of Textual's that never waits for the terminal. `_active`: the screen has the terminal."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            signal.signal(signal.SIGTSTP, lambda *_: self._soon(self._suspend))
            signal.signal(signal.SIGCONT, lambda *_: self._soon(self._continue))
            out = sys.__stdout__ if sys.__stdout__ is not None and sys.__stdout__.isatty() else sys.__stderr__
            assert out is not None
            self._out = out.fileno()
            self._encoding = out.encoding
            self._attributes = TerminalAttributes(self.fileno, self._out)
            self.framebuffer = Framebuffer(
                COLOR_SYSTEMS.get(self._app.console.color_system or ""), erases=erases_in_colour(self._out)
            )
            self._active = self._drawn = self._due = False
            self._words = Words()
            self._writer: Writer | None = None
            self._parser: XTermParser | None = None
            self._input_parser = InputParser()
            self._flush_due: asyncio.TimerHandle | None = None
            self._unhook: Callable[[], None] = lambda: None

        def _get_terminal_size(self) -> tuple[int, int]:
            """The terminal's own word: COLUMNS, where a shell exports it, would outlive a change of the window."""
            try:
                columns, lines = os.get_terminal_size(self.fileno)
            except OSError:
                return super()._get_terminal_size()
            return columns, lines

        def _soon(self, what: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                self._loop.call_soon_threadsafe(what)

        # What goes out -------------------------------------------------------------------------------------

        def write(self, data: str) -> None:
            """Writes something besides the picture. For a terminal that takes nothing it is forgotten at some point."""
            self._words.add(data)
            self._want()

        def show(self, update: CompositorUpdate, cursor: tuple[int, int], scrolls: Region) -> None:
            """The screen has changed; and in this part of it rows wander."""
            framebuffer = self.framebuffer
            if isinstance(update, LayoutUpdate):
                framebuffer.resize(*update.region.bottom_right)
                for y, strips in enumerate(update.strips, update.region.y):
                    framebuffer.put(update.region.x, y, chain.from_iterable(strips))
            elif isinstance(update, ChopsUpdate):
                for y, left, right in update.spans:
                    for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                        if strip is not None and x < right and end > left:  # beyond, it is what lies underneath
                            framebuffer.put(x, y, strip)
            framebuffer.cursor, framebuffer.scrolls = cursor, Part(*scrolls)
            self._drawn = True
            self._want()

        def redraw(self) -> None:
            """Draws everything anew, because another program may have written on the terminal."""
            self.framebuffer.forget()
            self._drawn = True
            self._want()

        def _want(self) -> None:
            if not self._due and self._active:
                self._due = True
                self._loop.call_soon(self._say)

        def _say(self) -> None:
            """Writes what there is, if the terminal has taken what came before; if not, this is called when it has."""
            self._due = False
            writer = self._writer
            if writer is None or not writer.idle or not self._active:
                return
            text = self._words.take()
            if self._drawn:
                self._drawn = False
                changes = self.framebuffer.changes()
                if len(changes) >= _SYNCED_FROM and self._app._sync_available:
                    changes = f"\x1b[?2026h{changes}\x1b[?2026l"
                text += changes
            if text:
                writer.put(self._encoded(text))

        def _encoded(self, text: str) -> bytes:
            return text.encode(self._encoding, "replace")

        # What comes in -------------------------------------------------------------------------------------

        def _listen(self) -> None:
            if self._parser is None:
                self._parser = XTermParser(self._debug)
                self._decoder = getincrementaldecoder("utf-8")("replace")
            self._loop.add_reader(self.fileno, self._read)

        def _read(self) -> None:
            try:
                data = os.read(self.fileno, _READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.disable_input()
                self._app.call_later(getattr(self._app, "hung_up", self._app.exit))
                return
            assert self._parser is not None
            if text := self._decoder.decode(data):
                self._take(self._input_parser.feed(text))
                self._flush_later()

        def _take(self, given: list[str | Pasted]) -> None:
            assert self._parser is not None
            for each in given:
                if isinstance(each, Pasted):
                    self.process_message(Paste(each.text) if len(each.text) == each.chars else TooMuch(each.chars))
                    continue
                for message in self._parser.feed(each):
                    self.process_message(message)
            self._tick_later()

        def _flush_later(self) -> None:
            """Lines that came at once are a paste when no more follow."""
            if self._flush_due is not None:
                self._flush_due.cancel()
            due = self._input_parser.gathering
            self._flush_due = self._loop.call_later(PASTE_QUIET_S, self._flush) if due else None

        def _flush(self) -> None:
            self._take(self._input_parser.flush())

        def _tick_later(self) -> None:
            """Has the parser asked again later: an Escape is a key only when nothing has followed it for a while."""
            assert self._parser is not None
            if (due := self._parser._timeout_time) is not None:
                self._loop.call_later(max(0.0, due - get_time()), self._tick)

        def _tick(self) -> None:
            assert self._parser is not None
            for message in self._parser.tick():
                self.process_message(message)
            self._tick_later()

        def send_message(self, message: Message) -> None:
            """Gives a message to the screen; this is its thread."""
            if isinstance(message, Resize):
                self.redraw()  # what a terminal makes of its rows then, only it knows
            self._app.post_message(message)

        def disable_input(self) -> None:
            """Listens no more."""
            self._loop.remove_reader(self.fileno)

        # The terminal's modes ------------------------------------------------------------------------------

        def start_application_mode(self) -> None:
            """Takes the terminal, or takes it again from whoever had it in between."""
            if not self._attributes.in_front():
                return
            if self._writer is None:
                self._writer = Writer(self._out, lambda: self._soon(self._say))
                self._unhook = before_the_end(self._restore_in_haste)
                self._attributes.keep()
            self._active = True
            self._loop.add_signal_handler(signal.SIGWINCH, self._resized)
            self._resized()
            self._listen()
            self.write("\x1b[?1049h\x1b[?25l\x1b[?1004h")
            if not constants.DISABLE_KITTY_KEY:
                self.write(f"\x1b[>{_KITTY_KEYS}u")
            self._enable_mouse_support()
            self._attributes.make_raw(self._patch_lflag, self._patch_iflag)
            self._request_terminal_sync_mode_support()
            self._query_in_band_window_resize()
            self._enable_bracketed_paste()
            self._disable_line_wrap()
            self.redraw()

        def _resized(self) -> None:
            if not self._in_band_window_resize:
                size = Size(*self._get_terminal_size())
                self.send_message(Resize(size, size))

        def stop_application_mode(self) -> None:
            """Gives the terminal back as it was; if it takes nothing, as well as that can be done."""
            if not self._active:
                return
            self._active = False
            self.disable_input()
            self._loop.remove_signal_handler(signal.SIGWINCH)
            kept = signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # who has been put in the background may still end
            try:
                self._attributes.restore()
                self._give_back()
            finally:
                signal.signal(signal.SIGTTOU, kept)

        def _farewell(self) -> str:
            """Returns the sequences that undo those of `start_application_mode`."""
            self._words.take()
            self._disable_bracketed_paste()
            self._enable_line_wrap()
            self._disable_in_band_window_resize()
            self._disable_mouse_support()
            return f"{_PLAIN}{self._words.take()}\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"

        def _give_back(self) -> None:
            writer = self._writer
            assert writer is not None
            words = self._farewell()
            if not writer.drained(SCREEN_TAKEN_S):
                writer.drop()
                self._attributes.drop_unread()
                words = _BROKEN_OFF + words
            if writer.drained(SCREEN_TAKEN_S):
                writer.put(self._encoded(words))
                writer.drained(SCREEN_TAKEN_S)

        def _restore_in_haste(self) -> None:
            """Restores the terminal from a thread of its own, when the process ends whatever the loop is doing."""
            if self._active:
                self._attributes.restore()
                self._attributes.drop_unread()
                with contextlib.suppress(OSError):
                    os.write(self._out, self._encoded(_BROKEN_OFF + self._farewell()))

        def close(self) -> None:
            """Lets go of the thread."""
            if self._writer is not None:
                self._unhook()
                self._writer.end()
                self._writer = None

        # Away and back -------------------------------------------------------------------------------------

        def _suspend(self) -> None:
            """Ctrl+Z, or the same from outside."""
            if self._auto_restart:
                self.suspend_application_mode()
                self._must_signal_resume = True
            os.kill(os.getpid(), signal.SIGSTOP)

        def _continue(self) -> None:
            """`fg`. Also who was stopped unasked comes back, to a terminal that others have used meanwhile. Who is to
            end is continued too, and must not reach for the terminal: in the background that would stop it again.
            """
            if deadline.due or not self._auto_restart:
                return
            self.resume_application_mode()
            if self._must_signal_resume and self._active:
                self._must_signal_resume = False
                self.send_message(self.SignalResume())
