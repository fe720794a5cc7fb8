"""What a sponsor hands over to the session that it has let in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import (
    HANDOVER_BYTES,
    HANDOVER_CARDS_BYTES,
    HANDOVER_HEADS,
    HANDOVER_LETTERS,
    HANDOVER_PRESENT,
)
from sandpiper.common.p2p.admission import Head, More, Secret, Welcome
from sandpiper.common.p2p.deeds import Deed
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.misses import MissCount
from sandpiper.common.p2p.packets import Signed
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context

Floor = Callable[[bytes, bytes, int], int]
"""Up to which seq a session may not read: of whose log, and of which stream of it."""


class Remainder:
    """What did not fit the first letter. Each further one is made when it is asked for: there may be many."""

    def __init__(self, deeds: list[list[Deed]], heads: list[list[Head]], misses: list[MissCount]) -> None:
        self._deeds = deeds
        self._heads = heads
        self._misses = misses

    def __len__(self) -> int:
        return len(self._deeds) + len(self._heads) + bool(self._misses)

    def letter(self, index: int) -> More:
        """Returns the `index`-th letter, from 0."""
        at = index - len(self._deeds)
        if at < 0:
            return More(index, deeds=[deed.raw for deed in self._deeds[index]])
        if at < len(self._heads):
            return More(index, heads=self._heads[at])
        return More(index, misses=self._misses)


def check_history(roster: Roster) -> None:
    """Raises Refusal if the room's deeds are more than can be handed over."""
    if len(portions(roster.deeds())) > HANDOVER_LETTERS // 2:
        limit = HANDOVER_BYTES * (HANDOVER_LETTERS // 2) // 1024**2
        text = f"this room's history of members is longer than can be handed over ({limit} MiB); found a new room"
        raise Refusal(Code.INVALID, text)


def make_welcome(
    context: Context,
    roster: Roster,
    replica: Replica,
    presence: Presence,
    floor: Floor,
    misses: list[MissCount],
    card: Signed,
    newcomer: bytes,
) -> tuple[Welcome, Remainder]:
    """The room, for a session that has just been admitted: one letter, and what does not fit it."""
    heads = [
        Head(session, TALK, max(track.log.start, floor(newcomer, session, TALK) + 1), track.log.head)
        for (session, stream), track in replica.tracks.items()
        if stream == TALK and session != newcomer and track.log.head
    ]
    here = [peer for peer in presence.peers.values() if peer.here]
    cards = [card, *(peer.carded for peer in here if peer.carded is not None)]
    present = [context.session, *(peer.keys.session for peer in here if not peer.quiet)]
    first, *others = portions(roster.deeds())
    more = [heads[at : at + HANDOVER_HEADS] for at in range(HANDOVER_HEADS, len(heads), HANDOVER_HEADS)]
    remainder = Remainder(others, more, misses)
    secrets = context.keyring.secrets
    welcome = Welcome(
        context.keyring.room,
        [Secret(head, secret) for head in roster.heads() if (secret := secrets.get(head)) is not None],
        [deed.raw for deed in first],
        _fitting(cards),
        heads[:HANDOVER_HEADS],
        present[:HANDOVER_PRESENT],
        context.session,
        context.code.nameplate,
        replica.clock,
        len(remainder),
    )
    return welcome, remainder


def portions(deeds: Iterable[Deed]) -> list[list[Deed]]:
    """Divides deeds into portions that a letter can carry."""
    found: list[list[Deed]] = [[]]
    size = 0
    for deed in deeds:
        length = len(deed.raw)
        size += length
        if size > HANDOVER_BYTES and found[-1]:
            found.append([])
            size = length
        found[-1].append(deed)
    return found


def _fitting(cards: list[Signed]) -> list[Signed]:
    """As many cards as there is room for; the other members will send theirs themselves."""
    found, size = [], 0
    for card in cards:
        size += len(card.body) + 128
        if size <= HANDOVER_CARDS_BYTES:
            found.append(card)
    return found
