"""The sequencer: numbers, stamps and stores publications, a batch at a time.

Publications are *staged* as they come, and a *flush* commits them in one transaction before anybody sees them. When
the store cannot take the batch, staging is undone as if it had never been, and the publishers are told to resend.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sandpiper.broker.acks import Stored, answers_to_guests, answers_to_sessions
from sandpiper.broker.dedup import Dedup
from sandpiper.broker.fanout import Encoded, Fanout
from sandpiper.broker.log import RoomLogs, StoreError
from sandpiper.broker.outage import Outage
from sandpiper.broker.outputs import Output, ToBus, ToGuest, ToSession, ToTools
from sandpiper.broker.records import Batch, LogBlock
from sandpiper.broker.room import HostedRoom
from sandpiper.broker.session import ClientSession
from sandpiper.common import batch
from sandpiper.common.control import Turned
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.items import Item
from sandpiper.common.limits import ID_CHARS
from sandpiper.common.messages import (
    Ack,
    Data,
    DataDraft,
    Draft,
    Error,
    Me,
    MeDraft,
    Message,
    Msg,
    MsgDraft,
    Notice,
)
from sandpiper.common.nicks import ANON

STORE_RETRY_MS = 1000
AGAIN = frozenset({Code.GAP, Code.RATE, Code.STORE, Code.NOT_JOINED})
"""Not for good: the publication is to be sent again."""
_OVER = "the broker's log is written again: what was refused can be said again"
_encode = msgspec.msgpack.Encoder().encode


class _Staged(Encoded, gc=False):
    """A publication on its way into the store. `number` is 0 for a publisher that does not number."""

    message: Message
    room: HostedRoom
    session: ClientSession
    sender: str
    number: int


class Sequencer:
    """Numbers the publications of all rooms of a broker, and hands out what is to be said of those that are stored."""

    def __init__(self, store: RoomLogs, dedup: Dedup) -> None:
        self._store = store
        self._dedup = dedup
        self._staged: list[_Staged] = []
        self._passing: list[tuple[HostedRoom, Notice, int]] = []
        self._acks: list[Stored] = []
        self._guest_acks: list[tuple[ClientSession, HostedRoom, Ack]] = []
        self._numbers: dict[tuple[ClientSession, HostedRoom], int] = {}
        self._voids: list[tuple[ClientSession, HostedRoom, Turned]] = []
        self._turned: dict[tuple[ClientSession, str, bool], Turned] = {}
        self._outputs: list[Output] = []
        self.stored = 0
        self.refused: dict[Code, int] = dict.fromkeys(Code, 0)
        self.outage = Outage()

    # Staging -----------------------------------------------------------------------------------------------

    def stage(self, room: HostedRoom, session: ClientSession, nick: str, verified: bool, draft: Draft, ts: int) -> None:
        """Takes one publication. A repeated one is answered with its first seq. Raises Refusal: GAP, INVALID."""
        key = session.key
        sender = session.fingerprint or _nameless(session, nick)
        name = draft.id
        number = 0
        if key is not None and draft.n is not None:
            number = draft.n
            name = f"{session.publisher}-{number}"
            taken = room.published.get(key, 0)
            if number <= taken:
                if number < 1:
                    raise Refusal(Code.INVALID, "publications are numbered from 1")
                first = self._dedup.find_number(room.name, session.publisher, number)
                self._acks.append(Stored(session, room, number, first or 0))
                return
            if number != taken + 1:
                raise Refusal(Code.GAP, f"publication {number} came before {taken + 1}")
        elif name is not None:
            if len(name) > ID_CHARS:
                raise Refusal(Code.INVALID, f"an id has at most {ID_CHARS} characters")
            first = self._dedup.find(room.name, sender, name)
            if first is not None:
                self._acknowledge(session, room, name, first)
                return
        seq = room.head + 1
        run = self._store.run
        if name is None:
            name = f"{run[:8]}-{seq}"
        kind, make, content = _content(draft)
        prev = room.last.get(kind, 0)
        message = make(nick, content, ts, room.name, seq, prev, run, name, session.fingerprint, verified)
        # What may fail for want of memory comes first: what is staged is staged whole.
        self._staged.append(_Staged(kind, message, _encode(message), room, session, sender, number))
        room.head = room.last[kind] = seq
        if number:
            room.published[key or b""] = number
            self._dedup.add_numbers(room.name, session.publisher, number, seq, 1)
            self._numbers[session, room] = number
            self._acks.append(Stored(session, room, number, seq))
        else:
            self._dedup.add(room.name, sender, name, seq)
            self._acknowledge(session, room, name, seq)

    def stage_run(
        self, room: HostedRoom, session: ClientSession, nick: str, verified: bool, drafts: list[Draft], ts: int
    ) -> bool:
        """Stages drafts that are numbered on from the last one taken. Returns False, and takes nothing, for others.

        The usual case under load, with all that is the same for a publisher's batch done once.
        """
        key = session.key
        if key is None or not drafts:
            return False
        first = number = room.published.get(key, 0) + 1
        for draft in drafts:
            if draft.n != number:
                return False
            number += 1
        name, run, last, publisher = room.name, self._store.run, dict(room.last), session.publisher
        fingerprint, staged = session.fingerprint, list[_Staged]()
        sender = fingerprint or ""
        seq = room.head
        number = first
        for draft in drafts:
            seq += 1
            kind, make, content = _content(draft)
            stamps = (ts, name, seq, last.get(kind, 0), run, f"{publisher}-{number}", fingerprint, verified)
            message = make(nick, content, *stamps)
            staged.append(_Staged(kind, message, _encode(message), room, session, sender, number))
            last[kind] = seq
            number += 1
        count = len(drafts)
        self._staged += staged  # all at once: one that fails for want of memory must not stand there alone
        room.last = last
        self._dedup.add_numbers(name, publisher, first, room.head + 1, count)
        self._acks.append(Stored(session, room, first, room.head + 1, count))
        room.head = seq
        room.published[key] = self._numbers[session, room] = number - 1
        return True

    def refuse(
        self, session: ClientSession, name: str, number: int, refusal: Refusal, draft_id: str | None, ts: int
    ) -> None:
        """Tells a publisher that a publication to the room `name` was refused, where a way back exists.

        A keyed one is told once a batch to send again, for once is enough to make it begin at its oldest.
        """
        self.refused[refusal.code] += 1
        if session.guest is not None:
            error = Error(refusal.text, ts, refusal.code.value, draft_id, name)
            self._outputs.append(ToGuest(session.guest, [Item(error)]))
            return
        if session.key is None:
            return
        retry = refusal.retry_ms if refusal.code in AGAIN else None
        told = self._turned.get((session, name, retry is None))
        if told is None:
            told = Turned(room=name, n=number, code=refusal.code.value, text=refusal.text, retry_ms=retry)
            self._turned[session, name, retry is None] = told
            self._outputs.append(ToSession(session, told))
        elif retry is not None and retry > (told.retry_ms or 0):
            told.n, told.code, told.text, told.retry_ms = number, refusal.code.value, refusal.text, retry

    def void(self, session: ClientSession, room: HostedRoom, number: int, refusal: Refusal, ts: int) -> None:
        """A numbered publication was refused for good: its number counts as taken, so that no hole stays behind it.

        The publisher forgets it when it is told, so it is told once everything below is decided.
        """
        key = session.key or b""
        taken = room.published.get(key, 0)
        if number > taken + 1:
            gap = Refusal(Code.GAP, f"publication {number} came before {taken + 1}")
            self.refuse(session, room.name, number, gap, None, ts)
            return
        self.refused[refusal.code] += 1
        room.published[key] = max(number, taken)
        event = Turned(room=room.name, n=number, code=refusal.code.value, text=refusal.text)
        self._voids.append((session, room, event))

    def notice(self, room: HostedRoom, notice: Notice) -> None:
        """Says something in the room, after what has been staged."""
        self._passing.append((room, notice, len(self._staged)))

    def _acknowledge(self, session: ClientSession, room: HostedRoom, name: str, seq: int) -> None:
        if session.guest is not None:
            self._guest_acks.append((session, room, Ack(name, room.name, seq)))

    # Flushing ----------------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether a flush would do nothing."""
        return not (self._staged or self._passing or self._acks or self._guest_acks or self._voids or self._outputs)

    def flush(self, ts: int, now: float) -> list[Output]:
        """Stores what is staged, then says what is to be sent, in order."""
        blocks: dict[HostedRoom, list[LogBlock]] = {}
        if self._staged or self._voids:
            try:
                blocks = self._blocks(ts)
                self._store.commit(Batch([each for some in blocks.values() for each in some], self._published()), ts)
            except Exception as error:
                blocks = {}
                self.outage.failed(error, len(self._staged), now)
                self._undo(ts)
                if not isinstance(error, (StoreError, MemoryError)):
                    raise  # a mistake of ours; but the batch that met it must not stand in the way of the next
            else:
                self.stored += len(self._staged)
        try:
            return self._results(blocks)
        finally:  # what is stored must not be stored again, whatever becomes of saying so
            self._staged, self._passing, self._acks, self._guest_acks, self._voids = [], [], [], [], []
            self._turned.clear()
            self._numbers.clear()

    def _results(self, blocks: dict[HostedRoom, list[LogBlock]]) -> list[Output]:
        outputs, self._outputs = self._outputs, []
        for room, fanout in self._fanouts(blocks).items():
            outputs.append(ToBus(fanout))
            for session in room.told:
                if session.guest is not None:
                    outputs.append(ToGuest(session.guest, fanout.items))
                else:
                    outputs.extend(ToSession(session, push) for push in fanout.pushes)
        outputs.extend(answers_to_guests(self._guest_acks))
        outputs.extend(answers_to_sessions(self._acks))
        outputs.extend(ToSession(session, event) for session, _, event in self._voids)
        return outputs

    def _by_room(self) -> dict[HostedRoom, list[_Staged]]:
        by_room: dict[HostedRoom, list[_Staged]] = {}
        for staged in self._staged:
            by_room.setdefault(staged.room, []).append(staged)
        return by_room

    def _blocks(self, ts: int) -> dict[HostedRoom, list[LogBlock]]:
        return {room: _blocks_of(room, some, ts) for room, some in self._by_room().items()}

    def _published(self) -> dict[tuple[bytes, str], int]:
        last = self._numbers
        for session, room, event in self._voids:
            last[session, room] = max(event.n, last.get((session, room), 0))
        return {(session.key or b"", room.name): number for (session, room), number in last.items()}

    def _fanouts(self, blocks: dict[HostedRoom, list[LogBlock]]) -> dict[HostedRoom, Fanout]:
        """The messages of each room, with notices in their places."""
        if not self._passing:
            return {
                room: Fanout(room.name, list(some), [block.body for block in blocks[room]])
                for room, some in self._by_room().items()
            }
        said: dict[HostedRoom, list[Encoded]] = {}
        passing = iter(self._passing)
        upcoming = next(passing, None)
        for position, staged in enumerate(self._staged):
            while upcoming is not None and upcoming[2] <= position:
                said.setdefault(upcoming[0], []).append(_said(upcoming[1]))
                upcoming = next(passing, None)
            said.setdefault(staged.room, []).append(staged)
        while upcoming is not None:
            said.setdefault(upcoming[0], []).append(_said(upcoming[1]))
            upcoming = next(passing, None)
        noticed = {room for room, _, _ in self._passing}
        return {
            room: Fanout(room.name, some, None if room in noticed else [block.body for block in blocks[room]])
            for room, some in said.items()
        }

    def probe(self, ts: int, now: float) -> None:
        """Tries the store in an outage. Once it is over, tells those whom no acknowledgement tells."""
        outage = self.outage
        if not outage.on:
            return
        try:
            self._store.probe()
        except StoreError as error:
            outage.failed(error, 0, now)
            return
        if not outage.over(now):
            return
        for session, rooms in outage.guests.items():
            if session.guest is not None:
                self._outputs += [ToGuest(session.guest, [Item(Notice(_OVER, ts, room))]) for room in rooms]
        self._outputs += [_to_tools(Notice(_OVER, ts, room)) for room in outage.rooms]
        outage.guests, outage.rooms = {}, set()

    def _undo(self, ts: int) -> None:
        firsts: dict[tuple[ClientSession, HostedRoom], int] = {}
        for staged in reversed(self._staged):
            message, room = staged.message, staged.room
            room.head = message.seq - 1
            room.last[staged.kind] = message.prev
            if staged.number:
                self._dedup.forget_numbers(room.name, staged.session.publisher, staged.number)
                room.published[staged.session.key or b""] = staged.number - 1
                firsts[staged.session, room] = staged.number
            else:
                self._dedup.forget(room.name, staged.sender, message.id)
        why = f"the broker's log cannot be written now: {self.outage.outside}"
        refusal = Refusal(Code.STORE, why, retry_ms=STORE_RETRY_MS)
        for staged in self._staged:
            if not staged.number and staged.session.guest is None:
                self.refuse(staged.session, staged.room.name, 0, refusal, staged.message.id, ts)
                if self.outage.tool(staged.room.name):
                    told = Notice(f"{why}. What is said is not passed on", ts, staged.room.name)
                    self._outputs.append(_to_tools(told))
        for session, room, ack in self._guest_acks:  # one for each publication, repeated ones too
            if (ack.seq or 0) > room.head:
                self.outage.guest(session, room.name)
                self.refuse(session, room.name, 0, refusal, ack.id, ts)
        for (session, room), number in firsts.items():
            self.refuse(session, room.name, number, refusal, None, ts)
        self._passing = [(room, notice, 0) for room, notice, _ in self._passing]
        self._staged = []
        self._acks = [ack for ack in self._acks if ack.seq <= ack.room.head]
        self._guest_acks = [ack for ack in self._guest_acks if (ack[2].seq or 0) <= ack[1].head]
        self._voids = [void for void in self._voids if void[2].n <= void[1].published.get(void[0].key or b"", 0)]


