"""Which publications have been stored already."""

from __future__ import annotations

from collections.abc import Iterator

from sandpiper.common.limits import DEDUP_IDS, DEDUP_S

_Key = tuple[str, str, str]
_RUNS = dict[tuple[str, str], list[list[int]]]


class Dedup:
    """The seq that each publication got, by (room, sender, id): remembered for DEDUP_S to twice that, or the last
    DEDUP_IDS.

    Two generations: the young one is written, both are read, and when it is full or old it becomes the old one. That
    forgets in bulk. Numbered publications are kept as runs [n, seq, count], in which n and seq grow together: a busy
    publisher costs a run a batch.
    """

    def __init__(self, now: float) -> None:
        self._young: dict[_Key, int] = {}
        self._old: dict[_Key, int] = {}
        self._young_runs: _RUNS = {}
        self._old_runs: _RUNS = {}
        self._count = 0
        self._turn_at = now + DEDUP_S

    def find(self, room: str, sender: str, name: str) -> int | None:
        """The seq under which it was stored."""
        key = (room, sender, name)
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def add(self, room: str, sender: str, name: str, seq: int) -> None:
        """Remembers a publication that is staged."""
        self._young[(room, sender, name)] = seq
        self._counted(1)

    def forget(self, room: str, sender: str, name: str) -> None:
        """Forgets a publication that was staged, but could not be stored."""
        self._young.pop((room, sender, name), None)
        self._old.pop((room, sender, name), None)

    def find_number(self, room: str, publisher: str, number: int) -> int | None:
        """The seq of a publisher's publication `number`."""
        for first, seq, count in self._runs(room, publisher):
            if first <= number < first + count:
                return seq + number - first
        return None

    def add_numbers(self, room: str, publisher: str, number: int, seq: int, count: int) -> None:
        """`count` publications from `number` on are stored, or staged, from `seq` on."""
        runs = self._young_runs.setdefault((room, publisher), [])
        if runs and runs[-1][0] + runs[-1][2] == number and runs[-1][1] + runs[-1][2] == seq:
            runs[-1][2] += count
        else:
            runs.append([number, seq, count])
        self._counted(count)

    def forget_numbers(self, room: str, publisher: str, number: int) -> None:
        """Forgets the publications from `number` on, which were staged, but could not be stored."""
        for run in self._runs(room, publisher):
            run[2] = min(run[2], max(number - run[0], 0))

    def tick(self, now: float) -> None:
        """Ages."""
        if now >= self._turn_at:
            self._turn_at = now + DEDUP_S
            self._rotate()

    def _runs(self, room: str, publisher: str) -> Iterator[list[int]]:
        yield from reversed(self._young_runs.get((room, publisher), ()))
        yield from reversed(self._old_runs.get((room, publisher), ()))

    def _counted(self, count: int) -> None:
        self._count += count
        if self._count >= DEDUP_IDS:
            self._rotate()

    def _rotate(self) -> None:
        self._old, self._young = self._young, {}
        self._old_runs, self._young_runs = self._young_runs, {}
        self._count = 0
