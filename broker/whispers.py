"""Whispers under way: each waits for one of its addressee's sessions to confirm it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandpiper.broker.outputs import Output, ToGuest, ToSession
from sandpiper.broker.room import HostedRoom
from sandpiper.broker.session import ClientSession
from sandpiper.common.control import Done, Refused, Whispered
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.items import Item
from sandpiper.common.limits import BODY_BYTES, ID_CHARS, WHISPER_S
from sandpiper.common.messages import Ack, Error, Whisper

WAITING_MOST = 1000
WAITING_OF_ONE = 100
"""So that nobody takes all places: an addressee that never confirms may be one's own."""


@dataclass(frozen=True, slots=True, eq=False)
class _Undelivered:
    sender: ClientSession
    request: int
    whisper: Whisper
    holders: list[ClientSession]
    until: float


class Whispers:
    """Whispers under way, keyed by the sender and the whisper's id, of which guests, who have no fingerprint, may have
    the same.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str | None, str], list[_Undelivered]] = {}

    def send(
        self, room: HostedRoom, sender: ClientSession, to: str, text: str, name: str, request: int, now: float, ts: int
    ) -> list[Output]:
        """To all sessions whose nick is `to`. Raises Refusal: NOT_HERE, INVALID, TOO_MANY."""
        if not text.strip() or len(text.encode()) > BODY_BYTES or len(name) > ID_CHARS:
            raise Refusal(Code.INVALID, "a whisper needs a text that fits one message")
        holders = room.holders(to)
        if not holders:
            raise Refusal(Code.NOT_HERE, f"nobody here is called {to}")
        under_way = [waiting.sender for waiting in self._all()]
        if len(under_way) >= WAITING_MOST or under_way.count(sender) >= WAITING_OF_ONE:
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
        waiting = _Undelivered(sender, request, whisper, holders, now + WHISPER_S)
        if delivered:
            outputs.append(_arrived(waiting))
        else:
            self._waiting.setdefault((sender.fingerprint, name), []).append(waiting)
        return outputs

    def received(self, by: ClientSession, name: str, sender: str | None) -> list[Output]:
        """Takes the confirmation of one of the addressee's sessions."""
        for waiting in self._waiting.get((sender, name), []):
            if by in waiting.holders:
                self._waiting[sender, name].remove(waiting)
                return [_arrived(waiting)]
        return []

    def get_timer(self) -> float | None:
        """When `expire` has something to say."""
        return min((waiting.until for waiting in self._all()), default=None)

    def expire(self, now: float, ts: int) -> list[Output]:
        """Reports the whispers that nobody confirmed in time."""
        due = [waiting for waiting in self._all() if waiting.until <= now]
        if due:
            self._keep(lambda waiting: waiting.until > now)
        return [_undelivered(waiting, ts) for waiting in due]

    def drop(self, sender: ClientSession) -> None:
        """The sender has gone."""
        self._keep(lambda waiting: waiting.sender is not sender)

    def _all(self) -> list[_Undelivered]:
        return [waiting for some in self._waiting.values() for waiting in some]

    def _keep(self, wanted: Callable[[_Undelivered], bool]) -> None:
        kept = {key: [each for each in some if wanted(each)] for key, some in self._waiting.items()}
        self._waiting = {key: some for key, some in kept.items() if some}


def _arrived(waiting: _Undelivered) -> Output:
    if waiting.sender.guest is not None:
        ack = Ack(waiting.whisper.id, waiting.whisper.room, None)
        return ToGuest(waiting.sender.guest, [Item(ack)])
    return ToSession(waiting.sender, Done(r=waiting.request))


def _undelivered(waiting: _Undelivered, ts: int) -> Output:
    text = f"{waiting.whisper.to} did not get the whisper: the connection is down"
    if waiting.sender.guest is not None:
        error = Error(text, ts, Code.NOT_HERE.value, waiting.whisper.id, waiting.whisper.room)
        return ToGuest(waiting.sender.guest, [Item(error)])
    return ToSession(waiting.sender, Refused(r=waiting.request, code=Code.NOT_HERE.value, text=text))
