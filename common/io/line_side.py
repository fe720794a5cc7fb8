"""The connection of one JSON-lines client: what the door does for it, whatever it speaks about."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from sandpiper.common.io.flow_control import Deadline, FlowControl
from sandpiper.common.limits import BRIDGE_BACKLOG_BYTES, DOOR_WRITE_BYTES, HALF_CLOSE_S, UNFINISHED_S


class LineWriter(Protocol):
    """The way back to a client."""

    @property
    def full(self) -> bool:
        """Whether the client is behind in reading. `LineClient.wake` comes when it has caught up."""

    @property
    def paused(self) -> bool:
        """Whether a `pause` is running."""

    def write(self, data: bytes) -> None:
        """Sends `data`, with all else that is written in this turn of the loop.

        A client that is behind by BRIDGE_BACKLOG_BYTES is dropped instead, which delays nobody.
        """

    def pause(self, seconds: float | None) -> None:
        """Reads no more from the client for so long (None: until `resume`); then comes `LineClient.wake`."""

    def resume(self) -> None:
        """Ends a pause at once, without `wake`."""

    def close(self, *, after_flush: bool = True) -> None:
        """Hangs up, when what has been written is out or at once."""


class LineClient(Protocol):
    """The speaker for one client: made by the service, called by the door."""

    @property
    def unfinished(self) -> bool:
        """Whether part of a line waits for its rest."""

    def connected(self, writer: LineWriter) -> None:
        """First of all."""

    def silent(self) -> None:
        """The client has said nothing for SNIFF_S; whatever it says comes later."""

    def receive(self, data: bytes) -> None:
        """The client has sent `data`."""

    def ended(self) -> None:
        """The client will send no more, but may still read: close the writer once it has what it is owed."""

    def wake(self) -> None:
        """A pause is over, or a client that was behind has caught up."""

    def closed(self) -> None:
        """Last of all: the connection has gone."""


class LineHost(Protocol):
    """The door's connection, as its LineSide uses it."""

    def begun(self, unfinished: bool) -> None:
        """A line has been begun, or finished."""

    def leaving(self) -> None:
        """All is said; hang up in any case when what is unsent makes no progress."""

    def show_out(self, text: str | None) -> None:
        """Say `text`, and hang up once the transport is empty."""

    def dropped(self) -> None:
        """The client has been dropped for not reading."""

    def expired(self) -> None:
        """The client has left a line unfinished for too long."""


class LineSide:
    """A LineWriter over a transport, with the limits on what the client sends and does not read."""

    def __init__(self, host: LineHost, client: LineClient, transport: asyncio.Transport, flow: FlowControl) -> None:
        self._loop = asyncio.get_running_loop()
        self._host = host
        self._client = client
        self._transport = transport
        self._flow = flow
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._full = False  # the transport takes no more
        self._behind = False  # full, or about to be: the client will be told when that is over
        self._scheduled = False
        self._closing = False
        self._progress = False
        self._paused = False
        self._pause: asyncio.TimerHandle | None = None
        self._line = Deadline(self._loop, UNFINISHED_S, self._line_expired)
        self._owed = Deadline(self._loop, HALF_CLOSE_S, self._owed_expired)
        client.connected(self)

    # Writing -------------------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """See LineWriter."""
        return self._behind

    @property
    def paused(self) -> bool:
        """See LineWriter."""
        return self._paused

    @property
    def holding(self) -> bool:
        """Whether something has not even reached the transport."""
        return bool(self._held)

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._held_bytes + self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """See LineWriter."""
        if self._closing:
            return
        if self._full and self._held_bytes > BRIDGE_BACKLOG_BYTES:
            self._give_up()
            return
        if len(data) <= DOOR_WRITE_BYTES:
            self._held.append(data)
        else:
            self._held.extend(data[at : at + DOOR_WRITE_BYTES] for at in range(0, len(data), DOOR_WRITE_BYTES))
        self._held_bytes += len(data)
        self._progress = True
        if self._held_bytes > DOOR_WRITE_BYTES:
            self._behind = True
        if not self._full and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _give_up(self) -> None:
        self._closing = True
        self._transport.abort()
        self._host.dropped()

    def _flush(self) -> None:
        # Held here rather than in the transport, which counts its buffer anew at every write.
        self._scheduled = False
        held = self._held
        while held and not self._full and not self._transport.is_closing():
            pieces = [held.popleft()]
            size = len(pieces[0])
            while held and size + len(held[0]) <= DOOR_WRITE_BYTES:
                pieces.append(held.popleft())
                size += len(pieces[-1])
            self._held_bytes -= size
            try:
                self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            except MemoryError:  # part of it may have gone
                self._give_up()
                raise
        if self._full:
            return
        if self._closing:
            self._host.show_out(None)
        elif self._behind:
            self._behind = False
            self._client.wake()

    def pause_writing(self) -> None:
        """The kernel takes no more."""
        self._full = self._behind = True

    def resume_writing(self) -> None:
        """The kernel takes more."""
        self._full = False
        self._progress = True
        self._flush()

    def close(self, *, after_flush: bool = True) -> None:
        """See LineWriter."""
        if not after_flush:
            self._closing = True
            self._transport.abort()
        elif not self._closing:
            self._closing = True
            self._host.leaving()
            if not self._full:
                self._flush()

    # Reading -------------------------------------------------------------------------------------------------

    def silent(self) -> None:
        """See LineClient."""
        self._client.silent()

    def received(self, data: bytes) -> None:
        """The client has sent `data`."""
        if self._closing:
            return
        self._client.receive(data)
        self._watch(anew=b"\n" in data)

    def ended(self) -> None:
        """The client will send no more."""
        self._line.stop()
        if not self._closing:
            self._client.ended()
        if not self._closing:
            self._progress = False
            self._owed.start()

    def pause(self, seconds: float | None) -> None:
        """See LineWriter."""
        self._stop_pause()
        self._paused = True
        self._flow.pause("paused")
        self._watch(anew=False)
        if seconds is not None:
            self._pause = self._loop.call_later(seconds, self._pause_over)

    def resume(self) -> None:
        """See LineWriter."""
        self._stop_pause()
        if self._paused:
            self._paused = False
            self._flow.resume("paused")
            self._watch(anew=True)

    def _stop_pause(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _pause_over(self) -> None:
        self.resume()
        self._client.wake()

    def _watch(self, *, anew: bool) -> None:
        """Runs the line's deadline while a line is unfinished by the client's own doing; `anew`: it is another."""
        unfinished = self._client.unfinished and not self._paused
        was = self._line.running
        if unfinished and (anew or not was):
            self._line.start()
        elif not unfinished:
            self._line.stop()
        if unfinished != was:
            self._host.begun(unfinished)

    # Ending --------------------------------------------------------------------------------------------------

    def _line_expired(self) -> None:
        self._closing = True
        self._host.begun(False)
        self._host.expired()
        if self._full:
            self._transport.abort()  # its last words would land inside a line
            return
        self._host.show_out(f"an unfinished line is given up after {UNFINISHED_S:.0f} seconds")

    def _owed_expired(self) -> None:
        if self._closing:
            return
        if self._progress or self._full or self._paused:
            self._progress = False
            self._owed.start()
        else:
            self.close()

    def lost(self) -> None:
        """The connection has gone."""
        self._closing = True
        self._stop_pause()
        self._line.cancel()
        self._owed.cancel()
        self._held.clear()
        self._held_bytes = 0
        self._client.closed()
