"""What a sponsor hands over to the session that it has let in."""

from __future__ import annotations

from collections.abc import Callable

from sandpiper.common.limits import (
    HANDOVER_BYTES,
    HANDOVER_CARDS_BYTES,
    HANDOVER_HEADS,
    HANDOVER_LETTERS,
    HANDOVER_PRESENT,
)
from sandpiper.common.p2p.admission import Head, More, Secret, Welcome
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.misses import MissCount
from sandpiper.common.p2p.packets import Signed
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context

Floor = Callable[[bytes, bytes, int], int]
"""Up to which seq a session may not read: of whose log, and of which stream of it."""


def make_welcome(
    context: Context,
    roster: Roster,
    replica: Replica,
    presence: Presence,
    floor: Floor,
    misses: list[MissCount],
    card: Signed,
    newcomer: bytes,
) -> tuple[Welcome, list[More]]:
    """The room, for a session that has just been admitted: one letter, and what does not fit it in others."""
    heads = [
        Head(session, TALK, max(track.log.start, floor(newcomer, session, TALK) + 1), track.log.head)
        for (session, stream), track in replica.tracks.items()
        if stream == TALK and session != newcomer and track.log.head
    ]
    here = [peer for peer in presence.peers.values() if peer.here]
    cards = [card, *(peer.carded for peer in here if peer.carded is not None)]
    present = [context.session, *(peer.keys.session for peer in here if not peer.quiet)]
    first, *others = portions([deed.raw for deed in roster.deeds()])
    more = [More(0, deeds=deeds) for deeds in others]
    more += [More(0, heads=heads[at : at + HANDOVER_HEADS]) for at in range(HANDOVER_HEADS, len(heads), HANDOVER_HEADS)]
    more += [More(0, misses=misses)] if misses else []
    for index, each in enumerate(more):
        each.index = index
    secrets = context.keyring.secrets
    welcome = Welcome(
        context.keyring.room,
        [Secret(head, secret) for head in roster.heads() if (secret := secrets.get(head)) is not None],
        first,
        _fitting(cards),
        heads[:HANDOVER_HEADS],
        present[:HANDOVER_PRESENT],
        context.session,
        context.code.nameplate,
        replica.clock,
        min(len(more), HANDOVER_LETTERS),
    )
    return welcome, more[:HANDOVER_LETTERS]


def portions(deeds: list[bytes]) -> list[list[bytes]]:
    """Divides deeds into portions that a letter can carry."""
    found: list[list[bytes]] = [[]]
    size = 0
    for raw in deeds:
        size += len(raw)
        if size > HANDOVER_BYTES and found[-1]:
            found.append([])
            size = len(raw)
        found[-1].append(raw)
    return found


def _fitting(cards: list[Signed]) -> list[Signed]:
    """As many cards as there is room for; the other members will send theirs themselves."""
    found, size = [], 0
    for card in cards:
        size += len(card.body) + 128
        if size <= HANDOVER_CARDS_BYTES:
            found.append(card)
    return found
