"""Levels: who is senior to whom. The lower is the more senior.

A level is (depth, path). The founder's is the top. An owner's is one deeper than that of who named him, its path the
namer's and one step more: the number that the namer gave, then the naming's id. So a namer orders only those whom he
names, and nobody gains a place by trying ids. Plain members are below every owner.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Step: TypeAlias = tuple[int, bytes]
Level: TypeAlias = tuple[int, tuple[Step, ...]]

FOUNDER: Final[Level] = (0, ())
PLAIN: Final[Level] = (1 << 30, ())


def named_by(namer: Level, number: int, naming: bytes) -> Level:
    """Returns the level of an owner, who was named by one of this level, with this number, by this deed."""
    return namer[0] + 1, (*namer[1], (number, naming))
