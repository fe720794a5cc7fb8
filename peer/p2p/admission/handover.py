"""What a sponsor hands over to whom it has let in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandpiper.common.limits import (
    HANDOVER_BYTES,
    HANDOVER_CARDS_BYTES,
    HANDOVER_HEADS,
    HANDOVER_LETTERS,
    HANDOVER_PRESENT,
)
from sandpiper.common.p2p.admission import Head, More, Welcome
from sandpiper.common.p2p.envelope import DEEDS, TALK
from sandpiper.common.p2p.packets import Signed

if TYPE_CHECKING:
    from sandpiper.peer.p2p.member import Member


def make_welcome(member: Member, newcomer: bytes) -> tuple[Welcome, list[More]]:
    """The room, for a session that has just been admitted: one letter, and what does not fit it in others."""
    replica, rule = member.replica, member.rule
    heads = [
        Head(session, TALK, max(track.log.start, rule.floor(newcomer, session, TALK) + 1), track.log.head)
        for (session, stream), track in replica.tracks.items()
        if stream == TALK and session != newcomer and track.log.head
    ]
    here = [peer for peer in member.peers.values() if peer.here]
    cards = [member.gossip.signed_card(), *(peer.carded for peer in here if peer.carded is not None)]
    present = [member.session, *(peer.keys.session for peer in here if not peer.quiet)]
    first, *others = portions([found.raw for each in _in_order(member) for found in replica.log(each, DEEDS).all()])
    more = [More(0, deeds, []) for deeds in others]
    more += [More(0, [], heads[at : at + HANDOVER_HEADS]) for at in range(HANDOVER_HEADS, len(heads), HANDOVER_HEADS)]
    more = [More(index, each.deeds, each.heads) for index, each in enumerate(more[:HANDOVER_LETTERS])]
    welcome = Welcome(
        member.keyring.room,
        member.keyring.epoch.key,
        first,
        _fitting(cards),
        heads[:HANDOVER_HEADS],
        present[:HANDOVER_PRESENT],
        member.session,
        rule.code.nameplate,
        len(more),
    )
    return welcome, more


def portions(deeds: list[bytes]) -> list[list[bytes]]:
    """As letters can carry them."""
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
    """As many as there is room for; the others will say theirs themselves."""
    found, size = [], 0
    for card in cards:
        size += len(card.body) + 128
        if size <= HANDOVER_CARDS_BYTES:
            found.append(card)
    return found


def lineage(member: Member) -> list[bytes]:
    """The founder, whom it let in, and so on, up to who let us in."""
    sponsors = member.ledger.state.sponsors
    chain = [member.session]
    while chain[-1] in sponsors and sponsors[chain[-1]] not in chain:
        chain.append(sponsors[chain[-1]])
    return list(dict.fromkeys([member.ledger.founder, *reversed(chain[1:])]))


def _in_order(member: Member) -> list[bytes]:
    """The sessions whose deeds tell of others first: from the founder to ourselves, then the rest."""
    first = [*lineage(member), member.session]
    known = {session for session, stream in member.replica.tracks if stream == DEEDS}
    order = [*dict.fromkeys(first), *(session for session in known if session not in first)]
    return [session for session in order if session in known]
