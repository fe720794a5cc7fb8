"""Answers to control requests. A table says which method handles which type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandpiper.broker.admission import Admission, enrolled_reply
from sandpiper.broker.core import Broker
from sandpiper.broker.ingress import Ingress
from sandpiper.broker.log import StoreError
from sandpiper.broker.outputs import Output
from sandpiper.broker.session import ClientSession
from sandpiper.common import codec, control
from sandpiper.common.control import Reply
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import PAGE_BYTES, PAGE_ENTRIES, WINDOW_MESSAGES
from sandpiper.common.tickets import Requester

_COUNTER_MOST = 1 << 62
"""Above every seq and every number, and still fit for a database."""


class RequestHandlers:
    """Carries out the control requests of keyed sessions. `wall` is wall time minus `now`'s clock."""

    def __init__(self, broker: Broker, ingress: Ingress, admission: Admission, wall: Callable[[], float]) -> None:
        self._broker = broker
        self._ingress = ingress
        self._admission = admission
        self._wall = wall

    def answer(self, caller: Requester, frame: bytes, now: float) -> Reply | None:
        """Carries out one request. The reply, or None where it comes later or as events."""
        try:
            request = control.decode_request(frame)
        except Refusal as refusal:
            return _refused(codec.request_number(frame), refusal)
        try:
            if isinstance(request, control.Pake):
                address = self._admission.tickets.address(request.ticket, caller.address, now)
                return self._admission.pake(caller.key, request, address, now)
            if isinstance(request, control.Enrol):
                return self._enrol(caller, request, now)
            session = self._session(caller, now)
            if not isinstance(request, _FREE):
                wait = session.requests.take(1.0, now)
                if wait:
                    raise Refusal(Code.RATE, "too many requests", retry_ms=int(wait * 1000) + 1)
            handler = _HANDLERS[type(request)]
            return handler(self, session, request, now)
        except Refusal as refusal:
            return _refused(request.r, refusal)
        except StoreError as error:
            return _refused(request.r, Refusal(Code.STORE, self._broker.sequencer.outage.unreadable(error)))

    def _session(self, caller: Requester, now: float) -> ClientSession:
        session = self._broker.sessions.get(caller.key)
        if session is None:
            raise Refusal(Code.ACCESS, "enrol first")
        session.heard, session.gone_at, session.route = now, None, caller.route
        return session

    def _enrol(self, caller: Requester, request: control.Enrol, now: float) -> Reply:
        address = self._admission.tickets.address(request.ticket, caller.address, now)
        broker = self._broker
        made, confirm = self._admission.enrol(caller.key, request, address, broker.meter(), now, self._wall())
        session = broker.sessions.get(caller.key)
        if session is None or session.identity != made.identity:
            if session is not None:
                broker.end(session, now, grace=True)
            session = broker.sessions[caller.key] = made
        broker.reconnected(session, caller.route, now)
        rates = (broker.rules.messages_per_s, broker.rules.bytes_per_s)
        return enrolled_reply(request, session, broker.store.run, rates, confirm)

    # Rooms -------------------------------------------------------------------------------------------------

    def _join(self, session: ClientSession, request: control.Join, now: float) -> Reply:
        broker = self._broker
        if not (1 <= request.next_n < _COUNTER_MOST and request.backlog >= 0):
            raise Refusal(Code.INVALID, "next_n counts from 1, and backlog is not below 0")
        place = broker.join(
            session,
            request.room,
            request.nick,
            now,
            member=request.member,
            run=request.run,
            after=request.after,
            backlog=request.backlog,
        )
        room, key = place.room, session.key or b""
        if request.next_n - 1 > room.published.get(key, 0):
            # The publisher knows that everything below is stored; this broker has forgotten it (PUBLISHERS_KEPT_S).
            room.published[key] = request.next_n - 1
        return control.Entered(
            r=request.r,
            room=room.name,
            nick=place.nick,
            run=broker.store.run,
            head=room.head,
            start=place.start,
            after=place.after,
            published=room.published.get(key, 0),
            members=room.members(),
        )

    def _claim(self, session: ClientSession, request: control.Claim, now: float) -> Reply:
        self._broker.claim(session, request.room, request.nick, now)
        return control.Done(r=request.r)

    def _leave(self, session: ClientSession, request: control.Leave, now: float) -> Reply:
        self._broker.leave(session, request.room, now, grace=False)
        return control.Done(r=request.r)

    def _who(self, session: ClientSession, request: control.Who, now: float) -> Reply:
        return control.Present(r=request.r, members=self._broker.members(request.room))

    def _list(self, session: ClientSession, request: control.ListRooms, now: float) -> Reply:
        return control.RoomList(r=request.r, rooms=self._broker.listing())

    def _replay(self, session: ClientSession, request: control.Replay, now: float) -> Reply:
        room, _ = self._broker.seated(session, request.room)
        limit = min(max(request.limit, 1), PAGE_ENTRIES)
        page = self._broker.store.page(room.name, _seq(request.after), limit, PAGE_BYTES)
        return control.Page(
            r=request.r,
            run=self._broker.store.run,
            start=page.start,
            head=page.head,
            blocks=[body for _, _, body in page.blocks],
        )

    # Messages ----------------------------------------------------------------------------------------------

    def _publish(self, session: ClientSession, request: control.Publish, now: float) -> None:
        if len(request.frames) > WINDOW_MESSAGES:
            raise Refusal(Code.TOO_MANY, f"at most {WINDOW_MESSAGES} publications are sent at once")
        for frame in request.frames:
            self._ingress.frame(session, frame, now)

    def _subscribe(self, session: ClientSession, request: control.Subscribe, now: float) -> Reply:
        self._broker.subscribe(session, request.room)
        return control.Done(r=request.r)

    def _whisper(self, session: ClientSession, request: control.SendWhisper, now: float) -> None:
        broker = self._broker
        room, _ = broker.seated(session, request.room)
        wait = session.meter.take(len(request.text), now)
        if wait:
            raise Refusal(Code.RATE, "slow down", retry_ms=int(wait * 1000) + 1)
        whispers, ts = broker.whispers, broker.ts(now)
        self._tell(whispers.send(room, session, request.to, request.text, request.id, request.r, now, ts))

    def _received(self, session: ClientSession, request: control.Received, now: float) -> None:
        self._tell(self._broker.whispers.received(session, request.id, request.sender))

    # The relay ---------------------------------------------------------------------------------------------

    def _challenge(self, session: ClientSession, request: control.Challenge, now: float) -> Reply:
        nonce = self._admission.nonce()
        self._broker.relay.challenge(session, nonce, now)
        return control.Challenged(r=request.r, nonce=nonce)

    def _attach(self, session: ClientSession, request: control.Attach, now: float) -> Reply:
        tag, present, told = self._broker.relay.attach(session, request.tag_key, request.signature, self._admission.key)
        self._tell(told)
        return control.Attached(r=request.r, tag=tag, present=present)

    def _detach(self, session: ClientSession, request: control.Detach, now: float) -> Reply:
        self._tell(self._broker.relay.detach(session, request.tag))
        return control.Done(r=request.r)

    def _sealed(self, session: ClientSession, request: control.SendSealed, now: float) -> None:
        self._tell(self._broker.relay.send(session, request.tag, request.to, request.body, now))

    def _tell(self, outputs: list[Output]) -> None:
        for output in outputs:
            self._broker.tell(output)

    # Life --------------------------------------------------------------------------------------------------

    def _ping(self, session: ClientSession, request: control.Ping, now: float) -> Reply:
        session.rtt_ms = request.rtt_ms
        if session.seats:
            self._broker.flush(now)  # a head that is not stored yet may never be
        heads = {name: self._broker.rooms[name].head for name in session.seats}
        return control.Pong(r=request.r, run=self._broker.store.run, heads=heads)

    def _bye(self, session: ClientSession, request: control.Bye, now: float) -> Reply:
        self._broker.end(session, now, grace=False)
        self._admission.forget(session.key or b"")
        return control.Done(r=request.r)


