"""A member's session in one room of a broker, as a pure machine: answers, frames and `now` in, requests, frames and
events out.

    OFFLINE --connected--> ENROLLING --admitted--> JOINING --entered--> INSIDE
       ^                                                                  |
       '----------------------------disconnected--------------------------'

A session outlives its connections: what was published and not acknowledged, and how far the log was read, carry over.
So a reconnect loses nothing and shows nothing twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Any

from sandpiper.common import batch, control, frame
from sandpiper.common.buckets import Meter
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.frontier import Frontier
from sandpiper.common.limits import BODY_BYTES, BURST_S, PAGE_ENTRIES, PING_S
from sandpiper.common.messages import DataDraft, Draft, Message, Notice
from sandpiper.common.outbox import Outbox
from sandpiper.common.repair import Repair, RepairState
from sandpiper.peer.broker_path import BrokerPath
from sandpiper.peer.control_session import ControlSession
from sandpiper.peer.credentials import Credentials
from sandpiper.peer.enrolling import failure
from sandpiper.peer.events import Delivered, Entered, Event, Failed, Received
from sandpiper.peer.holdup import CHOKED, Holdup
from sandpiper.peer.page_reader import PageReader
from sandpiper.peer.path_loss import PathLoss

_NAMES = 8
"""Other names that are tried when ours was taken while we were away; then it is for whoever connects us."""
_PACE = 0.98
"""A little below the broker's rate, so that its bucket never runs dry before ours."""


class SessionState(Enum):
    """Where the session stands with its broker."""

    OFFLINE = "offline"
    ENROLLING = "enrolling"
    JOINING = "joining"
    INSIDE = "inside"


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """How to join a room: which one, under which nick, and from where in its log to read."""

    room: str
    nick: str
    member: bool = True
    listen: bool = True
    after: int | None = None
    backlog: int = 0


