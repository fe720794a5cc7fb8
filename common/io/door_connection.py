"""A connection at the front door.

The first byte decides (docs/protocol.md, "The front door"). `{` or white space is JSON lines; 0xFF opens a ZeroMQ
greeting, which is spliced to the inner ROUTER; silence for SNIFF_S is an original JSON-lines client, which speaks
when it has something to say. Anything else is told in one line where it is.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from sandpiper.common.connection_limits import ConnectionLimits
from sandpiper.common.errors import Refusal
from sandpiper.common.io.flow_control import FlowControl
from sandpiper.common.io.inner_endpoint import InnerEndpoint
from sandpiper.common.io.line_side import LineClient, LineSide
from sandpiper.common.io.splice import Splice
from sandpiper.common.limits import (
    DOOR_LEAVE_S,
    DOOR_LEAVING,
    DOOR_REFUSED,
    KEEPALIVE_IDLE_S,
    KEEPALIVE_INTERVAL_S,
    KEEPALIVE_PROBES,
    SNIFF_S,
)
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Error

_JSON_FIRST = frozenset(b"{ \t\r\n")
_ZMTP_FIRST = 0xFF


class Stage(Enum):
    """The stages of a connection."""

    SNIFFING = "sniffing"
    LINES = "lines"
    SPLICING = "splicing"
    SPLICED = "spliced"
    REFUSED = "refused"
    LEAVING = "leaving"
    GONE = "gone"


@dataclass(slots=True)
class Counters:
    """Counters since the start: connections by kind, those over a limit, and clients cut off for not reading."""

    lines: int = 0
    spliced: int = 0
    foreign: int = 0
    refused: int = 0
    dropped: int = 0
    expired: int = 0


class DoorState(Protocol):
    """The state that the connections of one front door share."""

    counters: Counters
    connection_limits: ConnectionLimits
    lines: Callable[[str, int], LineClient]
    mark: Callable[[], int]
    inner: InnerEndpoint | None
    on_splice: Callable[[Splice], None]
    on_splice_closed: Callable[[Splice], None]
    greeting: str
    buffer: memoryview
    open_connections: set[DoorConnection]
    leaving: int
    refused: int


class DoorConnection(asyncio.BufferedProtocol):
    """A connection at the front door: sniffs, then hands over to a LineSide or a Splice."""

    def __init__(self, door: DoorState) -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._stage = Stage.SNIFFING
        self._transport: asyncio.Transport
        self._flow: FlowControl
        self._address = ""
        self._mark = door.mark()
        self._counted = False
        self._unfinished = False
        self._ended = False
        self._speechless = False
        self._refusal = ""
        self._side: LineSide | Splice | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._unsent = 0
        self.gone: asyncio.Future[None] = self._loop.create_future()

    # The transport's calls -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts the newcomer, and waits for its first byte."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._flow = FlowControl(transport)
        self._door.open_connections.add(self)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else "unknown"
        _keep_alive(transport.get_extra_info("socket"))
        try:
            self._door.connection_limits.enter(self._address)
        except Refusal as refusal:
            self._refuse(refusal.text)
            return
        self._counted = self._unfinished = True
        self._timer = self._loop.call_later(SNIFF_S, self._silent)

    def get_buffer(self, sizehint: int) -> memoryview:
        """The door's one buffer, as much of it as the splice may be given now."""
        side = self._side
        return self._door.buffer[: side.readable] if isinstance(side, Splice) else self._door.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hands on what was read."""
        data = bytes(self._door.buffer[:nbytes])
        if self._stage is Stage.SNIFFING:
            self._sniff(data)
        elif self._stage is Stage.REFUSED:
            self._turn_away(zmtp=data[0] == _ZMTP_FIRST and self._door.inner is not None)
        elif self._stage in (Stage.LINES, Stage.SPLICED) and self._side is not None:
            if self._speechless:
                self._speechless = False
                if data[0] == _ZMTP_FIRST:
                    # A greeting that was long on its way. It has been talked to in JSON by now: it will come again.
                    self._transport.abort()
                    return
            self._side.received(data)

    def eof_received(self) -> bool:
        """Returns whether the connection stays half open: a JSON-lines client is owed its answers."""
        if not isinstance(self._side, LineSide):
            return False
        if self._stage is Stage.LINES and not self._ended:
            self._side.ended()
        self._ended = True
        return self._stage is Stage.LINES or self._side.holding

    def pause_writing(self) -> None:
        """The kernel takes no more."""
        if self._side is not None and self._stage is not Stage.LEAVING:
            self._side.pause_writing()

    def resume_writing(self) -> None:
        """The kernel takes more."""
        if self._side is not None:
            self._side.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gives back all that was taken for the connection."""
        was, self._stage = self._stage, Stage.GONE
        self._stop_timer()
        if was is Stage.LEAVING:
            self._door.leaving -= 1
        elif was is Stage.REFUSED:
            self._door.refused -= 1
        if self._task is not None:
            self._task.cancel()
        self.begun(False)
        if self._counted:
            self._door.connection_limits.leave(self._address)
        self._door.open_connections.discard(self)
        self.gone.set_result(None)
        if self._side is not None:
            self._side.lost()
            if isinstance(self._side, Splice) and was is Stage.SPLICED:
                self._door.on_splice_closed(self._side)

    # Which kind it is ----------------------------------------------------------------------------------------

    def _sniff(self, data: bytes) -> None:
        inner = self._door.inner
        if data[0] == _ZMTP_FIRST and inner is not None:
            self._stop_timer()
            self._stage = Stage.SPLICING
            self._flow.pause("splicing")
            self._task = self._loop.create_task(self._splice(inner, data))
        elif data[0] in _JSON_FIRST:
            self._lines().received(data)
        else:
            self._door.counters.foreign += 1
            spoken = "JSON lines" if inner is None else "JSON lines or ZeroMQ (ZMTP 3)"
            self.show_out(f"this is {self._door.greeting}: speak {spoken}")

    def _silent(self) -> None:
        self._timer = None
        if self._stage is Stage.REFUSED:
            self._turn_away(zmtp=False)
            return
        self._speechless = True
        self._lines().silent()

    def _refuse(self, text: str) -> None:
        self._door.counters.refused += 1
        if self._door.refused >= DOOR_REFUSED:
            self._transport.abort()
            return
        self._door.refused += 1
        self._stage = Stage.REFUSED
        self._refusal = text
        self._timer = self._loop.call_later(SNIFF_S, self._silent)

    def _turn_away(self, *, zmtp: bool) -> None:
        """Says why to whoever reads JSON. For libzmq words are a broken greeting, after which it never tries again."""
        self._stop_timer()
        if zmtp:
            self._flow.pause("refused")
            self._timer = self._loop.call_later(DOOR_LEAVE_S, self._transport.abort)
        else:
            self.show_out(self._refusal)

    def _lines(self) -> LineSide:
        self._stop_timer()
        self._stage = Stage.LINES
        self._door.counters.lines += 1
        self.begun(False)
        side = LineSide(self, self._door.lines(self._address, self._mark), self._transport, self._flow)
        self._side = side
        return side

    async def _splice(self, inner: InnerEndpoint, first: bytes) -> None:
        splice = Splice(
            self._address,
            self._transport,
            self._flow,
            greeted=lambda: self.begun(False),
            gave_up=self.expired,
        )
        self._side = splice
        try:
            await splice.open(inner)
        except OSError:  # the inside has no room now; a word about it would keep libzmq from trying again
            self._door.counters.refused += 1
            self._transport.abort()
            return
        self._task = None
        self._stage = Stage.SPLICED
        self._door.counters.spliced += 1
        self._door.on_splice(splice)
        splice.received(first)
        self._flow.resume("splicing")

    # What a LineSide asks ------------------------------------------------------------------------------------

    def begun(self, unfinished: bool) -> None:
        """See LineHost."""
        if unfinished != self._unfinished and self._counted:
            self._unfinished = unfinished
            if unfinished:
                self._door.connection_limits.begin(self._address)
            else:
                self._door.connection_limits.finish(self._address)

    def dropped(self) -> None:
        """See LineHost."""
        self._door.counters.dropped += 1

    def expired(self) -> None:
        """See LineHost."""
        self._door.counters.expired += 1

    def leaving(self) -> None:
        """See LineHost."""
        if self._stage in (Stage.LEAVING, Stage.GONE):
            return
        self._door.refused -= self._stage is Stage.REFUSED
        self._stage = Stage.LEAVING
        self._stop_timer()
        self._door.leaving += 1
        self._unsent = 1 << 62
        self._check_progress()

    def show_out(self, text: str | None) -> None:
        """See LineHost. Reading goes on for a moment: closing with something unread would undo the words."""
        self.leaving()
        if self._transport.is_closing():
            return
        if text is not None:
            self._transport.write(encode_line(Error(text, int(time.time()))))
        if self._ended or self._door.leaving > DOOR_LEAVING:
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:  # the client has gone already, and the loop has yet to notice
            self._transport.abort()

    def _check_progress(self) -> None:
        unsent = self._transport.get_write_buffer_size()
        if isinstance(self._side, LineSide):
            unsent = self._side.unsent
        if unsent >= self._unsent:
            self._transport.abort()
            return
        self._unsent = unsent
        self._timer = self._loop.call_later(DOOR_LEAVE_S, self._check_progress)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What the door asks --------------------------------------------------------------------------------------

    @property
    def spliced(self) -> bool:
        """Whether it leads inside."""
        return self._stage is Stage.SPLICED

    def close(self) -> None:
        """Ends it, after what is written has gone out."""
        self._ended = True  # nobody waits any more for the client's own end
        if isinstance(self._side, Splice) or (self._side is not None and self._stage is Stage.LINES):
            self._side.close()
        elif self._side is None or not self._side.holding:
            self._transport.close()

    def abort(self) -> None:
        """Ends it now."""
        self._transport.abort()


def _keep_alive(connection: Any) -> None:
    """Keep-alive finds the dead, so that the quiet need no time limit."""
    with suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        idle = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))  # macOS has the second
        for option, value in (
            (idle, KEEPALIVE_IDLE_S),
            (getattr(socket, "TCP_KEEPINTVL", None), KEEPALIVE_INTERVAL_S),
            (getattr(socket, "TCP_KEEPCNT", None), KEEPALIVE_PROBES),
        ):
            if option is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
