"""A member's session at a relay, as a pure machine: answers, bodies and `now` in, requests and events out.

    OFFLINE --connected--> ENROLLING --admitted--> ENROLLED --(Challenge, Attach: for each tag)--> up
       ^                                              |
       '----------------disconnected------------------'

A tag is proven by an Ed25519 seed that the room's members derive from their epoch key. While the epoch changes there
are two: whoever is at the newer one is reached there, the others at the older. The session outlives its connections;
its key, and with it its relay address, stays the same, but who is present is told anew after each.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from nacl.signing import SigningKey

from sandpiper.common import control
from sandpiper.common.buckets import Meter
from sandpiper.common.errors import Code, Refusal, Rejected, SandpiperError
from sandpiper.common.keys import relay_address, relay_tag, sign_attachment
from sandpiper.common.limits import (
    BURST_S,
    PING_S,
    RECONNECT_MOST_S,
    RELAY_PER_TAG,
    RELAY_TAGS_PER_SESSION,
    SEALED_BYTES,
)
from sandpiper.peer.control_session import ControlSession
from sandpiper.peer.credentials import Credentials
from sandpiper.peer.enrolling import failure
from sandpiper.peer.p2p.relay.send_queue import RelayQueue, WaitingBody

CAPS: Final = ["sealed"]
"""What the session's credentials are to say: it relays, and does nothing else."""
_PACE: Final = 0.98
"""A little below the broker's rate, so that its bucket never runs dry before ours."""


class RelayState(Enum):
    """Where the session stands with its broker."""

    OFFLINE = "offline"
    ENROLLING = "enrolling"
    ENROLLED = "enrolled"


@dataclass(frozen=True, slots=True)
class RelayUp:
    """Bodies can travel now."""


@dataclass(frozen=True, slots=True)
class RelayReceived:
    """A body from the session with this relay address."""

    sender: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class RelayPresent:
    """A session has come to one of our tags, or is at none any more."""

    address: bytes
    present: bool


RelayEvent: TypeAlias = RelayUp | RelayReceived | RelayPresent


@dataclass(slots=True)
class _Tag:
    """A tag that is to be attached. `refused` is why the broker refused it, the last time."""

    key: SigningKey
    tag: bytes
    attached: bool = False
    present: set[bytes] = field(default_factory=set)
    refused: SandpiperError | None = None


