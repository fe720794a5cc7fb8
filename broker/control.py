"""The control shell: the CURVE ROUTER behind the front door's splice."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import zmq

from sandpiper.broker.clerk import Caller, Clerk
from sandpiper.broker.core import Broker
from sandpiper.broker.session import Session
from sandpiper.common import control
from sandpiper.common.errors import Code
from sandpiper.common.io.drain import Drain
from sandpiper.common.io.inner import Inner
from sandpiper.common.io.sockets import CurveKeys, serving
from sandpiper.common.io.splice import Splice
from sandpiper.common.limits import CONTROL_HWM

log = logging.getLogger("sandpiper.broker")
DOMAIN = "control"
_BATCH = 100


class Control:
    """Frames in, replies and events out; knows which connection is whose."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        keys: CurveKeys,
        inner: Inner,
        clerk: Clerk,
        broker: Broker,
        done: Callable[[], None],
    ) -> None:
        self._clerk = clerk
        self._broker = broker
        self._inner = inner
        self._done = done
        self._splices: dict[str, Splice] = {}
        self._callers: dict[bytes, tuple[Caller, Splice | None]] = {}
        self._routes: dict[Splice, bytes] = {}
        self._encoded: tuple[object, bytes] = (None, b"")
        self.requests = 0
        self.unsent = 0
        self._socket = serving(ctx, zmq.ROUTER, keys, DOMAIN, CONTROL_HWM)
        self._socket.bind(inner.endpoint)
        self._drain = Drain(loop, self._socket, self._receive, parts=2, most=_BATCH)

    def close(self) -> None:
        """Ends control, giving what is queued a moment to leave."""
        self._drain.close()
        self._socket.close(linger=500)

    # Connections -------------------------------------------------------------------------------------------

    def spliced(self, splice: Splice) -> None:
        """A connection has been spliced to the ROUTER."""
        self._splices[splice.name] = splice

    def unspliced(self, splice: Splice) -> None:
        """It has gone; its session lingers a little."""
        self._splices.pop(splice.name, None)
        route = self._routes.pop(splice, None)
        caller, _ = self._callers.pop(route, (None, None)) if route is not None else (None, None)
        session = self._broker.sessions.get(caller.key) if caller else None
        if session is not None and session.route == route:
            self._broker.lost_connection(session, time.monotonic())

    def _caller(self, route: bytes, body: zmq.Frame) -> tuple[Caller, Splice | None]:
        known = self._callers.get(route)
        key = bytes.fromhex(str(body.get("User-Id")))
        if known is not None and known[0].key == key:
            return known
        splice = self._splices.get(self._inner.name_of(int(body.get(zmq.SRCFD))) or "")
        caller = (Caller(key, route, splice.address if splice else ""), splice)
        if splice is not None:
            self._callers[route] = caller
            self._routes[splice] = route
        return caller

    # Frames ------------------------------------------------------------------------------------------------

    def _receive(self, batch: list[list[zmq.Frame]]) -> None:
        now = time.monotonic()
        for route_part, body in batch:
            route = route_part.bytes
            caller, splice = self._caller(route, body)
            if splice is not None:
                splice.surfaced()
            self.requests += 1
            reply = self._answer(caller, body.bytes, now)
            if reply is not None:
                if isinstance(reply, control.Enrolled) and splice is not None:
                    splice.admit()
                self._send(caller.route, control.encode(reply))
        self._done()

    def _answer(self, caller: Caller, frame: bytes, now: float) -> control.Reply | None:
        try:
            return self._clerk.answer(caller, frame, now)
        except Exception:  # a mistake of ours: it is to cost whoever met it an answer, and nobody else anything
            log.exception("a request could not be answered")
            text = "the broker could not answer this; its log says why"
            return control.Refused(r=control.request_number(frame), code=Code.INVALID.value, text=text)

    def tell(self, session: Session, message: control.Reply | control.Event) -> None:
        """One reply or event. Sessions that are told the same object share its encoding."""
        if self._encoded[0] is not message:
            self._encoded = (message, control.encode(message))
        self._send(session.route, self._encoded[1])

    def _send(self, route: bytes, frame: bytes) -> None:
        """A full queue or a gone client loses this frame: requests are asked again, pushes are repaired."""
        try:
            self._socket.send_multipart([route, frame], zmq.NOBLOCK, copy=True)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                raise
            self.unsent += 1
        self._drain.look()
