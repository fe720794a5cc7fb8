"""The end of a process, which depends on no thread and on no reader: once it is due, it comes.

An interpreter that ends waits for its threads, and whoever still writes waits for its reader: either may take for ever.
So whoever has been told to end, and whoever has nothing left to do, says here by when the process is to be over.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from types import FrameType
from typing import Any, Final, NoReturn

from sandpiper.common.limits import ENDING_AGAIN_S, ENDING_LAST_WORDS_S

SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")
"""By which a process is told to end."""
_hooks: list[Callable[[], None]] = []
_told: list[Callable[[int], None]] = []
"""Who heeds signals now, the innermost last: it alone is told."""


def before_the_end(hook: Callable[[], None]) -> Callable[[], None]:
    """Calls `hook`, in a thread, before the process is ended by force; returns what takes that back."""
    _hooks.append(hook)

    def forget() -> None:
        with contextlib.suppress(ValueError):
            _hooks.remove(hook)

    return forget


class ExitDeadline:
    """The time at which a process has to be over, and its exit code then."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._at: float | None = None
        self._code = 0
        self._watching = False

    def by(self, seconds: float, code: int) -> None:
        """In so many seconds at the latest; what was said before counts if it is sooner."""
        with self._changed:
            at = time.monotonic() + seconds
            if self._at is None or at < self._at:
                self._at, self._code = at, code
            if not self._watching:
                with contextlib.suppress(RuntimeError, MemoryError):  # no thread can be had: it ends as it can
                    threading.Thread(target=self._watch, daemon=True, name="deadline").start()
                    self._watching = True
            self._changed.notify()

    def off(self) -> None:
        """Lifts the deadline."""
        with self._changed:
            self._at = None
            self._changed.notify()

    @property
    def due(self) -> bool:
        """Whether a deadline is set."""
        return self._at is not None

    def _watch(self) -> None:
        with self._changed:
            while (at := self._at) is None or at > time.monotonic():
                self._changed.wait(None if at is None else at - time.monotonic())
            code = self._code
        end_now(code)


@contextlib.contextmanager
def heeding(
    told: Callable[[int], None],
    seconds: Callable[[int], float],
    code: Callable[[int], int],
    *,
    unless_ignored: Collection[str] = ("SIGHUP",),
    again: Callable[[int], None] = lambda number: None,
) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP call `told` on the running loop; the process is over `seconds` later, with `code`.

    The one comes by the loop, the other by Python's own handler, which a write that nobody reads does not keep away;
    and so does `again`, for a signal that comes again. What is `unless_ignored` and is, as by nohup, stays so.
    """
    loop = asyncio.get_running_loop()
    heard: set[int] = set()

    def handle(number: int, frame: FrameType | None) -> None:
        deadline.by(ENDING_AGAIN_S if number in heard else seconds(number), code(number))
        if sys.platform == "win32":
            loop.call_soon_threadsafe(_tell, number)
        if number in heard:
            again(number)
        heard.add(number)

    kept: dict[int, Any] = {}
    _told.append(told)
    try:
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is None or (name in unless_ignored and signal.getsignal(number) is signal.SIG_IGN):
                continue
            kept[number] = signal.getsignal(number)
            if sys.platform != "win32":
                loop.add_signal_handler(number, _tell, number)
            signal.signal(number, handle)
        yield
    finally:
        _told.pop()
        for number, handler in kept.items():
            if sys.platform != "win32" and not _told:
                loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _tell(number: int) -> None:
    if _told:
        _told[-1](number)


def _last(hook: Callable[[], None]) -> None:
    if sys.platform != "win32":  # who is in the background may put the terminal right all the same
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    hook()


deadline = ExitDeadline()
"""This process's."""


def end_now(code: int) -> NoReturn:
    """Ends the process, whatever its threads are doing. What hooks there are have a moment."""
    for hook in list(_hooks):
        thread = threading.Thread(target=_last, args=(hook,), daemon=True)
        with contextlib.suppress(RuntimeError):  # no thread can be had
            thread.start()
            thread.join(ENDING_LAST_WORDS_S)
    os._exit(code)
