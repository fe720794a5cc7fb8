"""The line that one types on, of a chat without a screen: what comes stands above it, and it keeps what is typed.

prompt_toolkit edits it and draws it. All that it says goes through the one Output, in its order, so a terminal that
takes nothing holds nobody up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import ExitStack
from typing import Final, TextIO, cast

from prompt_toolkit.application import Application, in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import BufferControl, Layout, Window
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.output.vt100 import Vt100_Output

from sandpiper.chat.commands import is_command
from sandpiper.cli.chat.rows import rows
from sandpiper.cli.stdio import Output, say, status
from sandpiper.cli.styled import one_line
from sandpiper.common.io.exit_deadline import before_the_end
from sandpiper.common.io.process_group import stop_job
from sandpiper.common.io.tasks import end
from sandpiper.common.limits import DRAFT_CHARS, TEXT_BYTES, TYPED_AHEAD, TYPED_LINES
from sandpiper.common.lines import TooLong
from sandpiper.common.pieces import Piece, PieceReader

_PROMPT: Final = "> "
_NO_PASTE_MARKS: Final = b"\x1b[?2004l"


class Prompt:
    """A View and a Source of lines, for a terminal that can move its cursor."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._lines: deque[bytes | TooLong] = deque()
        self._ended = False
        self._arrived = asyncio.Event()
        self._held = ExitStack()  # what is entered has to wait: the terminal is not read
        self._suspended = False  # by Ctrl-Z: whoever stopped it so draws the line again
        self._buffer = Buffer(
            multiline=False, accept_handler=self._accept, history=_Recent(), enable_history_search=True
        )
        window = Window(
            BufferControl(self._buffer, input_processors=[BeforeInput(_PROMPT)]),
            wrap_lines=True,
            dont_extend_height=True,
        )
        self._app: Application[None] = Application(
            Layout(window),
            key_bindings=self._keys(),
            output=Vt100_Output(cast(TextIO, _Into(out)), _size, term=os.environ.get("TERM"), enable_cpr=False),
            erase_when_done=True,
            terminal_size_polling_interval=None,  # SIGWINCH tells
        )

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """The line stands there meanwhile. What is said on stderr, if that is a terminal too, comes above it."""
        loop = asyncio.get_running_loop()
        running = asyncio.create_task(self._app.run_async(set_exception_handler=False, handle_sigint=False))
        running.add_done_callback(self._over)
        forget = before_the_end(_unmark)
        loop.add_signal_handler(signal.SIGCONT, self._continued)
        try:
            with contextlib.redirect_stderr(cast(TextIO, _Above(self))) if sys.stderr.isatty() else ExitStack():
                yield
        finally:
            loop.remove_signal_handler(signal.SIGCONT)
            self._held.close()
            if self._buffer.text:  # it was not sent, and may be copied
                self.above(f"{_PROMPT}{one_line(self._buffer.text)}\n")
                self._buffer.reset()
            await end(running)
            forget()

    async def read(self) -> bytes | TooLong | None:
        """See Source."""
        while not self._lines:
            self._held.close()
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        return self._lines.popleft()

    async def show(self, line: str) -> None:
        """See View."""
        await self._out.ready()
        self.above(f"{rows(one_line(line), _size().columns)}\n")

    def status(self, line: str) -> None:
        """Shows the line on stderr."""
        status(line)

    def paste(self, line: str) -> None:
        """A line of its own, on stderr."""
        say(one_line("    ", line))

    def sent(self, name: str, line: str) -> None:
        """Does nothing: the line stands there as it was typed."""

    def settled(self, name: str) -> None:
        """Does nothing."""

    def clear(self) -> None:
        """Clears the screen."""
        self._app.renderer.clear()
        self._app.invalidate()

    def above(self, text: str) -> None:
        """Writes whole lines above the one that is typed on, as they are."""
        renderer = self._app.renderer
        if renderer.last_rendered_screen is not None:
            renderer.erase()
        self._out.write(text.encode("utf-8", "replace"))
        self._app.invalidate()

    # What is typed -----------------------------------------------------------------------------------------

    def _accept(self, buffer: Buffer) -> bool:
        """Enter. Returns False: the line is empty then."""
        self.above(f"{_PROMPT}{one_line(buffer.text)}\n")
        self._lines += _entered(buffer.text)
        self._arrived.set()
        if len(self._lines) >= TYPED_AHEAD:
            self._held.enter_context(self._app.input.detach())
        return False

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("c-c")
        def _(event: KeyPressEvent) -> None:
            signal.raise_signal(signal.SIGINT)

        @keys.add("c-d")
        def _(event: KeyPressEvent) -> None:
            if self._buffer.text:
                self._buffer.delete()
            else:
                self._close()

        @keys.add("c-z")
        def _(event: KeyPressEvent) -> None:
            event.app.create_background_task(self._suspend())

        @keys.add("c-l")
        def _(event: KeyPressEvent) -> None:
            self.clear()

        @keys.add(Keys.BracketedPaste)
        def _(event: KeyPressEvent) -> None:
            text = event.data.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
            if len(self._buffer.text) + len(text) > DRAFT_CHARS:
                status(
                    f"a paste of {len(text):,} characters is not taken: a line that is typed has at most "
                    f"{DRAFT_CHARS:,}; `sandpiper say TARGET -` sends a file"
                )
            else:
                self._buffer.insert_text(text)

        return keys

    def _close(self) -> None:
        self._ended = True
        self._arrived.set()

    def _over(self, running: asyncio.Task[None]) -> None:
        if not running.cancelled():  # the terminal has gone
            self._close()

    # Away and back -----------------------------------------------------------------------------------------

    async def _suspend(self) -> None:
        """The whole job stops, as the terminal itself would have it."""
        async with in_terminal():  # draws nothing meanwhile, and the line anew at the end
            await self._out.drain()
            self._suspended = True
            stop_job()

    def _continued(self) -> None:
        if self._suspended:
            self._suspended = False
            return
        self._app.renderer.reset()
        self._app.invalidate()


