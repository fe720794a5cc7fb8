"""Worlds of the model: persons of one letter, and deeds that nobody has signed, for the graph does not ask for it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from sandpiper.common.p2p.deeds import (
    Admit,
    AnyDeedSaid,
    Deed,
    Found,
    Note,
    Own,
    Readmit,
    Rekey,
)
from sandpiper.common.p2p.keys import Keys
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.level import Level
from sandpiper.peer.p2p.membership.node import DeedNode
from sandpiper.peer.p2p.membership.room_key import RoomKey

FOUND: Final = "found"
ADMIT: Final = "admit"
OWN: Final = "own"
READMIT: Final = "readmit"
REKEY: Final = "rekey"
NOTE: Final = "note"


@lru_cache(None)
def person(letters: str) -> bytes:
    return letters.encode().ljust(32, b".")


def letters(key: bytes) -> str:
    return key.rstrip(b".").decode()


@lru_cache(None)
def _made(
    kind: str, writer: str, tips: tuple[bytes, ...], about: tuple[str, ...], number: int, names: tuple[str, ...]
) -> Deed:
    said = _said(kind, about, number, names)
    name = blake2b(repr((kind, writer, tips, about, number, names)).encode(), digest_size=32).digest()
    return Deed(name, ROOM or name, person(writer), tips, said, b"")


def _said(kind: str, about: tuple[str, ...], number: int, names: tuple[str, ...]) -> AnyDeedSaid:
    keys = [person(each) for each in about]
    if kind == FOUND:
        return Found(b"", b"", 8, 2, False, "all")
    if kind == ADMIT:
        return Admit(Keys(keys[0], b"", b"", b"", b"", b""), "code")
    if kind == OWN:
        return Own(keys[0], number)
    if kind == READMIT:
        return Readmit(keys)
    return Rekey(keys, [person(each) for each in names], {}, b"", b"", []) if kind == REKEY else Note()


def deed(
    kind: str,
    writer: str,
    tips: Iterable[Deed],
    about: Iterable[str] = (),
    *,
    number: int = 0,
    names: Iterable[str] = (),
) -> Deed:
    """Returns a deed; of the same words always the same one."""
    on = tuple(sorted(each.id for each in tips))
    return _made(kind, writer, on, tuple(sorted(about)), number, tuple(sorted(names)))


ROOM = b""
ROOT: Final = deed(FOUND, "F", ())
ROOM = ROOT.id


def room_of(deeds: Iterable[Deed], maker: type[DeedGraph] = DeedGraph) -> DeedGraph:
    """Returns the graph of these deeds, which come after their pasts."""
    graph = maker(ROOT)
    for each in deeds:
        if each is not ROOT:
            graph.add(each)
    return graph


def node_of(graph: DeedGraph, each: Deed) -> DeedNode:
    node = graph.node(each.id)
    assert node is not None
    return node


def ranks(graph: DeedGraph) -> dict[str, Level]:
    return {letters(each): rank for each, rank in sorted(graph.members.items())}


def answers(graph: DeedGraph, key: RoomKey) -> tuple[object, ...]:
    """Returns everything that follows, whatever order the deeds came in."""
    levels = frozenset((node.deed.id, node.level) for node in graph.nodes())
    heads = tuple(node.deed.id for node in key.heads())
    return (
        levels,
        tuple(sorted(graph.members.items())),
        heads,
        tuple(graph.tips()),
        frozenset(key.waiting()),
        key.is_due(),
    )
