"""The ledger: who is in the room, who owns it, which key is the current one and which form the code has.

All of it follows from the deeds of all members, whatever order they come in: the same deeds give the same answer
everywhere. A member is who was admitted by a member, up to the founder; a removed one's deeds count up to where the
removal says. Of several new keys after one, by owners, that of the owner nearest to the founder counts, then the lowest
id: so nobody who is being removed can undo it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from sandpiper.common.limits import ADMITS_MOST, GENERATIONS, GUESSES
from sandpiper.common.p2p.membership import Admit, AnyDeed, Found, Keys, Miss, Own, Rekey, Rotate
from sandpiper.common.p2p.sealing import digest


@dataclass(frozen=True, slots=True)
class Fact:
    """A deed, and which entry of whose log it is."""

    writer: bytes
    seq: int
    deed: AnyDeed


@dataclass(slots=True)
class LedgerState:
    """The state of a room. `people` are the sessions that came in, `members` those who have not been removed,
    `gone` those who have; `banned` are persons.

    `ranks` are persons that are owners, or were: how many namings they are away from the founder.
    """

    people: dict[bytes, Keys] = field(default_factory=dict)
    members: dict[bytes, Keys] = field(default_factory=dict)
    sponsors: dict[bytes, bytes] = field(default_factory=dict)
    gone: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    banned: set[bytes] = field(default_factory=set)
    ranks: dict[bytes, int] = field(default_factory=dict)
    chain: list[Fact] = field(default_factory=list)
    rekeys: list[Rekey] = field(default_factory=list)
    epoch: bytes = b""
    generation: int = 1
    misses: Counter[int] = field(default_factory=Counter)
    asked: set[int] = field(default_factory=set)
    missed: int = 0
    rotations: int = 0


class Ledger:
    """Derives the state of a room from deeds. `known` are all sessions that were ever admitted, also removed ones."""

    def __init__(self, founder: bytes, found: Found) -> None:
        self.founding = found
        self.founder = founder
        self.known: dict[bytes, Keys] = {founder: found.keys}
        self._doubles: set[bytes] = set()
        self._forks: dict[bytes, int] = {}
        self._admitted: Counter[bytes] = Counter()
        self._counted: list[Fact] = []
        self._facts: list[Fact] = [Fact(founder, 1, found)]
        self._writers: set[bytes] = set()
        self._fresh: list[Keys] = []
        self._anew = False
        self._roster = b""
        self.state = LedgerState()
        self._fold()

    # Facts -------------------------------------------------------------------------------------------------

    def add(self, writer: bytes, seq: int, deed: AnyDeed) -> None:
        """Adds a deed. What its writer may not do has no effect, here as everywhere."""
        fact = Fact(writer, seq, deed)
        match deed:
            case Admit():
                if not self.spent(writer):
                    self._admitted[writer] += 1
                    self._facts.append(fact)
                    self._writers.add(writer)
                    self._add_admit(fact, deed.keys)
            case Miss() | Rotate():
                self._counted.append(fact)
                self._writers.add(writer)
                if self._count(self.state, fact):
                    self._advance_code(self.state)
            case Own() | Rekey():
                self._facts.append(fact)
                self._writers.add(writer)
                keys = self.known.get(writer)
                if keys is not None and keys.identity in self.state.ranks:
                    self._fold()
            case _:  # there is one founding, and a proof counts by itself
                pass

    def _add_admit(self, fact: Fact, keys: Keys) -> None:
        state = self.state
        known = self.known.setdefault(keys.session, keys)
        if known != keys and keys.session != self.founder:
            # It has signed two sets of keys for itself. One of them counts, the same everywhere, and it is out.
            self._doubles.add(keys.session)
            self.known[keys.session] = min(known, keys, key=msgspec.msgpack.encode)
            self._fold()
        elif keys.session in state.people:
            pass
        elif keys.identity in state.banned:
            self._fold()  # we hear of its removal first
        elif self._admit(state, fact):
            state.members[keys.session] = keys
            self._fresh.append(keys)
            self._roster = b""
            if keys.session in self._writers:
                self._fold()  # what it did we heard first

    def fork(self, session: bytes, seq: int) -> bool:
        """A session is proven to have written two histories of its deeds from there on: none of it counts.

        Whether that is news.
        """
        if seq >= self._forks.get(session, seq + 1):
            return False
        self._forks[session] = seq
        self._fold()
        return True

    def _fold(self) -> None:
        """Derives everything anew. This is rare: only a removal or a new owner can change what came before."""
        state = LedgerState(epoch=self.founding.epoch)
        state.ranks[self.founding.keys.identity] = 0
        rekeys = [fact for fact in self._facts if isinstance(fact.deed, Rekey)]
        epochs = {state.epoch}
        self._people(state)
        while True:
            self._owners(state)
            nexts = [fact for fact in rekeys if self._follows(state, fact, epochs)]
            if not nexts:
                break
            chosen = min(nexts, key=lambda fact: self._weight(state, fact))
            self._remove(state, chosen)
            epochs.add(state.epoch)
            self._people(state)
        for person in state.banned:
            for session in [each for each, keys in state.people.items() if keys.identity == person]:
                state.gone.setdefault(session, (0, 0))
        out = self._doubles.union(state.gone)
        state.members = {session: keys for session, keys in state.people.items() if session not in out}
        for fact in self._counted:
            self._count(state, fact)
        self._advance_code(state)
        self.state = state
        self._anew, self._roster = True, b""

    def news(self) -> tuple[list[Keys], bool]:
        """The members that came in since the last call; or all, if the second says that others may be out."""
        fresh, self._fresh = self._fresh, []
        anew, self._anew = self._anew, False
        return list(self.state.members.values()) if anew else fresh, anew

    def _counts(self, state: LedgerState, fact: Fact) -> bool:
        """Whether the writer was still a member when it wrote this, and wrote it only once."""
        ended = state.gone.get(fact.writer)
        forked = self._forks.get(fact.writer)
        return (ended is None or fact.seq <= ended[1]) and (forked is None or fact.seq < forked)

    def _people(self, state: LedgerState) -> None:
        """Admissions, each by somebody who is a member by then: until nobody more comes in."""
        admits = [fact for fact in self._facts if isinstance(fact.deed, Admit)]
        state.people = {self.founder: self.founding.keys}
        grown = True
        while grown:
            grown = sum(self._admit(state, fact) for fact in admits) > 0

    def _admit(self, state: LedgerState, fact: Fact) -> bool:
        deed = fact.deed
        assert isinstance(deed, Admit)
        keys = self.known[deed.keys.session]
        if keys.session in state.people or fact.writer not in state.people or not self._counts(state, fact):
            return False
        if keys.identity in state.banned and keys.session not in state.gone:
            return False
        state.people[keys.session] = keys
        state.sponsors[keys.session] = fact.writer
        return True

    def _owners(self, state: LedgerState) -> None:
        named = [fact for fact in self._facts if isinstance(fact.deed, Own)]
        grown = True
        while grown:
            grown = False
            for fact in named:
                deed = fact.deed
                assert isinstance(deed, Own)
                if self._by_owner(state, fact):
                    rank = self._rank(state, fact.writer) + 1
                    if rank < state.ranks.get(deed.identity, rank + 1):
                        state.ranks[deed.identity] = rank
                        grown = True

    def _rank(self, state: LedgerState, writer: bytes) -> int:
        return state.ranks[state.people[writer].identity]

    def _by_owner(self, state: LedgerState, fact: Fact) -> bool:
        keys = state.people.get(fact.writer)
        return keys is not None and keys.identity in state.ranks and self._counts(state, fact)

    def _follows(self, state: LedgerState, fact: Fact, epochs: set[bytes]) -> bool:
        deed = fact.deed
        assert isinstance(deed, Rekey)
        if self.founding.keys.identity in deed.persons or deed.id in epochs:
            return False  # whose room it is; and no key comes back
        return deed.parent == state.epoch and self._by_owner(state, fact)

    def _weight(self, state: LedgerState, fact: Fact) -> tuple[int, bytes, bytes, int]:
        assert isinstance(fact.deed, Rekey)
        return self._rank(state, fact.writer), fact.deed.id, fact.writer, fact.seq

    def _remove(self, state: LedgerState, fact: Fact) -> None:
        deed = fact.deed
        assert isinstance(deed, Rekey)
        state.chain.append(fact)
        state.rekeys.append(deed)
        state.epoch = deed.id
        state.banned |= set(deed.persons)
        for each in deed.gone:
            keys = self.known.get(each.session)
            if keys is not None and keys.identity in deed.persons:
                state.gone.setdefault(each.session, (each.talk, each.deeds))

    # The code ----------------------------------------------------------------------------------------------

    def _count(self, state: LedgerState, fact: Fact) -> bool:
        """Counts a miss or a rotation. Ten misses against a generation end it, as a rotation or a new key does."""
        if not self._counts(state, fact) or fact.writer not in state.people:
            return False
        if isinstance(fact.deed, Miss):
            state.misses[fact.deed.generation] += 1
            if state.misses[fact.deed.generation] == GUESSES and fact.deed.generation < state.generation:
                state.rotations += 1  # it had ended otherwise before
        elif isinstance(fact.deed, Rotate):
            state.asked.add(fact.deed.generation)
        return True

    def _advance_code(self, state: LedgerState) -> None:
        """Advances the code from the generation where it stands: it only ever grows, and may be far on."""
        least = min(max((rekey.generation for rekey in state.rekeys), default=1), GENERATIONS)
        generation = state.generation
        if generation < least:
            state.rotations += sum(generation <= each < least for each, n in state.misses.items() if n >= GUESSES)
            generation = least
        while generation < GENERATIONS and (state.misses[generation] >= GUESSES or generation + 1 in state.asked):
            state.rotations += state.misses[generation] >= GUESSES
            generation += 1
        state.generation, state.missed = generation, state.misses[generation]

    # What follows ------------------------------------------------------------------------------------------

    def is_owner(self, session: bytes) -> bool:
        """Whether a session is an owner's."""
        keys = self.state.members.get(session)
        return keys is not None and keys.identity in self.state.ranks and keys.identity not in self.state.banned

    def spent(self, session: bytes) -> bool:
        """Whether a session has let in as many as one may."""
        return self._admitted[session] >= ADMITS_MOST

    def roster(self) -> bytes:
        """A hash over who is in the room and by which key: equal for members who know the same."""
        self._roster = self._roster or digest(self.state.epoch, *sorted(self.state.members))
        return self._roster

    def current_rekey(self) -> tuple[Rekey, bytes] | None:
        """The deed that made the current key, and who wrote it; None in the first epoch."""
        if not self.state.chain:
            return None
        return self.state.rekeys[-1], self.state.chain[-1].writer

    def lost_rekeys(self) -> Iterator[Rekey]:
        """Owners' rekeyings that another one has won against: whom they removed is to be removed again."""
        for fact in self._facts:
            deed = fact.deed
            if isinstance(deed, Rekey) and fact not in self.state.chain and self._by_owner(self.state, fact):
                yield deed
