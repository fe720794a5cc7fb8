"""What the parts of one member share: its keys and settings, the time, and where to put what is to be sent or told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import Refusal, SandpiperError
from sandpiper.common.limits import FRAME_BYTES, TOPIC_BYTES
from sandpiper.common.messages import Notice
from sandpiper.common.p2p.packets import AnyPair, AnySaid
from sandpiper.peer.events import Event, Warned
from sandpiper.peer.p2p.state.keyring import Keyring
from sandpiper.peer.p2p.state.outputs import Answer, Command, MemberSettings, OutgoingPacket
from sandpiper.peer.p2p.state.peer import Peer


@dataclass(slots=True)
class Context:
    """The keys, code, settings and clocks of a member, and the lists that collect what it wants done.

    `now` is the monotonic time of the call under way, in seconds, and `wall` tells the time of day. `held`: the reader
    takes no events at the moment. `broken` is why the member cannot go on.
    """

    keyring: Keyring
    code: RoomCode
    settings: MemberSettings
    run: bytes
    now: float
    wall: Callable[[], float]
    entropy: Callable[[int], bytes]
    entered_at: float = field(init=False)
    held: bool = False
    broken: SandpiperError | None = None
    events: deque[Event] = field(default_factory=deque)
    packets: list[OutgoingPacket] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.entered_at = self.now

    @property
    def session(self) -> bytes:
        """The member's own session."""
        return self.keyring.session

    @property
    def room_name(self) -> str:
        """The code as the room's name."""
        return str(self.code)

    def send_to_room(self, said: AnySaid, recipients: tuple[Peer, ...] | None = None) -> None:
        """Sends a packet to everybody; to `recipients` only, if they are given."""
        self._send(OutgoingPacket(None, self.keyring.to_room(said), recipients))

    def send_to(self, peer: Peer, said: AnyPair) -> None:
        """Sends a packet that only this member can open."""
        self._send(OutgoingPacket(peer.keys.session, self.keyring.to_one(peer.keys.session, said)))

    def _send(self, out: OutgoingPacket) -> None:
        """Sends what fits in a frame. What others have made it of may not, and must not end this member."""
        if TOPIC_BYTES + len(out.packet) <= FRAME_BYTES:
            self.packets.append(out)

    def answer(self, name: str, refusal: Refusal | None = None) -> None:
        """Says how the whisper `name` has ended."""
        self.answers.append((name, refusal))

    def warn(self, kind: str, text: str) -> None:
        """Warns the user."""
        self.events.append(Warned(kind, text))

    def notice(self, text: str, event: str, nick: str, fingerprint: str, was: str | None = None) -> None:
        """Tells the user of something that a member did."""
        self.events.append(Notice(text, int(self.wall()), self.room_name, event, nick, was, fingerprint))
