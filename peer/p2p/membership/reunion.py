"""Reunion: members that do not know each other come together.

Whoever lets somebody in writes that down and tells everyone. If it ends before any other has heard of it, because its
cable was out, or half of the room cut off, then the newcomer is a member and nobody knows: every door refuses it, and
what it says is a stranger's. What it lets in knows only its half, and one room is two.

Both halves have their leases in one group of a discovery service, as the room's key says, and so each sees a card of
somebody of whom it never hears a word. To that mailbox it sends the deeds by which it is a member itself. They are a
packet like any other, which comes as a letter for once.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import islice
from math import inf

from sandpiper.common.limits import (
    BEACON_S,
    DEEDS_TOLD,
    HANDOVER_AHEAD,
    LEASES_PER_GROUP,
    REUNITE_AT_ONCE,
    REUNITE_S,
    REUNITE_TRIES,
)
from sandpiper.common.p2p.packets import Shout
from sandpiper.peer.p2p.admission.handover import portions
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.outputs import OutgoingLetter


@dataclass(slots=True)
class _Unheard:
    """A session that has a mailbox and was not heard yet. After the last try it is due no more, but kept as long as the
    mailbox: forgotten, it would be written to anew as soon as any lease of the group changes.
    """

    session: bytes
    due: float
    tries: int = 0


class Reunion:
    """Writes to members whose lease it sees and who may not know of us. Take `letters` after each call."""

    def __init__(self, context: Context, roster: Roster, presence: Presence) -> None:
        self.letters: list[OutgoingLetter] = []
        self._context = context
        self._roster = roster
        self._presence = presence
        self._unheard: dict[Hashable, dict[bytes, _Unheard]] = {}

    def leased(self, service: Hashable, sessions: Mapping[bytes, bytes], now: float) -> None:
        """Takes who else has a lease of the room at a discovery service: mailbox → session, all of them."""
        before = self._unheard.pop(service, {})
        after = {
            mailbox: before[mailbox] if mailbox in before else _Unheard(session, now + REUNITE_S)
            for mailbox, session in islice(sessions.items(), LEASES_PER_GROUP)
            if self._strange(session)
        }
        if after:
            self._unheard[service] = after

    def _strange(self, session: bytes) -> bool:
        """Whether it may not know of us, or we not of it: it has never said anything to us."""
        if self._presence.knows(session):
            return not self._presence.met(session)
        return bool(session) and session != self._context.session and session not in self._roster.gone

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        due = min((each.due for found in self._unheard.values() for each in found.values()), default=inf)
        return due if due < inf else None

    def handle_timer(self, now: float) -> None:
        """Writes to those who are still unheard, a few at a time: one of them will tell the others."""
        written = 0
        for service, found in list(self._unheard.items()):
            for mailbox, each in list(found.items()):
                if each.due > now:
                    continue
                if not self._strange(each.session):
                    del found[mailbox]
                    continue
                if written == REUNITE_AT_ONCE:
                    each.due = now + BEACON_S
                    continue
                written += 1
                each.tries += 1
                each.due = now + REUNITE_S * 2**each.tries if each.tries < REUNITE_TRIES else inf
                self.letters += [OutgoingLetter(service, mailbox, packet) for packet in self._packets()]
            if not found:
                del self._unheard[service]

    def _packets(self) -> list[bytes]:
        """The deeds by which we are a member: our admission, and the last of what it was built on. Others have most of
        that, and take only so many at once that nobody asked for.
        """
        found = portions(self._roster.proof_of(self._context.session)[-DEEDS_TOLD:])[-HANDOVER_AHEAD:]
        return [self._context.keyring.to_room(Shout(deeds=[deed.raw for deed in some])) for some in found]
