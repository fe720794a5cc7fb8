"""Acknowledgements: what a flush tells the publishers of what it stored, one answer for what goes together."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sandpiper.bridge.port import Guest
from sandpiper.broker.outputs import ToGuest, ToSession
from sandpiper.broker.room import HostedRoom
from sandpiper.broker.session import ClientSession
from sandpiper.common.control import Acked
from sandpiper.common.items import Item, Items
from sandpiper.common.messages import Ack


class Stored(msgspec.Struct, gc=False):
    """An acknowledgement: `count` publications from `number` on are stored from `seq` on; seq 0 for one that nobody
    remembers.
    """

    session: ClientSession
    room: HostedRoom
    number: int
    seq: int
    count: int = 1


def answers_to_guests(acks: Iterable[tuple[ClientSession, HostedRoom, Ack]]) -> list[ToGuest]:
    """The acknowledgements for guests, all of one guest in one write."""
    items: dict[Guest, list[Item]] = {}
    for session, _, ack in acks:
        if session.guest is not None:
            items.setdefault(session.guest, []).append(Item(ack))
    return [ToGuest(guest, Items(some)) for guest, some in items.items()]


def answers_to_sessions(acks: Iterable[Stored]) -> list[ToSession]:
    """The acknowledgements for keyed sessions, one event for numbers that follow one another."""
    outputs = []
    runs: dict[tuple[ClientSession, HostedRoom], Acked] = {}
    for ack in acks:
        seqs = range(ack.seq, ack.seq + ack.count)
        run = runs.get((ack.session, ack.room))
        if run is not None and run.n + len(run.seqs) == ack.number:
            run.seqs.extend(seqs)
            continue
        run = runs[ack.session, ack.room] = Acked(room=ack.room.name, n=ack.number, seqs=list(seqs))
        outputs.append(ToSession(ack.session, run))
    return outputs
