"""A guard of file descriptors: stands at a bound socket of libzmq, and turns people away once descriptors run short.

libzmq accepts whoever comes until the system has no descriptor left, and then tries again without a pause for as long
as anybody waits: a whole core, until somebody goes. So whoever gets one of the descriptors that are to be spared is
shut out again at once, which leaves nobody waiting. A burst may still take the last one for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import zmq

from sandpiper.common.io.connections import ends_of, shut
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.monitor import SocketMonitor
from sandpiper.common.io.pacer import Pacer
from sandpiper.common.io.sockets import Socket


class DescriptorGuard:
    """Turns connections at one bound socket away while descriptors are short.

    Made before the socket is bound, closed before it is closed. `came` gets the descriptor of each connection that may
    stay, and so does `pacer`, if there is one.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        socket: Socket,
        descriptors: Descriptors,
        came: Callable[[int], None] = lambda fd: None,
        pacer: Pacer | None = None,
    ) -> None:
        self._descriptors = descriptors
        self._came = came
        self._pacer = pacer
        self._present: set[int] = set()
        events = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | (pacer.EVENTS if pacer is not None else 0)
        self._watch = SocketMonitor(loop, socket, events, self._heard)

    def bound(self) -> None:
        """To be called after each `bind`: a crowd may be waiting at the port already."""
        self._watch.catch_up()

    def emptied(self) -> None:
        """To be called after an `unbind`: that ends every connection, and libzmq tells of none."""
        self._watch.catch_up()
        for fd in list(self._present):
            self._heard(zmq.EVENT_DISCONNECTED, fd, "")

    def close(self) -> None:
        """Lets everyone in."""
        self._watch.close()

    @property
    def present(self) -> int:
        """How many have come and not gone."""
        return len(self._present)

    def _heard(self, event: int, fd: int, endpoint: str) -> None:
        if event == zmq.EVENT_ACCEPTED:
            self._present.add(fd)
            if not judge(fd, endpoint, self._descriptors):
                return
            self._came(fd)
        elif event == zmq.EVENT_DISCONNECTED:
            self._present.discard(fd)
        if self._pacer is not None and event & self._pacer.EVENTS:
            self._pacer.heard(event, fd)


def judge(fd: int, endpoint: str, descriptors: Descriptors) -> bool:
    """Returns whether a connection that libzmq has accepted at `endpoint` may stay. Shuts it if it may not."""
    if descriptors.allotment.fits_member(fd):
        return True
    if _is_at(fd, endpoint) and shut(fd):
        descriptors.turned_away()
    return False


def _is_at(fd: int, endpoint: str) -> bool:
    """Whether the descriptor is still a connection there: what is told late may be something else's number by now."""
    own, _ = ends_of(fd)
    if isinstance(own, tuple):
        return endpoint.startswith("tcp://") and endpoint.rpartition(":")[2] == str(own[1])
    return own is not None and endpoint == f"ipc://{own}"
