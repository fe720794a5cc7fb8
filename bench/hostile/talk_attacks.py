"""Attacks on what is said: floods, logs with holes and false clocks, two histories, and what passes logs on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from bench.hostile.member import HostileMember
from bench.hostile.presence_attacks import FAR
from sandpiper.common.messages import MsgDraft
from sandpiper.common.p2p import envelope, packets
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.packets import Frontier, Shout
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.state.outputs import OutgoingPacket


def talk(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Lines as fast as it may, with what a terminal obeys in them."""
    while True:
        text = me.random.choice(["\x1b]0;x\x07\x1b[2J", "x" * 2000, "\u202eevil", "line\nline\r"])
        me.member.post(MsgDraft(text=text), None, time.monotonic())
        for made in me.member.message_log.take():
            yield me.to_room(Shout([made.raw]))


def holes(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Envelopes of its own log far ahead, with clocks at the end of time, and of a count that is not true."""
    keyring, run = me.member.keyring, me.member.context.run
    body = entries.pack([entries.encode(MsgDraft(text="beyond"), "mallory", 1 << 62)])
    for number in count(1):
        for first, many, clock in ((1000 + number * 7, 1, FAR), (FAR + number, 500, (1 << 62) - 1), (1, 500, 0)):
            made = envelope.sign(keyring.keys.signing, keyring.session, keyring.room, run, TALK, first, many, clock,
                                 os.urandom(32), body)  # fmt: skip
            yield me.to_room(Shout([made.raw, made.raw]))


def pulls(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Asks for everything, for ever, under new numbers and under old ones."""
    while True:
        for session in [peer.keys.session for peer in me.others] + [os.urandom(32)]:
            for number in (next(me.requests), 1, (1 << 64) - 1 if me.random.random() < 0.01 else 2):
                yield from me.to_each(packets.Pull(number, session, TALK, 0))


def pages(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Pages that nobody asked for; and claims that make others ask, who are answered by false ends."""
    replica: Any = me.member.replica
    session, turn, honest = me.member.keyring.session, count(), replica.answer

    def answer_falsely(pull: packets.Pull, floor: Any) -> packets.Page:
        start, head = ((FAR, FAR + 1), (1, FAR), (FAR, 0), (-5, -9))[next(turn) % 4]
        return packets.Page(pull.r, pull.session, pull.stream, start, head, [me.garbage()] * (next(turn) % 3))

    replica.answer = answer_falsely
    try:
        while True:
            for peer in me.others:
                victim = peer.keys.session
                for number in me.random.sample(range(1, 4000), 5):
                    yield from me.to_each(packets.Page(number, victim, TALK, FAR, FAR + 1, [me.garbage()]))
                more = Frontier(victim, TALK, replica.head(victim, TALK) + 3, os.urandom(32))
                yield from me.to_each(packets.Have([more, Frontier(session, TALK, FAR, b"")]))
    finally:
        replica.answer = honest


def whispers(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Whispers that never end, each said twice, confirmations of others', and keys that nobody asked for."""
    while True:
        name, room = os.urandom(8).hex(), me.member.roster.graph.room
        whisper = packets.Hush(name, "alice", "bob\x1b[2J", "psst " * 200, -1)
        yield from me.to_each(whisper)
        yield from me.to_each(whisper)
        yield from me.to_each(packets.Heard(name))
        yield from me.to_each(packets.Probe(next(me.requests), [peer.short for peer in me.others] * 20))
        yield from me.to_each(packets.Signs(me.random.randrange(100), []))
        yield from me.to_each(packets.Want(room))
        yield from me.to_each(packets.Key(room, os.urandom(32)))


def forks(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Two histories of its own log, one for each half of the room; for good, so this attack is the last."""
    keyring, replica, run = me.member.keyring, me.member.replica, me.member.context.run
    log = replica.log(keyring.session, TALK)
    for number in count(1):
        for half in (0, 1):
            body = entries.pack([entries.encode(MsgDraft(text=f"fork {half} {number}"), "mallory", 0)])
            made = envelope.sign(keyring.keys.signing, keyring.session, keyring.room, run, TALK, log.head + number, 1,
                                 replica.clock + number, log.hash, body)  # fmt: skip
            for peer in me.others[half::2]:
                yield OutgoingPacket(peer.keys.session, keyring.to_room(Shout([made.raw])))


ATTACKS = {"talk": talk, "holes": holes, "pulls": pulls, "pages": pages, "whispers": whispers, "forks": forks}
