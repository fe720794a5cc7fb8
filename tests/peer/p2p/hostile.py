"""A room of three, one of whom cheats: what it forges, and whether the others go on."""

from __future__ import annotations

from sandpiper.common import batch
from sandpiper.common.messages import MsgDraft
from sandpiper.common.p2p import envelope
from sandpiper.common.p2p.envelope import TALK, Envelope
from sandpiper.common.p2p.packets import Shout
from sandpiper.peer.p2p.replication import entries
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
