"""The client of one discovery service: it stays connected, and keeps its lease.

`lease.py` says what to renew and when; here are the socket, the clock and reconnecting. Each client has a CURVE key of
its own, so that a service cannot tell whose it is, nor that two clients are one person's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import zmq
from nacl.signing import SigningKey
from zmq.utils import z85

from sandpiper.common import rendezvous
from sandpiper.common.buckets import Bucket
from sandpiper.common.errors import Code, Refusal, Rejected, SandpiperError, TrustError, Unreachable
from sandpiper.common.io.sockets import CurveKeys
from sandpiper.common.limits import (
    ANSWER_S,
    CONNECT_S,
    CONTROL_HWM,
    LETTER_TRIES,
    LETTERS_HEARD_BURST,
    LETTERS_HEARD_PER_S,
    LETTERS_WAITING,
    OBSERVED_CHANGES,
    OBSERVED_CHANGES_PER_S,
    RECONNECT_LEAST_S,
    RENEW_S,
    VERSION,
)
from sandpiper.common.rendezvous import BrokerAt, Found, Greeted, Leased, PeerCard, Refused, Reply
from sandpiper.common.sanitise import quoted
from sandpiper.common.target import DISCOVERY_PORT, parse_host
from sandpiper.peer import hello
from sandpiper.peer.dealer_client import DealerClient
from sandpiper.peer.p2p.mesh.guarded_links import GuardedLinks
from sandpiper.peer.p2p.rendezvous.lease import ServiceLease
from sandpiper.peer.profile import Profile
from sandpiper.peer.reconnect import LazyTimer, Reconnector

_BYE_S: Final = 1.0
_LOST: Final = "the connection to the discovery service was lost"
_SILENT: Final = "the discovery service does not answer"

Then = Callable[[Reply], None]
Bounced = Callable[[Refusal], None]


class RendezvousCallbacks(Protocol):
    """The callbacks of a client."""

    def letter(self, sender: bytes, body: bytes) -> None:
        """A letter has come for our mailbox; `sender` is the mailbox that the service says it is from."""

    def peers(self, cards: list[PeerCard]) -> None:
        """The other members' cards, all of them, as they are now."""

    def up(self) -> None:
        """The client is connected, also for the first time. Mailbox, observed address and brokers may have changed."""

    def down(self, text: str) -> None:
        """The client is not connected, for this reason, and reconnects; `distrusted` says if the key is the reason."""


