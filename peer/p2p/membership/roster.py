"""The roster: which sessions are in the room and which are out, as follows from the deeds.

Deeds are of persons. Each session came in by an `admit`, which vouches for its keys; it is served while its person is
in the room.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sandpiper.common.p2p.deeds import Admit, Deed, Found, Own, Rekey, persons
from sandpiper.common.p2p.keys import Keys
from sandpiper.peer.p2p.membership.branches import Branches
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.level import PLAIN
from sandpiper.peer.p2p.membership.node import DeedNode
from sandpiper.peer.p2p.membership.room_key import RoomKey


class Roster:
    """Keeps the sessions in step with `graph`; `take` is to be called with each deed that it has taken in.

    `known` are all sessions that were ever let in, `members` those that are served, `gone` those whose person is out,
    each with the seq up to which its talk counts.
    """

    def __init__(self, graph: DeedGraph) -> None:
        self.graph = graph
        self.key = RoomKey(graph)
        self.branches = Branches(graph)
        self.founder = graph.founder
        self.known: dict[bytes, Keys] = {}
        self.members: dict[bytes, Keys] = {}
        self.gone: dict[bytes, int] = {}
        self._admits: dict[bytes, list[tuple[DeedNode, Keys]]] = defaultdict(list)  # by session
        self._sessions: dict[bytes, list[bytes]] = defaultdict(list)  # by person
        self._claimed: dict[bytes, set[bytes]] = {}  # by session that several persons say to be theirs: these
        self._doubles: set[bytes] = set()
        self._ends: dict[bytes, list[tuple[DeedNode, int]]] = defaultdict(list)  # by session: which removal says what
        self._fresh: list[Keys] = []
        self._anew = False
        self._put_out = False
        self.take(node.deed for node in graph.nodes())

    # Taking in -----------------------------------------------------------------------------------------------

    def take(self, deeds: Iterable[Deed]) -> None:
        """Takes deeds that are new in the graph."""
        changed = self.graph.changed()
        for deed in deeds:
            node = self.graph.node(deed.id)
            if node is not None and isinstance(deed.said, Admit):
                changed |= self._admit(node, deed.said.keys)
            elif node is not None and isinstance(deed.said, Rekey):
                for head in deed.said.heads:
                    self._ends[head.session].append((node, head.seq))
                    changed.add(self.person(head.session))
        if self._claimed:
            changed |= {
                claimant
                for person in changed
                for session in self._sessions.get(person, ())
                for claimant in self._claimed.get(session, ())
            }
        for person in sorted(changed):
            self._derive(person)

    def _admit(self, node: DeedNode, keys: Keys) -> set[bytes]:
        """Enters a session; returns whose standing that may change."""
        session = keys.session
        known = self.known.setdefault(session, keys)
        self._admits[session].append((node, keys))
        if session not in self._sessions[keys.identity]:
            self._sessions[keys.identity].append(session)
        if known.identity != keys.identity:
            self._claimed.setdefault(session, {known.identity}).add(keys.identity)
        return {keys.identity, known.identity}

    def _derive(self, person: bytes) -> None:
        """Derives which sessions of a person are served: all, however many; presence bounds how many are heard.

        Only admissions that count say whose a session is. One of which two say different things has signed two sets of
        keys for itself, and is served nowhere.
        """
        served: set[bytes] = set()
        for session in self._sessions.get(person, ()):
            said = {keys for node, keys in self._admits[session] if node.level is not None}
            self._doubles.discard(session)
            if len(said) > 1:
                self._doubles.add(session)
            elif said:
                self.known[session] = said.pop()
                if self.known[session].identity == person and self.is_member(person):
                    served.add(session)
        for session in self._sessions.get(person, ()):
            if session in self._doubles or self.known[session].identity == person:
                self._serve(session, person, served=session in served)

    def _serve(self, session: bytes, person: bytes, *, served: bool) -> None:
        keys, before = self.known[session], self.members.get(session)
        if served and before != keys:
            self.members[session] = keys
            self._fresh.append(keys)
            self._anew = self._anew or session in self.gone or before is not None
        elif not served and before is not None:
            del self.members[session]
            self._anew = True
            self._put_out = self._put_out or not self.is_member(person)
        self._end(session, out=not self.is_member(person) or session in self._doubles)

    def _end(self, session: bytes, *, out: bool) -> None:
        """Notes up to where the talk of a session counts: as the most senior says of those who put its person out."""
        before = self.gone.pop(session, None)
        if out:
            person = self.known[session].identity
            said = [
                (node.level, seq)
                for node, seq in self._ends.get(session, ())
                if node.level is not None and person in persons(node.deed.said)
            ]
            self.gone[session] = min(said)[1] if said else 0
        self._anew = self._anew or before != self.gone.get(session)

    def news(self) -> tuple[list[Keys], bool]:
        """The members that came in since the last call; the second says whether others may be out, or in again."""
        fresh, self._fresh = self._fresh, []
        anew, self._anew = self._anew, False
        return [keys for keys in fresh if keys.session in self.members], anew

    # What is asked -------------------------------------------------------------------------------------------

    @property
    def founding(self) -> Found:
        """The room's settings, as its founder chose them."""
        said = self.graph.nodes()[0].deed.said
        assert isinstance(said, Found)
        return said

    def person(self, session: bytes) -> bytes:
        """The identity behind a session; empty for one that is not known."""
        keys = self.known.get(session)
        return keys.identity if keys is not None else b""

    def sessions(self, person: bytes) -> list[bytes]:
        """All sessions of a person that ever came in."""
        return self._sessions.get(person, [])

    def sessions_of(self, persons: Iterable[bytes]) -> list[bytes]:
        """The sessions of these persons that are served."""
        return [each for person in persons for each in self._sessions.get(person, ()) if each in self.members]

    def is_member(self, person: bytes) -> bool:
        """Whether a person is in the room."""
        return person in self.graph.members

    def is_owner(self, person: bytes) -> bool:
        """Whether a person owns the room, alone or with others."""
        return self.graph.members.get(person, PLAIN) != PLAIN

    def is_senior(self, person: bytes, other: bytes) -> bool:
        """Whether a person is senior to another, or as senior: one who may not be removed by the other."""
        rank = self.graph.members.get(person, PLAIN)
        return rank != PLAIN and rank <= self.graph.members.get(other, PLAIN)

    # The key ---------------------------------------------------------------------------------------------------

    def heads(self) -> list[bytes]:
        """The deeds whose secrets are mixed to the room's key."""
        return [head.deed.id for head in self.key.heads()]

    @property
    def is_first_key(self) -> bool:
        """Whether the room still has the key that its founding made."""
        return self.heads() == [self.graph.room]

    def commitment(self, deed: bytes) -> bytes | None:
        """What a deed says of the secret that it made; None if it is not here, or made none."""
        node = self.graph.node(deed)
        return node.deed.said.commitment if node is not None and isinstance(node.deed.said, (Found, Rekey)) else None

    def put_out(self) -> bool:
        """Whether somebody who was served has been put out since the last call: connections are to be made anew."""
        put_out, self._put_out = self._put_out, False
        return put_out

    def waiting_sessions(self) -> set[bytes]:
        """The sessions of members for whom the room's key is not, until somebody lets them in again."""
        return set(self.sessions_of(self.key.waiting()))

    # Removals --------------------------------------------------------------------------------------------------

    def banned(self) -> set[bytes]:
        """All persons who are out because an owner put them out."""
        return {person for person in self.graph.people if self.graph.is_removed(person)}

    def outsiders(self) -> set[bytes]:
        """The persons who came in and are out, or wait to be let in again."""
        return {self.person(session) for session in self.gone} | self.key.waiting()

    def may_forgive(self, writer: bytes, person: bytes) -> bool:
        """Whether an owner is as senior as all who have removed a person."""
        rank = self.graph.members.get(writer, PLAIN)
        return all(removal.level is not None and rank <= removal.level for removal in self.graph.removals(person))

    def next_number(self, writer: bytes) -> int:
        """The number of the next whom an owner names."""
        named = (node for node in self.graph.nodes() if isinstance(node.deed.said, Own) and node.level is not None)
        return sum(node.deed.writer == writer for node in named) + 1

    # Deeds -----------------------------------------------------------------------------------------------------

    def deeds(self) -> list[Deed]:
        """All deeds that count, and what these were built on, each after its past."""
        return [node.deed for node in self.graph.past(self.graph.tips())]

    def proof_of(self, session: bytes) -> list[Deed]:
        """The deeds by which a session is in the room, each after its past."""
        admits = [node.deed.id for node, _ in self._admits.get(session, ()) if node.level is not None]
        return [node.deed for node in self.graph.past(admits)]
