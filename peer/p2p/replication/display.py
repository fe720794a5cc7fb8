"""What the reader is shown, and when: the history first, once it is complete, then what is said."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import Refusal
from sandpiper.common.keys import publisher
from sandpiper.common.limits import (
    BACKLOG_S,
    CLOCK_AHEAD_S,
    EVENTS_WAITING,
    NICKS_SIGNED,
    SPEAKERS_KNOWN,
    UNSHOWN_BYTES,
)
from sandpiper.common.messages import Found, Lost, Message
from sandpiper.common.p2p.admission import Head
from sandpiper.common.p2p.envelope import TALK, Envelope
from sandpiper.peer.events import Received
from sandpiper.peer.p2p.presence.bearers import Bearers
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.replication.entries import STAMPED
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context


@dataclass(slots=True)
class _Speaker:
    """How a session's messages are shown: `name` begins their ids, `person` is the fingerprint, `run` the last run's.

    `nicks` has, for each nick that it signs as, the one to show, and whether it is its own.
    """

    name: str
    person: str
    runs: tuple[bytes, str] = (b"", "")
    nicks: dict[str, tuple[str, bool]] = field(default_factory=dict)


class Display:
    """Keeps what has been said until it is shown, and turns it into events as fast as the reader takes them."""

    def __init__(self, context: Context, replica: Replica, names: Names, bearers: Bearers) -> None:
        self._context = context
        self._replica = replica
        self._names = names
        self._bearers = bearers
        self._backlog: dict[bytes, int] = {}
        self._backlog_until = 0.0
        self._backlog_most: int | None = None
        self._unshown: deque[Envelope] = deque()
        self._unshown_bytes = 0
        self._late: set[bytes] = set()  # the hashes of what had been given up, and is not shown yet
        self._dropped: Counter[bytes] = Counter()
        self._prevs: dict[bytes, dict[type, int]] = {}
        self._speakers: dict[bytes, _Speaker] = {}
        self._renames = 0
        self._code: RoomCode | None = None
        self._room = ""

    def expect(self, heads: Iterable[Head], now: float, most: int | None) -> None:
        """Waits for the logs to get this far before anything is shown; of that, the newest `most` messages, or all."""
        self._backlog_most = most
        if most == 0:
            self._replica.start_at_heads()
            return
        self._backlog = {head.session: head.head for head in heads if head.head >= head.start}
        self._backlog_until = now + BACKLOG_S
        self._replica.fetcher.fetch_now(now)

    def pause(self, on: bool) -> None:
        """Stops showing, or goes on. The logs go on."""
        self._context.held = on

    def heard(self, envelope: Envelope, *, late: bool = False) -> None:
        """Takes the next envelope of a log, one's own too, to be shown; or a `late` one, told to be lost before."""
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

    # Showing -----------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Shows what may be shown now, until so many events wait."""
        context = self._context
        if context.held:
            return
        self._look_up_names()
        if self._backlog:
            if not self._is_complete():
                self._show_own()
                return
            self._backlog = {}
            self._tell_dropped()
            self._show_history()
            return
        if self._dropped:
            self._tell_dropped()
        while self._unshown and len(context.events) < EVENTS_WAITING:
            if self._unshown[0].hash in self._late:
                self._show_late()
                continue
            envelope = self._next()
            own = envelope.session == context.keyring.session
            context.events.extend([Received(message, own, False) for message in self._messages(envelope)])

    def _tell_dropped(self) -> None:
        for session, count in self._dropped.items():
            self._context.events.append(Lost(self._room, self._names.fingerprint_of(session), count))
        self._dropped.clear()

    def _show_late(self) -> None:
        """Shows what comes next and was told to be lost, all that there is of one log."""
        events, found = self._context.events, [self._next()]
        count, session = found[0].count, found[0].session
        while self._unshown and len(events) + count < EVENTS_WAITING:
            if self._unshown[0].session != session or self._unshown[0].hash not in self._late:
                break
            found.append(self._next())
            count += found[-1].count
        self._late.difference_update(each.hash for each in found)
        events.append(Found(self._room, self._names.fingerprint_of(session), count))
        events.extend([Received(message, False, False, True) for message in self._aside(session, found)])

    def _show_own(self) -> None:
        """Shows what the member itself has just said; all else that was heard still waits."""
        own: deque[Envelope] = deque()
        while self._unshown and self._unshown[-1].session == self._context.keyring.session:
            own.appendleft(self._unshown.pop())
        for envelope in own:
            self._unshown_bytes -= len(envelope.raw)
            self._context.events.extend([Received(message, True, False) for message in self._messages(envelope)])

    def _show_history(self) -> None:
        """Shows the history by Lamport time, then session: alike for everyone. What was said here meanwhile follows."""
        found: list[tuple[int, bytes, Message]] = []
        own: list[Message] = []
        late: Counter[bytes] = Counter()
        while self._unshown:
            envelope = self._next()
            if self._was_lost(envelope):
                late[envelope.session] += envelope.count
            if envelope.session == self._context.keyring.session:
                own += self._messages(envelope)
                continue
            for message in self._messages(envelope):
                found.append((envelope.clock + message.seq - envelope.first, envelope.session, message))
        found.sort(key=lambda each: each[:2])
        if self._backlog_most is not None:
            found = found[len(found) - min(len(found), self._backlog_most) :]
        events = self._context.events
        events.extend([Found(self._room, self._names.fingerprint_of(each), count) for each, count in late.items()])
        events.extend([Received(message, False, True) for _, _, message in found])
        events.extend([Received(message, True, False) for message in own])

    def _is_complete(self) -> bool:
        if self._context.now >= self._backlog_until:
            return True
        tracks = self._replica.tracks
        return all(
            (session, TALK) in tracks and (tracks[session, TALK].log.head >= head or tracks[session, TALK].stopped)
            for session, head in self._backlog.items()
        )

    def get_timer(self) -> float | None:
        """When `show` is to be called, whatever has come by then."""
        return self._backlog_until if self._backlog and not self._context.held else None

    # Stamping ----------------------------------------------------------------------------------------------

    def past(self, envelope: Envelope) -> list[Message]:
        """The messages of an envelope of long ago."""
        self._look_up_names()
        return self._aside(envelope.session, [envelope])

    def _aside(self, session: bytes, some: Iterable[Envelope]) -> list[Message]:
        """The messages of earlier envelopes of a session; what was said since is not said anew to follow them."""
        known = self._prevs.pop(session, None)
        found = [message for each in some for message in self._messages(each)]
        self._prevs.pop(session, None)
        if known is not None:
            self._prevs[session] = known
        return found

    def _look_up_names(self) -> None:
        """Forgets the names that may have changed: to look up who is called what costs more than the message itself."""
        if self._renames != self._bearers.changes:
            self._renames = self._bearers.changes
            self._speakers.clear()
        if self._code is not self._context.code:
            self._code = self._context.code
            self._room = str(self._code)

    def _messages(self, envelope: Envelope) -> list[Message]:
        try:
            found = entries.decode(envelope.body, envelope.count)
        except Refusal:
            return []
        session, room, wall = envelope.session, self._room, int(self._context.wall())
        speaker, prevs, latest = self._speaker(session, envelope.run), self._prevs[session], wall + CLOCK_AHEAD_S
        shown: list[Message] = []
        for seq, entry in enumerate(found, envelope.first):
            if entry is None:
                continue
            nick, owned = (entry.nick, False) if entry.tool else self._called(speaker, session, entry.nick)
            ts = entry.ts if 0 <= entry.ts <= latest else wall
            kind = type(entry)
            prev, prevs[kind] = prevs.get(kind, 0), seq
            known, run = entry.id or f"{speaker.name}-{seq}", speaker.runs[1]
            shown.append(STAMPED[kind](nick, entry.said, ts, room, seq, prev, run, known, speaker.person, owned))
        return shown

    def _speaker(self, session: bytes, run: bytes) -> _Speaker:
        """Who says an envelope; those who have been silent for longest are forgotten."""
        speaker = self._speakers.get(session)
        if speaker is None:
            speaker = self._speakers[session] = _Speaker(publisher(session), self._names.fingerprint_of(session))
        if speaker.runs[0] != run:
            speaker.runs = run, run.hex()
        self._prevs[session] = self._prevs.pop(session, {})
        if len(self._prevs) > SPEAKERS_KNOWN:
            silent = next(iter(self._prevs))
            del self._prevs[silent]
            self._speakers.pop(silent, None)
        return speaker

    def _called(self, speaker: _Speaker, session: bytes, nick: str) -> tuple[str, bool]:
        found = speaker.nicks.get(nick)
        if found is None:
            if len(speaker.nicks) >= NICKS_SIGNED:
                speaker.nicks.clear()
            found = speaker.nicks[nick] = self._names.called(session, nick)
        return found
