"""The CURVE ROUTER behind the front door's splice: knows which connection each message came by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import zmq

from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.inner_endpoint import InnerEndpoint
from sandpiper.common.io.sockets import CurveKeys, explained, serving
from sandpiper.common.io.splice import Splice
from sandpiper.common.limits import CONTROL_BEHIND_BYTES
from sandpiper.common.tickets import Requester

_BATCH = 100


class Router:
    """A CURVE ROUTER behind a front door.

    `receive` is called for each frame, `done` after each batch of them, `gone` for a caller whose connection went.

    `splices` are the connections that are spliced to it now.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        keys: CurveKeys,
        inner: InnerEndpoint,
        domain: str,
        hwm: int,
        *,
        receive: Callable[[Requester, bytes, float], None],
        done: Callable[[], None],
        gone: Callable[[Requester], None],
    ) -> None:
        self._inner = inner
        self._receive = receive
        self._done = done
        self._gone = gone
        self._by_name: dict[str, Splice] = {}
        self._callers: dict[bytes, tuple[Requester, Splice | None]] = {}
        self._routes: dict[Splice, bytes] = {}
        self.requests = 0
        self.unsent = 0
        with ExitStack() as undo:
            self._socket = undo.enter_context(serving(ctx, zmq.ROUTER, keys, domain, hwm))
            with explained("requests cannot be taken"):
                self._socket.bind(inner.endpoint)
            self._reader = BatchReader(loop, self._socket, self._take, parts=2, most=_BATCH)
            undo.pop_all()

    def close(self) -> None:
        """Ends it, giving what is queued a moment to leave."""
        self._reader.close()
        self._socket.close(linger=500)

    # Connections -------------------------------------------------------------------------------------------

    @property
    def splices(self) -> list[Splice]:
        """Every connection."""
        return list(self._by_name.values())

    def spliced(self, splice: Splice) -> None:
        """A connection has been spliced to the ROUTER."""
        self._by_name[splice.name] = splice

    def unspliced(self, splice: Splice) -> None:
        """Forgets a spliced client that has gone."""
        self._by_name.pop(splice.name, None)
        route = self._routes.pop(splice, None)
        caller, _ = self._callers.pop(route, (None, None)) if route is not None else (None, None)
        if caller is not None:
            self._gone(caller)

    def splice_of(self, caller: Requester) -> Splice | None:
        """The caller's connection; None once it has gone."""
        return self._callers.get(caller.route, (None, None))[1]

    def _caller(self, route: bytes, body: zmq.Frame) -> tuple[Requester, Splice | None]:
        known = self._callers.get(route)
        key = bytes.fromhex(str(body.get("User-Id")))
        if known is not None and known[0].key == key:
            return known
        splice = self._by_name.get(self._inner.name_of(int(body.get(zmq.SRCFD))) or "")
        caller = (Requester(key, route, splice.address if splice else ""), splice)
        if splice is not None:
            self._callers[route] = caller
            self._routes[splice] = route
        return caller

    # Frames ------------------------------------------------------------------------------------------------

    def _take(self, batch: list[list[zmq.Frame]]) -> None:
        now = time.monotonic()
        for route_part, body in batch:
            caller, splice = self._caller(route_part.bytes, body)
            if splice is not None:
                splice.surfaced(len(body))
            self.requests += 1
            self._receive(caller, body.bytes, now)
        self._done()

    def send(self, route: bytes, frame: bytes | zmq.Frame, most: int = CONTROL_BEHIND_BYTES) -> bool:
        """Sends one frame.

        Returns whether it went. It is lost, and counted, when the client has gone, or more than `most` bytes or too
        many frames wait for it already.
        """
        splice = self._callers.get(route, (None, None))[1]
        if splice is not None and splice.behind > most:
            self.unsent += 1
            return False
        try:
            self._socket.send_multipart([route, frame], zmq.NOBLOCK, copy=True)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                raise
            self.unsent += 1
            return False
        finally:
            self._reader.poll()
        if splice is not None:
            splice.owes(len(frame))
        return True
