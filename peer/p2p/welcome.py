"""What a sponsor hands over to whom it has let in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandpiper.common.envelope import DEEDS, TALK
from sandpiper.common.knock import Head, Welcome
from sandpiper.common.limits import HANDOVER_BYTES

if TYPE_CHECKING:
    from sandpiper.peer.p2p.member import Member


def make_welcome(member: Member, newcomer: bytes) -> Welcome:
    """The room, for a session that has just been admitted. What does not fit the letter it can pull."""
    replica, rule = member.replica, member.rule
    deeds: list[bytes] = []
    size = 0
    for session in _in_order(member):
        for found in replica.log(session, DEEDS).after(0, HANDOVER_BYTES):
            size += len(found.raw)
            if size <= HANDOVER_BYTES:
                deeds.append(found.raw)
    heads = [
        Head(session, TALK, max(track.log.start, rule.floor(newcomer, session, TALK) + 1), track.log.head)
        for (session, stream), track in replica.tracks.items()
        if stream == TALK and session != newcomer and track.log.head
    ]
    here = [peer for peer in member.peers.values() if peer.here]
    cards = [member.gossip.signed_card(), *(peer.carded for peer in here if peer.carded is not None)]
    return Welcome(
        member.keyring.room,
        member.keyring.epoch.key,
        deeds,
        cards,
        heads,
        [member.session, *(peer.keys.session for peer in here if not peer.quiet)],
        member.session,
        rule.code.nameplate,
    )


def _in_order(member: Member) -> list[bytes]:
    """The sessions whose deeds tell of others first: from the founder to ourselves, then the rest."""
    sponsors = member.ledger.state.sponsors
    chain = [member.session]
    while chain[-1] in sponsors and sponsors[chain[-1]] not in chain:
        chain.append(sponsors[chain[-1]])
    first = [member.ledger.founder, *reversed(chain)]
    known = {session for session, stream in member.replica.tracks if stream == DEEDS}
    order = [*dict.fromkeys(first), *(session for session in known if session not in first)]
    return [session for session in order if session in known]
