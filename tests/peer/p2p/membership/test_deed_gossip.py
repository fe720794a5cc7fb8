"""What a member says of deeds is bounded, whatever the others say."""

from __future__ import annotations

import pytest

from sandpiper.common.limits import DEED_BYTES, DEED_PAGE_BYTES, FRAME_BYTES, INTRODUCED
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.deeds import Rekey, commitment, sign
from sandpiper.common.p2p.packets import Shout
from sandpiper.peer.p2p.presence.cards import CardBook
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.hostile import still_works, three


def test_who_is_removed_is_told_so_in_one_packet_however_much_came_with_it() -> None:
    """A page of an owner's is as large as a frame, and three large deeds waited for it."""
    town, alice, bob, junior = three()
    carol = town.join("carol")
    town.settle(3)
    alice.member.removals.name_owner("mallory")
    town.collect(alice)
    town.settle(2)
    graph = junior.member.roster.graph
    names = sorted(town.random.randbytes(32) for _ in range(1000))
    copies = {town.random.randbytes(8): town.random.randbytes(72) for _ in range(512)}
    tips, made = graph.tips(), []
    for n in range(14):
        out = [carol.member.keyring.person] if n == 0 else []
        said = Rekey(out, names, copies, bytes(32), commitment(b"%d" % n), [])
        made.append(sign(junior.keys.identity, graph.room, tips, said))
        tips = [made[-1].id]
    source = bob.member.presence.peers[junior.keys.session]
    bob.member.deeds.take([each.raw for each in made[11:]], source, town.now)
    bob.member.context.now = town.now
    bob.member.deeds.handle_timer(town.now)
    fetching = bob.member.deeds._exchange._sources[junior.keys.session].r
    bob.member.take()
    page = packets.Deeds(fetching, [each.raw for each in made[:11]], b"")
    bob.member.deeds.receive_deeds(source, page, town.now)
    assert made[-1].id in bob.member.roster.graph
    told = [out.packet for out in bob.member.context.packets if out.recipients is not None]
    assert told
    assert max(map(len, told)) < DEED_PAGE_BYTES + DEED_BYTES


def test_what_is_too_large_for_a_frame_is_not_sent() -> None:
    _, alice, bob, _ = three()
    alice.member.take()
    alice.member.context.send_to_room(Shout(deeds=[bytes(FRAME_BYTES)]))
    alice.member.context.send_to(alice.member.presence.peers[bob.keys.session], packets.Tips(bytes(FRAME_BYTES)))
    assert alice.member.context.packets == []


def test_a_digest_is_as_long_as_one() -> None:
    town, alice, bob, mallory = three()
    packet = mallory.member.keyring.to_one(alice.keys.session, packets.Tips(bytes(500_000)))
    alice.member.receive(packet, Way.MESH, town.now)
    assert len(alice.member.presence.peers[mallory.keys.session].tips) == 32
    still_works(town, alice, bob)


def test_of_many_cards_at_once_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    town, alice, _, mallory = three()
    read: list[packets.Signed] = []
    monkeypatch.setattr(CardBook, "read", lambda self, signed: read.append(signed))
    said = packets.Cards([packets.Signed(mallory.keys.session, b"", bytes(64))] * 1500)
    alice.member.receive(mallory.member.keyring.to_one(alice.keys.session, said), Way.MESH, town.now)
    assert len(read) == INTRODUCED
