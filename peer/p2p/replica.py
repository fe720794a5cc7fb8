"""The replica: everybody's logs, as far as they have come here, and what is to be asked of whom to have the rest.

Envelopes come pushed, by any way and in any order, or in pages that were asked for. Each log has its frontier and its
repair machine, as a broker's log has (common/repair.py); only the question whom to ask is new: the origin first,
then whoever claims to have it. What nobody has any more is given up, and said to be lost.

A log is its session's word: an envelope counts when it is signed by it and follows what it signed before. Two that
contradict each other prove a cheat, and the log stops.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sandpiper.common import envelope as envelopes
from sandpiper.common.envelope import DEEDS, TALK, Envelope
from sandpiper.common.errors import Refusal
from sandpiper.common.frontier import Frontier
from sandpiper.common.limits import (
    DEEDS_MOST,
    HANDOVER_BYTES,
    HELD_BYTES,
    LOG_BYTES_MOST,
    LOG_ENTRIES,
    LOST_AFTER_S,
    PULLED_BYTES,
)
from sandpiper.common.packets import Frontier as Stand
from sandpiper.common.packets import Page, Pull
from sandpiper.common.repair import Repair
from sandpiper.peer.p2p.log import Log
from sandpiper.peer.p2p.standing import Name, Standing

_FOR_EVER: Final = 1 << 62


@dataclass(slots=True)
class Track:
    """One log and how it is followed. `claims`: who says to have more of it than we do, up to where.

    `ends`: where it may go to, by a removal; `forks`: by a proof that there are two of it.

    `marks` are where it stood at moments after which it moved on (see `Replica.moment`).

    `lacking` are those asked in vain for what comes next, each with where its copy begins; `bare_at` is since when
    these are all that can be asked.
    """

    log: Log
    repair: Repair[Envelope]
    claims: dict[bytes, int] = field(default_factory=dict)
    lacking: dict[bytes, int] = field(default_factory=dict)
    asked: bytes = b""
    ends: int = _FOR_EVER
    forks: int = _FOR_EVER
    stopped: bool = False
    marks: list[tuple[int, int]] = field(default_factory=list)
    held_bytes: int = 0
    bare_at: float | None = None

    @property
    def limit(self) -> int:
        """Its last entry that may count."""
        return min(self.ends, self.forks)

    def cap(self) -> None:
        """What lies beyond the limit is not waited for, nor held."""
        self.repair.frontier.cap(self.limit)

    def append(self, envelope: Envelope, moment: int) -> None:
        """The next of the log; where it stood until now is kept, if nothing has moved it since that moment."""
        if not self.marks or self.marks[-1][0] < moment:
            self.marks.append((moment, self.log.head))
        self.log.append(envelope)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The next envelope of a log, or (without one) that `lost` entries before the next will never come."""

    envelope: Envelope | None
    session: bytes
    stream: int
    lost: int = 0


