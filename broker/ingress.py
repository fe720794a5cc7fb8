"""The ingress: what publishers send, judged frame by frame: rate first, then form, then rights; then it is staged."""

from __future__ import annotations

import msgspec

from sandpiper.broker.core import Broker
from sandpiper.broker.sequencer import AGAIN
from sandpiper.broker.session import ClientSession
from sandpiper.common import batch, frame
from sandpiper.common.codec import UNDECODABLE
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import BATCH_MESSAGES, BODY_BYTES, ROOMS
from sandpiper.common.messages import Draft
from sandpiper.common.nicks import ANON, nick


class Ingress:
    """Checks what publishers send to a broker, and stages what is good."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._sequencer = broker.sequencer
        self._topics: dict[bytes, tuple[str, str]] = {}

    def frame(self, session: ClientSession, encoded: bytes, now: float) -> None:
        """Takes one bus frame from a keyed session, or from the plain doors' tools."""
        raw, _, body = encoded.partition(b"\0")
        if batch.is_topic(raw):
            self._batch(session, raw, body, now)
            return
        name, draft = "", None
        try:
            wait = session.meter.take(len(encoded), now)  # first of all: what is malformed costs its rate too
            if wait:
                raise Refusal(Code.RATE, "slow down", retry_ms=int(wait * 1000) + 1)
            name, kind = self._topics.get(raw) or self._topic(raw)
            draft = frame.decode_draft(kind, body)
            self._publish(session, name, draft, now)
        except Refusal as refusal:
            self._refuse(session, name, body, draft, refusal, now)

    def _batch(self, session: ClientSession, raw: bytes, body: bytes, now: float) -> None:
        """Takes many publications to one room. From the first that is to be sent again on, none is taken."""
        name, draft = "", None
        try:
            name, _ = self._topics.get(raw) or self._topic(raw)
            drafts = batch.decode_drafts(body)
        except Refusal as refusal:
            self._bodies(session, name, body, refusal, now)
            return
        size, count = len(body), len(drafts)
        seat = session.seats.get(name)
        paid = seat is not None and not session.meter.take(size, now, count)
        if seat is not None and paid:
            room = self._broker.rooms[name]
            if self._sequencer.stage_run(room, session, seat.nick, seat.verified, drafts, self._broker.ts(now)):
                return
        for draft in drafts:
            try:
                wait = 0.0 if paid else session.meter.take(size // count, now)
                if wait:
                    raise Refusal(Code.RATE, "slow down", retry_ms=int(wait * 1000) + 1)
                self._publish(session, name, draft, now)
            except Refusal as refusal:
                self._refuse(session, name, b"", draft, refusal, now)
                if refusal.code in AGAIN:
                    return

    def _bodies(self, session: ClientSession, name: str, body: bytes, refusal: Refusal, now: float) -> None:
        """Takes each publication of a batch for itself, because some of it is bad."""
        try:
            if not name:
                raise refusal
            bodies = batch.bodies(body)
            if len(bodies) > BATCH_MESSAGES:
                raise Refusal(Code.TOO_MANY, f"a batch has at most {BATCH_MESSAGES} publications")
            for each in bodies:
                self.frame(session, frame.topic(name, _kind(each)) + b"\0" + each, now)
        except Refusal as worse:
            session.meter.charge(len(body), now)
            self._sequencer.refuse(session, name, 0, worse, None, self._broker.ts(now))

    def _refuse(
        self, session: ClientSession, name: str, body: bytes, draft: Draft | None, refusal: Refusal, now: float
    ) -> None:
        """The publication was refused; with a number, and for good, its number is taken all the same."""
        number = (draft.n if draft is not None else _number(body)) or 0
        if number > 0 and session.key is not None and name in session.seats and refusal.code not in AGAIN:
            self._sequencer.void(session, self._broker.rooms[name], number, refusal, self._broker.ts(now))
        else:
            self._sequencer.refuse(session, name, number, refusal, draft.id if draft else None, self._broker.ts(now))

    def _topic(self, raw: bytes) -> tuple[str, str]:
        topic = (batch.read_topic(raw), "") if batch.is_topic(raw) else frame.read_topic(raw)
        if len(self._topics) > 4 * ROOMS:
            self._topics.clear()
        self._topics[raw] = topic
        return topic

    def _publish(self, session: ClientSession, name: str, draft: Draft, now: float) -> None:
        ts = self._broker.ts(now)
        if session is self._broker.tools:
            room = self._broker.room(name)
            nick_shown = nick(draft.nick) if draft.nick else ANON
            if room.book.owner(nick_shown) is not None:
                raise Refusal(Code.NICK_TAKEN, f"the nick {nick_shown} belongs to a member")
            self._sequencer.stage(room, session, nick_shown, False, draft, ts)
        else:
            room, seat = self._broker.seated(session, name)
            self._sequencer.stage(room, session, seat.nick, seat.verified, draft, ts)

    def draft(self, session: ClientSession, name: str, draft: Draft, now: float) -> None:
        """Takes one publication of a guest, whose rate its own connection keeps. Raises Refusal."""
        room, seat = self._broker.seated(session, name)
        size = len(batch.encode_body(draft))
        if size > BODY_BYTES:
            raise Refusal(Code.TOO_LARGE, f"a message has at most {BODY_BYTES} bytes, this one {size}")
        self._sequencer.stage(room, session, seat.nick, seat.verified, draft, self._broker.ts(now))


def _kind(body: bytes) -> str:
    """The type of one publication; of one that says none, a type that nobody knows."""
    try:
        return batch.kind_of(body)
    except Refusal:
        return "?"


class _Numbered(msgspec.Struct):
    n: int | None = None


_numbered = msgspec.msgpack.Decoder(_Numbered)


def _number(body: bytes) -> int | None:
    """The number in a draft that was refused, if it can be told."""
    try:
        return _numbered.decode(body).n
    except UNDECODABLE:
        return None
