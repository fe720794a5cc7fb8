"""Attacks on who is in: deeds, invented persons, counts of wrong guesses, and what passes on deeds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec

from bench.hostile.member import HostileMember
from sandpiper.common.p2p import misses, packets
from sandpiper.common.p2p.deeds import Admit, Note, Own, Readmit, Rekey, TalkHead
from sandpiper.common.p2p.sealing import box_pair
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.outputs import OutgoingPacket


def void_deeds(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Deeds of all kinds that a plain member may sign but that count for nothing, and some without a past."""
    graph, person = me.member.roster.graph, me.member.keyring.person
    while True:
        everybody = sorted(peer.keys.identity for peer in me.others)
        public, _ = box_pair(os.urandom(32))
        heads = [TalkHead(peer.keys.session, 0) for peer in me.others]
        yield me.tell(me.deed(Rekey(everybody, [person], {}, public, os.urandom(32), heads)))
        yield me.tell(me.deed(Rekey([], [person], {}, public, os.urandom(32), []), [graph.room]))
        yield me.tell(me.deed(Own(person, 0)), me.deed(Readmit(everybody)))
        yield me.tell(me.deed(Admit(me.invent().vouched(graph.room), "code"), [os.urandom(32)]))
        yield me.tell(me.deed(Own(person, 0), [graph.room], me.invent().identity))
        yield me.tell(me.deed(Note(), sorted(os.urandom(32) for _ in range(64))))


def crowd(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Invented persons, let in at every date that there was; some with the mesh key of somebody who is here."""
    graph = me.member.roster.graph
    names = [node.deed.id for node in graph.nodes()]
    while True:
        keys = me.invent()
        if me.others and me.random.random() < 0.2:
            curve = me.random.choice(me.others).keys.curve
            keys = SessionKeys(keys.identity, keys.signing, keys.box_public, keys.box_secret, curve)
        made = me.deed(Admit(keys.vouched(graph.room), "code"), [me.random.choice(names)])
        names = [*names[-200:], made.id]
        yield me.tell(made)


def notes(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Notes, each on up to 64 notes before it: a past that grows and that everybody has to keep."""
    names = [me.member.roster.graph.room]
    while True:
        made = me.deed(Note(), sorted(set(me.random.choices(names, k=64))))
        names = [*names[-500:], made.id]
        yield me.tell(made)


def false_misses(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Wrong guesses that nobody made: ever more of them, of every generation, in its own name and in others'."""
    keyring = me.member.keyring
    for number in count(1):
        for generation in (1, me.member.guesses.generation):
            made = misses.sign(keyring.keys.identity, keyring.room, keyring.epoch.id, generation, number)
            yield from me.to_each(packets.Misses([made]))
            forged = [msgspec.structs.replace(made, person=peer.keys.identity) for peer in me.others]
            yield from me.to_each(packets.Misses(forged))


def fetch(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Asks for deeds without end, and gives deeds without end to whoever asks."""
    offer: Any = me.member.deeds._exchange._offer
    room, honest = me.member.roster.graph.room, offer.answer

    def answer_falsely(session: bytes, said: packets.Fetch, now: float) -> packets.Deeds:
        tips = [sorted({room, os.urandom(32)} if me.random.random() < 0.5 else {room}) for _ in range(60)]
        return packets.Deeds(said.r, [me.deed(Note(), each).raw for each in tips], os.urandom(32))

    offer.answer = answer_falsely
    try:
        while True:
            for owners in (True, False):
                yield from me.to_each(packets.Fetch(next(me.requests), [os.urandom(32)] * 200, b"", owners))
            yield from me.to_each(packets.Tips(os.urandom(32)))
            note = me.deed(Note(), [room])
            for number in range(1, 40):
                yield from me.to_each(packets.Deeds(number, [note.raw] * 3, os.urandom(32)))
    finally:
        offer.answer = honest


ATTACKS = {"deeds": void_deeds, "crowd": crowd, "notes": notes, "misses": false_misses, "fetch": fetch}
