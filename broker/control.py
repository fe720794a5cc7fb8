"""The control shell: the request handlers at the CURVE ROUTER behind the front door's splice."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import zmq

from sandpiper.broker.core import Broker
from sandpiper.broker.request_handlers import RequestHandlers
from sandpiper.broker.session import ClientSession
from sandpiper.common import codec, control
from sandpiper.common.errors import Code
from sandpiper.common.io.inner_endpoint import InnerEndpoint
from sandpiper.common.io.router import Router
from sandpiper.common.io.sockets import CurveKeys
from sandpiper.common.limits import CONTROL_HWM
from sandpiper.common.tickets import Requester

log = logging.getLogger("sandpiper.broker")
DOMAIN = "control"


class Control:
    """The broker's end of all control connections: requests in, replies and events out.

    What is lost to a full queue is asked again, or repaired.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        keys: CurveKeys,
        inner: InnerEndpoint,
        handlers: RequestHandlers,
        broker: Broker,
        done: Callable[[], None],
    ) -> None:
        self._handlers = handlers
        self._broker = broker
        self._encoded: tuple[object, zmq.Frame] = (None, zmq.Frame())
        self.sealed_dropped = 0
        self.router = Router(
            loop, ctx, keys, inner, DOMAIN, CONTROL_HWM, receive=self._receive, done=done, gone=self._gone
        )

    def close(self) -> None:
        """Ends control, giving what is queued a moment to leave."""
        self.router.close()

    def _gone(self, caller: Requester) -> None:
        """A connection has gone; its session lingers a little."""
        session = self._broker.sessions.get(caller.key)
        if session is not None and session.route == caller.route:
            self._broker.lost_connection(session, time.monotonic())

    def _receive(self, caller: Requester, frame: bytes, now: float) -> None:
        reply = self._answer(caller, frame, now)
        if reply is not None:
            splice = self.router.splice_of(caller)
            if isinstance(reply, control.Enrolled) and splice is not None:
                splice.admit()
            self.router.send(caller.route, control.encode(reply))

    def _answer(self, caller: Requester, frame: bytes, now: float) -> control.Reply | None:
        try:
            return self._handlers.answer(caller, frame, now)
        except MemoryError:  # not for good: the client tries again
            text = "the broker has no memory left"
            return control.Refused(r=codec.request_number(frame), code=Code.TOO_MANY.value, text=text, retry_ms=1000)
        except Exception:  # a mistake of ours: it is to cost whoever met it an answer, and nobody else anything
            log.exception("a request could not be answered")
            text = "the broker could not answer this; its log says why"
            return control.Refused(r=codec.request_number(frame), code=Code.INVALID.value, text=text)

    def tell(self, session: ClientSession, message: control.Reply | control.Event) -> None:
        """Sends one reply or event.

        Sessions that are told the same object share its encoding, in libzmq's queues too.
        """
        if self._encoded[0] is not message:
            self._encoded = (message, zmq.Frame(control.encode(message), copy=True))
        if not isinstance(message, control.Sealed):
            self.router.send(session.route, self._encoded[1])
        elif not self.router.send(session.route, self._encoded[1], self._broker.relay.allowance):
            self.sealed_dropped += 1
