"""The exchange: brings two members' deeds to be equal, by any way that may lose, repeat and reorder.

A beacon says a digest of the tips. Who hears another one than its own for a while asks its sender for what it lacks:
first for what owners' deeds need, then for all the rest, a page at a time, each deed after its past. Nobody is told
that it lacks something, each sees to itself. A fresh deed its writer tells everybody; one whose past is missing here
waits in a small pool of its sender's, and is reason to ask at once.

What is over a budget stays where it is (intake.py), and is asked for again, more and more rarely.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sandpiper.common.buckets import Bucket
from sandpiper.common.limits import (
    DEED_PAGE,
    DEEDS_AGAIN_S,
    DEEDS_APART_S,
    DEEDS_ASKED,
    DEEDS_IDLE_PAGES,
    DEEDS_PAUSE_MOST_S,
    DEEDS_PAUSE_S,
    DEEDS_STRIKES,
    DEEDS_TOLD,
    DEEDS_TOLD_S,
    DEEDS_TRIES,
    DIGESTS_KNOWN,
)
from sandpiper.common.p2p.deeds import Deed
from sandpiper.common.p2p.packets import Deeds, Fetch
from sandpiper.peer.p2p.membership.arriving import ArrivingDeeds, Bringer, DeedVerdicts
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.intake import SponsorTrust
from sandpiper.peer.p2p.membership.late_deeds import LateDeeds
from sandpiper.peer.p2p.membership.level import PLAIN
from sandpiper.peer.p2p.membership.offer import DeedOffer, landmarks


@dataclass(slots=True)
class _Fetching:
    """A request under way, page by page: first for what owners' deeds need, then for all. `first_r` is the number under
    which this page was first asked for; an answer to that is as good as to the last.
    """

    digest: bytes
    revision: int
    known: list[bytes]
    again_at: float
    first_r: int = 0
    owners: bool = True
    after: bytes = b""
    tries: int = 1
    idle: int = 0
    taken: int = 0
    refused: int = 0
    whole: bool = True


@dataclass(slots=True)
class _Source:
    """Another session. `done` is the digest, and our revision, of which it has nothing more for us. `pause_s` grows
    while it has nothing that can be taken, `strikes` while it does not answer, or has no end of nothing; `resume` is up
    to where that went.
    """

    digest: bytes = b""
    apart_since: float | None = None
    done: tuple[bytes, int] = (b"", -1)
    r: int = 0
    fetching: _Fetching | None = None
    rest_until: float = 0.0
    pause_s: float = DEEDS_PAUSE_S
    strikes: int = 0
    resume: bytes = b""
    trusted: SponsorTrust | None = None
    late: LateDeeds = field(default_factory=LateDeeds)
    told: Bucket = field(default_factory=lambda: Bucket(DEEDS_TOLD_S, DEEDS_TOLD))


class DeedExchange:
    """One member's end. Take `outgoing` (whom to say what) and `taken` (what is new in the graph) after each call.

    `person_of` returns the person of a session that is in the room, or None.
    """

    def __init__(self, graph: DeedGraph, person_of: Callable[[bytes], bytes | None]) -> None:
        self.outgoing: list[tuple[bytes, Fetch | Deeds]] = []
        self.taken: list[Deed] = []
        self._graph = graph
        self._person_of = person_of
        self._arriving = ArrivingDeeds(graph)
        self._offer = DeedOffer(graph)
        self._sources: dict[bytes, _Source] = {}
        self._digest = graph.digest()
        self._digests = deque([self._digest], DIGESTS_KNOWN)

    # What is heard -----------------------------------------------------------------------------------------

    def digest(self) -> bytes:
        """Returns what a beacon says of the deeds here. To be called also when the member itself has written one."""
        digest = self._graph.digest()
        if digest != self._digest:
            self._digest = digest
            self._digests.append(digest)
        return digest

    def heard(self, session: bytes, digest: bytes, now: float) -> None:
        """Takes the digest of a beacon."""
        source = self._sources.setdefault(session, _Source())
        known = self.is_known(digest)
        if digest == source.digest and known == (source.apart_since is None):
            return
        source.digest = digest
        if known:
            source.apart_since = source.trusted = None
            source.pause_s = DEEDS_PAUSE_S
        elif source.apart_since is None:
            source.apart_since = now

    def is_known(self, digest: bytes) -> bool:
        """Whether all deeds of whoever says this digest are here: it is ours, or was."""
        return digest == self.digest() or digest in self._digests

    def trust(self, session: bytes) -> None:
        """Takes from a session what it has by a budget of its own, once: it has let us in."""
        self._sources.setdefault(session, _Source()).trusted = SponsorTrust()

    def forget(self, session: bytes) -> None:
        """Asks a session no more, and keeps nothing of it: it has gone."""
        self._sources.pop(session, None)
        self._offer.forget(session)

    def receive_fetch(self, session: bytes, said: Fetch, now: float) -> None:
        """Gives what is asked for."""
        answer = self._offer.answer(session, said, now)
        if answer is not None:
            self.outgoing.append((session, answer))

    def receive_told(self, session: bytes, raws: Sequence[bytes], now: float) -> None:
        """Takes deeds that somebody tells unasked; the session is empty where it is not known."""
        source = self._sources.setdefault(session, _Source())
        room = [raw for raw in islice(raws, DEED_PAGE) if source.told.take(1, now) == 0.0]
        if not room:
            return  # what is over the rate costs nothing, and moves nothing
        self._take(session, source, room, now)
        if source.late:
            rests = 0.0 if self._is_owner(session) else source.rest_until - now
            source.rest_until = now + max(0.0, min(rests, DEEDS_PAUSE_S * 2**source.strikes))

    def receive_deeds(self, session: bytes, said: Deeds, now: float) -> None:
        """Takes an answer, and asks for the next page."""
        source = self._sources.get(session)
        fetching = source.fetching if source is not None else None
        if source is None or fetching is None or not fetching.first_r <= said.r <= source.r:
            return
        found = self._take(session, source, said.deeds[:DEED_PAGE], now)
        if found.false:
            self._strike(source, now)  # it lies
            return
        fetching.refused += found.refused
        fetching.taken += len(found.taken)
        fetching.idle = 0 if found.taken else fetching.idle + 1
        if said.next and said.deeds and fetching.idle < DEEDS_IDLE_PAGES:
            fetching.after = said.next
            self._ask(session, source, now)
        elif fetching.owners:
            fetching.owners, fetching.after, fetching.idle = False, source.resume, 0
            fetching.whole = not source.resume and not said.next
            fetching.known = landmarks(self._graph)
            self._ask(session, source, now)
        elif said.next:
            source.resume = said.next  # the next time it is asked for what comes then
            self._strike(source, now)
        else:
            self._finish(source, now)

    def _finish(self, source: _Source, now: float) -> None:
        fetching = source.fetching
        assert fetching is not None
        source.fetching, source.trusted, source.strikes, source.resume = None, None, 0, b""
        if fetching.whole and not fetching.refused and not source.late:
            source.done = (fetching.digest, fetching.revision)
        if fetching.taken and not fetching.refused:
            source.pause_s = DEEDS_PAUSE_S
        if fetching.refused or source.late or not fetching.taken:
            source.rest_until = now + source.pause_s
            source.pause_s = min(2 * source.pause_s, DEEDS_PAUSE_MOST_S)

    def _strike(self, source: _Source, now: float) -> None:
        source.fetching = None
        source.rest_until = now + min(DEEDS_PAUSE_S * 2**source.strikes, DEEDS_PAUSE_MOST_S)
        source.strikes = min(source.strikes + 1, DEEDS_STRIKES)

    # Taking in ---------------------------------------------------------------------------------------------

    def _take(self, session: bytes, source: _Source, raws: Sequence[bytes], now: float) -> DeedVerdicts:
        found = self._bring(session, source, raws, now)
        moved = bool(found.taken)
        while moved:  # what came may be what others' deeds waited for
            moved = False
            for other, each in list(self._sources.items()):
                if each.late.is_moved(self._graph):
                    moved = bool(self._bring(other, each, (), now).taken) or moved
        self.digest()
        return found

    def _bring(self, session: bytes, source: _Source, raws: Sequence[bytes], now: float) -> DeedVerdicts:
        owners = source.fetching is not None and source.fetching.owners
        bringer = Bringer(self._person_of(session), source.late, source.trusted, owners)
        found = self._arriving.take(raws, bringer, now)
        self.taken += found.taken
        return found

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        busy = [source.fetching.again_at for source in self._sources.values() if source.fetching is not None]
        if len(busy) < DEEDS_ASKED:
            busy += [
                due for session, source in self._sources.items() if (due := self._due(session, source)) is not None
            ]
        return min(busy, default=None)

    def _due(self, session: bytes, source: _Source) -> float | None:
        """When a session that is not being asked is to be asked."""
        if source.fetching is not None or not session:
            return None
        if source.late:
            return source.rest_until
        if source.apart_since is None or source.done == (source.digest, self._graph.revision):
            return None
        return max(source.apart_since + DEEDS_APART_S, source.rest_until)

    def handle_timer(self, now: float) -> None:
        """Asks who has another digest, and who has not answered again."""
        for session, source in self._sources.items():
            fetching = source.fetching
            if fetching is None or now < fetching.again_at:
                continue
            if fetching.tries == DEEDS_TRIES:
                self._strike(source, now)
            else:
                fetching.tries += 1
                self._ask(session, source, now, again=True)
        for session, source in self._sources.items():
            if self._is_urgent(session, source, now):
                self._begin(session, source, now)
        busy = sum(source.fetching is not None for source in self._sources.values())
        due = [
            (at, session) for session, source in self._sources.items() if (at := self._due(session, source)) is not None
        ]
        for at, session in sorted(due)[: max(0, DEEDS_ASKED - busy)]:
            if at <= now:
                self._begin(session, self._sources[session], now)

    def _is_urgent(self, session: bytes, source: _Source, now: float) -> bool:
        """Whether an owner has told a deed of which a part of the past is missing: no others are waited for then."""
        idle = source.fetching is None and source.rest_until <= now
        return idle and bool(source.late) and self._is_owner(session)

    def _is_owner(self, session: bytes) -> bool:
        person = self._person_of(session) if session else None
        rank = self._graph.rank(person) if person is not None else None
        return rank is not None and rank < PLAIN

    def _begin(self, session: bytes, source: _Source, now: float) -> None:
        source.fetching = _Fetching(source.digest, self._graph.revision, landmarks(self._graph), now)
        self._ask(session, source, now)

    def _ask(self, session: bytes, source: _Source, now: float, *, again: bool = False) -> None:
        fetching = source.fetching
        assert fetching is not None
        source.r += 1
        if not again:
            fetching.tries, fetching.first_r = 1, source.r
        fetching.again_at = now + DEEDS_AGAIN_S
        self.outgoing.append((session, Fetch(source.r, fetching.known, fetching.after, fetching.owners)))
