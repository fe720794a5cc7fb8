"""Persons who sign: for tests of what travels."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from nacl.signing import SigningKey

from sandpiper.common.p2p.deeds import Admit, AnyDeedSaid, Deed, Found, Own, Readmit, Rekey, commitment, sign
from sandpiper.common.p2p.keys import Keys, bond_text, vouch_text
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.writing import write_deed


def _octets(*words: object) -> bytes:
    return blake2b(repr(words).encode(), digest_size=32).digest()


class Signer:
    """A person with an identity, and sessions as it likes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.identity = SigningKey(_octets("identity", name))
        self.key = bytes(self.identity.verify_key)

    def keys(self, room: bytes, number: int = 0) -> Keys:
        """Returns the keys of a session, vouched for in a room."""
        session = self.session(number)
        name, box, curve = bytes(session.verify_key), _octets("box", self.name), _octets("curve", self.name)
        vouch = self.identity.sign(vouch_text(room, name, box, curve)).signature
        bond = session.sign(bond_text(room, self.key, box, curve)).signature
        return Keys(self.key, name, box, curve, vouch, bond)

    def session(self, number: int = 0) -> SigningKey:
        return SigningKey(_octets("session", self.name, number))

    def says(self, room: bytes, tips: Iterable[Deed], said: AnyDeedSaid) -> Deed:
        """Signs anything, on any tips."""
        return sign(self.identity, room, [tip.id for tip in tips], said)

    def writes(self, graph: DeedGraph, said: AnyDeedSaid) -> list[Deed]:
        """Writes a deed on all that a graph has, as an honest member."""
        return write_deed(graph, self.identity, said)

    def admits(self, graph: DeedGraph, other: Signer, number: int = 0) -> list[Deed]:
        return self.writes(graph, Admit(other.keys(graph.room, number), "code"))

    def names(self, graph: DeedGraph, other: Signer, number: int = 1) -> list[Deed]:
        return self.writes(graph, Own(other.key, number))

    def readmits(self, graph: DeedGraph, other: Signer) -> list[Deed]:
        return self.writes(graph, Readmit([other.key]))

    def removes(self, graph: DeedGraph, *others: Signer) -> list[Deed]:
        return self.writes(graph, rekey([each.key for each in others], list(graph.members)))


def rekey(out: Iterable[bytes], names: Iterable[bytes], secret: bytes = b"secret") -> Rekey:
    gone = sorted(out)
    return Rekey(gone, sorted(set(names) - set(gone)), {}, bytes(32), commitment(secret), [])


def founding(founder: Signer) -> Deed:
    said = Found(_octets("nonce", founder.name), commitment(b"first"), 64, 2, False, "epoch")
    return sign(founder.identity, b"", (), said)


def founded(founder: Signer) -> DeedGraph:
    """Returns the graph of a new room, with the founder's session in it."""
    graph = DeedGraph(founding(founder))
    founder.admits(graph, founder)
    return graph


def copied(graph: DeedGraph) -> DeedGraph:
    """Returns another member's graph, with the same deeds."""
    first, *others = (node.deed for node in graph.nodes())
    other = DeedGraph(first)
    for each in others:
        other.add(each)
    return other
