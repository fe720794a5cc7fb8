"""`sandpiper peer --attach`: the doors of a broker, for the tools on this machine, at a member of a room.

Sockets in a folder that only its owner enters, or on loopback with `--attach-tcp` and where there are no such sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq

from sandpiper.bridge.client import RoomClient
from sandpiper.bridge.plain_bus import PlainBus
from sandpiper.bridge.port import Guest
from sandpiper.common.descriptors import Seldom
from sandpiper.common.errors import Code, Refusal, SandpiperError
from sandpiper.common.io.descriptors import Descriptors, file_limit
from sandpiper.common.io.front_door import FrontDoor
from sandpiper.common.io.inner_endpoint import LINES, LOCAL, socket_folder
from sandpiper.common.io.sockets import context
from sandpiper.common.io.tasks import terminated
from sandpiper.common.limits import FULL_PAUSE_S, LOCAL_DESCRIPTORS, PRESENT_S, QUIT_S, TOOL_WHISPERS
from sandpiper.common.messages import Ack
from sandpiper.peer.attach.tool_port import ToolPort, Wire
from sandpiper.peer.room import Room

_LOOPBACK: Final = "127.0.0.1"
_GOODBYE: Final = "the member that these endpoints belong to is leaving"


class AttachReady(msgspec.Struct, tag_field="type", tag="ready"):
    """The doors are open. `lines` is a path in the file system, or HOST:PORT."""

    room: str
    plain_xsub: str
    plain_xpub: str
    lines: str


@contextlib.asynccontextmanager
async def attached(room: Room, *, tcp: bool) -> AsyncIterator[Doors]:
    """The doors of a room, open. Raises SandpiperError."""
    limit = file_limit()
    if LOCAL and not tcp and limit is not None and limit < LOCAL_DESCRIPTORS:
        raise SandpiperError(
            f"endpoints for tools in the file system need {LOCAL_DESCRIPTORS} file descriptors, and this process may "
            f"have {limit}; allow it more (`ulimit -n {LOCAL_DESCRIPTORS}`), or try --attach-tcp"
        )
    doors = Doors(room, tcp=tcp or not LOCAL)
    try:
        await doors.open()
        yield doors
    finally:
        await doors.close()


class Doors:
    """The sockets at which tools reach a room: a plain bus and JSON lines, both over one tool port."""

    def __init__(self, room: Room, *, tcp: bool) -> None:
        self._room = room
        self._tcp = tcp
        self._loop = asyncio.get_running_loop()
        self._context = context()
        wire = Wire(self._publish, self._changed, self._moved, self._whisper, time.monotonic, time.time)
        self.desk = ToolPort(room, room.name, os.urandom(16).hex(), wire)
        descriptors = Descriptors()
        with contextlib.ExitStack() as undo:
            undo.callback(self._context.destroy, 0)
            self._bus = PlainBus(self._loop, self._context, self._published, descriptors)
            undo.pop_all()
        self._door = FrontDoor(
            lines=lambda address, seq: RoomClient(self.desk, address, self.desk.room, seq),
            mark=lambda: self.desk.newest(self.desk.room, 0),
            greeting="a member of a sandpiper room",
            descriptors=descriptors,
        )
        self._folder: Path | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._whispers = 0
        self._scheduled = False
        self._look: asyncio.TimerHandle | None = None
        self._missed = 0
        self._seldom = Seldom()
        self.ready: AttachReady

    async def open(self) -> None:
        """Opens all of them; `ready` then says where they are. Raises SandpiperError."""
        try:
            if self._tcp:
                xsub, xpub = self._bus.bind(f"tcp://{_LOOPBACK}:*", f"tcp://{_LOOPBACK}:*")
                await self._door.open([_LOOPBACK], 0)
                lines = f"{_LOOPBACK}:{self._door.port}"
            else:
                self._folder = folder = socket_folder()
                xsub, xpub = self._bus.bind(f"ipc://{folder / 'xsub'}", f"ipc://{folder / 'xpub'}")
                lines = str(folder / LINES)
                await self._door.open_local(lines)
        except (OSError, zmq.ZMQError) as error:
            raise SandpiperError(
                f"cannot open endpoints for tools: {error}; try --attach-tcp, or another TMPDIR"
            ) from error
        self.ready = AttachReady(self.desk.room, xsub, xpub, lines)
        await self._ask_who_is_present()
        self._start(self._keep_asking())

    async def close(self) -> None:
        """Tells the tools, and shuts them."""
        self._turn()
        for task in list(self._tasks):
            task.cancel()
        if self._look is not None:
            self._look.cancel()
        for guest in self.desk.guests:
            guest.close(_GOODBYE)
        await self._door.close()
        self._bus.close()
        await terminated(self._context.term)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    # The desk's wire ---------------------------------------------------------------------------------------

    def _publish(self, frames: list[bytes]) -> None:
        self._bus.publish(frames)

    def _changed(self) -> None:
        """Once a turn of the loop, however many tools spoke in it."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _moved(self) -> None:
        self._start(self._ask_who_is_present())

    def _turn(self) -> None:
        self._scheduled = False
        self.desk.settle()

    def _published(self, frames: list[bytes]) -> None:
        self.desk.plain.take(frames)
        self._turn()
        self._tell_what_was_missed()
        if self._room.full:
            self._bus.pause(True)
            self._look = self._loop.call_later(FULL_PAUSE_S, self._look_again)

    def _look_again(self) -> None:
        if self._room.full:
            self._look = self._loop.call_later(FULL_PAUSE_S, self._look_again)
        else:
            self._bus.pause(False)
            self._tell_what_was_missed()

    def _tell_what_was_missed(self) -> None:
        """What is missed while nothing is told yet, is told with the next."""
        missed = self._bus.dropped - self._missed
        if missed and self._seldom.due(self._loop.time()):
            self._missed += missed
            self.desk.missed(missed)

    def _whisper(self, guest: Guest, to: str, text: str, name: str) -> None:
        if self._whispers >= TOOL_WHISPERS:
            raise Refusal(Code.TOO_MANY, "too many whispers wait for an answer")
        self._whispers += 1
        self._start(self._carry(guest, to, text, name))

    async def _carry(self, guest: Guest, to: str, text: str, name: str) -> None:
        try:
            await asyncio.wait_for(self._room.whisper(to, text), QUIT_S)
        except Refusal as refusal:
            self.desk.refuse(guest, refusal, name)
        except asyncio.TimeoutError:
            self.desk.refuse(guest, Refusal(Code.NOT_HERE, f"no sign from {to}"), name)
        else:
            self.desk.answer(guest, Ack(name, self.desk.room, None))
        finally:
            self._whispers -= 1

    # Who is here -------------------------------------------------------------------------------------------

    async def _keep_asking(self) -> None:
        while True:
            await asyncio.sleep(PRESENT_S)
            await self._ask_who_is_present()

    async def _ask_who_is_present(self) -> None:
        with contextlib.suppress(Refusal, asyncio.TimeoutError):
            self.desk.present = await asyncio.wait_for(self._room.members(), QUIT_S)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
