"""The thread that writes to the terminal. It holds one piece at a time; who has more waits, and may change their mind.

A terminal may take nothing for as long as it likes: its window is held, its line is dead. A write to it is over when it
is over. So it is a thread's, and nobody waits for that thread without a deadline.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import Final

from sandpiper.common.limits import SCREEN_WORDS_CHARS

_PIECE_BYTES: Final = 4096
"""Written at once: what is being written when the rest is dropped."""


class Words:
    """The sequences that wait to be written besides the picture: bells, the clipboard, modes. They are bounded."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._size = 0

    def add(self, text: str) -> None:
        """Adds a sequence, or forgets it past the bound."""
        if self._size + len(text) <= SCREEN_WORDS_CHARS:
            self._words.append(text)
            self._size += len(text)

    def take(self) -> str:
        """Returns all that waits, and forgets it."""
        text = "".join(self._words)
        self._words.clear()
        self._size = 0
        return text


class Writer:
    """Writes in a thread of its own, which calls `taken` each time it has become idle."""

    def __init__(self, fd: int, taken: Callable[[], None]) -> None:
        self._fd = fd
        self._taken = taken
        self._changed = threading.Condition()
        self._data = b""
        self._dropped = self._ended = False
        self.gone = False
        """Whether nobody is at the other end any more. What is written then is taken, and goes nowhere."""
        threading.Thread(target=self._run, daemon=True, name="terminal").start()

    @property
    def idle(self) -> bool:
        """Whether it takes another piece."""
        return not self._data

    def put(self, data: bytes) -> None:
        """Writes this. Only for one that is idle."""
        assert self.idle
        with self._changed:
            self._data, self._dropped = data, False
            self._changed.notify_all()

    def drained(self, patience_s: float) -> bool:
        """Waits until it is idle; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self.idle, patience_s)

    def drop(self) -> None:
        """Drops what has not been written by now."""
        with self._changed:
            self._dropped = True

    def end(self) -> None:
        """The thread ends when it can. Nobody waits for it."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._data or self._ended)
                data = self._data
                if not data:
                    return
            if not self.gone:
                try:
                    self._write(memoryview(data))
                except (OSError, ValueError):
                    self.gone = True
            with self._changed:
                self._data = b""
                self._changed.notify_all()
            self._taken()

    def _write(self, view: memoryview) -> None:
        while view and not self._dropped:
            try:
                view = view[os.write(self._fd, view[:_PIECE_BYTES]) :]
            except BlockingIOError:  # somebody else has made the shared file non-blocking
                select.select([], [self._fd], [])
