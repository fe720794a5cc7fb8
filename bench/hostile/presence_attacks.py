"""Attacks on who is here, by which name and connection, and on what reads packets at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import count

import msgspec

from bench.hostile.member import HostileMember
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.packets import Beacon, Bye, Card, Carded, Echo, Frontier
from sandpiper.common.p2p.sealing import seal
from sandpiper.peer.p2p.state.outputs import OutgoingPacket

FAR = 1 << 61
KINDS = ["shout", "signed", "pull", "page", "have", "probe", "signs", "cards", "hush", "deeds", "fetch", "misses"]
CLEARS_SCREEN = "\x1b[2J"


def garbage(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Octets that are no packet; boxes of octets; boxes of maps whose fields are of the wrong kind."""
    keyring = me.member.keyring
    while True:
        yield OutgoingPacket(None, me.garbage())
        head = b"\x01" + keyring.epoch.id
        wrong = {"r": -1, "envelopes": [me.garbage()], "deeds": [me.garbage()], "session": me.garbage(), "cards": [],
                 "frontiers": [[b"", -1, -1, b""]], "counts": [[b"", b"", -1, -1, b""]]}  # fmt: skip
        junk = msgspec.msgpack.encode({"type": me.random.choice(KINDS), **wrong})
        for plain in (me.garbage(), junk, b"\x91" * 3000, b"\xdd\xff\xff\xff\xff"):
            yield OutgoingPacket(None, head + seal(keyring.epoch.packets, os.urandom(24), plain, head))
            for peer in me.others:
                pair_head = b"\x02" + keyring.short
                boxed = seal(keyring.shared(peer.keys), os.urandom(24), plain, pair_head + peer.keys.session)
                yield OutgoingPacket(peer.keys.session, pair_head + boxed)
        body = me.garbage()
        signature = keyring.keys.signing.sign(packets.own_text(keyring.room, body)).signature
        yield me.to_room(packets.Signed(keyring.session, body, signature))


def beacons(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Beacons whose clock, frontiers, echoes, tips, generation and sums are of its own making."""
    keyring = me.member.keyring
    while True:
        frontiers = [Frontier(peer.keys.session, TALK, FAR, os.urandom(32)) for peer in me.others]
        frontiers += [Frontier(os.urandom(32), TALK, FAR, b"") for _ in range(50)]
        frontiers += [Frontier(keyring.session, stream, FAR, b"") for stream in (0, 1, 255)]
        at = me.random.choice([float("nan"), float("inf"), -1e300, time.monotonic()])
        echoes = [Echo(peer.short, at, at, True) for peer in me.others]
        echoes += [Echo(os.urandom(8), at, 0.0, True) for _ in range(300)]
        epoch = me.random.choice([keyring.epoch.id, b"", os.urandom(8)])
        generation = me.random.choice([0, -1, 1, 99, 1 << 60])
        tips, sums = (os.urandom(32), os.urandom(8)), os.urandom(16)
        yield me.own(Beacon(keyring.next_n(), at, epoch, tips[0], generation, tips[1], frontiers, echoes, FAR, sums))
        yield from me.to_each(packets.Have(frontiers))


def cards(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Cards with hosts, ports and relays of its choice, and cards in others' names."""
    keyring = me.member.keyring
    for version in count(1 << 30):
        net = me.random.randrange(256)
        hosts = [*(f"127.{net}.0.{n}" for n in range(1, 40)), "", CLEARS_SCREEN, "::1", "a" * 300]
        port = me.random.choice([0, -1, 1, 8000, 70000, 1 << 40])
        relays = {f"127.0.0.1:{n}": os.urandom(8) for n in range(9000, 9040)}
        card = Card(keyring.session, version, "mallory", hosts, port, port, port, relays)
        yield me.own(Carded(keyring.next_n(), card))
        for peer in me.others:
            other = msgspec.structs.replace(card, session=peer.keys.session)
            signed = keyring.signed(Carded(keyring.next_n(), other))
            yield me.to_room(signed)
            yield from me.to_each(packets.Cards([signed, signed]))


def names(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Renames: others' nicks, others' keys, what a terminal obeys, what is no nick."""
    keyring = me.member.keyring
    for version in count(1 << 31):
        somebodys_key = me.others[0].fingerprint[:12] if me.others else ""
        nicks = ["alice", "bob", "\u0430lice", somebodys_key, "\x1b[31mred", "a" * 5000, ""]
        card = msgspec.structs.replace(me.member.card, version=version, nick=me.random.choice(nicks))
        yield me.own(Carded(keyring.next_n(), card))


def comings(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Goodbyes, and back again, with talk that never was."""
    while True:
        yield me.own(Bye(me.member.keyring.next_n(), FAR))
        yield me.own(me.member.gossip.make_beacon(time.monotonic()))


def subscriptions(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Subscribes to random topics at everybody's mesh port, by one connection after another, and hangs up."""
    while True:
        for peer in me.others:
            me.subscribe(peer, [os.urandom(me.random.choice([0, 1, 16, 16, 200])) for _ in range(400)])
            yield OutgoingPacket(None, me.garbage())


def replay(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Everything once more that was recorded of the other attacks."""
    while True:
        yield from me.recorded or [me.own(Bye(me.member.keyring.next_n(), 0))]


ATTACKS = {
    "garbage": garbage,
    "beacons": beacons,
    "cards": cards,
    "names": names,
    "comings": comings,
    "subscriptions": subscriptions,
    "replay": replay,
}
