"""The replica: everybody's logs, as far as they have come here.

Envelopes come pushed, by any way and in any order, or in pages that were asked for (fetcher.py). What nobody has any
more is given up, and said to be lost; it is taken all the same if it comes after all (losses.py).

A log is its session's word: an envelope counts when it is signed by it and follows what it signed before. Two that
contradict each other prove a cheat, and the log stops.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import (
    CLOCK_HEARD_MOST,
    HELD_BYTES,
    LOG_BYTES_MOST,
    LOG_ENTRIES,
    PULLED_BYTES,
)
from sandpiper.common.p2p import envelope as envelopes
from sandpiper.common.p2p.envelope import TALK, Envelope
from sandpiper.common.p2p.packets import Page, Pull
from sandpiper.common.repair import RepairState
from sandpiper.peer.p2p.replication.digest import Digest, Name
from sandpiper.peer.p2p.replication.fetcher import Fetcher
from sandpiper.peer.p2p.replication.log import Log
from sandpiper.peer.p2p.replication.track import FOR_EVER, Track


@dataclass(frozen=True, slots=True)
class Accepted:
    """The next envelope of a log, or (without one) that `lost` entries before the next are given up.

    `late`: not the next one, but one that had been given up.
    """

    envelope: Envelope | None
    session: bytes
    stream: int
    lost: int = 0
    late: bool = False


class Replica:
    """Holds the logs of all sessions, and writes those of `me`.

    `clock` is the Lamport time of the latest entry that is known, or that the sponsor knew.
    `proofs` of cheats and what `ready` gives are to be taken after each call; what returns something gives that too,
    so that nothing overtakes what came before it.
    """

    def __init__(self, me: bytes, room: bytes) -> None:
        self.room = room
        self.tracks: dict[Name, Track] = {}
        self.clock = 0
        self.proofs: list[tuple[Envelope, Envelope]] = []
        self.digest = Digest(self.tracks)
        self.fetcher = Fetcher(me, self.tracks, self._give_up)
        self._ready: list[Accepted] = []
        self._moment = 0

    # Logs --------------------------------------------------------------------------------------------------

    def open(self, session: bytes) -> None:
        """Follows a session from now on."""
        if (session, TALK) not in self.tracks:
            self.tracks[session, TALK] = Track.beginning(1)

    def start_talk(self, session: bytes, start: int) -> None:
        """Leaves out what a session said before `start`: it is not for us, as our sponsor says."""
        self.open(session)
        self._begin((session, TALK), Track.beginning(start, assumed=True))

    def stands(self, session: bytes, seq: int, now: float) -> None:
        """Takes how far a session says itself to have spoken: its log goes on there if others had it begin later."""
        track = self.tracks.get((session, TALK))
        if track is not None and (other := track.corrected(seq, now)) is not None:
            self._begin((session, TALK), other)

    def _begin(self, name: Name, track: Track) -> None:
        self.tracks[name] = track
        self.fetcher.unwatch(name)
        self.fetcher.losses.drop(name)
        self.digest.moved[name] = None

    def start_at_heads(self) -> None:
        """Leaves out what has been said up to now."""
        for name, track in list(self.tracks.items()):
            if name[1] == TALK and track.log.last is None:
                claims = track.claims
                self._begin(name, Track.beginning(track.repair.frontier.head + 1, assumed=True))
                self.tracks[name].claims = claims

    def end(self, session: bytes, talk: int) -> None:
        """Lets nothing count that a session signs beyond this: it has been removed."""
        track = self.tracks.get((session, TALK))
        if track is not None and track.limit != talk:
            track.restrict(talk)
            self.digest.moved[session, TALK] = None

    def resume(self, session: bytes) -> None:
        """Takes `end` back: the session may speak again."""
        self.end(session, FOR_EVER)

    def moment(self) -> int:
        """A number for now, so that `head_at` can be asked later where a log stands now."""
        self._moment += 1
        return self._moment

    def head_at(self, name: Name, moment: int) -> int:
        """Where a log stood at a moment; at 0, before anything of it came here."""
        track = self.tracks.get(name)
        if track is None:
            return 0
        index = bisect_left(track.marks, (moment, -1))
        return track.marks[index][1] if index < len(track.marks) else track.log.head

    def stop(self, session: bytes) -> None:
        """Ends the talk of a session that cheats."""
        track = self.tracks.get((session, TALK))
        if track is not None:
            track.stopped = True
            track.repair.interrupted()
            self.fetcher.watch((session, TALK), track)
            self.fetcher.losses.drop((session, TALK))
            self.digest.moved[session, TALK] = None

    def log(self, session: bytes, stream: int) -> Log:
        """The log of a known session."""
        return self.tracks[session, stream].log

    def head(self, session: bytes, stream: int) -> int:
        """How far the log of a session has come here; 0 for one that nobody can talk to."""
        track = self.tracks.get((session, stream))
        return track.log.head if track is not None else 0

    def write(self, envelope: Envelope) -> None:
        """Enters the member's own next envelope."""
        track = self.tracks[envelope.session, envelope.stream]
        frontier = track.repair.frontier
        frontier.seq = frontier.head = envelope.first + envelope.count - 1  # in one's own log there is no hole
        self.clock = max(self.clock, envelope.clock + envelope.count - 1)
        self._append(track, envelope)

    def _append(self, track: Track, envelope: Envelope) -> None:
        """Adds the next of a log; where it stood until now is kept, if nothing has moved it since that moment."""
        name = envelope.session, envelope.stream
        if not track.marks or track.marks[-1][0] < self._moment:
            track.marks.append((self._moment, track.log.head))
        track.log.append(envelope)
        self.digest.moved[name] = None
        self._trim(name, track)

    # What comes in -----------------------------------------------------------------------------------------

    def take(self, raws: Iterable[bytes], now: float) -> list[Accepted]:
        """Takes envelopes that were pushed; returns those that can be accepted now, in order."""
        for raw in raws:
            envelope = _read(raw, self.room)
            track = self._place(envelope) if envelope is not None else None
            if envelope is None or track is None:
                continue
            self._push(track, envelope)
            repair = track.repair
            gap = repair.frontier.head > repair.frontier.seq or repair.state is not RepairState.CURRENT
            if (gap or track.claims) and not track.stopped:
                repair.noticed(now)
                self.fetcher.watch((envelope.session, envelope.stream), track)
        return self.ready()

    def handle_timer(self, now: float) -> list[Accepted]:
        """Has what is missing asked for; returns what had to be given up, and what follows it."""
        self.fetcher.handle_timer(now)
        return self.ready()

    def ready(self) -> list[Accepted]:
        """Hands over what has been accepted, or given up, in the order of each log."""
        ready, self._ready = self._ready, []
        return ready

    def _push(self, track: Track, envelope: Envelope) -> None:
        frontier = track.repair.frontier
        if envelope.first <= frontier.seq:
            self._fill(track, envelope)
            return
        if envelope.first != frontier.seq + 1:
            if track.held_bytes + len(envelope.raw) > HELD_BYTES:
                frontier.head = max(frontier.head, envelope.last)
                return  # what closes the hole will bring it again
            track.held_bytes += len(envelope.raw)
        for each in frontier.push(envelope.first, envelope, envelope.last):
            self._accept(track, each)
        if not frontier.holding:
            track.held_bytes = 0

    def _place(self, envelope: Envelope) -> Track | None:
        """The track that wants it; None for what is known, signed by somebody else, or stopped."""
        track = self.tracks.get((envelope.session, envelope.stream))
        if track is None or track.stopped or envelope.last > track.limit:
            return None
        held = track.log.holding(envelope.first) if envelope.first <= track.log.head else None
        if held is not None and held.hash == envelope.hash:
            return None
        name = envelope.session, envelope.stream
        late = held is None and track.log.head > envelope.last
        late = late and self.fetcher.losses.covers(name, envelope.first, envelope.last)
        if not envelopes.genuine(envelope):
            return None
        held = held or track.log.last
        if held is not None and envelopes.conflict(held, envelope):
            self.proofs.append((held, envelope))
            return None
        return track if late or envelope.first > track.repair.frontier.seq else None

    def _accept(self, track: Track, envelope: Envelope) -> None:
        last = track.log.last
        if track.stopped or envelope.last > track.limit:
            return
        if last is not None and envelopes.conflict(last, envelope):
            self.proofs.append((last, envelope))
            self.stop(envelope.session)
            return
        self.clock = max(self.clock, min(envelope.latest, CLOCK_HEARD_MOST))
        self._append(track, envelope)
        if track.repair.state is not RepairState.CURRENT:
            track.lacking.clear()
            track.helped()
        self._ready.append(Accepted(envelope, envelope.session, envelope.stream))

    def _fill(self, track: Track, envelope: Envelope) -> None:
        """Takes an envelope that had been given up into its place in the log."""
        for near in track.log.around(envelope):
            if envelopes.conflict(near, envelope):
                self.proofs.append((near, envelope))
                return
        name = envelope.session, envelope.stream
        self.clock = max(self.clock, min(envelope.latest, CLOCK_HEARD_MOST))
        track.log.insert(envelope)
        self.fetcher.losses.fill(name, envelope.first, envelope.last)
        self.digest.moved[name] = None  # so that others who lack it hear of it
        self._trim(name, track)
        self._ready.append(Accepted(envelope, *name, late=True))

    def _give_up(self, name: Name, track: Track, seq: int, now: float) -> None:
        """Goes on at `seq`, in a log of which nobody has what comes before that any more."""
        track.gave_up_at = now
        first, lacking = track.repair.frontier.seq + 1, [each for each, offered in track.lacking.items() if offered]
        lost, released = track.repair.frontier.skip(seq)
        track.lacking.clear()
        track.helped()
        if lost:
            self.fetcher.losses.add(name, first, seq, lacking, now)
            self._ready.append(Accepted(None, name[0], name[1], lost))
        for each in released:
            self._accept(track, each)
        if track.repair.frontier.gap:
            track.repair.look_again(now)

    def _trim(self, name: Name, track: Track) -> None:
        if track.log.trim(LOG_ENTRIES, LOG_BYTES_MOST):
            self.fetcher.losses.trim(name, track.log.start)

    # Pages -------------------------------------------------------------------------------------------------

    def page(self, source: bytes, page: Page, now: float) -> list[Accepted]:
        """Takes the answer to a pull; returns what can be accepted now, in order."""
        name = (page.session, page.stream)
        track, after = self.tracks.get(name), self.fetcher.asked(page.r, source, name)
        if track is None or after is None:
            return []
        if self.fetcher.losses.asked(name, source, page.r):
            self._take_lost(name, track, page, now)
            return self.ready()
        if track.asked == source:
            track.asked = b""
        frontier = track.repair.frontier
        before = frontier.seq
        self._unfold(track, page)
        if not track.stopped:
            if not frontier.gap:
                track.repair.page(after, 0, track.log.head, (), now)
            else:
                if frontier.seq == before == after:
                    nothing = not page.envelopes and page.head <= after
                    self.fetcher.failed(name, track, source, _offered(page, after), unclaim=nothing)
                track.repair.fetch_now(now)
                self.fetcher.fetch(name, track, now)
            self.fetcher.watch(name, track)
        return self.ready()

    def _unfold(self, track: Track, page: Page) -> None:
        for raw in page.envelopes:
            envelope = _read(raw, self.room)
            if envelope is None or (envelope.session, envelope.stream) != (page.session, page.stream):
                continue
            wanting = self._place(envelope)
            if wanting is not None:
                self._push(track, envelope)

    def _take_lost(self, name: Name, track: Track, page: Page, now: float) -> None:
        """Takes of the answer to a question for what is lost as much as that is; what is beyond is here already."""
        losses, reached = self.fetcher.losses, 0
        for raw in page.envelopes:
            envelope = _read(raw, self.room)
            if envelope is None or (envelope.session, envelope.stream) != name or envelope.first > losses.end(name):
                break
            reached = envelope.last
            if self._place(envelope) is not None:
                self._push(track, envelope)
        losses.answered(name, reached, now)

    def answer(self, pull: Pull, floor: int) -> Page:
        """Answers a member with what is here of what it asks for, above `floor`: what is below is not for it."""
        track = self.tracks.get((pull.session, pull.stream))
        if track is None:
            return Page(pull.r, pull.session, pull.stream, 1, 0, [])
        log = track.log
        start = max(log.start, floor + 1)
        found = log.after(max(pull.after, start - 1), PULLED_BYTES)
        if not found:
            # Beyond a hole that is everybody's there is something all the same.
            found = [each for each in track.repair.frontier.held if each.first > max(pull.after, floor)]
            found = found[: max(1, PULLED_BYTES // max(len(each.raw) for each in found))] if found else []
        return Page(pull.r, pull.session, pull.stream, start, log.head, [each.raw for each in found])


def _read(raw: bytes, room: bytes) -> Envelope | None:
    try:
        envelope = envelopes.parse(raw)
    except Refusal:
        return None
    return envelope if envelope.room == room else None


def _offered(page: Page, after: int) -> int:
    """The first seq after `after` that a member could give with this page; 0 if that is not told."""
    if not page.envelopes:
        return FOR_EVER
    found: list[int] = []
    for raw in page.envelopes:
        with contextlib.suppress(Refusal):
            each = envelopes.parse(raw)
            found += [each.first] if each.last > after else []
    return min(found, default=0)
