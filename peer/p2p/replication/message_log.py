"""The message log: what a session says, until others have it."""

from __future__ import annotations

from collections import deque

from sandpiper.common import batch
from sandpiper.common.keys import publisher
from sandpiper.common.limits import BATCH_BYTES, ENVELOPE_ENTRIES, WINDOW_BYTES, WINDOW_MESSAGES
from sandpiper.common.messages import Draft
from sandpiper.common.p2p.envelope import TALK, Envelope, sign
from sandpiper.peer.events import Delivered, Event
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.keyring import Keyring


class MessageLog:
    """Keeps a session's own messages until others have them.

    `events` takes Delivered. `unshown` are those that are signed and have not been shown here yet. `last` is the seq of
    what was posted last, `stored` of the last that another member is known to have.
    """

    def __init__(
        self,
        keyring: Keyring,
        replica: Replica,
        run: bytes,
        events: deque[Event],
        now: float,
    ) -> None:
        self.run = run
        self.last = 0
        self.stored = 0
        self.progressed_at = now
        self._keyring = keyring
        self._replica = replica
        self._events = events
        self.unshown: list[Envelope] = []
        self._queue: list[bytes] = []
        self._queued_bytes = 0
        self._name = publisher(keyring.session)

    @property
    def waiting(self) -> int:
        """How many messages nobody else is known to have."""
        return self.last - self.stored

    @property
    def full(self) -> bool:
        """Whether more has to wait."""
        return self.last - self.stored >= WINDOW_MESSAGES or self._queued_bytes >= WINDOW_BYTES

    def id(self, seq: int) -> str:
        """The id of one's own message `seq`."""
        return f"{self._name}-{seq}"

    def post(self, draft: Draft, nick: str, ts: int, now: float, *, tool: bool = False) -> str:
        """Queues a message; its id. Raises Refusal: TOO_LARGE, INVALID."""
        body = entries.encode(draft, nick, ts, tool=tool)
        if self.last == self.stored:
            self.progressed_at = now
        self._queue.append(body)
        self._queued_bytes += len(body)
        self.last += 1
        return self.id(self.last)

    def take(self) -> list[Envelope]:
        """Signs what is queued, as few envelopes as hold it, and enters them in one's own log."""
        queue = self._queue
        fits = self._queued_bytes <= BATCH_BYTES and 0 < len(queue) <= ENVELOPE_ENTRIES
        made = [self._sign(some) for some in ([queue] if fits else batch.portions(queue, ENVELOPE_ENTRIES))]
        self._queue, self._queued_bytes = [], 0
        self.unshown += made
        return made

    def _sign(self, bodies: list[bytes]) -> Envelope:
        keyring = self._keyring
        log = self._replica.log(keyring.session, TALK)
        envelope = sign(
            keyring.keys.signing,
            keyring.session,
            keyring.room,
            self.run,
            TALK,
            log.head + 1,
            len(bodies),
            self._replica.clock + 1,
            log.hash,
            entries.pack(bodies),
        )
        self._replica.write(envelope)
        return envelope

    def acked(self, seq: int, hash_: bytes, now: float) -> bool:
        """Takes that a present member has everything up to `seq`; False if it has something else under that number."""
        log = self._replica.log(self._keyring.session, TALK)
        if seq <= self.stored or seq > log.head:
            return seq <= log.head
        known = log.hash_at(seq)
        if known != hash_ and seq >= log.start:
            return False
        name = self._name
        self._events.extend([Delivered(f"{name}-{each}", each) for each in range(self.stored + 1, seq + 1)])
        self.stored = seq
        self.progressed_at = now
        return True
