"""Whispers: lines for one person alone, confirmed or given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandpiper.common import packets
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import WHISPER_S
from sandpiper.common.messages import Whisper
from sandpiper.common.nicks import fold
from sandpiper.peer.p2p.peers import Peer, State

if TYPE_CHECKING:
    from sandpiper.peer.p2p.member import Member


class Whispering:
    """One member's, both ways."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._waiting: dict[str, float] = {}
        self._told: dict[str, float] = {}

    def get_timers(self) -> list[float]:
        """When `handle_timer` is to be called."""
        return list(self._waiting.values())

    def handle_timer(self, now: float) -> None:
        """Gives up what nobody has confirmed."""
        for name in [name for name, until in self._waiting.items() if now >= until]:
            del self._waiting[name]
            self._member.answers.append((name, Refusal(Code.NOT_HERE, "the whisper was not confirmed; try again")))

    def receive(self, peer: Peer, hush: packets.Hush, now: float) -> None:
        """A line for us."""
        self._member.say_to(peer, packets.Heard(hush.id))
        key = f"{peer.fingerprint}/{hush.id}"
        if key in self._told or peer.state is State.LEFT:
            return
        self._told = {name: at for name, at in self._told.items() if now - at < WHISPER_S * 4}
        self._told[key] = now
        whisper = Whisper(
            peer.nick, hush.to, hush.text, hush.ts, self._member.room_name, hush.id, peer.fingerprint, True
        )
        self._member.events.append(whisper)

    def arrived(self, peer: Peer, heard: packets.Heard, now: float) -> None:
        """One of ours has been heard."""
        if self._waiting.pop(heard.id, None) is not None:
            self._member.answers.append((heard.id, None))

    def send(self, to: str, text: str, name: str, now: float) -> None:
        """A line for the sessions called `to`; `answers` tells. Raises Refusal: NOT_HERE."""
        found = [peer for peer in self._member.presence.peers.values() if peer.here and fold(peer.nick) == fold(to)]
        if not found:
            raise Refusal(Code.NOT_HERE, f"{to} is not here")
        self._waiting[name] = now + WHISPER_S
        for peer in found:
            self._member.say_to(
                peer, packets.Hush(name, self._member.settings.nick, to, text, int(self._member.wall()))
            )
