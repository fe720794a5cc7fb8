"""The bridge's Room port, over the broker's core."""

from __future__ import annotations

from collections.abc import Callable

from sandpiper.bridge.port import Guest
from sandpiper.broker.admission import Admission
from sandpiper.broker.core import Broker
from sandpiper.broker.ingress import Ingress
from sandpiper.broker.log import StoreError
from sandpiper.broker.session import ClientSession
from sandpiper.common import batch
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import MEMBERS_ON_A_LINE, PAGE_BYTES
from sandpiper.common.messages import Draft, Joined, Member, Message, Notice, Rooms, Welcome
from sandpiper.common.nicks import ANON


class LinePort:
    """The rooms of a broker as JSON-lines clients use them.

    After each call the core may have something to send; `changed` says so to the service, and `settle` has it sent at
    once.
    """

    def __init__(
        self,
        broker: Broker,
        ingress: Ingress,
        admission: Admission,
        welcome: Callable[[str], Welcome],
        clock: Callable[[], float],
        changed: Callable[[], None],
        settle: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._ingress = ingress
        self._admission = admission
        self._clock = clock
        self._changed = changed
        self.settle = settle
        self._sessions: dict[Guest, ClientSession] = {}
        self._count = 0
        self.welcome = welcome

    @property
    def guests(self) -> list[Guest]:
        """The JSON-lines clients that are in a room."""
        return list(self._sessions)

    def admit(self, access_code: str | None, address: str) -> None:
        """See Port."""
        self._admission.admit_in_clear(access_code, address, self._clock())

    def enter(self, guest: Guest, room: str, nick: str | None) -> Joined:
        """See Port."""
        place = self._broker.join(self._known(guest), room, nick or ANON, self._clock())
        self._changed()
        return Joined(room, place.nick, self.members(room), place.room.head, self._broker.store.run)

    def leave(self, guest: Guest, room: str) -> None:
        """See Port."""
        self._broker.leave(self._session(guest), room, self._clock())
        self._changed()

    def claim(self, guest: Guest, room: str, nick: str) -> None:
        """See Port."""
        self._broker.claim(self._session(guest), room, nick, self._clock())
        self._changed()

    def publish(self, guest: Guest, room: str, draft: Draft) -> None:
        """See Port."""
        self._ingress.draft(self._session(guest), room, draft, self._clock())
        self._changed()

    def whisper(self, guest: Guest, room: str, to: str, text: str, id: str | None) -> None:  # noqa: A002
        """See Port."""
        broker, session, now = self._broker, self._session(guest), self._clock()
        seated, _ = broker.seated(session, room)
        for output in broker.whispers.send(seated, session, to, text, id or "", 0, now, broker.ts(now)):
            broker.tell(output)
        self._changed()

    def members(self, room: str) -> list[Member]:
        """See Port."""
        return self._broker.members(room)[:MEMBERS_ON_A_LINE]

    def rooms(self) -> Rooms:
        """See Port."""
        return Rooms(self._broker.listing())

    def replay(self, room: str, after: int, limit: int) -> tuple[list[Message], int]:
        """See Port."""
        try:
            page = self._broker.store.page(room, after, limit, PAGE_BYTES)
        except StoreError as error:
            raise Refusal(Code.STORE, self._broker.sequencer.outage.unreadable(error)) from error
        messages = [
            message
            for _, _, block in page.blocks
            for message in batch.decode(block)
            if not isinstance(message, Notice) and message.seq > max(after, page.start - 1)
        ]
        return messages[:limit], page.start

    def newest(self, room: str, count: int) -> int:
        """See Port."""
        held = self._broker.rooms.get(room)
        return max(held.head - count, 0) if held else 0

    def pause(self, guest: Guest, size: int) -> float:
        """See Port."""
        return self._known(guest).meter.charge(size, self._clock())

    def depart(self, guest: Guest) -> None:
        """See Port."""
        session = self._sessions.pop(guest, None)
        if session is not None:
            self._broker.end(session, self._clock(), grace=False)
            self._changed()

    def _session(self, guest: Guest) -> ClientSession:
        session = self._sessions.get(guest)
        if session is None:
            raise Refusal(Code.NOT_JOINED, "you are in no room yet")
        return session

    def _known(self, guest: Guest) -> ClientSession:
        """The guest's session, made at its first line: each has a rate, in a room or not."""
        session = self._sessions.get(guest)
        if session is None:
            self._count += 1
            name = f"{ANON}/{self._count}"
            session = ClientSession(self._broker.meter(), publisher=name, guest=guest, path="line")
            self._sessions[guest] = session
        return session
