"""Talk intake: takes what comes into the logs of talk, hands it on to be shown, and warns of who forks a log."""

from __future__ import annotations

from collections.abc import Iterable

from sandpiper.common.messages import Lost
from sandpiper.common.p2p.envelope import Envelope
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.replication.display import Display
from sandpiper.peer.p2p.replication.replica import Accepted, Replica
from sandpiper.peer.p2p.state.context import Context


class TalkIntake:
    """Passes envelopes from the replica to the display.

    `arrived` are the sessions of which something has come, in that order, to be acknowledged.
    """

    def __init__(self, context: Context, replica: Replica, display: Display, names: Names) -> None:
        self.arrived: dict[bytes, None] = {}
        self._context = context
        self._replica = replica
        self._display = display
        self._names = names
        self._forked: set[bytes] = set()

    def take(self, envelopes: Iterable[bytes], now: float) -> bool:
        """Takes envelopes that were pushed; returns whether all of them came in their turn."""
        calm = True
        for raw in envelopes:
            accepted = self._replica.take([raw], now)
            self.accept(accepted)
            calm = calm and [(each.lost, each.late) for each in accepted] == [(0, False)]
        return calm

    def accept(self, accepted: Iterable[Accepted]) -> None:
        """Hands on envelopes that have come into their logs."""
        for each in accepted:
            if each.envelope is None:
                fingerprint = self._names.fingerprint_of(each.session)
                self._context.events.append(Lost(self._context.room_name, fingerprint, each.lost))
                continue
            self.arrived[each.session] = None
            self._display.heard(each.envelope, late=each.late)
        for one, _ in self._replica.proofs:
            self._expose(one)
        self._replica.proofs.clear()

    def _expose(self, one: Envelope) -> None:
        """Follows a log no more of which its session has signed two histories. What stood stays."""
        session = one.session
        if session == self._context.session or session in self._forked:
            return
        self._replica.stop(session)
        self._forked.add(session)
        nick = self._names.nick_of(session)
        self._context.warn("cheat", f"{nick} has signed two different histories: its messages are shown no more")
