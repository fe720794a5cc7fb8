"""Running a coroutine on the kind of loop that ZeroMQ's sockets need."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from click.exceptions import Exit

from sandpiper.common.errors import SandpiperError
from sandpiper.common.limits import STARVED_SAID_S

Result = TypeVar("Result")
INTERRUPTED: Final = 130
NO_MEMORY: Final = "no memory is left; raise the limit (ulimit -v), or end other programs"
log = logging.getLogger("sandpiper")
_WAKE_S: Final = 0.25


def run(main: Coroutine[Any, Any, Result], *, lasting: bool = False) -> Result:
    """As asyncio.run, on a selector loop: the Windows default has no add_reader.

    `lasting`: a service, which goes on as far as it can when there is no memory; all else then ends with an error.
    Raises Exit on Ctrl-C, and for a reader of stdout that has gone; click would word the one with an empty line and
    take the other for a failure.
    """
    try:
        return _run(_mortal(main, lasting=lasting))
    except KeyboardInterrupt:
        raise Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise Exit(0) from None


def _run(main: Coroutine[Any, Any, Result]) -> Result:
    if sys.platform == "win32":
        main = _wakeful(main)
        if sys.version_info < (3, 12):
            asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    if sys.version_info >= (3, 12):
        return asyncio.run(main, loop_factory=asyncio.SelectorEventLoop)
    return asyncio.run(main)


async def _mortal(main: Coroutine[Any, Any, Result], *, lasting: bool) -> Result:
    """Ends by SIGTERM, or with its terminal, as by Ctrl-C: the others in a room are told goodbye."""
    task, caught = asyncio.current_task(), list[int]()
    assert task is not None
    starved = Starved(None if lasting else task.cancel)
    asyncio.get_running_loop().set_exception_handler(starved)

    def end(number: int) -> None:
        caught.append(number)
        task.cancel()

    with contextlib.suppress(NotImplementedError):  # Windows
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", None)):
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
                asyncio.get_running_loop().add_signal_handler(number, end, number)
    try:
        return await main
    except asyncio.CancelledError:
        if caught:
            raise Exit(128 + caught[0]) from None
        if starved.ending:
            raise SandpiperError(NO_MEMORY) from None
        raise


class Starved:
    """An exception handler of a loop: what met a lack of memory is one line, not a traceback each time."""

    def __init__(self, end: Callable[[], object] | None) -> None:
        """`end` ends the process; None for one that goes on."""
        self._end = end
        self._said_at = float("-inf")
        self.ending = False

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """As `loop.set_exception_handler` wants it."""
        if not isinstance(context.get("exception"), MemoryError):
            loop.default_exception_handler(context)
        elif self._end is not None:
            self.ending = True
            self._end()
        elif loop.time() - self._said_at >= STARVED_SAID_S:
            self._said_at = loop.time()
            log.error("%s", NO_MEMORY)


async def _wakeful(main: Coroutine[Any, Any, Result]) -> Result:
    """Wakes the loop now and then, because select() on Windows is not interrupted by Ctrl-C."""
    waking = asyncio.create_task(_wake())
    try:
        return await main
    finally:
        waking.cancel()


async def _wake() -> None:
    while True:  # noqa: ASYNC110  # there is no event to wait for
        await asyncio.sleep(_WAKE_S)