class _Into:
    """The file that prompt_toolkit writes on."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def write(self, text: str) -> None:
        self._out.write(text.encode("utf-8", "replace"))

    def flush(self) -> None:
        pass


class _Above:
    """stderr, while one types on the same terminal."""

    encoding: Final = "utf-8"
    errors: Final = "replace"

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._begun = ""

    def write(self, text: str) -> int:
        whole, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline and threading.get_ident() == self._thread:
            self._prompt.above(whole + newline)
        elif newline:
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                self._loop.call_soon_threadsafe(self._prompt.above, whole + newline)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


class _Recent(History):
    """The newest lines, of which Up brings one back."""

    def __init__(self) -> None:
        super().__init__()
        self._recent: deque[str] = deque(maxlen=TYPED_LINES)

    async def load(self) -> AsyncGenerator[str, None]:
        for line in reversed(list(self._recent)):
            yield line

    def load_history_strings(self) -> Iterable[str]:
        return reversed(self._recent)

    def append_string(self, string: str) -> None:
        self._recent.append(string)

    def store_string(self, string: str) -> None:
        pass


def _entered(text: str) -> list[bytes | TooLong]:
    """Parts a text into as many messages as it needs."""
    data = text.encode("utf-8", "surrogateescape")
    if len(data) <= TEXT_BYTES:
        return [data]
    pieces = PieceReader(is_command).feed(data + b"\n")
    return [piece.text.encode() if isinstance(piece, Piece) else piece for piece in pieces]


def _unmark() -> None:
    with contextlib.suppress(OSError):
        os.write(1, _NO_PASTE_MARKS)


def _size() -> Size:
    """Returns the terminal's size, by its own word; 80 by 24 where it has none."""
    try:
        columns, lines = os.get_terminal_size(1)
    except OSError:
        columns, lines = 0, 0
    return Size(rows=lines or 24, columns=columns or 80)
