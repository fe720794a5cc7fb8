"""The connection to a broker: keeps a session connected, over one link after another.

It owns what the session, being pure, cannot have: the sockets, the clock, and patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import zmq

from sandpiper.common import control
from sandpiper.common.errors import Code, Refusal, Rejected, SandpiperError, Unreachable
from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.common.io.tasks import terminated, to_its_end
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import BUS_S
from sandpiper.common.messages import Draft
from sandpiper.common.target import Target
from sandpiper.peer.broker_link import BrokerLink, LinkCallbacks
from sandpiper.peer.broker_session import BrokerSession, SessionState
from sandpiper.peer.credentials import Credentials
from sandpiper.peer.hello import BrokerGreeting, greet_broker
from sandpiper.peer.profile import Profile, ProfileError
from sandpiper.peer.reconnect import LazyTimer, Reconnector

_FRAMES_PER_REQUEST: Final = 4
"""Of the largest size these fit one control frame."""
_BYE_S: Final = 1.0
_LAST_WORD_MS: Final = 500


class BrokerConnection:
    """Connects a session to its broker, sends what the session wants sent, and connects again when the link breaks.

    Made on a running loop. `turned` is called whenever the session may have events; `moved` is set then. `broker` is
    the broker's fingerprint, once known.
    """

    def __init__(
        self,
        session: BrokerSession,
        credentials: Credentials,
        keys: CurveKeys,
        target: Target,
        profile: Profile,
        *,
        one_port: bool,
        turned: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._session = session
        self._credentials = credentials
        self._keys = keys
        self._target = target
        self._profile = profile
        self._one_port = one_port
        self._turned = turned
        self._context = context()
        self._link: BrokerLink | None = None
        self._deciding: asyncio.TimerHandle | None = None
        self._timer = LazyTimer(self._loop, self._due)
        self.moved = asyncio.Event()
        self._reconnector = Reconnector(self._attempt, self._drop, self._failed, self.moved)
        self._started = False
        self.broker = ""

    # Life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connects for the first time, and from then on keeps connected. Raises SandpiperError."""
        try:
            await self._reconnector.open()
        except BaseException:
            await to_its_end(terminated(self._context.term))
            raise
        self._started = True

    async def close(self) -> None:
        """Says goodbye and lets go of everything."""
        try:
            if self._session.state is SessionState.INSIDE:
                with contextlib.suppress(Refusal, asyncio.TimeoutError):
                    await asyncio.wait_for(self.request(control.Bye(r=0)), _BYE_S)
            await self._reconnector.close()
        finally:
            self._drop("closed")
            self._context.term()

    async def request(self, request: control.Request) -> control.Reply:
        """Sends one request; its reply. Raises Refusal."""
        if self._session.state is not SessionState.INSIDE:
            raise Refusal(Code.CLOSING, "not connected at the moment; try again when the connection is back")
        answer: asyncio.Future[control.Reply] = self._loop.create_future()
        self._session.ask(request, lambda reply: None if answer.done() else answer.set_result(reply))
        self.pump()
        reply = await answer
        if isinstance(reply, control.Refused):
            raise Refusal(Code(reply.code), reply.text, retry_ms=reply.retry_ms)
        return reply

    # Publishing: see Outlet --------------------------------------------------------------------------------

    @property
    def broken(self) -> SandpiperError | None:
        """See Outlet."""
        return self._session.broken

    @property
    def full(self) -> bool:
        """See Outlet."""
        return self._session.outbox.full

    @property
    def empty(self) -> bool:
        """See Outlet."""
        return self._session.outbox.empty

    @property
    def progressed_at(self) -> float:
        """See Outlet."""
        return self._session.outbox.progressed_at

    def post(self, draft: Draft, now: float) -> str:
        """See Outlet."""
        return self._session.post(draft, now)

    def flush(self, now: float) -> None:
        """See Outlet."""
        self._session.flush(now)
        self.pump()

    def pause(self, on: bool) -> None:
        """Makes the bus wait for the reader, or lets it come again."""
        if self._link is not None:
            self._link.pause(on)

    # Connecting --------------------------------------------------------------------------------------------

    async def _attempt(self) -> None:
        """Connects once, up to the room. Raises SandpiperError."""
        session, credentials = self._session, self._credentials
        slow = self._slow if self._started else None
        found = await greet_broker(self._target, self._profile, credentials.access_code, slow)
        credentials.set_broker(found.key, found.welcome)
        callbacks = LinkCallbacks(self._on_control, self._on_batch, self._on_bus, self._lost)
        endpoint = f"tcp://{found.at.address}"
        self._link = BrokerLink(self._loop, self._context, self._keys, found.key, endpoint, callbacks)
        session.connected(time.monotonic())
        self.pump()
        await self._reconnector.until(
            lambda: session.state is SessionState.INSIDE or session.broken is not None, self._target.address
        )
        if session.broken is not None:
            raise session.broken
        self.broker = fingerprint(found.key)
        if found.new:
            self._profile.pin(self._target.address, found.welcome.key)
        self._choose_path(self._link, found)

    def _slow(self, text: str) -> None:
        """Tells, on the way back, that somebody waits for a look-up."""
        self._session.path.kept_out(text, tell=True)
        self._turned()

    def _failed(self, error: SandpiperError) -> float | None:
        """Tells why an attempt to come back failed; there is no other where waiting mends nothing."""
        self._drop(str(error))
        if isinstance(error, (Unreachable, Rejected, ProfileError)):
            self._session.broken = None
            self._session.path.kept_out(str(error), tell=not isinstance(error, Unreachable))
            self._turned()
            return 0.0
        self._session.broken = error
        self.pump()
        return None

    def _choose_path(self, link: BrokerLink, found: BrokerGreeting) -> None:
        if self._one_port or found.bus is None:
            self._use_one_port("as asked" if self._one_port else "the broker's bus is closed")
            return
        xsub, xpub = found.bus
        link.open_bus(xsub)
        if self._session.options.listen:
            link.subscribe(xpub, self._session.options.room)
        self._deciding = self._loop.call_later(BUS_S, self._use_one_port, "the bus ports do not answer")

    def _use_one_port(self, why: str) -> None:
        if self._link is None:
            return
        self._link.close_bus()
        if self._session.options.listen:
            self._session.ask(control.Subscribe(r=0, room=self._session.options.room), lambda reply: None)
        self._session.path_opened("one-port", f"everything goes through the one port: {why}", time.monotonic())
        self.pump()

    def _drop(self, text: str) -> None:
        if self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None
        self._timer.cancel()
        link, self._link = self._link, None
        if link is None:
            return
        if self._started:
            link.close()
        else:  # it may have joined already: nobody is to see a member that is not there
            link.send_control(control.encode(control.Bye(r=0)))
            link.close(_LAST_WORD_MS)
        self._session.disconnected(text)
        self._turned()

    # What the link says ------------------------------------------------------------------------------------

    def _on_control(self, frame: bytes) -> None:
        self._session.receive(frame, time.monotonic())
        self.pump()

    def _on_batch(self, batch: list[list[zmq.Frame]]) -> None:
        now = time.monotonic()
        receive = self._session.receive_frame
        for (part,) in batch:
            receive(part.bytes, now)
        self.pump()

    def _on_bus(self, up: bool) -> None:
        if not up:
            self._session.outbox.shut()
            return
        if self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None
        self._session.path_opened("bus", "messages come straight from the broker now", time.monotonic())
        self.pump()

    def _lost(self, text: str) -> None:
        if self._link is not None:
            self._session.loss.broke(losing=self._link.losing(self._session.path.name, time.monotonic()))
        self._reconnector.lost(text)

    def _due(self, now: float) -> None:
        session, link = self._session, self._link
        session.handle_timer(now)
        losing = link is not None and not session.outbox.empty and link.losing(session.path.name, now)
        stale = session.stale(now)
        if stale is not None:
            self._lost(stale)
        elif losing and session.overdue(now):
            session.choked()
        self.pump()

    # What the session wants --------------------------------------------------------------------------------

    def pump(self) -> None:
        """Sends what the session wants sent, lets it say what it has to say, sets the timer."""
        session, link = self._session, self._link
        if link is not None:
            requests, session.requests = session.requests, []
            for request in requests:
                link.send_control(control.encode(request))
            frames, session.frames = session.frames, []
            if frames:
                self._publish(link, frames)
            if session.broken is not None and self._started:
                self._lost(str(session.broken))
        self._turned()
        due = session.get_timer()
        if due < self._timer.at:
            self._timer.set(due)
        self.moved.set()

    def _publish(self, link: BrokerLink, frames: list[bytes]) -> None:
        if self._session.path.name == "bus":
            link.publish(frames)
            return
        for first in range(0, len(frames), _FRAMES_PER_REQUEST):
            some = frames[first : first + _FRAMES_PER_REQUEST]
            link.send_control(control.encode(control.Publish(r=0, frames=some)))
