"""The message log: what a session says, until others have it; and what it has heard, in the order of showing."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable

from sandpiper.common import batch
from sandpiper.common.errors import Refusal
from sandpiper.common.keys import publisher
from sandpiper.common.limits import (
    CLOCK_AHEAD_S,
    ENVELOPE_ENTRIES,
    SPEAKERS_KNOWN,
    UNSHOWN_BYTES,
    WINDOW_BYTES,
    WINDOW_MESSAGES,
)
from sandpiper.common.messages import Draft, Found, Lost, Message
from sandpiper.common.p2p.envelope import TALK, Envelope, sign
from sandpiper.peer.events import Delivered, Event, Received
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.replication.entries import STAMPED
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.keyring import Keyring


class MessageLog:
    """Keeps a session's own messages until others have them, and what it has heard until it is shown.

    `events` takes Received and Delivered. `called` gives the nick to show for a session, and whether it is its own.
    `last` is the seq of what was posted last, `stored` of the last that another member is known to have.
    """

    def __init__(
        self,
        keyring: Keyring,
        replica: Replica,
        run: bytes,
        events: deque[Event],
        called: Callable[[bytes, str], tuple[str, bool]],
        now: float,
    ) -> None:
        self.run = run
        self.last = 0
        self.stored = 0
        self.progressed_at = now
        self.backlog_most: int | None = None
        self._keyring = keyring
        self._replica = replica
        self._events = events
        self._called = called
        self._queue: list[bytes] = []
        self._queued_bytes = 0
        self._name = publisher(keyring.session)
        self._unshown: deque[Envelope] = deque()
        self._unshown_bytes = 0
        self._late: set[bytes] = set()  # the hashes of what had been given up, and is not shown yet
        self._dropped: Counter[bytes] = Counter()
        self._prevs: dict[bytes, dict[type, int]] = {}
        self._names: dict[bytes, tuple[str, str]] = {}

    # Saying ------------------------------------------------------------------------------------------------

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
        made: list[Envelope] = []
        for some in batch.portions(self._queue, ENVELOPE_ENTRIES):
            made.append(self._sign(some))
        self._queue.clear()
        self._queued_bytes = 0
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
            batch.pack(bodies),
        )
        self._replica.write(envelope)
        self._unshown.append(envelope)
        self._unshown_bytes += len(envelope.raw)
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

    # Hearing -----------------------------------------------------------------------------------------------

    def heard(self, envelope: Envelope, *, late: bool = False) -> None:
        """Takes the next envelope of a log, to be shown; or one that is `late`: it was told to be lost."""
        if late:
            self._late.add(envelope.hash)
        self._unshown.append(envelope)
        self._unshown_bytes += len(envelope.raw)
        while self._unshown_bytes > UNSHOWN_BYTES and len(self._unshown) > 1:  # a reader that never comes back
            dropped = self._next()
            if not self._was_lost(dropped):
                self._dropped[dropped.session] += dropped.count

    def _next(self) -> Envelope:
        envelope = self._unshown.popleft()
        self._unshown_bytes -= len(envelope.raw)
        return envelope

    def _was_lost(self, envelope: Envelope) -> bool:
        """Whether an envelope that is taken out now was told to be lost."""
        late = envelope.hash in self._late
        self._late.discard(envelope.hash)
        return late

    def show(self, room: str, fingerprint: Callable[[bytes], str], wall: int, most: int, backlog: bool) -> None:
        """Turns what has been heard into events, until `most` wait; `backlog`: all of it, sorted, as history."""
        for session, count in self._dropped.items():
            self._events.append(Lost(room, fingerprint(session), count))
        self._dropped.clear()
        if backlog:
            self._show_history(room, fingerprint, wall)
            return
        while self._unshown and len(self._events) < most:
            if self._unshown[0].hash in self._late:
                self._show_late(room, fingerprint, wall, most)
                continue
            envelope = self._next()
            own = envelope.session == self._keyring.session
            self._events.extend(
                [Received(message, own, False) for message in self._messages(envelope, room, fingerprint, wall)]
            )

    def _show_late(self, room: str, fingerprint: Callable[[bytes], str], wall: int, most: int) -> None:
        """Shows what comes next and was told to be lost, all that there is of one log."""
        found = [self._next()]
        count, session = found[0].count, found[0].session
        while self._unshown and len(self._events) + count < most:
            if self._unshown[0].session != session or self._unshown[0].hash not in self._late:
                break
            found.append(self._next())
            count += found[-1].count
        self._late.difference_update(each.hash for each in found)
        self._events.append(Found(room, fingerprint(session), count))
        messages = self._aside(session, found, room, fingerprint, wall)
        self._events.extend([Received(message, False, False, True) for message in messages])

    def show_own(self, room: str, fingerprint: Callable[[bytes], str], wall: int) -> None:
        """Shows what the member itself has just said; all else that was heard still waits."""
        own: deque[Envelope] = deque()
        while self._unshown and self._unshown[-1].session == self._keyring.session:
            own.appendleft(self._unshown.pop())
        for envelope in own:
            self._unshown_bytes -= len(envelope.raw)
            found = self._messages(envelope, room, fingerprint, wall)
            self._events.extend([Received(message, True, False) for message in found])

    def _show_history(self, room: str, fingerprint: Callable[[bytes], str], wall: int) -> None:
        """Shows the history by Lamport time, then session: alike for everyone. What was said here meanwhile follows."""
        found: list[tuple[int, bytes, Message]] = []
        own: list[Message] = []
        late: Counter[bytes] = Counter()
        while self._unshown:
            envelope = self._next()
            if self._was_lost(envelope):
                late[envelope.session] += envelope.count
            if envelope.session == self._keyring.session:
                own += self._messages(envelope, room, fingerprint, wall)
                continue
            for message in self._messages(envelope, room, fingerprint, wall):
                found.append((envelope.clock + message.seq - envelope.first, envelope.session, message))
        found.sort(key=lambda each: each[:2])
        if self.backlog_most is not None:
            found = found[len(found) - min(len(found), self.backlog_most) :]
        self._events.extend([Found(room, fingerprint(session), count) for session, count in late.items()])
        self._events.extend([Received(message, False, True) for _, _, message in found])
        self._events.extend([Received(message, True, False) for message in own])

    def past(self, envelope: Envelope, room: str, fingerprint: Callable[[bytes], str], wall: int) -> list[Message]:
        """The messages of an envelope of long ago."""
        return self._aside(envelope.session, [envelope], room, fingerprint, wall)

    def _aside(
        self, session: bytes, some: Iterable[Envelope], room: str, fingerprint: Callable[[bytes], str], wall: int
    ) -> list[Message]:
        """The messages of earlier envelopes of a session; what was said since is not said anew to follow them."""
        known = self._prevs.pop(session, None)
        found = [message for each in some for message in self._messages(each, room, fingerprint, wall)]
        self._prevs.pop(session, None)
        if known is not None:
            self._prevs[session] = known
        return found

    def _messages(self, envelope: Envelope, room: str, fingerprint: Callable[[bytes], str], wall: int) -> list[Message]:
        try:
            found = entries.decode(envelope.body)
        except Refusal:
            return []
        session, run, latest = envelope.session, envelope.run.hex(), wall + CLOCK_AHEAD_S
        names = self._names.get(session)
        if names is None:
            names = self._names[session] = (publisher(session), fingerprint(session))
        (name, person), called = names, _Called(self._called, session)
        prevs = self._prevs[session] = self._prevs.pop(session, {})
        if len(self._prevs) > SPEAKERS_KNOWN:
            silent = next(iter(self._prevs))
            del self._prevs[silent]
            self._names.pop(silent, None)
        shown: list[Message] = []
        for seq, entry in enumerate(found[: envelope.count], envelope.first):
            if entry is None:
                continue
            nick, owned = (entry.nick, False) if entry.tool else called[entry.nick]
            ts = entry.ts if 0 <= entry.ts <= latest else wall
            kind = type(entry)
            prev, prevs[kind] = prevs.get(kind, 0), seq
            known = entry.id or f"{name}-{seq}"
            shown.append(STAMPED[kind](nick, entry.said, ts, room, seq, prev, run, known, person, owned))
        return shown


class _Called(dict[str, tuple[str, bool]]):
    """The nicks to show for a session, each looked up once."""

    def __init__(self, called: Callable[[bytes, str], tuple[str, bool]], session: bytes) -> None:
        self._called, self._session = called, session

    def __missing__(self, nick: str) -> tuple[str, bool]:
        found = self[nick] = self._called(self._session, nick)
        return found
