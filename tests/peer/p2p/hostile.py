"""A room of three, one of whom cheats: what it forges, and whether the others go on."""

from __future__ import annotations

from collections.abc import Iterable

from nacl.signing import SigningKey

from sandpiper.common import batch
from sandpiper.common.messages import MsgDraft
from sandpiper.common.p2p import deeds, envelope
from sandpiper.common.p2p.deeds import AnyDeedSaid, Deed
from sandpiper.common.p2p.envelope import TALK, Envelope
from sandpiper.common.p2p.packets import Shout
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.simnet import Citizen, Town


def three() -> tuple[Town, Citizen, Citizen, Citizen]:
    town = Town()
    alice, bob, mallory = town.found("alice"), town.join("bob"), town.join("mallory")
    town.settle(3)
    return town, alice, bob, mallory


def forged(town: Town, signer: Citizen, whose: Citizen, text: str, *, first: int = 1, prev: bytes = bytes(32),
           run: bytes | None = None, count: int = 1) -> Envelope:  # fmt: skip
    """An envelope of `whose` log, signed by `signer`."""
    body = batch.pack([entries.encode(MsgDraft(text=text), "x", 0)])
    room = signer.member.keyring.room
    return envelope.sign(
        signer.keys.signing,
        whose.keys.session,
        room,
        run or whose.member.context.run,
        TALK,
        first,
        count,
        first,
        prev,
        body,
    )


def shout(town: Town, sender: Citizen, *made: Envelope, to: list[Citizen] | None = None) -> None:
    packet = sender.member.keyring.to_room(Shout([each.raw for each in made]))
    for citizen in to if to is not None else town.citizens:
        if citizen is not sender:
            town.arrive(sender, citizen, packet, Way.MESH)


def still_works(town: Town, *people: Citizen) -> None:
    for citizen in people:
        town.post(citizen, f"{citizen.name} is fine")
        town.settle(0.1)
    town.settle(3)
    for citizen in people:
        said = [text for text in citizen.texts if text.endswith("is fine")]
        assert said[-len(people) :] == [f"{each.name} is fine" for each in people]


def forged_deed(signer: Citizen, said: AnyDeedSaid, tips: Iterable[bytes] | None = None) -> Deed:
    """A deed of `signer`'s person, whatever it may do, built on what it likes: else on what it knows."""
    graph = signer.member.roster.graph
    return deeds.sign(signer.keys.identity, graph.room, graph.tips() if tips is None else sorted(tips), said)


def tell(town: Town, sender: Citizen, *made: Deed, to: list[Citizen] | None = None) -> None:
    """Tells deeds, each in a packet under the key that the sender has."""
    for deed in made:
        packet = sender.member.keyring.to_room(Shout(deeds=[deed.raw]))
        for citizen in to if to is not None else town.citizens:
            if citizen is not sender:
                town.arrive(sender, citizen, packet, Way.MESH)


def stranger(town: Town) -> SessionKeys:
    """The keys of somebody who never was in the room."""
    return SessionKeys.make(SigningKey(town.random.randbytes(32)), town.random.randbytes(32), town.random.randbytes)


def alike(*people: Citizen) -> bool:
    """Whether these know the same deeds, and so the same members, owners and key."""
    digests = {each.member.deeds.digest for each in people}
    rosters = {frozenset(each.member.roster.members) for each in people}
    return len(digests) == len(rosters) == len({each.member.keyring.epoch.id for each in people}) == 1
