"""What there is to know of a member from outside."""

from __future__ import annotations

from sandpiper.common.p2p.envelope import TALK
from sandpiper.peer.p2p.connectivity import Connectivity
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.replication.message_log import MessageLog
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.status import RoomStatus


class MemberStatus:
    """A view of a member that is always current."""

    def __init__(
        self, context: Context, roster: Roster, replica: Replica, message_log: MessageLog, presence: Presence
    ) -> None:
        self._context = context
        self._roster = roster
        self._replica = replica
        self._message_log = message_log
        self._presence = presence
        self.fingerprint = context.keyring.fingerprint
        self.run = context.run.hex()
        self.entered_at = context.entered_at

    @property
    def room_name(self) -> str:
        """The code, as the room's name."""
        return self._context.room_name

    @property
    def nick(self) -> str:
        """The member's nick."""
        return self._context.settings.nick

    @property
    def quiet(self) -> bool:
        """Whether the member is in the room unannounced."""
        return self._context.settings.quiet

    @property
    def password_needed(self) -> bool:
        """Whether a joiner needs a password besides the code."""
        return self._roster.founding.password

    @property
    def rtt_s(self) -> float | None:
        """The round trip to the nearest member, in seconds."""
        here = (peer.rtt_s for peer in self._presence.peers.values() if peer.here)
        return min((each for each in here if each is not None), default=None)

    @property
    def alone(self) -> bool:
        """Whether nobody else is here, nor expected."""
        return self._presence.alone

    def room(self, connectivity: Connectivity, now: float) -> RoomStatus:
        """The room as the user is told of it: alone is who waits for nobody, neither here nor known to be there."""
        peers = self._presence.peers
        return RoomStatus(
            name=self.room_name,
            where="p2p",
            code=self.room_name,
            password_needed=self.password_needed,
            nick=self.nick,
            fingerprint=self.fingerprint,
            path=connectivity.summary(peers, now)[0],
            rtt_ms=None if self.rtt_s is None else self.rtt_s * 1000,
            run=self.run,
            seq=self.seq,
            alone=self.alone and not connectivity.unreached(peers),
            compared=self._presence.bearers.sure,
            trouble=connectivity.trouble(peers, now),
        )

    @property
    def stored(self) -> int:
        """How many messages of the room's have come here."""
        return sum(track.log.head for (_, stream), track in self._replica.tracks.items() if stream == TALK)

    @property
    def seq(self) -> int:
        """The number of the member's own last message."""
        return self._message_log.last
