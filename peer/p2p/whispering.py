"""Whispers: lines for one person alone, said again until they are confirmed, or given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandpiper.common import packets
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import WHISPER_AGAIN_S, WHISPER_S
from sandpiper.common.messages import Whisper
from sandpiper.common.nicks import fold
from sandpiper.peer.p2p.peers import Peer, State

if TYPE_CHECKING:
    from sandpiper.peer.p2p.member import Member


@dataclass(slots=True)
class _Waiting:
    """One that nobody has confirmed yet."""

    to: list[Peer]
    hush: packets.Hush
    until: float
    again: float


class Whispering:
    """One member's, both ways."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._waiting: dict[str, _Waiting] = {}
        self._told: dict[str, float] = {}

    def get_timers(self) -> list[float]:
        """When `handle_timer` is to be called."""
        return [min(each.again, each.until) for each in self._waiting.values()]

    def handle_timer(self, now: float) -> None:
        """Says again, or gives up, what nobody has confirmed."""
        for name, each in list(self._waiting.items()):
            if now >= each.until:
                del self._waiting[name]
                self._member.answers.append((name, Refusal(Code.NOT_HERE, "the whisper was not confirmed; try again")))
            elif now >= each.again:
                each.again = now + WHISPER_AGAIN_S
                self._say(each)

    def receive(self, peer: Peer, hush: packets.Hush, now: float) -> None:
        """A line for us."""
        self._member.say_to(peer, packets.Heard(hush.id))
        key = f"{peer.fingerprint}/{hush.id}"
        if key in self._told or peer.state is State.LEFT:
            return
        self._told = {name: at for name, at in self._told.items() if now - at < WHISPER_S * 4}
        self._told[key] = now
        room = self._member.room_name
        self._member.events.append(
            Whisper(peer.nick, hush.to, hush.text, hush.ts, room, hush.id, peer.fingerprint, True)
        )

    def arrived(self, peer: Peer, heard: packets.Heard, now: float) -> None:
        """One of ours has been heard."""
        if self._waiting.pop(heard.id, None) is not None:
            self._member.answers.append((heard.id, None))

    def send(self, to: str, text: str, name: str, now: float) -> None:
        """A line for the sessions called `to`; `answers` tells. Raises Refusal: NOT_HERE."""
        member = self._member
        found = [peer for peer in member.presence.peers.values() if peer.here and fold(peer.nick) == fold(to)]
        if not found:
            raise Refusal(Code.NOT_HERE, f"{to} is not here")
        hush = packets.Hush(name, member.settings.nick, to, text, int(member.wall()))
        self._waiting[name] = _Waiting(found, hush, now + WHISPER_S, now + WHISPER_AGAIN_S)
        self._say(self._waiting[name])

    def _say(self, waiting: _Waiting) -> None:
        for peer in waiting.to:
            if peer.keys.session in self._member.presence.peers:
                self._member.say_to(peer, waiting.hush)