class RendezvousClient:
    """The client of the service at `address` (HOST:PORT, perhaps #FINGERPRINT), made on a running loop.

    With `pin` the service's key is remembered and must stay the same, as for a service that a person has named;
    `distrusted` says that it did not when it was last asked.
    """

    def __init__(
        self,
        ctx: zmq.Context[Any],
        address: str,
        profile: Profile,
        *,
        pin: bool,
        callbacks: RendezvousCallbacks,
        guard: GuardedLinks | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._context = ctx
        self._target = parse_host(address, DISCOVERY_PORT)
        self._profile = profile
        self._pin = pin
        self._callbacks = callbacks
        self._guard = guard
        self._keys = CurveKeys.make()
        self._lease = ServiceLease(self._keys.public)
        self._dealer: DealerClient | None = None
        self._asked: dict[int, tuple[Then, asyncio.TimerHandle]] = {}
        self._count = 0
        self._down_text = ""
        self._told = ""
        self._timer = LazyTimer(self._loop, self._due)
        self._reconnector = Reconnector(self._attempt, self._drop, self._failed)
        self._spoken_at = 0.0
        self._resending: dict[asyncio.TimerHandle, Bounced | None] = {}
        self._heard_letters = Bucket(LETTERS_HEARD_PER_S, LETTERS_HEARD_BURST)
        self._moves = Bucket(OBSERVED_CHANGES_PER_S, OBSERVED_CHANGES)
        self.address = self._target.address
        self.host = ""
        self.key = b""
        self.mailbox = b""
        self.observed = ""
        self.brokers: list[BrokerAt] = []
        self.up = False
        self.distrusted = False

    # Life --------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connects, in one attempt, and reconnects from then on. Raises Unreachable, TrustError, SandpiperError."""
        await self._reconnector.open()

    async def close(self) -> None:
        """Gives up the lease and closes the connection."""
        await self._reconnector.close()
        if self.up:
            with contextlib.suppress(Refusal, asyncio.TimeoutError):
                await asyncio.wait_for(self._request(rendezvous.Bye(r=0)), _BYE_S)
        self._drop("closed")

    # Requests ----------------------------------------------------------------------------------------------

    async def claim(self, nameplate: int, registration: SigningKey, blob: bytes, *, fresh: bool) -> Leased:
        """Claims a lease, in place of the one that was held, and renews it from then on. Raises Refusal.

        `fresh` opens a room (nameplate 0: the service proposes one), else one is joined.
        """
        self._check_up()
        claim = self._lease.claim(nameplate, registration, blob, fresh=fresh)
        answer: asyncio.Future[Reply] = self._loop.create_future()

        def then(reply: Reply) -> None:
            if isinstance(reply, Leased) and not self._lease.accept(claim, registration, reply, time.monotonic()):
                reply = _unexpected(reply.r)
            elif isinstance(reply, Leased):
                self._callbacks.peers(self._lease.peers)
            if not answer.done():
                answer.set_result(reply)
            self._set_timer()

        self._ask(claim, then)
        reply = await answer
        if not isinstance(reply, Leased):
            raise _refusal(reply)
        return reply

    def want(self, nameplate: int, registration: SigningKey, blob: bytes) -> None:
        """Claims later, and again until it is granted."""
        self._lease.want(nameplate, registration, blob, time.monotonic())
        self._set_timer()

    def update(self, blob: bytes) -> None:
        """Leaves another card with the lease."""
        self._lease.update(blob, time.monotonic())
        self._set_timer()

    def set_registration(self, registration: SigningKey, blob: bytes) -> None:
        """Claims a lease under the group's new key, and then releases the old one."""
        self._lease.rotate(registration, blob, time.monotonic())
        self._set_timer()

    def release(self) -> None:
        """Gives up the lease, and stays connected."""
        for request in self._lease.leave():
            if self.up:
                self._ask(request, lambda reply: None)

    async def lookup(self, nameplate: int) -> Found:
        """Asks for mailboxes of a room's members. Raises Refusal: NO_ROOM, NOT_YET, RATE, CLOSING."""
        self._check_up()
        reply = await self._request(rendezvous.Lookup(r=0, nameplate=nameplate))
        if not isinstance(reply, Found):
            raise _refusal(reply)
        return reply

    def post(self, mailbox: bytes, body: bytes, bounced: Bounced | None = None, *, tries: int = 1) -> None:
        """Sends a letter. One that is too fast is sent again a little later; `bounced` is called if it is lost."""

        def then(reply: Reply) -> None:
            if isinstance(reply, rendezvous.Done):
                return
            refusal = _refusal(reply)
            again = tries < LETTER_TRIES and len(self._resending) < LETTERS_WAITING
            if refusal.code is Code.RATE and self.up and again:
                self._resend(refusal.retry_ms / 1000, mailbox, body, bounced, tries)
            else:
                _bounce(bounced, refusal)

        if self.up:
            self._ask(rendezvous.Post(r=0, mailbox=mailbox, body=body), then)
        else:
            _bounce(bounced, _closing(self._down_text))

    def _resend(self, seconds: float, mailbox: bytes, body: bytes, bounced: Bounced | None, tries: int) -> None:
        def now() -> None:
            del self._resending[timer]
            self.post(mailbox, body, bounced, tries=tries + 1)

        timer = self._loop.call_later(min(max(seconds, RECONNECT_LEAST_S * 2 ** (tries - 1)), ANSWER_S), now)
        self._resending[timer] = bounced

    def _check_up(self) -> None:
        if not self.up:
            raise _closing(self._down_text)

    async def _request(self, request: rendezvous.Request) -> Reply:
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self._ask(request, lambda reply: None if answer.done() else answer.set_result(reply))
        return await answer

    def _ask(self, request: rendezvous.Request, then: Then) -> None:
        """Sends a request; `then` gets the reply, or a refusal if there is none."""
        if self._dealer is None:
            then(_lost(0, self._down_text))
            return
        self._count += 1
        request.r = self._count
        unanswered = self._loop.call_later(ANSWER_S, self._on_down, _SILENT)
        self._asked[request.r] = (then, unanswered)
        self._spoken_at = time.monotonic()
        self._dealer.send(rendezvous.encode(request))

    # Connecting --------------------------------------------------------------------------------------------

    async def _attempt(self) -> None:
        target = self._target
        met = await hello.greet(target, hello.DISCOVERY)
        key = met.key
        new = False
        if self._pin or target.fingerprint:
            new = hello.check(target, key, self._profile, hello.DISCOVERY)
        self._dealer = DealerClient(
            self._loop,
            self._context,
            self._keys,
            key,
            f"tcp://{met.at.address}",
            heard=self._on_frame,
            down=lambda: self._on_down(_LOST),
            hwm=CONTROL_HWM,
            guard=self._guard,
        )
        greeted = await self._greet(met.welcome.ticket)
        if new and self._pin:
            self._profile.pin(self.address, z85.encode(key).decode())
        self.key, self.mailbox, self.host = key, greeted.mailbox, met.at.host
        if greeted.observed != self.observed and not self._moves.take(1.0, time.monotonic()):
            self.observed = greeted.observed
        self.brokers = greeted.brokers
        self.up, self.distrusted, self._told = True, False, ""
        self._lease.connected(key, time.monotonic())
        self._due(time.monotonic())
        self._callbacks.up()

    async def _greet(self, ticket: str) -> Greeted:
        greet = rendezvous.Greet(r=0, v=VERSION, ticket=ticket)
        try:
            reply = await asyncio.wait_for(self._request(greet), CONNECT_S)
        except asyncio.TimeoutError:
            raise Unreachable(
                f"{self.address} accepts connections, but does not answer further; try again later"
            ) from None
        if isinstance(reply, Greeted):
            return reply
        refusal = _refusal(reply)
        if refusal.code is Code.CLOSING:
            raise Unreachable(f"{self.address}: {refusal.text}; try again later")
        raise Rejected(f"the discovery service at {self.address} refuses: {refusal.text}")

    def _failed(self, error: SandpiperError) -> float:
        self.distrusted = isinstance(error, TrustError)
        return 0.0

    def _drop(self, text: str) -> None:
        """Closes the connection, and fails every request that waits for an answer."""
        self.up, self._down_text = False, text
        self._lease.disconnected()
        self._timer.cancel()
        dealer, self._dealer = self._dealer, None
        if dealer is not None:
            dealer.close()
        asked, self._asked = self._asked, {}
        for number, (then, unanswered) in asked.items():
            unanswered.cancel()
            then(_lost(number, text))
        resending, self._resending = self._resending, {}
        for timer, bounced in resending.items():
            timer.cancel()
            _bounce(bounced, _closing(text))
        if self._reconnector.opened and text != self._told:
            self._told = text
            self._callbacks.down(text)

    def _on_down(self, text: str) -> None:
        self._drop(text)
        self._reconnector.lost(text)

    # What the service says ---------------------------------------------------------------------------------

    def _on_frame(self, frame: bytes) -> None:
        try:
            answer = rendezvous.decode_answer(frame)
        except Refusal:
            return  # not one of ours; an answer that is missing will be noticed
        if isinstance(answer, Reply):
            then, unanswered = self._asked.pop(answer.r, (None, None))
            if then is not None and unanswered is not None:
                unanswered.cancel()
                then(answer)
        elif isinstance(answer, rendezvous.Letter):
            if not self._heard_letters.take(1.0, time.monotonic()):
                self._callbacks.letter(answer.sender, answer.body)
        elif isinstance(answer, rendezvous.Changed):
            if self._lease.changed(answer, time.monotonic()):
                self._callbacks.peers(self._lease.peers)
            self._set_timer()
        else:
            self._on_down(quoted(answer.text))

    # The clock ---------------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        if self.up:
            self._timer.set(self._lease.get_timer())
            self._timer.set(self._spoken_at + RENEW_S)

    def _due(self, now: float) -> None:
        if not self.up:
            return
        claim = self._lease.handle_timer(now)
        if claim is not None:
            self._ask(claim, self._renewed)
        elif now >= self._spoken_at + RENEW_S:
            self._ask(rendezvous.Ping(r=0), lambda reply: None)
        self._set_timer()

    def _renewed(self, reply: Reply) -> None:
        if not self.up:
            return  # there is no answer; the next connection claims again
        moved, requests = self._lease.renewed(reply, time.monotonic())
        for request in requests:
            self._ask(request, lambda reply: None)
        if moved:
            self._callbacks.peers(self._lease.peers)
        self._set_timer()


def _refusal(reply: Reply) -> Refusal:
    if not isinstance(reply, Refused):
        reply = _unexpected(reply.r)
    try:
        code = Code(reply.code)
    except ValueError:  # of a later version
        code = Code.INVALID
    return Refusal(code, quoted(reply.text), retry_ms=reply.retry_ms)


def _unexpected(number: int) -> Refused:
    return Refused(
        r=number, code=Code.INVALID.value, text="the discovery service answers something else than was asked"
    )


def _lost(number: int, text: str) -> Refused:
    return Refused(r=number, code=Code.CLOSING.value, text=text or _LOST)


def _closing(text: str) -> Refusal:
    return Refusal(Code.CLOSING, text or _LOST)


def _bounce(bounced: Bounced | None, refusal: Refusal) -> None:
    if bounced is not None:
        bounced(refusal)
