"""Nameplates: which numbers are somebody's, and which one to propose next."""

from __future__ import annotations

from collections import Counter

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import NAMEPLATE_MOST, NAMEPLATES_CROWDED, RESERVED, ROOM_EXPIRES_S
from sandpiper.discovery.chance import Chance

_LONGEST = len(str(NAMEPLATE_MOST))


class Nameplates:
    """The numbers that are taken.

    A number is *held* while a lease is on it, and *reserved* for a while for members that were cut off.

    Only held ones are refused to others; reserved ones are merely not proposed.
    """

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._held: set[int] = set()
        self._reserved: dict[int, float] = {}  # until when, the soonest first
        self._taken: Counter[int] = Counter()  # by digits

    def __len__(self) -> int:
        return len(self._held)

    @property
    def reserved(self) -> int:
        """How many are kept for somebody."""
        return len(self._reserved)

    def is_free(self, number: int) -> bool:
        """Whether it is nobody's: neither held nor reserved."""
        return number not in self._held and number not in self._reserved

    def propose(self) -> int:
        """A free number, as short as there is room for. Raises Refusal."""
        for digits in range(2, _LONGEST + 1):
            low, end = 10 ** (digits - 1), min(10**digits, NAMEPLATE_MOST + 1)
            if self._taken[digits] >= NAMEPLATES_CROWDED * (end - low):
                continue
            while True:  # at least every other number is free
                number = self._chance.randrange(low, end)
                if self.is_free(number):
                    return number
        raise Refusal(Code.TOO_MANY, "there is no free nameplate; try again later")

    def hold(self, number: int) -> None:
        """There is a lease on it now."""
        if number not in self._held:
            self._free(number)
            self._held.add(number)
            self._taken[len(str(number))] += 1

    def let_go(self, number: int, now: float, *, reserve: bool) -> None:
        """Its last lease has ended; `reserve` when nobody said so, for the members may come back."""
        if number in self._held:
            self._held.discard(number)
            self._taken[len(str(number))] -= 1
            if reserve:
                if len(self._reserved) >= RESERVED:
                    self._free(next(iter(self._reserved)))
                self._reserved[number] = now + ROOM_EXPIRES_S
                self._taken[len(str(number))] += 1

    def tick(self, now: float) -> None:
        """Frees what was reserved for long enough."""
        while self._reserved:
            number, until = next(iter(self._reserved.items()))
            if until > now:
                return
            self._free(number)

    def _free(self, number: int) -> None:
        if self._reserved.pop(number, None) is not None:
            self._taken[len(str(number))] -= 1
