"""The splice: bytes both ways between a ZeroMQ client at the front door and the inner ROUTER, counted.

libzmq holds an unfinished multipart message without showing it, and without bound (measured: 343 MiB); and it must
never stop reading by itself (see sockets.py), so the ROUTER's own queue has no bound either. So the splice counts what
it has sent inward and what has come out of the ROUTER, and stops reading from the client at an allowance, in bytes and
in frames.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sandpiper.common.io.flow_control import Deadline, FlowControl
from sandpiper.common.io.inner_endpoint import InnerEndpoint
from sandpiper.common.lead import FRAME_LEAST, Lead
from sandpiper.common.limits import (
    DOOR_READ_BYTES,
    SPLICE_AHEAD_BYTES,
    SPLICE_AHEAD_FRAMES,
    SPLICE_STRANGER_BYTES,
    SPLICE_STRANGER_FRAMES,
    UNFINISHED_S,
)


class Splice:
    """A ZeroMQ client of the front door, connected through to the ROUTER.

    `address` is where it really comes from; `name` is what `InnerEndpoint.name_of` says of its messages. `greeted` is
    called when its first whole request has surfaced. `behind` is how many bytes wait for it in the ROUTER,
    `stalled_since` when it stopped taking them (loop time).
    """

    def __init__(
        self,
        address: str,
        outer: asyncio.Transport,
        flow: FlowControl,
        *,
        greeted: Callable[[], None],
        gave_up: Callable[[], None],
    ) -> None:
        self.address = address
        self.name = ""
        self.lead = Lead()
        self.behind = 0
        self.stalled_since: float | None = None
        self._outer = outer
        self._outer_flow = flow
        self._inner: asyncio.Transport | None = None
        self._inner_flow: FlowControl | None = None
        self._most_bytes = SPLICE_STRANGER_BYTES
        self._most_frames = SPLICE_STRANGER_FRAMES
        self._greeted = greeted
        self._gave_up = gave_up
        self._first = True
        # Running while a stranger's first request, or whatever fills the allowance, has yet to surface.
        self._deadline = Deadline(asyncio.get_running_loop(), UNFINISHED_S, self.cut)
        self._deadline.start()

    async def open(self, inner: InnerEndpoint) -> None:
        """Connects to the inside. Raises OSError."""
        transport, name = await inner.connect(lambda: _InnerEnd(self))
        self.name = name
        self._inner = transport
        self._inner_flow = FlowControl(transport)
        if self._outer.is_closing():
            transport.close()

    # What the control shell says -----------------------------------------------------------------------------

    def surfaced(self, octets: int) -> None:
        """A whole message of this connection, of so many octets, has come out of the ROUTER."""
        self.lead.surfaced(octets)
        self._deadline.stop()
        if self._first:
            self._first = False
            self._greeted()
        self._judge()

    def admit(self, most_bytes: int = SPLICE_AHEAD_BYTES, most_frames: int = SPLICE_AHEAD_FRAMES) -> None:
        """Lets the client be ahead by more: it is known now."""
        self._most_bytes, self._most_frames = most_bytes, most_frames
        if not self._first:
            self._deadline.stop()
        self._judge()

    def _judge(self) -> None:
        """Reads from the client while it is within its allowance."""
        if self.lead.octets < self._most_bytes and self.lead.frames < self._most_frames:
            self._outer_flow.resume("ahead")
            return
        self._outer_flow.pause("ahead")
        if not self._deadline.running:
            self._deadline.start()

    def close(self) -> None:
        """Ends the connection; what has been read in either direction is still passed on."""
        self._outer.close()
        if self._inner is not None:
            self._inner.close()

    def owes(self, size: int) -> None:
        """The ROUTER has been given a frame of `size` bytes for the client: it counts until it comes out here."""
        self.behind += size + FRAME_LEAST

    def cut(self) -> None:
        """Ends it at once."""
        self._gave_up()
        self._outer.abort()

    # What the client's side says -----------------------------------------------------------------------------

    @property
    def readable(self) -> int:
        """How many bytes may be read from the client now; at least 1, as reading stops at the allowance."""
        lead = self.lead
        frames = (self._most_frames - lead.frames) * FRAME_LEAST
        return max(min(DOOR_READ_BYTES, self._most_bytes - lead.octets, frames), 1)

    def received(self, data: bytes) -> None:
        """The client has sent `data`."""
        if self._inner is None:
            return
        self.lead.sent(data)
        self._inner.write(data)
        self._judge()

    def pause_writing(self) -> None:
        """The client does not read as fast as the inside writes."""
        self.stalled_since = asyncio.get_running_loop().time()
        if self._inner_flow is not None:
            self._inner_flow.pause("full")

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.stalled_since = None
        if self._inner_flow is not None:
            self._inner_flow.resume("full")

    def lost(self) -> None:
        """The client has gone."""
        self._deadline.cancel()
        if self._inner is not None:
            self._inner.close()

    # What the inside says ------------------------------------------------------------------------------------

    def inner_received(self, data: bytes) -> None:
        """The ROUTER has sent `data`."""
        # More comes than is counted (a handshake, PONGs), and never less: it is right again whenever nothing waits.
        self.behind = max(self.behind - len(data), 0)
        self._outer.write(data)

    def inner_full(self, full: bool) -> None:
        """Whether the ROUTER is slower than the client."""
        if full:
            self._outer_flow.pause("inner")
        else:
            self._outer_flow.resume("inner")

    def inner_lost(self) -> None:
        """The ROUTER has hung up."""
        self._outer.close()


class _InnerEnd(asyncio.Protocol):
    def __init__(self, splice: Splice) -> None:
        self._splice = splice

    def data_received(self, data: bytes) -> None:
        self._splice.inner_received(data)

    def pause_writing(self) -> None:
        self._splice.inner_full(True)

    def resume_writing(self) -> None:
        self._splice.inner_full(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._splice.inner_lost()
