"""Packets of every kind, from whoever sends them, harm nobody."""

from __future__ import annotations

from sandpiper.common.limits import PAGE_LEAST, PAGES_BURST
from sandpiper.common.messages import MsgDraft
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.packets import Carded, Frontier, Have, Pull, Shout, Signed
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.hostile import forged, still_works, three


def test_who_pulls_without_end_is_given_so_much_and_no_more() -> None:
    town, alice, bob, mallory = three()
    for _ in range(8):
        town.post(bob, "x" * 16_000)
    town.settle(2)
    given: list[int] = []
    for r in range(100_000, 100_000 + PAGES_BURST // PAGE_LEAST):
        pull = Pull(r, bob.keys.session, TALK, 0)
        alice.member.receive(mallory.member.keyring.to_one(alice.keys.session, pull), Way.MESH, town.now)
        given += [len(out.packet) for out in alice.member.context.packets]
        alice.member.context.packets.clear()
    assert PAGES_BURST * 0.99 < sum(given) < PAGES_BURST * 1.01
    still_works(town, alice, bob)


def test_rubbish_of_every_kind_is_passed_over() -> None:
    town, alice, bob, mallory = three()
    ring = mallory.member.keyring
    genuine = forged(town, mallory, mallory, "x")
    rubbish = [
        b"",
        b"\x00",
        b"\x01" + bytes(60),
        b"\x02" + bytes(60),
        town.random.randbytes(500),
        ring.to_room(Shout([b"", b"rubbish", genuine.raw[:-1], genuine.raw + b"x", bytes(300)])),
        ring.to_room(Signed(b"", b"", b"")),
        ring.to_room(ring.signed(Carded(1 << 30, alice.member.cards.own))),
        ring.to_one(bob.keys.session, Have([Frontier(b"", 9, 1 << 62, b"")])),
        ring.to_one(bob.keys.session, packets.Pull(1, b"nobody", 7, 1 << 62)),
        ring.to_one(bob.keys.session, packets.Page(99, bob.keys.session, 0, 5, 1 << 62, [genuine.raw])),
        ring.to_one(bob.keys.session, packets.Hush("x" * 1000, "alice", "bob", "\x1b[2J", -5)),
    ]
    for packet in rubbish:
        town.arrive(mallory, bob, packet, Way.MESH)
        town.arrive(mallory, bob, packet[: len(packet) // 2], Way.RELAY)
    town.settle(3)
    still_works(town, alice, bob)


def test_a_flood_is_contained_and_the_others_are_heard() -> None:
    town, alice, bob, mallory = three()
    for number in range(3000):
        mallory.member.message_log.post(MsgDraft(text=f"spam {number}"), "mallory", 0, town.now)
        if number % 100 == 0:
            mallory.member.flush(town.now)
            town.collect(mallory)
    still_works(town, alice, bob)
