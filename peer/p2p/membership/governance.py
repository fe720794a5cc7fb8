"""Governance: carries out what everybody's deeds mean for this member.

Who is in the room, and by which key it talks, follows from the deeds. Here that takes effect: members are met and
parted from, logs end, a key is taken, the code changes.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from sandpiper.common.errors import Code, Refusal, Rejected, Removed
from sandpiper.common.p2p.admission import Application
from sandpiper.common.p2p.deeds import Deed
from sandpiper.common.p2p.envelope import TALK
from sandpiper.peer.p2p.admission.current_code import CurrentCode
from sandpiper.peer.p2p.membership.rekeying import Rekeying
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context

# What a person reads last of the room, so they end with what is left to do.
_FULL = (
    "the room is full: {} sessions, as its creator chose; "
    "ask somebody to leave, or for another room, opened with a larger --capacity"
)
_REMOVED = (
    "you have been removed from this room by one of its owners, for good; "
    "ask them, or open another with `sandpiper create`"
)
_CUT_OFF = (
    "whoever had let you in was removed by an owner who had not heard of you; "
    "join again, with the code that the room has now"
)


class Governance:
    """Keeps a member in step with the deeds. `weigh` is called with the persons whose sessions are served no more."""

    def __init__(
        self,
        context: Context,
        roster: Roster,
        replica: Replica,
        presence: Presence,
        names: Names,
        rekeying: Rekeying,
        code: CurrentCode,
        weigh: Callable[[set[bytes]], None],
    ) -> None:
        self._context = context
        self._roster = roster
        self._replica = replica
        self._presence = presence
        self._names = names
        self._rekeying = rekeying
        self._code = code
        self._weigh = weigh
        self._floors: dict[bytes, int] = {}
        self._paused: set[bytes] = set()

    # Who comes in --------------------------------------------------------------------------------------------

    def full(self) -> str:
        """Why nobody can come in, if so."""
        capacity = self._roster.founding.capacity
        here = [peer.keys.identity for peer in self._presence.peers.values() if peer.here]
        person = self._context.keyring.person
        full = self._roster.branches.is_full(capacity, [person, *here], person)
        return _FULL.format(capacity) if full else ""

    def check_application(self, application: Application) -> None:
        """Raises Refusal for a session that knows the code but is not to come in."""
        keyring, keys = self._context.keyring, application.keys
        if not keys.holds(keyring.room):
            raise Refusal(Code.INVALID, "the identity does not vouch for the session")
        if self._roster.graph.is_removed(keys.identity):
            raise Refusal(Code.NOT_JOINED, _REMOVED)
        if full := self.full():
            raise Refusal(Code.TOO_MANY, full)
        if application.card.session != keys.session or keys.session == self._context.session:
            raise Refusal(Code.INVALID, "another session's card")
        keyring.read(application.card)  # which only the holder of the session's key can sign
        keyring.shared(keys)

    # Deeds -------------------------------------------------------------------------------------------------

    def learnt(self, deeds: Sequence[Deed]) -> None:
        """Does what follows from deeds that are new here."""
        context = self._context
        self._roster.take(deeds)
        for deed in deeds:
            self._rekeying.learn(deed)
        self.sync()
        if context.broken is not None:
            return
        self._rekeying.follow()
        if self._code.follow() and deeds[-1].writer != context.keyring.person:  # who changed it has the CodeChanged
            by = self._names.nick_of_person(deeds[-1].writer)
            context.warn("code", f"the room has another code now, by {by}: {context.code}")

    def follow_key(self) -> None:
        """Takes the room's key, if another member has just given what was lacking of it."""
        self._rekeying.follow()
        self._code.follow()

    def sync(self, present: Container[bytes] | None = None) -> None:
        """Meets members who have come in, parts from those who are out. On entering, these are `present`."""
        roster, presence, replica = self._roster, self._presence, self._replica
        admitted, anew = roster.news()
        since = self._since(roster.founding.history) if admitted else None
        for keys in admitted:
            here = present is None or keys.session in present
            if presence.meet(keys, here=here) and since is not None:
                self._floors[keys.session] = since
        self._pause_waiting()
        if not anew:
            return
        for session in roster.members:
            if session not in self._paused:
                replica.resume(session)
        parted = presence.parted(roster.members)
        for session in parted:
            presence.part(session)
            self._floors.pop(session, None)
        for session, talk in roster.gone.items():
            if talk:
                replica.open(session)  # what it had said still counts
            replica.end(session, talk)
        self._weigh({roster.person(session) for session in parted})
        self._leave_if_out()

    def _leave_if_out(self) -> None:
        context = self._context
        if context.session in self._roster.members or context.broken is not None:
            return
        person = context.keyring.person
        if self._roster.graph.is_removed(person):
            context.broken = Removed(_REMOVED)
        else:
            context.broken = Rejected(_CUT_OFF)

    def _pause_waiting(self) -> None:
        """Takes no more talk of sessions that wait to be let in again, and goes on with those that wait no more."""
        waiting = self._roster.waiting_sessions()
        for session in waiting - self._paused:
            self._replica.end(session, 0)
        for session in self._paused - waiting:
            if session in self._roster.members:
                self._replica.resume(session)
        told = waiting - self._paused if self._context.session not in waiting else ()
        for session in told:
            nick = self._names.nick_of(session)
            text = f"{nick} waits outside: the room's key is not for them; /readmit {nick} lets them in again"
            self._context.warn("waiting", text)
        self._paused = waiting

    def waits(self, session: bytes) -> bool:
        """Whether a session waits to be let in again: it is given nothing but what it needs for that."""
        return session in self._paused

    def _since(self, history: str) -> int | None:
        """The moment since which a newcomer may read; None for all."""
        if history == "all":
            return None
        return self._rekeying.began if history == "epoch" else self._replica.moment()

    def floor(self, session: bytes, log: bytes, stream: int) -> int:
        """The seq up to which a session may not read a log's talk."""
        since = self._floors.get(session)
        return 0 if since is None or stream != TALK else self._replica.head_at((log, stream), since)
