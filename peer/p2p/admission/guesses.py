"""Guesses at the code: how many wrong codes the members have met, all together, and so which form of the code counts.

The code begins anew with each key of the room. Each member counts what it meets itself, and signs the count; the counts
of all are passed on. So many against one generation end it, and the next one begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from math import inf

from sandpiper.common.limits import GENERATIONS, GUESSES, MISSES_BYTES
from sandpiper.common.p2p import misses
from sandpiper.common.p2p.misses import MissCount
from sandpiper.peer.p2p.state.keyring import Keyring


class CodeGuesses:
    """Counts wrong guesses under the room's present key. `counts` says whether a person's word counts: a member's."""

    def __init__(self, keyring: Keyring, counts: Callable[[bytes], bool]) -> None:
        self._keyring = keyring
        self._counts = counts
        self.missed_at = -inf
        """When the last one was met, here or by another member."""
        self._epoch = b""
        self._known: list[dict[bytes, MissCount]] = []
        """By generation, from the first; each person's largest."""

    @property
    def generation(self) -> int:
        """The generation of the code, from 1."""
        self._follow()
        return len(self._known)

    @property
    def missed(self) -> int:
        """How many wrong guesses there were against it."""
        self._follow()
        return self._total(self._known[-1])

    @property
    def forced(self) -> int:
        """How many generations have ended by wrong guesses."""
        return self.generation - 1

    @property
    def spent(self) -> bool:
        """Whether there is no generation left: nobody comes in until the room has another key."""
        return self.generation >= GENERATIONS

    def may_answer(self, persons: Sequence[bytes]) -> bool:
        """Whether this member may have a guess tried on it now, where `persons` answer, the nearest first.

        The guesses that are left are dealt out to them, one each: they may be met all at once, before anybody has heard
        of the others'. Of all guesses against a generation each has a share of its own.
        """
        self._follow()
        known, left = self._known[-1], GUESSES - self.missed
        dealt = [
            person
            for rank, person in enumerate(persons)
            if person not in known or known[person].count < share(rank, len(persons))
        ]
        return self._keyring.person in dealt[:left]

    def miss(self) -> MissCount:
        """Counts a wrong guess that this member has met."""
        keyring, person = self._keyring, self._keyring.person
        generation = self.generation
        known = self._known[-1].get(person)
        count = 1 if known is None else known.count + 1
        made = misses.sign(keyring.keys.identity, keyring.room, self._epoch, generation, count)
        self._enter(made)
        return made

    def take(self, counts: Iterable[MissCount]) -> bool:
        """Takes what another member knows; returns whether any of it is news."""
        self._follow()
        news = False
        for each in sorted(counts, key=lambda each: each.generation):
            if each.epoch != self._epoch or not 1 <= each.generation <= len(self._known):
                continue
            known = self._known[each.generation - 1].get(each.person)
            if (known is None or known.count < each.count) and self._accepts(each):
                self._enter(each)
                news = True
        return news

    def _accepts(self, count: MissCount) -> bool:
        return self._counts(count.person) and count.holds(self._keyring.room)

    def _enter(self, count: MissCount) -> None:
        self._known[count.generation - 1][count.person] = count
        while len(self._known) < GENERATIONS and self._total(self._known[-1]) >= GUESSES:
            self._known.append({})

    def _total(self, known: dict[bytes, MissCount]) -> int:
        return sum(min(each.count, GUESSES) for each in known.values() if self._counts(each.person))

    def _follow(self) -> None:
        """Begins anew if the room has another key."""
        if self._epoch != self._keyring.epoch.id:
            self._epoch, self._known = self._keyring.epoch.id, [{}]

    # What members tell each other ----------------------------------------------------------------------------

    def digest(self) -> bytes:
        """A digest of what is known against the present generation, for a beacon."""
        self._follow()
        state = blake2b(digest_size=MISSES_BYTES)
        for person, each in sorted(self._known[-1].items()):
            state.update(person + each.count.to_bytes(8, "big"))
        return state.digest()

    def since(self, generation: int) -> list[MissCount]:
        """The counts from a generation on, for a member that stands there."""
        self._follow()
        return [each for known in self._known[max(generation, 1) - 1 :] for each in known.values()]


def share(rank: int, count: int) -> int:
    """Returns how many of the guesses against a generation the person of that rank may meet, of so many who answer."""
    return -(-(GUESSES - rank) // count)
