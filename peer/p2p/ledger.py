"""The ledger: who is in the room, who owns it, which key is the current one and which form the code has.

All of it follows from the deeds of all members, whatever order they come in: the same deeds give the same answer
everywhere. A member is who was admitted by a member, up to the founder; a removed one's deeds count up to where the
removal says. Of several new keys after one, by owners, the lowest id counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from sandpiper.common.deeds import Admit, AnyDeed, Cheat, Found, Keys, Miss, Own, Rekey, Rotate
from sandpiper.common.limits import ADMITS_MOST, GENERATIONS, GUESSES
from sandpiper.common.sealing import digest


@dataclass(frozen=True, slots=True)
class Fact:
    """A deed, and which entry of whose log it is."""

    writer: bytes
    seq: int
    deed: AnyDeed


@dataclass(slots=True)
class State:
    """What follows from the facts. `members` and `gone` are sessions; `banned` are persons."""

    members: dict[bytes, Keys] = field(default_factory=dict)
    sponsors: dict[bytes, bytes] = field(default_factory=dict)
    gone: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    banned: set[bytes] = field(default_factory=set)
    owners: set[bytes] = field(default_factory=set)
    rekeys: list[Rekey] = field(default_factory=list)
    epoch: bytes = b""
    generation: int = 1
    misses: Counter[int] = field(default_factory=Counter)
    asked: set[int] = field(default_factory=set)
    missed: int = 0
    rotations: int = 0


class Ledger:
    """Begins with the founding. `known` are all sessions that ever were admitted, whatever became of them."""

    def __init__(self, founder: bytes, found: Found) -> None:
        self.founding = found
        self.founder = founder
        self.known: dict[bytes, Keys] = {founder: found.keys}
        self._admitted: Counter[bytes] = Counter()
        self._counted: list[Fact] = []
        self._facts: list[Fact] = [Fact(founder, 1, found)]
        self.state = State()
        self._fold()

    # Facts -------------------------------------------------------------------------------------------------

    def add(self, writer: bytes, seq: int, deed: AnyDeed) -> None:
        """One more deed. What it must not do is passed over: it has no effect, here as everywhere."""
        if isinstance(deed, (Found, Cheat)):
            return  # there is one founding, and a proof counts by itself
        self._facts.append(Fact(writer, seq, deed))
        if isinstance(deed, Admit):
            self._admitted[writer] += 1
            if self._admitted[writer] > ADMITS_MOST:
                self._facts.pop()
                return
            self.known.setdefault(deed.keys.session, deed.keys)
        if isinstance(deed, Admit) and deed.keys.session not in self.state.gone and not self._outlaws(writer, seq):
            if writer in self.state.gone:
                self._fold()  # it was a member when it wrote this, and we hear of its removal first
            else:
                self._admit(self.state, Fact(writer, seq, deed))
        elif isinstance(deed, (Miss, Rotate)):
            self._counted.append(self._facts.pop())
            if self._note(self.state, self._counted[-1]):
                self._turn(self.state)
        elif not isinstance(deed, Admit) and self.is_owner(writer):
            self._fold()

    def _outlaws(self, writer: bytes, seq: int) -> bool:
        ended = self.state.gone.get(writer)
        return ended is not None and seq > ended[1]

    def _fold(self) -> None:
        """Everything anew. Rare: only a removal or a new owner can change what came before."""
        state = State(owners={self.founding.keys.identity}, epoch=self.founding.epoch)
        state.members[self.founder] = self.founding.keys
        rekeys = [fact for fact in self._facts if isinstance(fact.deed, Rekey)]
        self._people(state)
        while True:
            self._owners(state)
            nexts = [fact for fact in rekeys if self._follows(state, fact)]
            if not nexts:
                break
            chosen = min(nexts, key=lambda fact: fact.deed.id)  # type: ignore[union-attr]
            self._remove(state, chosen)
            self._people(state)
        for person in state.banned:
            for session in [each for each, keys in state.members.items() if keys.identity == person]:
                state.gone.setdefault(session, (0, 0))
        for session in state.gone:
            state.members.pop(session, None)
        self._count(state)
        self.state = state

    def _people(self, state: State) -> None:
        """Admissions, each by somebody who is a member by then: until nobody more comes in."""
        admits = [fact for fact in self._facts if isinstance(fact.deed, Admit)]
        state.members = {self.founder: self.founding.keys}
        grown = True
        while grown:
            grown = sum(self._admit(state, fact) for fact in admits) > 0

    def _admit(self, state: State, fact: Fact) -> bool:
        deed = fact.deed
        assert isinstance(deed, Admit)
        keys = deed.keys
        if keys.session in state.members or fact.writer not in state.members or not _counts(state, fact):
            return False
        if keys.identity in state.banned and keys.session not in state.gone:
            return False
        state.members[keys.session] = keys
        state.sponsors[keys.session] = fact.writer
        return True

    def _owners(self, state: State) -> None:
        grown = True
        while grown:
            before = len(state.owners)
            for fact in self._facts:
                if isinstance(fact.deed, Own) and self._by_owner(state, fact):
                    state.owners.add(fact.deed.identity)
            grown = len(state.owners) > before

    def _by_owner(self, state: State, fact: Fact) -> bool:
        keys = state.members.get(fact.writer)
        return keys is not None and keys.identity in state.owners and _counts(state, fact)

    def _follows(self, state: State, fact: Fact) -> bool:
        deed = fact.deed
        assert isinstance(deed, Rekey)
        if self.founding.keys.identity in deed.persons:
            return False  # whose room it is
        return deed.parent == state.epoch and deed.id != state.epoch and self._by_owner(state, fact)

    def _remove(self, state: State, fact: Fact) -> None:
        deed = fact.deed
        assert isinstance(deed, Rekey)
        state.rekeys.append(deed)
        state.epoch = deed.id
        state.banned |= set(deed.persons)
        state.owners -= state.banned
        for each in deed.gone:
            if each.session != self.founder:
                state.gone.setdefault(each.session, (each.talk, each.deeds))

    def _count(self, state: State) -> None:
        """The code's generation: ten misses against one end it, or a rotation, or a new key."""
        for fact in self._counted:
            self._note(state, fact)
        self._turn(state)

    def _note(self, state: State, fact: Fact) -> bool:
        if not _counts(state, fact) or fact.writer not in self.known:
            return False
        if isinstance(fact.deed, Miss):
            state.misses[fact.deed.generation] += 1
        elif isinstance(fact.deed, Rotate):
            state.asked.add(fact.deed.generation)
        return True

    def _turn(self, state: State) -> None:
        least = min(max([1, *(rekey.generation for rekey in state.rekeys)]), GENERATIONS)
        generation, forced = 1, 0
        while state.misses[generation] >= GUESSES or generation + 1 in state.asked or generation < least:
            forced += state.misses[generation] >= GUESSES
            generation += 1
        state.generation, state.missed, state.rotations = generation, state.misses[generation], forced

    # What follows ------------------------------------------------------------------------------------------

    def is_owner(self, session: bytes) -> bool:
        """Whether a session is an owner's."""
        keys = self.state.members.get(session)
        return keys is not None and keys.identity in self.state.owners

    def spent(self, session: bytes) -> bool:
        """Whether a session has let in as many as one may."""
        return self._admitted[session] >= ADMITS_MOST

    def roster(self) -> bytes:
        """A hash over who is in the room and by which key: equal for members who know the same."""
        return digest(self.state.epoch, *sorted(self.state.members))

    def current_rekey(self) -> tuple[Rekey, bytes] | None:
        """The deed that made the current key, and who wrote it; None in the first epoch."""
        for fact in self._facts:
            if isinstance(fact.deed, Rekey) and fact.deed.id == self.state.epoch and fact.deed in self.state.rekeys:
                return fact.deed, fact.writer
        return None

    def lost_rekeys(self, writer: bytes) -> Iterator[Rekey]:
        """Rekeyings by `writer` that another one has won against: to be written again."""
        for fact in self._facts:
            if isinstance(fact.deed, Rekey) and fact.writer == writer and fact.deed not in self.state.rekeys:
                yield fact.deed


def _counts(state: State, fact: Fact) -> bool:
    """Whether the writer was still a member when it wrote this."""
    ended = state.gone.get(fact.writer)
    return ended is None or fact.seq <= ended[1]
