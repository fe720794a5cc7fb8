"""The keeper: keeps a session connected, over one link after another.

It owns what the session, being pure, cannot have: the door, the sockets, the clock, and patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Callable

from sandpiper.common import control
from sandpiper.common.errors import Code, Refusal, Rejected, SandpiperError, Unreachable
from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.common.io.tasks import end, terminated, to_its_end
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import BUS_S, CONNECT_S, RECONNECT_LEAST_S, RECONNECT_MOST_S
from sandpiper.common.target import Target
from sandpiper.peer import door
from sandpiper.peer.credentials import Credentials
from sandpiper.peer.link import Heard, Link
from sandpiper.peer.profile import Profile, ProfileError
from sandpiper.peer.session import Session, State, Wish

_FRAMES_PER_REQUEST = 4
"""Of the largest size these fit one control frame."""
_BYE_S = 1.0
_LAST_WORD_MS = 500


class Keeper:
    """Made on a running loop. `turned` is called whenever the session may have something to say; `moved` is set then.

    `broker` is the broker's fingerprint, once known.
    """

    def __init__(
        self,
        target: Target,
        wish: Wish,
        access_code: str | None,
        profile: Profile,
        *,
        one_port: bool,
        turned: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._target = target
        self._code = access_code
        self._profile = profile
        self._one_port = one_port
        self._turned = turned
        self._context = context()
        self._keys = CurveKeys.make()
        self._credentials = Credentials(profile.signing_key, self._keys.public, access_code, os.urandom)
        self.session = Session(wish, self._credentials)
        self.moved = asyncio.Event()
        self.broker = ""
        self._link: Link | None = None
        self._down = asyncio.Event()
        self._down_text = ""
        self._deciding: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._stayer: asyncio.Task[None] | None = None

    # Life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connects for the first time, and from then on keeps connected. Raises SandpiperError."""
        try:
            await self._attempt()
        except BaseException:
            if self._link is not None:  # it may have joined already: nobody is to see a member that is not there
                self._link.say(control.encode(control.Bye(r=0)))
            self._drop("", linger_ms=_LAST_WORD_MS)
            await to_its_end(terminated(self._context.term))
            raise
        self._stayer = self._loop.create_task(self._stay())

    async def close(self) -> None:
        """Says goodbye and lets go of everything."""
        try:
            if self.session.state is State.INSIDE:
                with contextlib.suppress(Refusal, asyncio.TimeoutError):
                    await asyncio.wait_for(self.request(control.Bye(r=0)), _BYE_S)
            await end(self._stayer)
        finally:
            self._drop("closed")
            self._context.term()

    async def request(self, request: control.Request) -> control.Reply:
        """One request and its reply. Raises Refusal."""
        if self.session.state is not State.INSIDE:
            raise Refusal(Code.CLOSING, "not connected at the moment; try again when the connection is back")
        answer: asyncio.Future[control.Reply] = self._loop.create_future()
        self.session.ask(request, lambda reply: None if answer.done() else answer.set_result(reply))
        self.turn()
        reply = await answer
        if isinstance(reply, control.Refused):
            raise Refusal(Code(reply.code), reply.text, retry_ms=reply.retry_ms)
        return reply

    def hold(self, on: bool) -> None:
        """Whether the bus is to wait for the reader."""
        if self._link is not None:
            self._link.hold(on)

    # Connecting --------------------------------------------------------------------------------------------

    async def _attempt(self) -> None:
        """One connection, up to the room. Raises SandpiperError."""
        found = await door.ask(self._target, self._profile, self._code, self._slow if self._stayer else None)
        self._credentials.broker_key, self._credentials.ticket = found.key, found.welcome.ticket
        self._credentials.asked = found.welcome.access
        self._down.clear()
        heard = Heard(self._on_control, self._on_frames, self._on_bus, self._on_down)
        endpoint = f"tcp://{found.at.address}"
        self._link = Link(self._loop, self._context, self._keys, found.key, endpoint, heard)
        self.session.connected(time.monotonic())
        self.turn()
        await self._until_inside()
        self.broker = fingerprint(found.key)
        if found.new:
            self._profile.pin(self._target.address, found.welcome.key)
        self._open_way(self._link, found)

    async def _until_inside(self) -> None:
        deadline = self._loop.time() + 2 * CONNECT_S
        while self.session.state is not State.INSIDE and self.session.broken is None:
            self.moved.clear()
            try:
                await asyncio.wait_for(self.moved.wait(), deadline - self._loop.time())
            except asyncio.TimeoutError:
                raise Unreachable(f"{self._target.address} opens its door, but does not answer further") from None
            if self._down.is_set():
                raise Unreachable(f"{self._target.address}: {self._down_text}")
        if self.session.broken is not None:
            raise self.session.broken

    def _slow(self, text: str) -> None:
        """On the way back: somebody waits."""
        self.session.kept_out(text, tell=True)
        self._turned()

    def _open_way(self, link: Link, found: door.Door) -> None:
        if self._one_port or found.bus is None:
            self._take_one_port("as asked" if self._one_port else "the broker's bus is closed")
            return
        xsub, xpub = found.bus
        link.open_bus(xsub)
        if self.session.wish.listen:
            link.subscribe(xpub, self.session.wish.room)
        self._deciding = self._loop.call_later(BUS_S, self._take_one_port, "the bus ports do not answer")

    def _take_one_port(self, why: str) -> None:
        if self._link is None:
            return
        self._link.close_bus()
        if self.session.wish.listen:
            self.session.ask(control.Subscribe(r=0, room=self.session.wish.room), lambda reply: None)
        self.session.way("one-port", f"everything goes through the one port: {why}", time.monotonic())
        self.turn()

    async def _stay(self) -> None:
        """Connects again whenever the link has broken, until there is no way back."""
        while True:
            await self._down.wait()
            self._drop(self._down_text)
            pause = RECONNECT_LEAST_S
            while True:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                try:
                    await self._attempt()
                    break
                except (Unreachable, Rejected, ProfileError) as error:
                    self._drop(str(error))
                    self.session.broken = None
                    self.session.kept_out(str(error), tell=not isinstance(error, Unreachable))
                    self._turned()
                except SandpiperError as error:
                    self._drop(str(error))
                    self.session.broken = error
                    self.turn()
                    return
                pause = min(pause * 2, RECONNECT_MOST_S)

    def _drop(self, text: str, *, linger_ms: int = 0) -> None:
        for timer in (self._deciding, self._timer):
            if timer is not None:
                timer.cancel()
        self._deciding = self._timer = None
        self._timer_at = float("inf")
        if self._link is not None:
            self._link.close(linger_ms)
            self._link = None
            self.session.disconnected(text)
            self._turned()

    # What the link says ------------------------------------------------------------------------------------

    def _on_control(self, frame: bytes) -> None:
        self.session.receive(frame, time.monotonic())
        self.turn()

    def _on_frames(self, frames: list[bytes]) -> None:
        now = time.monotonic()
        receive = self.session.receive_frame
        for frame in frames:
            receive(frame, now)
        self.turn()

    def _on_bus(self, up: bool) -> None:
        if not up:
            self.session.outbox.shut()
            return
        if self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None
        self.session.way("bus", "messages come straight from the broker now", time.monotonic())
        self.turn()

    def _on_down(self, text: str) -> None:
        if self._link is not None:
            self.session.broke(losing=self._link.losing(self.session.path, time.monotonic()))
        self._down_text = text
        self._down.set()
        self.moved.set()

    # What the session wants --------------------------------------------------------------------------------

    def turn(self) -> None:
        """Sends what the session wants sent, lets it say what it has to say, sets the clock."""
        session, link = self.session, self._link
        if link is not None:
            requests, session.requests = session.requests, []
            for request in requests:
                link.say(control.encode(request))
            frames, session.frames = session.frames, []
            if frames:
                self._publish(link, frames)
            if session.broken is not None and self._stayer is not None:
                self._on_down(str(session.broken))
        self._turned()
        self._set_clock()
        self.moved.set()

    def _publish(self, link: Link, frames: list[bytes]) -> None:
        if self.session.path == "bus":
            link.publish(frames)
            return
        for first in range(0, len(frames), _FRAMES_PER_REQUEST):
            some = frames[first : first + _FRAMES_PER_REQUEST]
            link.say(control.encode(control.Publish(r=0, frames=some)))

    def _set_clock(self) -> None:
        due = self.session.get_timer()
        if due is None or due >= self._timer_at:
            return  # one that rings too early finds nothing due, and is set anew: cheaper than to move it each time
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_later(max(due - time.monotonic(), 0.0), self._ring)

    def _ring(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        now = time.monotonic()
        self.session.handle_timer(now)
        losing = self._link is not None and not self.session.outbox.empty and self._link.losing(self.session.path, now)
        stale = self.session.stale(now)
        if stale is not None:
            self._on_down(stale)
        elif losing and self.session.overdue(now):
            self.session.choked()
        self.turn()
