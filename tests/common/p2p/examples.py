"""Keys, cards, packets and letters of rooms between peers, always the same."""

from __future__ import annotations

from typing import Any

from nacl.signing import SigningKey

from sandpiper.common.p2p import admission, envelope, membership, packets
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.membership import AnyDeed, Keys, bond_text, vouch_text
from sandpiper.common.p2p.packets import Card, Carded, Echo, Frontier, Signed
from sandpiper.common.p2p.sealing import Epoch, box_pair, short

IDENTITY, SIGNING = SigningKey(b"I" * 32), SigningKey(b"S" * 32)
OTHER = SigningKey(b"O" * 32)
ROOM, RUN, NONCE = b"R" * 16, b"r" * 16, b"N" * 24
EPOCH = Epoch(b"E" * 32)
SESSION = bytes(SIGNING.verify_key)
BOX, BOX_SECRET = box_pair(b"B" * 32)
OTHER_BOX, OTHER_SECRET = box_pair(b"b" * 32)
CURVE = b"C" * 32


def keys() -> Keys:
    text = vouch_text(ROOM, SESSION, BOX, CURVE)
    identity = bytes(IDENTITY.verify_key)
    bond = bond_text(ROOM, identity, BOX, CURVE)
    return Keys(identity, SESSION, BOX, CURVE, IDENTITY.sign(text).signature, SIGNING.sign(bond).signature)


def card() -> Card:
    relays = {"chat.example.org:5000": b"a" * 16}
    return Card(SESSION, 2, "alice", ["192.0.2.7", "2001:db8::7"], 20400, 20401, 8000, relays, False, ["msg"])


def signed(own: packets.AnyOwn) -> Signed:
    body = packets.encode(own)
    return Signed(SESSION, body, SIGNING.sign(packets.own_text(ROOM, body)).signature)


def sign(stream: int, first: int, count: int, prev: bytes, body: bytes) -> envelope.Envelope:
    return envelope.sign(SIGNING, SESSION, ROOM, RUN, stream, first, count, 6 + first, prev, body)


def all_deeds() -> list[AnyDeed]:
    gone = membership.Gone(bytes(OTHER.verify_key), 12, 3)
    return [
        membership.Found(keys(), EPOCH.id, 64, 2, False, "epoch"),
        membership.Admit(keys()),
        membership.Miss(1),
        membership.Rotate(2),
        membership.Own(bytes(OTHER.verify_key)),
        membership.Rekey(
            EPOCH.id, b"newepoch", [bytes(OTHER.verify_key)], [gone], b"h" * 32, {short(SESSION): b"copy"}, 3
        ),
        membership.Cheat(b"one", b"other"),
    ]


def all_letters() -> list[Any]:
    head = admission.Head(SESSION, TALK, 1, 9)
    return [
        admission.Knock(b"A" * 16, 1, b"k" * 32),
        admission.Answer(b"A" * 16, 1, b"s" * 32, 1, ROOM),
        admission.Busy(b"A" * 16, 250),
        admission.Half(b"A" * 16, b"m" * 33),
        admission.Proof(b"A" * 16, b"c" * 32, b"sealed"),
        admission.Denied(b"A" * 16, "wrong code"),
        admission.Declined(b"A" * 16, b"c" * 32, b"sealed"),
        admission.Reason("too_many", "the room is full"),
        admission.Handover(b"A" * 16, b"c" * 32, b"sealed"),
        admission.Rest(b"A" * 16, b"sealed"),
        admission.Application(keys(), signed(Carded(0, card()))),
        admission.Welcome(ROOM, EPOCH.key, [b"envelope"], [], [head], [SESSION], SESSION, 42, 1),
        admission.More(0, [b"envelope"], [head]),
    ]


def all_said() -> list[Any]:
    stand = Frontier(SESSION, TALK, 9, b"h" * 32)
    echo = Echo(short(bytes(OTHER.verify_key)), 12.5, 0.25, True)
    return [
        packets.Shout([b"envelope"]),
        signed(packets.Beacon(5, 100.5, EPOCH.id, b"h" * 32, [stand], [echo], 2)),
        signed(Carded(6, card())),
        signed(packets.Bye(7, 9, 1)),
        signed(packets.Beacon(8, 101.5, EPOCH.id, b"h" * 32, [stand], [echo], 2, b"r" * 16)),
    ]


def all_pairs() -> list[Any]:
    return [
        packets.Pull(1, SESSION, TALK, 3),
        packets.Page(1, SESSION, TALK, 1, 9, [b"envelope"]),
        packets.Have([Frontier(SESSION, TALK, 9, b"h" * 32)]),
        packets.Cards([signed(Carded(6, card()))]),
        packets.Hush("w1", "alice", "bob", "psst", 1735812345),
        packets.Heard("w1"),
        packets.Want(EPOCH.id),
        packets.Key(EPOCH.key),
        packets.Compare(b"i" * 16, EPOCH.id, b"c" * 32),
        packets.Nonce(b"i" * 16, b"n" * 32),
        packets.Reveal(b"i" * 16, b"n" * 32),
        packets.Compared(b"i" * 16),
        packets.Probe(2, [short(SESSION)]),
        packets.Signs(2, [signed(packets.Beacon(5, 100.5, EPOCH.id, b"h" * 32, [], [], 2))]),
    ]
