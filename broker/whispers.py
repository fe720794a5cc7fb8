"""Whispers under way: each waits for one of its addressee's sessions to confirm it."""

from __future__ import annotations

from dataclasses import dataclass

from sandpiper.broker.outputs import Output, ToGuest, ToSession
from sandpiper.broker.room import Room
from sandpiper.broker.session import Session
from sandpiper.common.control import Done, Refused, Whispered
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.items import Item
from sandpiper.common.limits import BODY_BYTES, ID_CHARS, WHISPER_S
from sandpiper.common.messages import Ack, Error, Whisper

WAITING_MOST = 1000


@dataclass(frozen=True, slots=True)
class _Waiting:
    sender: Session
    request: int
    whisper: Whisper
    until: float


class Whispers:
    """Keyed by the sender and the whisper's id."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str | None, str], _Waiting] = {}

    def send(
        self, room: Room, sender: Session, to: str, text: str, name: str, request: int, now: float, ts: int
    ) -> list[Output]:
        """To all sessions whose nick is `to`. Raises Refusal: NOT_HERE, INVALID, TOO_MANY."""
        if not text.strip() or len(text.encode()) > BODY_BYTES or len(name) > ID_CHARS:
            raise Refusal(Code.INVALID, "a whisper needs a text that fits one message")
        holders = room.holders(to)
        if not holders:
            raise Refusal(Code.NOT_HERE, f"nobody here is called {to}")
        if len(self._waiting) >= WAITING_MOST:
            raise Refusal(Code.TOO_MANY, "too many whispers are under way")
        seat = room.seats[sender]
        whisper = Whisper(seat.nick, to, text, ts, room.name, name, sender.fingerprint, seat.verified)
        outputs: list[Output] = []
        delivered = False
        for holder in holders:
            if holder.guest is not None:
                outputs.append(ToGuest(holder.guest, [Item(whisper)]))
                delivered = True
            else:
                outputs.append(ToSession(holder, Whispered(whisper=whisper)))
        waiting = _Waiting(sender, request, whisper, now + WHISPER_S)
        if delivered:
            outputs.append(_arrived(waiting))
        else:
            self._waiting[sender.fingerprint, name] = waiting
        return outputs

    def received(self, by: Session, name: str, sender: str | None) -> list[Output]:
        """One of the addressee's sessions has it."""
        waiting = self._waiting.get((sender, name))
        if waiting is None or not any(seat.nick == waiting.whisper.to for seat in by.seats.values()):
            return []
        del self._waiting[sender, name]
        return [_arrived(waiting)]

    def expire(self, now: float, ts: int) -> list[Output]:
        """What nobody confirmed in time."""
        due = [key for key, waiting in self._waiting.items() if waiting.until <= now]
        return [_undelivered(self._waiting.pop(key), ts) for key in due]

    def drop(self, sender: Session) -> None:
        """The sender has gone."""
        self._waiting = {
            key: waiting for key, waiting in self._waiting.items() if waiting.sender is not sender
        }


def _arrived(waiting: _Waiting) -> Output:
    if waiting.sender.guest is not None:
        ack = Ack(waiting.whisper.id, waiting.whisper.room, None)
        return ToGuest(waiting.sender.guest, [Item(ack)])
    return ToSession(waiting.sender, Done(r=waiting.request))


def _undelivered(waiting: _Waiting, ts: int) -> Output:
    text = f"{waiting.whisper.to} did not get the whisper: the connection is down"
    if waiting.sender.guest is not None:
        error = Error(text, ts, Code.NOT_HERE.value, waiting.whisper.id, waiting.whisper.room)
        return ToGuest(waiting.sender.guest, [Item(error)])
    return ToSession(waiting.sender, Refused(r=waiting.request, code=Code.NOT_HERE.value, text=text))
