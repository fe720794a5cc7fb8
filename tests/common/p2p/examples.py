"""Keys, cards, packets and letters of rooms between peers, always the same."""

from __future__ import annotations

from typing import Any

from nacl.signing import SigningKey

from sandpiper.common.p2p import admission, deeds, envelope, misses, packets
from sandpiper.common.p2p.deeds import Admit, AnyDeedSaid, Deed, Found, Note, Own, Readmit, Rekey, TalkHead, commitment
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.keys import Keys, bond_text, vouch_text
from sandpiper.common.p2p.packets import Card, Carded, Echo, Frontier, Signed
from sandpiper.common.p2p.sealing import Epoch, box_pair, short

IDENTITY, SIGNING = SigningKey(b"I" * 32), SigningKey(b"S" * 32)
OTHER = SigningKey(b"O" * 32)
ROOM, RUN, NONCE = b"R" * 32, b"r" * 16, b"N" * 24
EPOCH = Epoch(b"E" * 32)
SECRET = b"x" * 32
SESSION = bytes(SIGNING.verify_key)
BOX, BOX_SECRET = box_pair(b"B" * 32)
OTHER_BOX, OTHER_SECRET = box_pair(b"b" * 32)
CURVE = b"C" * 32


def keys(room: bytes = ROOM) -> Keys:
    text = vouch_text(room, SESSION, BOX, CURVE)
    identity = bytes(IDENTITY.verify_key)
    bond = bond_text(room, identity, BOX, CURVE)
    return Keys(identity, SESSION, BOX, CURVE, IDENTITY.sign(text).signature, SIGNING.sign(bond).signature)


def card() -> Card:
    relays = {"chat.example.org:5000": b"a" * 16}
    return Card(SESSION, 2, "alice", ["192.0.2.7", "2001:db8::7"], 20400, 20401, 8000, relays, False, ["msg"])


def signed(own: packets.AnyOwn) -> Signed:
    body = packets.encode(own)
    return Signed(SESSION, body, SIGNING.sign(packets.own_text(ROOM, body)).signature)


def sign(stream: int, first: int, count: int, prev: bytes, body: bytes) -> envelope.Envelope:
    return envelope.sign(SIGNING, SESSION, ROOM, RUN, stream, first, count, 6 + first, prev, body)


def founding() -> Deed:
    return deeds.sign(IDENTITY, b"", (), Found(b"n" * 32, commitment(SECRET), 64, 2, False, "epoch"))


def all_deeds() -> list[Deed]:
    """One of each kind, each on the one before; the first is the founding."""
    other, public = bytes(OTHER.verify_key), OTHER_BOX
    made = [founding()]
    copies = {short(SESSION): bytes(72)}
    said: list[AnyDeedSaid] = [
        Admit(keys(made[0].id), "founder"),
        Own(other, 1),
        Rekey([other], [bytes(IDENTITY.verify_key)], copies, public, commitment(b"s" * 32), [TalkHead(SESSION, 12)]),
        Readmit([other]),
        Note(),
    ]
    for each in said:
        made.append(deeds.sign(IDENTITY, made[0].id, [made[-1].id], each))
    return made


def all_letters() -> list[Any]:
    head = admission.Head(SESSION, TALK, 1, 9)
    miss = misses.sign(IDENTITY, ROOM, EPOCH.id, 1, 2)
    return [
        admission.Knock(b"A" * 16, 1, b"k" * 32),
        admission.Answer(b"A" * 16, 1, b"s" * 32, 1, ROOM),
        admission.Busy(b"A" * 16, 250),
        admission.Elsewhere(b"A" * 16, [b"m" * 16]),
        admission.Half(b"A" * 16, b"m" * 33),
        admission.Proof(b"A" * 16, b"c" * 32, b"sealed"),
        admission.Denied(b"A" * 16, "wrong code"),
        admission.Declined(b"A" * 16, b"c" * 32, b"sealed"),
        admission.Reason("too_many", "the room is full"),
        admission.Handover(b"A" * 16, b"c" * 32, b"sealed"),
        admission.Rest(b"A" * 16, b"sealed"),
        admission.Application(keys(), signed(Carded(0, card()))),
        admission.Welcome(
            ROOM, [admission.Secret(ROOM, SECRET)], [b"deed"], [], [head], [SESSION], SESSION, 42, 7, 1, [miss]
        ),
        admission.More(0, [b"deed"], [head], [miss]),
    ]


def all_said() -> list[Any]:
    stand = Frontier(SESSION, TALK, 9, b"h" * 32)
    echo = Echo(short(bytes(OTHER.verify_key)), 12.5, 0.25, True)
    return [
        packets.Shout([b"envelope"]),
        packets.Shout(deeds=[b"deed"]),
        signed(packets.Beacon(5, 100.5, EPOCH.id, b"h" * 32, 1, b"m" * 8, [stand], [echo], 2)),
        signed(Carded(6, card())),
        signed(packets.Bye(7, 9)),
        signed(packets.Beacon(8, 101.5, EPOCH.id, b"h" * 32, 1, b"m" * 8, [stand], [echo], 2, b"r" * 16)),
    ]


def all_pairs() -> list[Any]:
    return [
        packets.Pull(1, SESSION, TALK, 3),
        packets.Page(1, SESSION, TALK, 1, 9, [b"envelope"]),
        packets.Have([Frontier(SESSION, TALK, 9, b"h" * 32)]),
        packets.Cards([signed(Carded(6, card()))]),
        packets.Hush("w1", "alice", "bob", "psst", 1735812345),
        packets.Heard("w1"),
        packets.Tips(b"h" * 32),
        packets.Fetch(1, [ROOM], ROOM, True),
        packets.Deeds(1, [b"deed"], ROOM),
        packets.Misses([misses.sign(IDENTITY, ROOM, EPOCH.id, 1, 2)]),
        packets.Want(ROOM),
        packets.Key(ROOM, SECRET),
        packets.Compare(b"i" * 16, EPOCH.id, b"c" * 32),
        packets.Nonce(b"i" * 16, b"n" * 32),
        packets.Reveal(b"i" * 16, b"n" * 32),
        packets.Compared(b"i" * 16),
        packets.Probe(2, [short(SESSION)]),
        packets.Signs(2, [signed(packets.Beacon(5, 100.5, EPOCH.id, b"h" * 32, 1, b"m" * 8, [], [], 2))]),
    ]