def _seq(asked: int) -> int:
    """A seq that a database can look for."""
    return min(max(asked, 0), _COUNTER_MOST)


def _refused(number: int, refusal: Refusal) -> Reply:
    return control.Refused(r=number, code=refusal.code.value, text=refusal.text, retry_ms=refusal.retry_ms)


_FREE = (control.Publish, control.SendWhisper, control.Received, control.SendSealed, control.Ping, control.Bye)
"""Requests that have a rate of their own, or end something."""
_Handler = Callable[[RequestHandlers, ClientSession, Any, float], "Reply | None"]
_HANDLERS: dict[type[control.Request], _Handler] = {
    control.Join: RequestHandlers._join,
    control.Claim: RequestHandlers._claim,
    control.Leave: RequestHandlers._leave,
    control.Who: RequestHandlers._who,
    control.ListRooms: RequestHandlers._list,
    control.Replay: RequestHandlers._replay,
    control.Publish: RequestHandlers._publish,
    control.Subscribe: RequestHandlers._subscribe,
    control.SendWhisper: RequestHandlers._whisper,
    control.Received: RequestHandlers._received,
    control.Challenge: RequestHandlers._challenge,
    control.Attach: RequestHandlers._attach,
    control.Detach: RequestHandlers._detach,
    control.SendSealed: RequestHandlers._sealed,
    control.Ping: RequestHandlers._ping,
    control.Bye: RequestHandlers._bye,
}
