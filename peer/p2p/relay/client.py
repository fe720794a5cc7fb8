"""The client of a relay: keeps one room connected to a broker that passes its sealed bodies on.

Each client has an identity and a CURVE key of its own, so that the broker can tell neither who it is nor which clients
are one person's. What the broker says of a body's sender proves nothing: bodies prove themselves.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import zmq
from nacl.signing import SigningKey

from sandpiper.common import control
from sandpiper.common.errors import Rejected, SandpiperError, Unreachable
from sandpiper.common.io.sockets import CurveKeys
from sandpiper.common.limits import RELAY_AGAIN_S, RELAY_HWM
from sandpiper.common.target import Target
from sandpiper.peer.credentials import Credentials
from sandpiper.peer.dealer_client import DealerClient
from sandpiper.peer.hello import greet_broker
from sandpiper.peer.p2p.mesh.guarded_links import GuardedLinks
from sandpiper.peer.p2p.relay.protocol import CAPS, RelayPresent, RelayReceived, RelaySession, RelayState
from sandpiper.peer.profile import Profile
from sandpiper.peer.reconnect import LazyTimer, Reconnector

_BYE_MS: Final = 200
_LOST: Final = "the connection to the broker was lost"


class RelayCallbacks(Protocol):
    """The callbacks of a relay link."""

    def received(self, sender: bytes, body: bytes) -> None:
        """A body has come; `sender` is the relay address that the broker says it is from."""

    def presence(self, address: bytes, present: bool) -> None:
        """Another session of the room can be reached at this broker, or not any more."""

    def up(self) -> None:
        """Bodies travel from now on; `presence` has been called for everyone present."""

    def down(self, text: str) -> None:
        """Bodies do not travel, and nobody is present. The link reconnects, and tells anew who is present."""


class RelayLink:
    """A room's link to one broker, made on a running loop. `address` is what the other members see of it.

    With `pin` the broker's key is remembered, as for a broker that a person has named. `may_dial` says of each of its
    numeric addresses whether to dial it.
    """

    def __init__(
        self,
        ctx: zmq.Context[Any],
        target: Target,
        access_code: str | None,
        profile: Profile,
        *,
        callbacks: RelayCallbacks,
        pin: bool,
        may_dial: Callable[[str], bool] = lambda host: True,
        guard: GuardedLinks | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._context = ctx
        self._target = target
        self._profile = profile
        self._callbacks = callbacks
        self._pin = pin
        self._may_dial = may_dial
        self._guard = guard
        self._keys = CurveKeys.make()
        self._credentials = Credentials(SigningKey.generate(), self._keys.public, access_code, os.urandom, CAPS)
        self._session = RelaySession(self._credentials, self._keys.public)
        self._dealer: DealerClient | None = None
        self._moved = asyncio.Event()
        self._was_up = False
        self._turning = False
        self._timer = LazyTimer(self._loop, self._due)
        self._reconnector = Reconnector(self._attempt, self._drop, self._failed, self._moved)
        self.address = self._session.address
        self._text = "not connected yet"

    # Life --------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connects for the first time, and reconnects from then on.

        Raises Unreachable, AccessDenied, TrustError, Rejected, and has closed the link then.
        """
        await self._reconnector.open()

    async def close(self) -> None:
        """Says goodbye and closes the link; no callback is called any more."""
        self._was_up = False
        await self._reconnector.close()
        if self._dealer is not None and self._session.state is RelayState.ENROLLED:
            self._dealer.send(control.encode(control.Bye(r=0)))
        self._session.events.clear()
        self._drop("closed", linger_ms=_BYE_MS)

    @property
    def up(self) -> bool:
        """Whether bodies travel; `text` says why not."""
        return self._session.up

    @property
    def text(self) -> str:
        """Why bodies do not travel, in one line; empty when they do."""
        if self._session.up:
            return ""
        if self._session.state is RelayState.ENROLLED:
            return self._session.trouble or "not attached to a tag"
        return self._text

    @property
    def rtt_ms(self) -> float | None:
        """The last round trip to the broker."""
        return None if self._session.rtt_s is None else self._session.rtt_s * 1000

    @property
    def dropped(self) -> int:
        """How many bodies were dropped here."""
        return self._session.queue.dropped

    # Tags and bodies ---------------------------------------------------------------------------------------

    async def attach(self, seed: bytes) -> None:
        """Attaches to the tag of this seed (32 bytes), at which bodies travel from now on. Earlier tags are kept for
        receiving, and for members who are at those only, until `detach`.

        Returns once attached, or at once without a connection: the next one attaches. Raises Rejected, and tries
        again later.
        """
        self._session.attach(seed)
        self._pump()
        while self._session.state is RelayState.ENROLLED and not self._session.attached(seed):
            refusal = self._session.refusal(seed)
            if refusal is not None:
                raise refusal
            self._moved.clear()
            await self._moved.wait()

    def detach(self, seed: bytes) -> None:
        """Detaches from the tag of this seed."""
        self._session.detach(seed)
        self._pump()

    def send(self, to: list[bytes], body: bytes) -> None:
        """Queues a body for the addresses `to`, or for everyone present.

        A body waits for the broker's rate, and while there is no connection. Over the bound the oldest are dropped, and
        so are those that have waited for RELAY_QUEUED_S. Raises Refusal: TOO_LARGE, TOO_MANY.
        """
        self._session.send(to, body, time.monotonic())
        if not self._turning:  # however many are sent in one turn of the loop
            self._turning = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._turning = False
        self._session.flush(time.monotonic())
        self._pump()

    # Connecting --------------------------------------------------------------------------------------------

    async def _attempt(self) -> None:
        """Connects once, until enrolled. Raises SandpiperError."""
        found = await greet_broker(self._target, self._profile, self._credentials.access_code, may_dial=self._may_dial)
        self._credentials.set_broker(found.key, found.welcome)
        self._dealer = DealerClient(
            self._loop,
            self._context,
            self._keys,
            found.key,
            f"tcp://{found.at.address}",
            heard=self._on_frame,
            down=lambda: self._reconnector.lost(_LOST),
            hwm=RELAY_HWM,
            guard=self._guard,
        )
        self._session.connected(time.monotonic())
        self._pump()
        await self._reconnector.until(
            lambda: self._session.state is RelayState.ENROLLED or self._session.broken is not None, self._target.address
        )
        if self._session.broken is not None:
            raise self._session.broken
        if found.new and self._pin:
            self._profile.pin(self._target.address, found.welcome.key)

    def _failed(self, error: SandpiperError) -> float:
        """Says how long to pause: longer after a failure that waiting alone does not mend."""
        return 0.0 if isinstance(error, (Unreachable, Rejected)) else RELAY_AGAIN_S

    def _drop(self, text: str, linger_ms: int = 0) -> None:
        self._text = text
        self._timer.cancel()
        if self._dealer is not None:
            self._dealer.close(linger_ms)
            self._dealer = None
            self._session.disconnected()
        self._moved.set()
        if self._was_up:
            self._was_up = False
            self._callbacks.down(text)

    # What happens ------------------------------------------------------------------------------------------

    def _on_frame(self, frame: bytes) -> None:
        self._session.receive(frame, time.monotonic())
        self._pump()

    def _pump(self) -> None:
        """Sends what the session wants sent, passes its events on, sets the timer."""
        session = self._session
        if self._dealer is not None:
            requests, session.requests = session.requests, []
            for request in requests:
                self._dealer.send(control.encode(request))
        while session.events:
            self._tell(session.events.popleft())
        self._timer.set(session.get_timer())
        self._moved.set()

    def _tell(self, event: object) -> None:
        if isinstance(event, RelayReceived):
            self._callbacks.received(event.sender, event.body)
        elif isinstance(event, RelayPresent):
            self._callbacks.presence(event.address, event.present)
        else:
            self._was_up = True
            self._callbacks.up()

    def _due(self, now: float) -> None:
        self._session.handle_timer(now)
        stale = self._session.stale(now)
        if stale is not None:
            self._reconnector.lost(stale)
        self._pump()