class Replica:
    """`me` is whose own logs are written here. `pulls` and `proofs` are to be taken by the owner after each call."""

    def __init__(self, me: bytes, room: bytes) -> None:
        self.room = room
        self.tracks: dict[Name, Track] = {}
        self.pulls: list[tuple[bytes, Pull]] = []
        self.proofs: list[tuple[Envelope, Envelope]] = []
        self.rubbish = 0
        self.standing = Standing(self.tracks)
        self._me = me
        self._reachable: Callable[[bytes], bool] = lambda session: True
        self._asked: dict[int, tuple[Name, bytes, int]] = {}
        self._r = 0
        self._moment = 0
        self._holed: dict[Name, Track] = {}  # those whose repair has a timer
        self._claimed: dict[bytes, set[Name]] = {}  # in which logs a source's claims are

    def reach_by(self, reachable: Callable[[bytes], bool]) -> None:
        """`reachable` says whether a session can be asked now."""
        self._reachable = reachable

    # Logs --------------------------------------------------------------------------------------------------

    def open(self, session: bytes) -> None:
        """A session is known from now on."""
        for stream in (TALK, DEEDS):
            if (session, stream) not in self.tracks:
                self.tracks[session, stream] = _track(1)

    def start_talk(self, session: bytes, start: int) -> None:
        """What a session said before `start` is not for us."""
        self.open(session)
        self._begin((session, TALK), _track(start))

    def _begin(self, name: Name, track: Track) -> None:
        self.tracks[name] = track
        self._holed.pop(name, None)
        self.standing.moved(name)

    def start_at_heads(self) -> None:
        """What has been said up to now is not wanted."""
        for name, track in list(self.tracks.items()):
            if name[1] == TALK and track.log.last is None:
                claims = track.claims
                self._begin(name, _track(track.repair.frontier.head + 1))
                self.tracks[name].claims = claims

    def end(self, session: bytes, talk: int, deeds: int) -> None:
        """What a session signs beyond these counts no more: it has been removed."""
        for stream, last in ((TALK, talk), (DEEDS, deeds)):
            track = self.tracks.get((session, stream))
            if track is not None and track.ends != last:
                track.ends = last
                track.cap()
                self.standing.moved((session, stream))

    def resume(self, session: bytes) -> None:
        """The removal does not count after all."""
        for stream in (TALK, DEEDS):
            track = self.tracks.get((session, stream))
            if track is not None and track.ends != _FOR_EVER:
                track.ends = _FOR_EVER
                self.standing.moved((session, stream))

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
        """It cheats: what it says ends here. What it has done counts as far as there is one history of it."""
        track = self.tracks.get((session, TALK))
        if track is not None:
            track.stopped = True
            track.repair.interrupted()
            self._mind((session, TALK), track)
            self.standing.moved((session, TALK))

    def fork(self, session: bytes, seq: int) -> None:
        """Of its deeds there are two histories from there on."""
        track = self.tracks.get((session, DEEDS))
        if track is not None:
            track.forks = min(track.forks, seq - 1)
            track.cap()
            self.standing.moved((session, DEEDS))

    def log(self, session: bytes, stream: int) -> Log:
        """The log of a known session."""
        return self.tracks[session, stream].log

    def head(self, session: bytes, stream: int) -> int:
        """How far the log of a session has come here; 0 for one that nobody can talk to."""
        track = self.tracks.get((session, stream))
        return track.log.head if track is not None else 0

    def write(self, envelope: Envelope) -> None:
        """One's own next envelope."""
        track = self.tracks[envelope.session, envelope.stream]
        track.append(envelope, self._moment)
        self.standing.moved((envelope.session, envelope.stream))
        track.repair.frontier.advance(envelope.first, envelope.last)
        self._trim(track, envelope.stream)

    # What comes in -----------------------------------------------------------------------------------------

    def take(self, raws: Iterable[bytes], now: float) -> list[Accepted]:
        """Envelopes that were pushed; those that can be accepted now, in order. Rubbish is counted."""
        accepted: list[Accepted] = []
        for raw in raws:
            envelope = self._read(raw)
            track = self._place(envelope) if envelope is not None else None
            if envelope is None or track is None:
                continue
            accepted += self._push(track, envelope)
            if not track.stopped:
                track.repair.noticed(now)
                self._mind((envelope.session, envelope.stream), track)
        return accepted

    def _push(self, track: Track, envelope: Envelope) -> list[Accepted]:
        frontier = track.repair.frontier
        if envelope.first != frontier.seq + 1:
            if track.held_bytes + len(envelope.raw) > HELD_BYTES:
                frontier.head = max(frontier.head, envelope.last)
                return []  # what closes the hole will bring it again
            track.held_bytes += len(envelope.raw)
        accepted: list[Accepted] = []
        for each in frontier.push(envelope.first, envelope, envelope.last):
            accepted += self._accept(track, each)
        if not frontier.holding:
            track.held_bytes = 0
        return accepted

    def _read(self, raw: bytes) -> Envelope | None:
        try:
            envelope = envelopes.parse(raw)
        except Refusal:
            self.rubbish += 1
            return None
        if envelope.room != self.room:
            self.rubbish += 1
            return None
        return envelope

    def _place(self, envelope: Envelope) -> Track | None:
        """The track that wants it; None for what is known, signed by somebody else, or stopped."""
        track = self.tracks.get((envelope.session, envelope.stream))
        if track is None or track.stopped or (envelope.last > track.limit and envelope.stream == TALK):
            return None
        held = track.log.holding(envelope.first) if envelope.first <= track.log.head else None
        if held is not None and held.hash == envelope.hash:
            return None
        if envelope.stream == DEEDS and (envelope.last > DEEDS_MOST or len(envelope.raw) > HANDOVER_BYTES):
            self.rubbish += 1
            return None
        if not envelopes.genuine(envelope):
            self.rubbish += 1
            return None
        held = held or track.log.last
        if held is not None and envelopes.conflict(held, envelope):
            self.proofs.append((held, envelope))
            return None
        if envelope.last > track.limit:
            return None
        return track if envelope.first > track.repair.frontier.seq else None

    def _accept(self, track: Track, envelope: Envelope) -> list[Accepted]:
        last = track.log.last
        if track.stopped or envelope.last > track.limit:
            return []
        if last is not None and envelopes.conflict(last, envelope):
            self.proofs.append((last, envelope))
            self.stop(envelope.session)
            if envelope.stream == DEEDS:
                self.fork(envelope.session, last.first)
            return []
        track.append(envelope, self._moment)
        self.standing.moved((envelope.session, envelope.stream))
        track.lacking.clear()
        track.bare_at = None
        self._trim(track, envelope.stream)
        return [Accepted(envelope, envelope.session, envelope.stream)]

    def _trim(self, track: Track, stream: int) -> None:
        if stream == TALK:
            track.log.trim(LOG_ENTRIES, LOG_BYTES_MOST)

    # Who has what ------------------------------------------------------------------------------------------

    def claims(self, source: bytes, stands: Iterable[Stand], now: float) -> None:
        """What a member says to have."""
        claimed = self._claimed.setdefault(source, set())
        for stand in stands:
            track = self.tracks.get((stand.session, stand.stream))
            if track is None or track.stopped or stand.seq > _FOR_EVER:
                continue
            if stand.seq > track.repair.frontier.seq:
                track.claims[source] = stand.seq
                claimed.add((stand.session, stand.stream))
            else:  # of no use, now or later
                track.claims.pop(source, None)
                claimed.discard((stand.session, stand.stream))
            if stand.session == self._me:
                continue
            mine = track.log.hash_at(stand.seq)
            if mine is not None and mine != stand.hash:
                # It holds another history: its envelope there, beside ours, proves who cheats.
                self._ask((stand.session, stand.stream), source, stand.seq - 1)
            elif stand.seq > track.repair.frontier.seq:
                # Only as far as somebody could be asked for it; a false claim costs its maker a few requests.
                track.repair.reaches(min(stand.seq, track.limit), now)
                self._mind((stand.session, stand.stream), track)
            track.lacking.pop(source, None) if stand.seq <= track.log.head else None

    def forget(self, source: bytes) -> None:
        """A member has gone: it cannot be asked."""
        for name in self._claimed.pop(source, set()).union(self._holed):
            track = self.tracks[name]
            track.claims.pop(source, None)
            track.lacking.pop(source, None)

    # Repair ------------------------------------------------------------------------------------------------

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return min(
            (due for track in self._holed.values() if (due := track.repair.get_timer()) is not None), default=None
        )

    def _mind(self, name: Name, track: Track) -> None:
        """Its repair may have set a timer, or need none any more."""
        if track.repair.get_timer() is not None:
            self._holed[name] = track
        else:
            self._holed.pop(name, None)
        if track.claims and not track.repair.frontier.gap:
            for source in track.claims:
                self._claimed[source].discard(name)
            track.claims.clear()

    def handle_timer(self, now: float) -> list[Accepted]:
        """Asks for what is missing; what had to be given up."""
        given_up: list[Accepted] = []
        for name, track in list(self._holed.items()):
            due = track.repair.get_timer()
            if due is None or now < due or track.stopped:
                continue
            if not self._claimed_beyond(track):
                track.asked = b""
                track.repair.interrupted()  # until somebody who has it is here
                self._mind(name, track)
                continue
            if track.asked:
                # It did not answer: somebody else is to be asked, if there is anybody.
                track.lacking.setdefault(track.asked, 0)
                track.asked = b""
                if self._source(name, track, track.repair.frontier.seq) is None:
                    track.lacking = {each: start for each, start in track.lacking.items() if start}
            track.repair.handle_timer(now)
            given_up += self._fetch(name, track, now)
            self._mind(name, track)
        return given_up

    def _claimed_beyond(self, track: Track) -> bool:
        """Whether anybody who can be asked says to have what comes next."""
        after = track.repair.frontier.seq
        return any(seq > after and each != self._me and self._reachable(each) for each, seq in track.claims.items())

    def ask_again(self, source: bytes, now: float) -> None:
        """A member hears us from now on, or we it: what it was asked before, or its answer, never arrived."""
        for name, track in list(self._holed.items()):
            if track.asked == source and track.repair.frontier.gap and not track.stopped:
                track.asked = b""
                track.repair.hurry(now)
                self._fetch(name, track, now)

    def hurry(self, now: float) -> None:
        """Known holes, such as history: no use in waiting."""
        for name, track in list(self._holed.items()):
            if track.repair.frontier.gap and not track.stopped and not track.asked:
                track.repair.hurry(now)
                self._fetch(name, track, now)

    def _fetch(self, name: Name, track: Track, now: float) -> list[Accepted]:
        fetch, track.repair.fetch = track.repair.fetch, None
        if fetch is None:
            return []
        source = self._source(name, track, fetch.after)
        if source is not None:
            track.asked = source
            self._ask(name, source, fetch.after)
            return []
        starts = [start for start in track.lacking.values() if start > fetch.after + 1]
        everyone_lacks = starts and all(
            track.lacking.get(each, 0) > fetch.after + 1 for each in track.claims if self._reachable(each)
        )
        if everyone_lacks:
            track.bare_at = now if track.bare_at is None else track.bare_at
            return self._give_up(name, track, min(starts) - 1) if now - track.bare_at >= LOST_AFTER_S else []
        track.bare_at = None
        track.lacking = {each: start for each, start in track.lacking.items() if start > fetch.after + 1}
        return []

    def _source(self, name: Name, track: Track, after: int) -> bytes | None:
        able = [
            each
            for each, seq in track.claims.items()
            if seq > after and each not in track.lacking and each != self._me and self._reachable(each)
        ]
        if name[0] in able:
            return name[0]
        return max(able, key=lambda each: (track.claims[each], each), default=None)

    def _ask(self, name: Name, source: bytes, after: int) -> None:
        self._r += 1
        self._asked[self._r] = (name, source, after)
        if len(self._asked) > 10_000:
            del self._asked[next(iter(self._asked))]
        self.pulls.append((source, Pull(self._r, name[0], name[1], after)))

    def _give_up(self, name: Name, track: Track, seq: int) -> list[Accepted]:
        lost, released = track.repair.frontier.skip(seq)
        track.lacking.clear()
        track.bare_at = None
        accepted = [Accepted(None, name[0], name[1], lost)] if lost else []
        for each in released:
            accepted += self._accept(track, each)
        return accepted

    def page(self, source: bytes, page: Page, now: float) -> list[Accepted]:
        """The answer to a pull; what can be accepted now, in order."""
        name, asked, after = self._asked.pop(page.r, ((b"", 0), b"", 0))
        track = self.tracks.get(name)
        if track is None or asked != source or name != (page.session, page.stream):
            return []
        if track.asked == source:
            track.asked = b""
        before = track.repair.frontier.seq
        accepted = self._unfold(track, page, now)
        if not track.stopped:
            accepted += self._go_on(name, track, source, page, after, before, now)
            self._mind(name, track)
        return accepted

    def _go_on(
        self, name: Name, track: Track, source: bytes, page: Page, after: int, before: int, now: float
    ) -> list[Accepted]:
        """What is to be asked after a page, if it did not fill the hole."""
        if not track.repair.frontier.gap:
            track.repair.page(after, 0, track.log.head, (), now)
            return []
        if track.repair.frontier.seq == before:
            track.lacking[source] = max(page.start, 0)
        track.repair.hurry(now)
        return self._fetch(name, track, now)

    def _unfold(self, track: Track, page: Page, now: float) -> list[Accepted]:
        accepted: list[Accepted] = []
        for raw in page.envelopes:
            envelope = self._read(raw)
            if envelope is None or (envelope.session, envelope.stream) != (page.session, page.stream):
                continue
            wanting = self._place(envelope)
            if wanting is None:
                continue
            accepted += self._push(track, envelope)
        return accepted

    def ask_on(self, name: Name, source: bytes) -> None:
        """Asks for what comes after what is here, whether or not anything is known to."""
        track = self.tracks.get(name)
        if track is not None and not track.stopped:
            self._ask(name, source, track.log.head)

    def answer(self, pull: Pull, floor: int) -> Page:
        """What one has of what a member asks for; nothing up to `floor`, which is not for it."""
        track = self.tracks.get((pull.session, pull.stream))
        if track is None:
            return Page(pull.r, pull.session, pull.stream, 1, 0, [])
        log = track.log
        start = max(log.start, floor + 1)
        found = log.after(max(pull.after, start - 1), PULLED_BYTES)
        return Page(pull.r, pull.session, pull.stream, start, log.head, [each.raw for each in found])


def _track(start: int) -> Track:
    return Track(Log(start), Repair(Frontier(start - 1)))
