"""stdin and stdout beside an event loop: a thread each, so that neither a slow reader nor a silent writer blocks it.

Both threads are daemons over raw files, because a blocked read or write can be ended in no other way, and a buffered
file would hold a lock at exit.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import os
import select
import stat
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from queue import SimpleQueue
from typing import Final, Generic, Literal, Protocol, TypeVar

from sandpiper.cli.styled import one_line, shown
from sandpiper.common.limits import OUTPUT_BYTES, STATUS_BYTES, STATUS_S

_READ_BYTES: Final = 64 * 1024


Item = TypeVar("Item", covariant=True)


class Reader(Protocol[Item]):
    """Makes lines, or what stands for them, of bytes."""

    @property
    def unfinished(self) -> bool:
        """Whether part of a line is waiting for the rest."""

    def feed(self, data: bytes) -> Iterator[Item]:
        """Yields what `data` completes."""


class Input(Generic[Item]):
    """The items that `reader` makes of a file descriptor. Little is read ahead, so its writer is slowed down."""

    def __init__(self, reader: Reader[Item], fd: int = 0) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = reader
        self._lines: deque[Item] = deque()
        self._ended = False
        self._arrived = asyncio.Event()
        self._wanted = threading.Semaphore(1)
        threading.Thread(target=self._read, args=(fd,), daemon=True, name="stdin").start()

    async def read(self) -> Item | None:
        """The next that the reader makes, None at the end."""
        while not self._lines:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        line = self._lines.popleft()
        if not self._lines:
            self._wanted.release()
        return line

    def _read(self, fd: int) -> None:
        try:
            raw = _raw(fd, "rb")
        except OSError:  # there is no stdin
            raw = None
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            while True:
                self._wanted.acquire()
                piece = b"" if raw is None else _read_some(raw)
                self._loop.call_soon_threadsafe(self._take, piece)
                if not piece:
                    return

    def _take(self, piece: bytes) -> None:
        if piece:
            self._lines += self._reader.feed(piece)
        else:
            self._ended = True
            if self._reader.unfinished:
                self._lines += self._reader.feed(b"\n")
        if not self._lines and not self._ended:
            self._wanted.release()
        self._arrived.set()


class Output:
    """A file descriptor to write to. What is written in one turn of the loop goes out in one piece.

    One that is `lasting` goes on when its reader has gone, and writes nowhere from then on. One that is `watched` ends
    as soon as its reader has gone, though there be nothing to write.
    """

    def __init__(self, fd: int = 1, *, lasting: bool = False, watched: bool = False) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._lasting = lasting
        self._pieces: list[bytes] = []
        self._unwritten = 0
        self._moved = asyncio.Event()
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self.error: OSError | None = None
        threading.Thread(target=self._write, args=(fd,), daemon=True, name="stdout").start()
        self._watching = watched and _tells_when_unread(fd)
        if self._watching:
            self._loop.add_reader(fd, self._look)

    @property
    def unwritten(self) -> int:
        """Bytes that have been taken and not written."""
        return self._unwritten

    def show(self, text: str) -> None:
        """Takes a line for a person to read."""
        self.write(f"{one_line(text)}\n".encode("utf-8", "replace"))

    def write(self, data: bytes) -> None:
        """Takes `data`, which goes out when the loop next turns, as it is."""
        if self.error is not None and self._lasting:
            return
        if not self._pieces:
            self._loop.call_soon(self._hand_over)
        self._pieces.append(data)
        self._unwritten += len(data)

    async def ready(self) -> None:
        """Waits while too much is unwritten: a reader that has paused pauses us."""
        if self._unwritten > OUTPUT_BYTES:
            await self._until(OUTPUT_BYTES)

    async def drain(self) -> None:
        """Returns when all has been written."""
        await self._until(0)

    def close(self) -> None:
        """Ends the thread once it has written what it has."""
        self._unwatch()
        self._queue.put(None)

    async def _until(self, size: int) -> None:
        while self._unwritten > size and self.error is None:
            self._moved.clear()
            await self._moved.wait()
        if self.error is not None and not self._lasting:
            raise self.error

    def _hand_over(self) -> None:
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._queue.put(data)

    def _write(self, fd: int) -> None:
        raw = _raw(fd, "wb")
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            while (data := self._queue.get()) is not None:
                try:
                    _write_all(raw, data)
                except OSError as error:
                    self._loop.call_soon_threadsafe(self._failed, error)
                    return
                self._loop.call_soon_threadsafe(self._written, len(data))

    def _look(self) -> None:
        # The writing end of a pipe becomes readable when its other end is closed; a socket also when something comes.
        poll = select.poll()
        poll.register(self._fd, 0)
        if poll.poll(0):
            self._failed(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
        else:
            self._unwatch()

    def _unwatch(self) -> None:
        if self._watching:
            self._watching = False
            self._loop.remove_reader(self._fd)

    def _written(self, size: int) -> None:
        self._unwritten -= size
        self._moved.set()

    def _failed(self, error: OSError) -> None:
        self._unwatch()
        self.error = error
        self._moved.set()
        if self._task is not None and not self._lasting:
            self._task.cancel()  # whoever only waits for the next message would not notice


@asynccontextmanager
async def output(fd: int = 1, *, lasting: bool = False, watched: bool = False) -> AsyncIterator[Output]:
    """Opens an Output, and drains it at the end. Raises OSError where it cannot be written, unless `lasting`."""
    out = Output(fd, lasting=lasting, watched=watched)
    try:
        yield out
        await out.drain()
    except asyncio.CancelledError:
        if out.error is not None and not lasting:
            raise out.error from None
        raise
    finally:
        out.close()


class Spoken:
    """The lines for stderr. Each is waited for, but only for a moment, and not while an earlier one hangs."""

    def __init__(self, fd: int = 2) -> None:
        self._fd = fd
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._hangs = self._running = False

    def say(self, data: bytes) -> None:
        """Says it; or drops it, where nobody has listened for long."""
        with self._changed:
            if self._size + len(data) > STATUS_BYTES:
                return
            self._lines.append(data)
            self._size += len(data)
            if not self._running:
                self._running = True
                threading.Thread(target=self._write, daemon=True, name="stderr").start()
            self._changed.notify_all()
            if not self._hangs:
                self._hangs = not self._changed.wait_for(lambda: not self._size, STATUS_S)

    def _write(self) -> None:
        raw = _raw(self._fd, "wb")
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines)
                data = self._lines.popleft()
            with contextlib.suppress(OSError):
                _write_all(raw, data)
            with self._changed:
                self._size -= len(data)
                self._hangs = self._hangs and self._size > 0
                self._changed.notify_all()


_spoken = Spoken()


def say(text: str) -> None:
    """Writes a line, or several, on stderr beside an event loop: a terminal that takes nothing holds nobody up."""
    text = f"{shown(text)}\n"
    stream = sys.stderr
    if stream is sys.__stderr__ and stream is not None:
        _spoken.say(text.encode(stream.encoding, stream.errors or "replace"))
    else:  # somebody collects it
        with contextlib.suppress(OSError):
            stream.write(text)
            stream.flush()


def status(text: str) -> None:
    """Writes a line on stderr, for a person."""
    say(one_line("sandpiper: ", text))


def _tells_when_unread(fd: int) -> bool:
    if sys.platform == "win32":
        return False
    with contextlib.suppress(OSError):
        mode = os.fstat(fd).st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
    return False


def _raw(fd: int, mode: Literal["rb", "wb"]) -> io.FileIO:
    # By Python's own file, not os.read: on the console of Windows that one speaks UTF-8.
    return open(fd, mode, buffering=0, closefd=False)


def _read_some(raw: io.FileIO) -> bytes:
    try:
        while (piece := raw.read(_READ_BYTES)) is None:  # somebody else has made the shared file non-blocking
            select.select([raw.fileno()], [], [])
    except OSError:
        return b""
    return piece


def _write_all(raw: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = raw.write(view)
        if written is None:  # somebody else has made the shared file non-blocking
            select.select([], [raw.fileno()], [])
            continue
        view = view[written:]