class BrokerSession(ControlSession):
    """A member's session in one room of a broker.

    Take `requests`, `frames` and `events` after each call; `broken` says that the session cannot go on.
    """

    def __init__(self, options: JoinOptions, credentials: Credentials) -> None:
        super().__init__(credentials)
        self.options = options
        self.nick = options.nick
        self.state = SessionState.OFFLINE
        self.frames: list[bytes] = []
        self.events: deque[Event] = deque()
        self.outbox = Outbox()
        self.holdup = Holdup()
        self.loss = PathLoss(self.outbox)
        self.path = BrokerPath(self.events)
        self.enrolled: control.Enrolled | None = None
        self.entered: control.Entered | None = None
        self._repair: Repair[Message] | None = None
        self._run: str | None = None
        self._joined_at_seq = 0
        self.fingerprint = ""
        self._wanted = ""
        self._renamed = 0
        self._pinged_at = 0.0
        self._pages = PageReader(options.room, self._give_out, self.events)
        self._due: float | None = None  # not known

    # Connection --------------------------------------------------------------------------------------------

    def connected(self, now: float) -> None:
        """Begins to enrol: the control port can be reached."""
        self._due = None
        self.state = SessionState.ENROLLING
        self._enrol(now)

    @property
    def online(self) -> bool:
        """Whether there is a connection."""
        return self.state is not SessionState.OFFLINE

    def disconnected(self, text: str) -> None:
        """Fails the unanswered requests, for the connection has gone; all else waits for the next one."""
        self.state, self._due = SessionState.OFFLINE, None
        self.outbox.shut()
        self.requests.clear()
        self.frames.clear()
        if self._repair is not None:
            self._repair.interrupted()
        failed, self._answers = self._answers, {}
        for answered in failed.values():
            answered(control.Refused(r=0, code=Code.CLOSING.value, text=text))
        self.path.lost(text)

    def path_opened(self, path: str, text: str, now: float) -> None:
        """Sends messages from now on, by this path: `bus` or `one-port`."""
        enrolled = self.enrolled
        if enrolled is None or self.state is not SessionState.INSIDE:
            return
        self.outbox.open(Meter(enrolled.messages_per_s * _PACE, enrolled.bytes_per_s * _PACE, BURST_S), now)
        if self.path.name == "offline":
            self.loss.online(now)
        self.path.opened(path, text)
        if self.loss.choked:
            self.choked()
        self.flush(now)

    # Enrolling and joining ---------------------------------------------------------------------------------

    def _admitted(self, reply: control.Enrolled) -> None:
        self.enrolled = reply
        self.fingerprint = reply.fingerprint
        self._join()

    def _join(self) -> None:
        self.state = SessionState.JOINING
        options, repair = self.options, self._repair
        request = control.Join(
            r=0,
            room=options.room,
            nick=self.nick,
            member=options.member,
            run=self._run,
            after=repair.frontier.seq if repair else options.after,
            backlog=options.backlog,
            next_n=self.outbox.oldest,
        )
        self.ask(request, self._joined)

    def _joined(self, reply: control.Reply) -> None:
        if isinstance(reply, control.Refused):
            self._refused(reply)
        elif isinstance(reply, control.Entered):
            again = self.entered is not None
            self.state, self.entered = SessionState.INSIDE, reply
            self.nick, self._wanted, self._renamed = reply.nick or self.nick, "", 0
            self._joined_at_seq = reply.head
            if self._repair is None or self._run != reply.run:
                self._repair = Repair(Frontier(reply.after))
            self._run = reply.run
            self.events.append(Entered(reply.room, reply.nick, again))
            if self.options.listen:
                self._repair.reaches(reply.head, self._heard_at)
                self._repair.fetch_now(self._heard_at)
                self._fetch()

    def _refused(self, reply: control.Refused) -> None:
        if reply.code == Code.NICK_TAKEN.value and self.entered is not None and self._renamed < _NAMES:
            # Taken while we were away: better another name than no room.
            self._wanted = self._wanted or self.nick
            self._renamed += 1
            self.nick = f"{self._wanted[:29]}_{self._renamed + 1}"
            self._join()
            return
        if self._wanted:
            self.nick, self._wanted, self._renamed = self._wanted, "", 0
        if reply.code != Code.CLOSING.value:
            self._give_up(failure(reply))

    # What comes in -----------------------------------------------------------------------------------------

    def receive(self, encoded: bytes, now: float) -> None:
        """Takes one control frame from the broker. A frame that is not understood is ignored."""
        try:
            answer = control.decode_answer(encoded)
        except Refusal:
            return
        self._heard_at = now
        if isinstance(answer, control.Reply):
            self._answer(answer)
        else:
            handler = _EVENTS.get(type(answer))
            if handler is not None:
                handler(self, answer, now)
        self.flush(now)

    def receive_frame(self, encoded: bytes, now: float) -> None:
        """Takes one batch, from the bus or pushed by the broker."""
        repair = self._repair
        if repair is None or self.state is not SessionState.INSIDE:
            return
        try:
            said = batch.decode(encoded.partition(b"\0")[2])
        except Refusal:
            return
        frontier = repair.frontier
        for message in said:
            if isinstance(message, Notice):
                self.events.append(message)
            elif message.run != self._run:
                self._join()
                return
            elif frontier.advance(message.seq):
                self._give_out(message)
            else:
                for held in frontier.push(message.seq, message):
                    self._give_out(held)
        if frontier.head > frontier.seq or repair.state is not RepairState.CURRENT:
            repair.noticed(now)
            self._due = None

    def _give_out(self, message: Message) -> None:
        mine = message.from_ == self.fingerprint and message.id.startswith(self._credentials.publisher)
        self.events.append(Received(message, mine, message.seq <= self._joined_at_seq))

    def _acked(self, event: control.Acked, now: float) -> None:
        news = self.outbox.acked(event.n, len(event.seqs), now)
        if news:
            self.loss.stored()
        if news and (resumed := self.holdup.stored()) is not None:
            self.events.append(resumed)
        for number in news:
            # A seq of 0 is one that the broker no longer knows: it was stored long ago, in another connection.
            self.events.append(Delivered(self.id(number), event.seqs[number - event.n]))

    def _turned_away(self, event: control.Turned, now: float) -> None:
        if event.retry_ms is None and event.n:
            self.outbox.acked(event.n, 1, now)
            self.events.append(Failed(self.id(event.n), event.code, event.text))
            return
        # Without a number it is nobody knows which; what has no answer is sent again in any case.
        if event.retry_ms is not None:
            self.outbox.refused(event.retry_ms / 1000, now)
        if (held := self.holdup.refused(event.code, event.text, now)) is not None:
            self.events.append(held)

    def _pushed(self, event: control.Push, now: float) -> None:
        for encoded in event.frames:
            self.receive_frame(encoded, now)

    def _whispered(self, event: control.Whispered, now: float) -> None:
        self.requests.append(control.Received(r=0, id=event.whisper.id, sender=event.whisper.from_))
        self.events.append(event.whisper)

    def _head_is(self, run: str, head: int, now: float) -> None:
        if self._repair is None or self.state is not SessionState.INSIDE or not self.options.listen:
            return
        if run != self._run:
            self._join()
        else:
            self._repair.reaches(head, now)

    # Repair ------------------------------------------------------------------------------------------------

    def _fetch(self) -> None:
        repair = self._repair
        if repair is None or repair.fetch is None or self.state is not SessionState.INSIDE:
            return
        after, repair.fetch = repair.fetch.after, None
        self.loss.asked()
        request = control.Replay(r=0, room=self.options.room, after=after, limit=PAGE_ENTRIES)
        self.ask(request, lambda reply: self._paged(after, reply))

    def _paged(self, after: int, reply: control.Reply) -> None:
        self.loss.answered(page=not isinstance(reply, control.Refused))
        if isinstance(reply, control.Refused):
            self._pages.refused(reply)
        elif isinstance(reply, control.Page) and self._repair is not None and reply.run == self._run:
            self._pages.read(after, reply, self._repair, self._heard_at)
            self._fetch()

    # Publishing --------------------------------------------------------------------------------------------

    def id(self, number: int) -> str:
        """The message id of this session's publication `number`."""
        return f"{self._credentials.publisher}-{number}"

    def post(self, draft: Draft, now: float) -> str:
        """Queues a publication, and returns its id. Raises Refusal: TOO_LARGE, INVALID."""
        self._due = None
        number = draft.n = self.outbox.next_number
        self.outbox.add(_encoded(draft), now)
        return self.id(number)

    def flush(self, now: float) -> None:
        """Sends what may go; to be called after posting."""
        self._due = None
        if self.state is SessionState.INSIDE:
            bodies = self.outbox.take(now)
            if bodies:
                self.frames += batch.frames(self.options.room, bodies)

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float:
        """When `handle_timer` is to be called; infinite for never. A message in its turn moves nothing."""
        if self._due is None:
            timers: list[float | None] = [self._ping_at if self.online else inf]
            if self.state is SessionState.INSIDE:  # until then nothing can be sent, so nothing is due
                timers += [self.outbox.get_timer(), self._repair.get_timer() if self._repair else None]
            self._due = min(timer for timer in timers if timer is not None)
        return self._due

    def handle_timer(self, now: float) -> None:
        """Pings, repairs and resends, as far as it is due."""
        if now >= self._ping_at:
            self._ping(now)
        if self._repair is not None and self.state is SessionState.INSIDE:
            self._repair.handle_timer(now)
            self._fetch()
        self.outbox.handle_timer(now)
        self.flush(now)

    def stale(self, now: float) -> str | None:
        """See ControlSession; a broker may be silent because what it sends gets lost on the way."""
        why = super().stale(now)
        silent = why is not None and not self._forgotten
        return f"{why}: {CHOKED}" if silent and self.loss.starved else why

    def overdue(self, now: float) -> bool:
        """Whether something large is stored by nobody, although the broker answers and turns nothing away."""
        answers = self.state is SessionState.INSIDE and now - self._heard_at < 2 * PING_S
        return answers and not self.holdup.text and self.loss.overdue(now)

    def choked(self) -> None:
        """Tells that large packets seem to get lost on the way."""
        if (held := self.holdup.lost()) is not None:
            self.events.append(held)

    def _ping(self, now: float) -> None:
        self._ping_at = now + PING_S
        if self.state is not SessionState.INSIDE:
            return
        self._pinged_at = now
        rtt_ms = None if self.rtt_s is None else round(self.rtt_s * 1000, 3)
        self.ask(control.Ping(r=0, rtt_ms=rtt_ms), self._ponged)

    def _ponged(self, reply: control.Reply) -> None:
        if isinstance(reply, control.Pong):
            self.rtt_s = self._heard_at - self._pinged_at
            head = reply.heads.get(self.options.room)
            if head is not None:
                self._head_is(reply.run, head, self._heard_at)
                return
        if self.state is SessionState.INSIDE:
            self._forgotten = True


def _encoded(draft: Draft) -> bytes:
    """Encodes a publication. Raises Refusal: TOO_LARGE, INVALID."""
    body = batch.encode_body(draft)
    if isinstance(draft, DataDraft):
        frame.decode_draft("data", body)  # msgpack can say more than can be read, and what is refused is lost
    if len(body) > BODY_BYTES:
        raise Refusal(Code.TOO_LARGE, f"a message has at most {BODY_BYTES} bytes, this one {len(body)}")
    return body


_EVENTS: dict[type[control.Event], Callable[[BrokerSession, Any, float], None]] = {
    control.Acked: BrokerSession._acked,
    control.Turned: BrokerSession._turned_away,
    control.Push: BrokerSession._pushed,
    control.Subscribed: lambda session, event, now: session._head_is(event.run, event.head, now),
    control.Whispered: BrokerSession._whispered,
}
