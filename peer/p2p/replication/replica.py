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
from dataclasses import dataclass

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import (
    DEEDS_MOST,
    HANDOVER_BYTES,
    HELD_BYTES,
    LOG_BYTES_MOST,
    LOG_ENTRIES,
    LOST_AFTER_S,
    LOST_ALONE_S,
    LOST_LOOK_S,
    LOST_ORPHAN_S,
    PULLED_BYTES,
)
from sandpiper.common.p2p import envelope as envelopes
from sandpiper.common.p2p.envelope import DEEDS, TALK, Envelope
from sandpiper.common.p2p.packets import Frontier as Stand
from sandpiper.common.p2p.packets import Page, Pull
from sandpiper.common.repair import RepairState as Repairing
from sandpiper.peer.p2p.replication.digest import Name, Standing
from sandpiper.peer.p2p.replication.log import Log
from sandpiper.peer.p2p.replication.track import FOR_EVER, Track


@dataclass(frozen=True, slots=True)
class Accepted:
    """The next envelope of a log, or (without one) that `lost` entries before the next will never come."""

    envelope: Envelope | None
    session: bytes
    stream: int
    lost: int = 0


class Replica:
    """`me` is whose own logs are written here. `pulls`, `proofs` and what `ready` gives are to be taken by the owner
    after each call; what returns something gives that too, so that nothing overtakes what came before it.
    """

    def __init__(self, me: bytes, room: bytes) -> None:
        self.room = room
        self.tracks: dict[Name, Track] = {}
        self.pulls: list[tuple[bytes, Pull]] = []
        self.proofs: list[tuple[Envelope, Envelope]] = []
        self.rubbish = 0
        self.standing = Standing(self.tracks)
        self._me = me
        self._reachable: Callable[[bytes], bool] = lambda session: True
        self._left: Callable[[bytes], bool] = lambda session: False
        self._met: Callable[[bytes], bool] = lambda session: True
        self._asked: dict[int, tuple[Name, bytes, int]] = {}
        self._ready: list[Accepted] = []
        self._r = 0
        self._moment = 0
        self._holed: dict[Name, Track] = {}  # those whose repair has a timer
        self._claimed: dict[bytes, set[Name]] = {}  # in which logs a source's claims are

    def reach_by(
        self, reachable: Callable[[bytes], bool], left: Callable[[bytes], bool], met: Callable[[bytes], bool]
    ) -> None:
        """`reachable` says whether a session can be asked now, `left` whether it has ended and will say no more, `met`
        whether it was ever heard.
        """
        self._reachable, self._left, self._met = reachable, left, met

    # Logs --------------------------------------------------------------------------------------------------

    def open(self, session: bytes) -> None:
        """A session is known from now on."""
        for stream in (TALK, DEEDS):
            if (session, stream) not in self.tracks:
                self.tracks[session, stream] = Track.beginning(1)

    def start_talk(self, session: bytes, start: int) -> None:
        """What a session said before `start` is not for us."""
        self.open(session)
        self._begin((session, TALK), Track.beginning(start))

    def _begin(self, name: Name, track: Track) -> None:
        self.tracks[name] = track
        self._holed.pop(name, None)
        self.standing.moved(name)

    def start_at_heads(self) -> None:
        """What has been said up to now is not wanted."""
        for name, track in list(self.tracks.items()):
            if name[1] == TALK and track.log.last is None:
                claims = track.claims
                self._begin(name, Track.beginning(track.repair.frontier.head + 1))
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
            if track is not None and track.ends != FOR_EVER:
                track.ends = FOR_EVER
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
        for raw in raws:
            envelope = self._read(raw)
            track = self._place(envelope) if envelope is not None else None
            if envelope is None or track is None:
                continue
            self._push(track, envelope)
            if not track.stopped:
                track.repair.noticed(now)
                self._mind((envelope.session, envelope.stream), track)
        return self.ready()

    def ready(self) -> list[Accepted]:
        """What has been accepted, or given up, and was not taken yet: in the order of each log."""
        ready, self._ready = self._ready, []
        return ready

    def _push(self, track: Track, envelope: Envelope) -> None:
        frontier = track.repair.frontier
        if envelope.first != frontier.seq + 1:
            if track.held_bytes + len(envelope.raw) > HELD_BYTES:
                frontier.head = max(frontier.head, envelope.last)
                return  # what closes the hole will bring it again
            track.held_bytes += len(envelope.raw)
        for each in frontier.push(envelope.first, envelope, envelope.last):
            self._accept(track, each)
        if not frontier.holding:
            track.held_bytes = 0

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

    def _accept(self, track: Track, envelope: Envelope) -> None:
        last = track.log.last
        if track.stopped or envelope.last > track.limit:
            return
        if last is not None and envelopes.conflict(last, envelope):
            self.proofs.append((last, envelope))
            self.stop(envelope.session)
            if envelope.stream == DEEDS:
                self.fork(envelope.session, last.first)
            return
        track.append(envelope, self._moment)
        self.standing.moved((envelope.session, envelope.stream))
        track.lacking.clear()
        track.helped()
        self._trim(track, envelope.stream)
        self._ready.append(Accepted(envelope, envelope.session, envelope.stream))

    def _trim(self, track: Track, stream: int) -> None:
        if stream == TALK:
            track.log.trim(LOG_ENTRIES, LOG_BYTES_MOST)

    # Who has what ------------------------------------------------------------------------------------------

    def claims(self, source: bytes, stands: Iterable[Stand], now: float) -> None:
        """What a member says to have."""
        claimed = self._claimed.setdefault(source, set())
        for stand in stands:
            name = (stand.session, stand.stream)
            track = self.tracks.get(name)
            if track is None or track.stopped or stand.seq > FOR_EVER:
                continue
            if track.claims.get(source, 0) <= track.repair.frontier.seq < stand.seq:
                track.lacking.pop(source, None)  # when it was asked it did not say to have what comes next
            if stand.seq > track.repair.frontier.seq:
                track.claims[source] = stand.seq
                claimed.add(name)
            else:  # of no use, now or later
                track.claims.pop(source, None)
                claimed.discard(name)
            if stand.session == self._me:
                continue
            mine = track.log.hash_at(stand.seq)
            if mine is not None and mine != stand.hash:
                # It holds another history: its envelope there, beside ours, proves who cheats.
                self._ask(name, source, stand.seq - 1)
            elif stand.seq > track.repair.frontier.seq:
                # Only as far as somebody could be asked for it; a false claim costs its maker a few requests.
                track.repair.reaches(min(stand.seq, track.limit), now)
                if not track.asked and source not in track.lacking and track.repair.state is Repairing.FETCHING:
                    track.repair.hurry(now)  # nobody could be asked until now
                    self._fetch(name, track, now)
                self._mind(name, track)

    def forget(self, source: bytes, now: float) -> None:
        """A member has gone: it cannot be asked."""
        for name in sorted(self._claimed.pop(source, set()).union(self._holed)):
            track = self.tracks[name]
            track.claims.pop(source, None)
            track.lacking.pop(source, None)
            if track.asked == source:
                track.asked = b""
                track.repair.look_again(now)

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
        """Asks for what is missing; what had to be given up, and what follows it."""
        for name, track in list(self._holed.items()):
            due = track.repair.get_timer()
            if due is None or now < due or track.stopped:
                continue
            if track.asked:
                # It did not answer: somebody else is to be asked, if there is anybody.
                track.lacking.setdefault(track.asked, 0)
                track.asked = b""
                if self._source(name, track, track.repair.frontier.seq) is None:
                    track.lacking = {each: start for each, start in track.lacking.items() if start}
            track.repair.handle_timer(now)
            self._fetch(name, track, now)
            self._mind(name, track)
        return self.ready()

    def ask_again(self, source: bytes, now: float) -> None:
        """A member hears us from now on, or we it: what it was asked before, or its answer, never arrived."""
        for name, track in list(self._holed.items()):
            if track.asked == source and track.repair.frontier.gap and not track.stopped:
                track.asked = b""
                track.repair.hurry(now)
                self._fetch(name, track, now)
                self._mind(name, track)

    def hurry(self, now: float) -> None:
        """Known holes, such as history: no use in waiting."""
        for name, track in list(self._holed.items()):
            if track.repair.frontier.gap and not track.stopped and not track.asked:
                track.repair.hurry(now)
                self._fetch(name, track, now)
                self._mind(name, track)

    def _fetch(self, name: Name, track: Track, now: float) -> None:
        fetch, track.repair.fetch = track.repair.fetch, None
        if fetch is None:
            return
        source = self._source(name, track, fetch.after)
        if source is not None:
            track.hole.pause()
            track.asked = source
            self._ask(name, source, fetch.after)
        else:
            self._miss(name, track, fetch.after, now)

    def _miss(self, name: Name, track: Track, after: int, now: float) -> None:
        """Nobody whom one could ask says to have what comes next, unless it has said so and could not give it.

        Before anything is given up, everybody is asked, and that somebody comes who has it is waited for. Deeds are
        never given up: whoever was let in by one has those before it.
        """
        if any(track.lacking.get(each, 0) <= after + 1 for each in self._able(track, after)):
            track.helped()
            track.lacking = {each: start for each, start in track.lacking.items() if start > after + 1}
            return
        hole, patience_s = track.hole, self._patience(name, track, after, now)
        hole.look(now, waits=patience_s != FOR_EVER)
        for each in hole.call(self._here(), patience_s):
            self._ask(name, each, after)
        if not hole.over(patience_s):
            track.repair.look_again(now + LOST_LOOK_S)
        elif name[1] == TALK and track.repair.frontier.holding:
            self._give_up(name, track, track.repair.frontier.missing[1], now)
        else:
            track.repair.frontier.settle()
            track.repair.interrupted()
            track.lacking.clear()
            track.helped()

    def _patience(self, name: Name, track: Track, after: int, now: float) -> float:
        here, origin = self._here(), name[0]
        if not here:
            return LOST_ALONE_S
        if origin in here and origin not in track.lacking:
            return FOR_EVER  # it will say itself, or be gone
        again = now - track.gave_up_at < LOST_ORPHAN_S
        if again and all(each in track.lacking for each in here):
            return 0.0  # the hole before this one has been waited for, and everybody has been asked for this one
        # Whoever is beyond the hole has given it up before us.
        if again or origin in track.lacking or self._left(origin) or self._able(track, after):
            return LOST_AFTER_S
        # A newcomer who has not even heard whose history this is may be cut off with others like it.
        return LOST_ORPHAN_S if self._met(origin) else LOST_ALONE_S

    def _here(self) -> list[bytes]:
        """Whom one could ask."""
        return [each for each, stream in self.tracks if stream == DEEDS and each != self._me and self._reachable(each)]

    def _able(self, track: Track, after: int) -> list[bytes]:
        """Who says to have what comes next, and can be asked."""
        return [
            each for each, seq in track.claims.items() if seq > after and each != self._me and self._reachable(each)
        ]

    def _source(self, name: Name, track: Track, after: int) -> bytes | None:
        able = [each for each in self._able(track, after) if each not in track.lacking]
        if name[0] in able:
            return name[0]
        return max(able, key=lambda each: (track.claims[each], each), default=None)

    def _ask(self, name: Name, source: bytes, after: int) -> None:
        r = self.number()
        self._asked[r] = (name, source, after)
        if len(self._asked) > 10_000:
            del self._asked[next(iter(self._asked))]
        self.pulls.append((source, Pull(r, name[0], name[1], after)))

    def number(self) -> int:
        """Another number for a request."""
        self._r += 1
        return self._r

    def _give_up(self, name: Name, track: Track, seq: int, now: float) -> None:
        track.gave_up_at = now
        lost, released = track.repair.frontier.skip(seq)
        track.lacking.clear()
        track.helped()
        if lost:
            self._ready.append(Accepted(None, name[0], name[1], lost))
        for each in released:
            self._accept(track, each)
        if track.repair.frontier.gap:
            track.repair.look_again(now)

    def page(self, source: bytes, page: Page, now: float) -> list[Accepted]:
        """The answer to a pull; what can be accepted now, in order."""
        name, asked, after = self._asked.pop(page.r, ((b"", 0), b"", 0))
        track = self.tracks.get(name)
        if track is None or asked != source or name != (page.session, page.stream):
            return []
        if track.asked == source:
            track.asked = b""
        before = track.repair.frontier.seq
        self._unfold(track, page)
        if not track.stopped:
            self._go_on(name, track, source, page, after, before, now)
            self._mind(name, track)
        return self.ready()

    def _go_on(self, name: Name, track: Track, source: bytes, page: Page, after: int, before: int, now: float) -> None:
        """What is to be asked after a page, if it did not fill the hole."""
        if not track.repair.frontier.gap:
            track.repair.page(after, 0, track.log.head, (), now)
            return
        if track.repair.frontier.seq == before:
            track.lacking[source] = self._offered(page, after)
            if not page.envelopes and page.head <= after and source in track.claims:
                # Somebody else may have said that it has more, or it has by now: it will say so itself.
                del track.claims[source]
                self._claimed[source].discard(name)
        track.repair.hurry(now)
        self._fetch(name, track, now)

    def _unfold(self, track: Track, page: Page) -> None:
        for raw in page.envelopes:
            envelope = self._read(raw)
            if envelope is None or (envelope.session, envelope.stream) != (page.session, page.stream):
                continue
            wanting = self._place(envelope)
            if wanting is not None:
                self._push(track, envelope)

    def _offered(self, page: Page, after: int) -> int:
        """The first seq that a member can give who was asked for what comes after `after`; 0 if that is not told."""
        if not page.envelopes:
            return FOR_EVER
        firsts = [each.first for raw in page.envelopes if (each := self._read(raw)) is not None and each.last > after]
        return min(firsts, default=0)

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
        if not found:
            # Beyond a hole that is everybody's there is something all the same.
            found = [each for each in track.repair.frontier.held if each.first > max(pull.after, floor)]
            found = found[: max(1, PULLED_BYTES // max(len(each.raw) for each in found))] if found else []
        return Page(pull.r, pull.session, pull.stream, start, log.head, [each.raw for each in found])
