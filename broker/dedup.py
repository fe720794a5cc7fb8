"""Which publications have been stored already."""

from __future__ import annotations

from sandpiper.common.limits import DEDUP_IDS, DEDUP_S


class Dedup:
    """(room, sender, id) → seq, remembered for DEDUP_S to twice that, or the last DEDUP_IDS.

    Two generations: the young one is written, both are read, and when it is full or old it becomes the old one. That
    forgets in bulk and costs a message one insertion.
    """

    def __init__(self, now: float) -> None:
        self._young: dict[tuple[str, str, str], int] = {}
        self._old: dict[tuple[str, str, str], int] = {}
        self._turn_at = now + DEDUP_S

    def find(self, room: str, sender: str, name: str) -> int | None:
        """The seq under which it was stored."""
        key = (room, sender, name)
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def add(self, room: str, sender: str, name: str, seq: int) -> None:
        """It is stored, or staged."""
        self._young[(room, sender, name)] = seq
        if len(self._young) >= DEDUP_IDS:
            self._turn()

    def forget(self, room: str, sender: str, name: str) -> None:
        """It was staged, but could not be stored."""
        self._young.pop((room, sender, name), None)
        self._old.pop((room, sender, name), None)

    def tick(self, now: float) -> None:
        """Ages."""
        if now >= self._turn_at:
            self._turn_at = now + DEDUP_S
            self._turn()

    def _turn(self) -> None:
        self._old, self._young = self._young, {}
