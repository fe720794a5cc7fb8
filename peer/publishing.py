"""Publications of a room, from posting to storing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Generator
from typing import Any, Final

from sandpiper.common.errors import Code, Refusal, Rejected, RoomClosed, SandpiperError, Unreachable
from sandpiper.common.limits import QUIT_S
from sandpiper.common.messages import Draft
from sandpiper.peer.engine import Engine
from sandpiper.peer.events import Delivered, Failed
from sandpiper.peer.status import RoomStatus

_POSTED_MOST: Final = 500
"""Posted without a pause until the loop gets its turn: so that sending and acknowledging overlap."""


class Pending:
    """A publication under way. Awaiting it gives its seq once it is stored, or raises Refusal."""

    __slots__ = ("_future", "error", "id", "seq")

    def __init__(self, name: str) -> None:
        self.id = name
        self.seq: int | None = None
        self.error: Exception | None = None
        self._future: asyncio.Future[int] | None = None

    @property
    def done(self) -> bool:
        """Whether it is stored or refused."""
        return self.seq is not None or self.error is not None

    def __await__(self) -> Generator[Any, None, int]:
        if self.error is not None:
            raise self.error
        if self.seq is not None:
            return self.seq
        if self._future is None:
            self._future = asyncio.get_running_loop().create_future()
        return (yield from asyncio.shield(self._future).__await__())

    def settle(self, seq: int | None, error: Exception | None) -> None:
        """Tells whoever awaits it what became of it. For the room only."""
        self.seq, self.error = seq, error
        if self._future is not None and not self._future.done():
            if error is not None:
                self._future.set_exception(error)
                self._future.exception()  # whoever awaits gets it; nobody need
            else:
                self._future.set_result(seq or 0)


class Publisher:
    """Posts a room's publications to its engine, and settles each Pending when the engine tells what became of it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.outlet = engine.outlet
        self._pending: dict[str, Pending] = {}
        self._posted = 0
        self._unsent = False
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether the next publication is to wait: see `until_room`."""
        return self._posted >= _POSTED_MOST or self.outlet.full

    async def until_room(self) -> None:
        """Gives the loop its turn, and returns when the window has room. Raises SandpiperError."""
        await asyncio.sleep(0)
        while self.outlet.full:
            await self._motion()

    def post(self, draft: Draft) -> Pending:
        """Posts it at once. Raises Refusal, SandpiperError."""
        self._check()
        return self._await_storing(self.outlet.post(draft, time.monotonic()))

    def post_as_tool(self, draft: Draft, nick: str) -> Pending:
        """Posts it at once, under a nick that no key owns. Raises Refusal, SandpiperError."""
        self._check()
        return self._await_storing(self.engine.post_as_tool(draft, nick, time.monotonic()))

    def _await_storing(self, name: str) -> Pending:
        # At rest a message waits for nothing; what is posted in the same turn goes together, and while something is
        # under way that turn is waited for.
        at_rest = not self._pending
        pending = self._pending[name] = Pending(name)
        self._posted += 1
        if self._posted == 1:
            asyncio.get_running_loop().call_soon(self._turn_over)
            self._unsent = not at_rest
            if at_rest:
                self._send()
        else:
            self._unsent = True
        return pending

    def _turn_over(self) -> None:
        self._posted = 0
        if self._unsent:
            self._send()

    def _send(self) -> None:
        if not self._closed:
            self.outlet.flush(time.monotonic())

    def settle(self, event: Delivered | Failed) -> None:
        """Tells whoever awaits the publication what became of it."""
        pending = self._pending.pop(event.id, None)
        if pending is None:
            return
        if isinstance(event, Delivered):
            pending.settle(event.seq, None)
        else:
            pending.settle(None, Refusal(Code(event.code), event.text))

    def abandon(self, error: Exception) -> None:
        """Fails everything that is not stored."""
        for pending in self._pending.values():
            pending.settle(None, error)
        self._pending.clear()

    def close(self) -> None:
        """Sends nothing from now on."""
        self._closed = True

    async def flush(self) -> None:
        """Returns when all that was posted is stored, or nobody is present to store it.

        After QUIT_S without any progress raises Unreachable, or Rejected if the broker turns messages away.
        """
        engine, outlet = self.engine, self.outlet
        while not (outlet.empty or engine.status.alone):
            self._check()
            left = outlet.progressed_at + QUIT_S - time.monotonic()
            if left <= 0:
                raise _overdue(engine.status)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._motion(), left)

    async def _motion(self) -> None:
        self._check()
        self.engine.moved.clear()
        await self.engine.moved.wait()

    def _check(self) -> None:
        if self._closed:
            raise RoomClosed("the room is closed")
        broken = self.outlet.broken
        if broken is not None:
            raise broken


def _overdue(status: RoomStatus) -> SandpiperError:
    if status.held and not status.trouble:
        return Rejected(f"{status.where} has stored nothing for {QUIT_S:.0f} s: {status.held}; try again later")
    why = f" ({status.trouble})" if status.trouble else ""
    return Unreachable(f"{status.where} has acknowledged nothing for {QUIT_S:.0f} s{why}; what was sent may be lost")
