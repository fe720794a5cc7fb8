"""Running a coroutine on the kind of loop that ZeroMQ's sockets need."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from click.exceptions import Exit

from sandpiper.cli.log_lines import catch_the_rest
from sandpiper.cli.terminal import put_right
from sandpiper.cli.unread import UNREAD
from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.exit_deadline import SIGNALS, before_the_end, deadline, heeding
from sandpiper.common.limits import ENDING_S, STARVED_SAID_S

Result = TypeVar("Result")
INTERRUPTED: Final = 130
NO_MEMORY: Final = "no memory is left; raise the limit (ulimit -v), or end other programs"
log = logging.getLogger("sandpiper")
_WAKE_S: Final = 0.25


def run(main: Coroutine[Any, Any, Result], *, lasting: bool = False) -> Result:
    """Runs a coroutine as asyncio.run does, on a selector loop: the Windows default has no add_reader.

    `lasting`: a service, which goes on as far as it can when there is no memory; all else then ends with an error.
    Raises Exit on Ctrl-C, and for a reader of stdout that has gone; click would word the one with an empty line and
    take the other for a failure.
    """
    told: list[int] = []
    try:
        return _run(_mortal(main, told, lasting=lasting), told)
    except KeyboardInterrupt:
        raise Exit(INTERRUPTED) from None
    except (BrokenPipeError, ConnectionResetError):
        raise Exit(UNREAD) from None


def _run(main: Coroutine[Any, Any, Result], told: list[int]) -> Result:
    if sys.platform == "win32":
        main = _wakeful(main)
        if sys.version_info < (3, 12):
            asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    catch_the_rest()
    forget = before_the_end(put_right())
    try:
        if sys.version_info >= (3, 12):
            return asyncio.run(main, loop_factory=asyncio.SelectorEventLoop)
        return asyncio.run(main)
    finally:
        forget()
        if not told:
            deadline.off()  # what is printed now may wait for its reader


async def _mortal(main: Coroutine[Any, Any, Result], told: list[int], *, lasting: bool) -> Result:
    """Ends by a signal, or with its terminal: the others in a room are told goodbye, if that can be done in time.

    `told` is by which. Once it is over, the loop has until the deadline to wait for its threads.
    """
    task, code = asyncio.current_task(), 1
    assert task is not None
    starved = Starved(None if lasting else task.cancel)
    asyncio.get_running_loop().set_exception_handler(starved)

    def end(number: int) -> None:
        told.append(number)
        task.cancel()

    try:
        with heeding(end, lambda _: ENDING_S, lambda number: 128 + number, unless_ignored=SIGNALS, again=_at_once):
            result = await main
        code = 0
        return result
    except asyncio.CancelledError:
        if told:
            code = 128 + told[0]
            raise Exit(code) from None
        if starved.ending:
            raise SandpiperError(NO_MEMORY) from None
        raise
    except (Exit, SandpiperError) as error:
        code = error.exit_code
        raise
    except (BrokenPipeError, ConnectionResetError):
        code = UNREAD
        raise
    finally:
        deadline.by(ENDING_S, code)


class Starved:
    """An exception handler of a loop: what met a lack of memory is one line, not a traceback each time."""

    def __init__(self, end: Callable[[], object] | None) -> None:
        """`end` ends the process; None for one that goes on."""
        self._end = end
        self._said_at = float("-inf")
        self.ending = False

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handles an exception, as `loop.set_exception_handler` wants it."""
        if not isinstance(context.get("exception"), MemoryError):
            loop.default_exception_handler(context)
        elif self._end is not None:
            self.ending = True
            self._end()
        elif loop.time() - self._said_at >= STARVED_SAID_S:
            self._said_at = loop.time()
            log.error("%s", NO_MEMORY)


def _at_once(number: int) -> None:
    """A second Ctrl-C does not wait for the loop, which may be waiting for an answer to a question."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt


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