def _to_tools(notice: Notice) -> ToTools:
    return ToTools(Fanout(notice.room or "", [_said(notice)]))


def _nameless(session: ClientSession, nick: str) -> str:
    """The sender of ids where no key stands behind a nick. `anon` is many people, so there the session counts."""
    mark = "~" if session.guest is not None else "!"  # a tool's ids are not those of a guest whose nick it uses
    return f"{mark}{session.publisher or nick}" if nick == ANON else f"{mark}{nick}"


def _said(notice: Notice) -> Encoded:
    return Encoded("notice", notice, _encode(notice))


def _blocks_of(room: HostedRoom, staged: list[_Staged], ts: int) -> list[LogBlock]:
    """The blocks of one room. The last seq of each type stands with the last block: all are stored, or none."""
    first = staged[0].message.seq
    blocks = []
    portions = batch.portions([each.body for each in staged])
    for bodies in portions:
        last = dict(room.last) if bodies is portions[-1] else {}
        blocks.append(LogBlock(room.name, first, len(bodies), ts, last, batch.pack(bodies)))
        first += len(bodies)
    return blocks


def _content(draft: Draft) -> tuple[str, type[Any], Any]:
    """The type of what is published, the message that it becomes, and what it says."""
    if isinstance(draft, MsgDraft):
        return "msg", Msg, draft.text
    if isinstance(draft, MeDraft):
        return "me", Me, draft.text
    if isinstance(draft, DataDraft):
        return "data", Data, draft.value
    raise TypeError(f"{type(draft).__name__} is no publication")