class RelaySession(ControlSession):
    """A session of a room between peers at a relay.

    Take `requests` and `events` after each call; `broken` says that this connection is of no use.
    """

    def __init__(self, credentials: Credentials, session_key: bytes) -> None:
        super().__init__(credentials)
        self.state = RelayState.OFFLINE
        self.events: deque[RelayEvent] = deque()
        self.address = relay_address(session_key)
        self.queue = RelayQueue()
        self._session_key = session_key
        self._tags: dict[bytes, _Tag] = {}  # the newest last
        self._under_way: bytes | None = None
        self._attach_at: float | None = None

    # Connection --------------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether bodies can travel."""
        return any(each.attached for each in self._tags.values())

    def connected(self, now: float) -> None:
        """Begins to enrol: the control port can be reached."""
        self.broken = None
        self.state = RelayState.ENROLLING
        self._enrol(now)

    def disconnected(self) -> None:
        """Forgets who was present, for the connection has gone; what was not sent waits for the next one."""
        self.state = RelayState.OFFLINE
        self.requests.clear()
        self._answers.clear()
        self._under_way = self._attach_at = None
        self.queue.shut()
        for each in self._tags.values():
            each.attached = False
            each.present.clear()

    @property
    def online(self) -> bool:
        """Whether there is a connection."""
        return self.state is not RelayState.OFFLINE

    def _admitted(self, reply: control.Enrolled) -> None:
        if CAPS[0] not in reply.caps:
            self._give_up(Rejected("this broker is of a version that does not relay; name another one, or upgrade it"))
            return
        self.state = RelayState.ENROLLED
        meter = Meter(reply.messages_per_s * _PACE, reply.bytes_per_s * _PACE, BURST_S)
        self.queue.open(meter, self._heard_at)
        self._attach_next()

    def _refused(self, reply: control.Refused) -> None:
        self._give_up(failure(reply))

    # Tags --------------------------------------------------------------------------------------------------

    def attach(self, seed: bytes) -> None:
        """Makes the tag of this seed (32 bytes) the newest. Of too many the oldest is detached."""
        known = self._tags.pop(seed, None)
        if known is None:
            key = SigningKey(seed)
            known = _Tag(key, relay_tag(bytes(key.verify_key)))
        known.refused = None
        self._tags[seed] = known
        if len(self._tags) > RELAY_TAGS_PER_SESSION:
            self.detach(next(iter(self._tags)))
        self._attach_next()

    def detach(self, seed: bytes) -> None:
        """Detaches a tag."""
        gone = self._tags.pop(seed, None)
        if gone is None:
            return
        if gone.attached:
            self.ask(control.Detach(r=0, tag=gone.tag), lambda reply: None)
        for address in gone.present:
            self._tell_gone(address)

    def attached(self, seed: bytes) -> bool:
        """Whether bodies travel at this seed's tag."""
        return seed in self._tags and self._tags[seed].attached

    def refusal(self, seed: bytes) -> SandpiperError | None:
        """Why the broker has refused this seed's tag, if it has. It is asked again in a while."""
        return self._tags[seed].refused if seed in self._tags else None

    @property
    def trouble(self) -> str:
        """Why the broker refused the newest of the tags that it refused."""
        return next((str(each.refused) for each in reversed(self._tags.values()) if each.refused), "")

    def _attach_next(self) -> None:
        """Attaches one tag after the other, the newest first: a challenge is for one attachment."""
        if self.state is not RelayState.ENROLLED or self._under_way is not None:
            return
        for seed, each in reversed(self._tags.items()):
            if not each.attached and each.refused is None:
                self._under_way = seed
                self.ask(control.Challenge(r=0), self._challenged)
                return

    def _challenged(self, reply: control.Reply) -> None:
        tag = self._tags.get(self._under_way or b"")
        if isinstance(reply, control.Challenged) and tag is not None:
            signature = sign_attachment(tag.key, self._credentials.broker_key, self._session_key, reply.nonce)
            request = control.Attach(r=0, tag_key=bytes(tag.key.verify_key), signature=signature)
            self.ask(request, self._attached)
        else:
            self._attached(reply)

    def _attached(self, reply: control.Reply) -> None:
        seed, self._under_way = self._under_way, None
        tag = self._tags.get(seed or b"")
        if isinstance(reply, control.Refused):
            self._attach_at = self._heard_at + max(reply.retry_ms / 1000, RECONNECT_MOST_S)
            if tag is not None:
                tag.refused = failure(reply)
        elif isinstance(reply, control.Attached) and tag is None:
            self.ask(control.Detach(r=0, tag=reply.tag), lambda reply: None)  # let go of meanwhile
        elif isinstance(reply, control.Attached) and tag is not None:
            was_up = self.up
            tag.attached, tag.refused = True, None
            for address in reply.present:
                self._add_present(tag, address)
            if not was_up:
                self.events.append(RelayUp())
        self._attach_next()

    def _add_present(self, tag: _Tag, address: bytes) -> None:
        known = any(address in each.present for each in self._tags.values())
        tag.present.add(address)
        if not known:
            self.events.append(RelayPresent(address, True))

    def _tell_gone(self, address: bytes) -> None:
        if not any(address in each.present for each in self._tags.values()):
            self.events.append(RelayPresent(address, False))

    # What comes in -----------------------------------------------------------------------------------------

    def receive(self, encoded: bytes, now: float) -> None:
        """Takes one control frame from the broker. A frame that is not understood is ignored."""
        try:
            answer = control.decode_answer(encoded)
        except Refusal:
            return
        self._heard_at = now
        if isinstance(answer, control.Sealed):
            if any(each.attached and each.tag == answer.tag for each in self._tags.values()):
                self.events.append(RelayReceived(answer.sender, answer.body))
        elif isinstance(answer, control.RelayPresence):
            self._present(answer)
        elif isinstance(answer, control.Reply):
            if not self._answer(answer) and isinstance(answer, control.Refused):
                self._unsent(answer, now)
            self.flush(now)

    def _present(self, event: control.RelayPresence) -> None:
        for each in self._tags.values():
            if each.tag == event.tag and each.attached:
                if event.present:
                    self._add_present(each, event.address)
                elif event.address in each.present:
                    each.present.remove(event.address)
                    self._tell_gone(event.address)

    def _unsent(self, reply: control.Refused, now: float) -> None:
        """Takes note that the broker did not pass a body on."""
        if reply.code in (Code.ACCESS.value, Code.NOT_JOINED.value):
            self._forgotten = True
        again = reply.code == Code.RATE.value
        self.queue.refused(reply.r, reply.retry_ms / 1000 if again else None, now)

    # Sending -----------------------------------------------------------------------------------------------

    def send(self, to: list[bytes], body: bytes, now: float) -> None:
        """Queues a body for the addresses `to`, or for everyone. Raises Refusal: TOO_LARGE, TOO_MANY."""
        if len(body) > SEALED_BYTES:
            raise Refusal(Code.TOO_LARGE, f"a sealed body has at most {SEALED_BYTES} bytes, this one {len(body)}")
        if len(to) > RELAY_PER_TAG:
            raise Refusal(Code.TOO_MANY, f"a sealed body has at most {RELAY_PER_TAG} addressees, this one {len(to)}")
        self.queue.add(to, body, now)

    def flush(self, now: float) -> None:
        """Sends what may go; to be called after sending."""
        while self.up and (waiting := self.queue.take(now)) is not None:
            for tag, to in self._routes(waiting.to):
                number = self._send(control.SendSealed(r=0, tag=tag, to=to, body=waiting.body))
                self.queue.sent(number, WaitingBody(to, waiting.body, waiting.since))
            if self.queue.unsure:
                self._ping(now)

    def _routes(self, to: list[bytes]) -> list[tuple[bytes, list[bytes]]]:
        """Divides addresses among the tags: each goes to the newest tag where it is present."""
        newest, *older = [each for each in reversed(self._tags.values()) if each.attached]
        if not older:
            return [(newest.tag, to)]
        left = set(to) if to else set().union(*(each.present for each in older))
        left -= newest.present
        ways: list[tuple[bytes, list[bytes]]] = []
        for each in older:
            there = left & each.present
            left -= there
            if there:
                ways.append((each.tag, sorted(there)))
        if not to:
            return [(newest.tag, []), *ways]
        # Whoever is at no tag that we know of may have come to the newest just now.
        here = [address for address in to if address in newest.present or address in left]
        return [(newest.tag, here), *ways] if here else ways

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        if self.state is RelayState.OFFLINE:
            return None
        timers = [self._ping_at, self._attach_at, self.queue.get_timer() if self.up else None]
        return min(timer for timer in timers if timer is not None)

    def handle_timer(self, now: float) -> None:
        """Pings, attaches and sends, as far as it is due."""
        if self._attach_at is not None and now >= self._attach_at:
            self._attach_at = None
            for each in self._tags.values():
                each.refused = None
            self._attach_next()
        if now >= self._ping_at:
            self._ping_at = now + PING_S
            if self.state is RelayState.ENROLLED:
                self._ping(now)
        self.flush(now)

    def _ping(self, now: float) -> None:
        self.queue.asked()
        self.ask(control.Ping(r=0), lambda reply: self._ponged(reply, now))

    def _ponged(self, reply: control.Reply, asked_at: float) -> None:
        if isinstance(reply, control.Pong):
            self.rtt_s = self._heard_at - asked_at
            self.queue.confirmed(reply.r)
        else:
            self._forgotten = True
