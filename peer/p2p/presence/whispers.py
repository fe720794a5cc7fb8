"""Whispers: lines for one person alone, said again until they are confirmed, or given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import (
    BODY_BYTES,
    CLOCK_AHEAD_S,
    FINGERPRINT_LEAST,
    ID_CHARS,
    WHISPER_AGAIN_S,
    WHISPER_S,
    WHISPERS_HELD,
    WHISPERS_KNOWN,
)
from sandpiper.common.messages import Whisper
from sandpiper.common.nicks import fold
from sandpiper.common.p2p import packets
from sandpiper.peer.p2p.state.peer import Peer, State

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
        self._told: dict[bytes, dict[str, None]] = {}
        self._held = 0

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
        member = self._member
        if max(len(hush.id), len(hush.to)) > ID_CHARS or len(hush.text) > BODY_BYTES or peer.state is State.LEFT:
            return
        told = self._told.setdefault(peer.keys.session, {})
        if hush.id not in told:
            self._held = self._held + 1 if member.held else 0
            if self._held > WHISPERS_HELD:
                return
            told[hush.id] = None
            if len(told) > WHISPERS_KNOWN:
                del told[next(iter(told))]
            wall = int(member.wall())
            ts = hush.ts if 0 <= hush.ts <= wall + CLOCK_AHEAD_S else wall
            member.events.append(
                Whisper(peer.nick, hush.to, hush.text, ts, member.room_name, hush.id, peer.fingerprint, True)
            )
        member.say_to(peer, packets.Heard(hush.id))

    def forget(self, session: bytes) -> None:
        """It has gone: what it whispers when it is back has other names."""
        self._told.pop(session, None)

    def arrived(self, peer: Peer, heard: packets.Heard, now: float) -> None:
        """One of ours has been heard."""
        if self._waiting.pop(heard.id, None) is not None:
            self._member.answers.append((heard.id, None))

    def send(self, to: str, text: str, name: str, now: float) -> None:
        """A line for the person called `to`, or whose fingerprint begins so; `answers` tells. Raises Refusal."""
        member = self._member
        here = [peer for peer in member.presence.peers.values() if peer.here]
        found = [peer for peer in here if fold(peer.nick) == fold(to)]
        if not found and len(to) >= FINGERPRINT_LEAST:
            found = [peer for peer in here if peer.fingerprint.startswith(to.lower())]
        if not found:
            raise Refusal(Code.NOT_HERE, f"{to} is not here")
        persons = {peer.fingerprint for peer in found}
        if len(persons) > 1:
            names = ", ".join(sorted(persons))
            raise Refusal(Code.INVALID, f"several persons are called {to}: say which by the fingerprint: {names}")
        hush = packets.Hush(name, member.settings.nick, to, text, int(member.wall()))
        self._waiting[name] = _Waiting(found, hush, now + WHISPER_S, now + WHISPER_AGAIN_S)
        self._say(self._waiting[name])

    def _say(self, waiting: _Waiting) -> None:
        for peer in waiting.to:
            if peer.keys.session in self._member.presence.peers:
                self._member.say_to(peer, waiting.hush)
