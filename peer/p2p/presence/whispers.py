"""PeerWhispers: lines for one person alone, sent again until they are confirmed, or given up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import (
    BODY_BYTES,
    CLOCK_AHEAD_S,
    ID_CHARS,
    WHISPER_AGAIN_S,
    WHISPER_S,
    WHISPERS_HELD,
    WHISPERS_KNOWN,
)
from sandpiper.common.messages import Whisper
from sandpiper.common.p2p import packets
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.presence.persons import Persons
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer, PeerState


@dataclass(slots=True)
class _UnconfirmedWhisper:
    """A whisper of ours that nobody has confirmed yet."""

    to: list[Peer]
    hush: packets.Hush
    until: float
    again: float


class PeerWhispers:
    """Sends a member's whispers and receives the others'. `peers` are the members that are here, or may be."""

    def __init__(self, context: Context, peers: Mapping[bytes, Peer], persons: Persons, names: Names) -> None:
        self._context = context
        self._peers = peers
        self._persons = persons
        self._names = names
        self._waiting: dict[str, _UnconfirmedWhisper] = {}
        self._told: dict[bytes, dict[str, None]] = {}
        self._held = 0

    def get_timers(self) -> list[float]:
        """When `handle_timer` is to be called."""
        return [min(each.again, each.until) for each in self._waiting.values()]

    def handle_timer(self, now: float) -> None:
        """Sends again, or gives up, what nobody has confirmed."""
        for name, each in list(self._waiting.items()):
            if now >= each.until:
                del self._waiting[name]
                self._context.answer(name, Refusal(Code.NOT_HERE, "the whisper was not confirmed; try again"))
            elif now >= each.again:
                each.again = now + WHISPER_AGAIN_S
                self._send(each)

    def receive(self, peer: Peer, hush: packets.Hush, now: float) -> None:
        """Shows a member's whisper, once, and confirms it."""
        context = self._context
        if max(len(hush.id), len(hush.to)) > ID_CHARS or len(hush.text) > BODY_BYTES or peer.state is PeerState.LEFT:
            return
        told = self._told.setdefault(peer.keys.session, {})
        if hush.id not in told:
            self._held = self._held + 1 if context.held else 0
            if self._held > WHISPERS_HELD:
                return
            told[hush.id] = None
            if len(told) > WHISPERS_KNOWN:
                del told[next(iter(told))]
            wall = int(context.wall())
            ts = hush.ts if 0 <= hush.ts <= wall + CLOCK_AHEAD_S else wall
            person, owned = peer.fingerprint, self._names.owns(peer.fingerprint, peer.nick)
            context.events.append(Whisper(peer.nick, hush.to, hush.text, ts, context.room_name, hush.id, person, owned))
        context.send_to(peer, packets.Heard(hush.id))

    def forget(self, session: bytes) -> None:
        """Forgets which whispers of a session were shown: it has gone, and will use other names when it is back."""
        self._told.pop(session, None)

    def confirm(self, peer: Peer, heard: packets.Heard, now: float) -> None:
        """Takes a member's confirmation of a whisper of ours."""
        if self._waiting.pop(heard.id, None) is not None:
            self._context.answer(heard.id)

    def send(self, to: str, text: str, name: str, now: float) -> None:
        """Whispers to the person called `to`, or whose fingerprint begins so. Raises Refusal."""
        found = self._persons.here(to)
        hush = packets.Hush(name, self._context.settings.nick, to, text, int(self._context.wall()))
        self._waiting[name] = _UnconfirmedWhisper(found, hush, now + WHISPER_S, now + WHISPER_AGAIN_S)
        self._send(self._waiting[name])

    def _send(self, whisper: _UnconfirmedWhisper) -> None:
        for peer in whisper.to:
            if peer.keys.session in self._peers:
                self._context.send_to(peer, whisper.hush)
