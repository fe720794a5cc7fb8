"""The session machine by hand: what it asks, and what it makes of the answers."""

from __future__ import annotations

from math import inf
from typing import Any, TypeVar

import pytest
from nacl.signing import SigningKey

from sandpiper.common import batch, control
from sandpiper.common.control import Acked, Enrolled, Entered, Join, Page, Ping, Pong, Refused, Replay, Turned
from sandpiper.common.errors import AccessDenied, Code, Refusal, Rejected, SandpiperError
from sandpiper.common.limits import (
    BODY_BYTES,
    CHOKED_BYTES,
    CHOKED_LINKS,
    CHOKED_S,
    FETCH_TIMEOUT_S,
    PING_S,
    REORDER_S,
    SILENT_S,
)
from sandpiper.common.messages import DataDraft, Lost, Msg, MsgDraft, Notice, Trimmed, Whisper
from sandpiper.peer import events
from sandpiper.peer.broker_session import BrokerSession, JoinOptions, SessionState
from sandpiper.peer.credentials import Credentials

RUN, NEXT_RUN = "a" * 32, "b" * 32
T = TypeVar("T")
R = TypeVar("R", bound=control.Request)


class Hand:
    """A session and a broker that is played by the test."""

    def __init__(self, wish: JoinOptions | None = None) -> None:
        credentials = Credentials(SigningKey(b"p" * 32), b"k" * 32, None, lambda size: b"e" * size)
        credentials.broker_key = b"B" * 32
        self.session = BrokerSession(wish or JoinOptions("lobby", "alice"), credentials)
        self.now = 100.0

    def asked(self, kind: type[R]) -> R:
        """The one request that waits, of this kind."""
        (request,) = self.session.requests
        self.session.requests.clear()
        assert isinstance(request, kind)
        return request

    def state(self) -> SessionState:
        return self.session.state

    def say(self, message: control.Reply | control.Event) -> None:
        self.session.receive(control.encode(message), self.now)

    def enter(self, **entered: Any) -> None:
        """Up to INSIDE, over the bus."""
        self.session.connected(self.now)
        self.say(enrolled(self.asked(control.Enrol).r))
        self.enter_room(**entered)

    def enter_room(self, **more: Any) -> Join:
        join = self.asked(Join)
        self.say(entered(join.r, **more))
        self.session.path_opened("bus", "", self.now)
        return join

    def bus(self, *said: Msg | Notice) -> None:
        (frame,) = batch.frames("lobby", [batch.encode_body(each) for each in said])
        self.session.receive_frame(frame, self.now)

    def told(self, kind: type[T]) -> list[T]:
        """What came since the last look, of this kind."""
        waiting: list[Any] = list(self.session.events)
        found: list[T] = [event for event in waiting if isinstance(event, kind)]
        self.session.events.clear()
        return found

    def seqs(self) -> list[int]:
        return [event.message.seq for event in self.told(events.Received)]

    def sent(self) -> list[int]:
        """The numbers of what was handed out for sending."""
        frames, self.session.frames = self.session.frames, []
        drafts = [each for frame in frames for each in batch.decode_drafts(frame.partition(b"\0")[2])]
        return [draft.n or 0 for draft in drafts]

    def post(self, count: int = 1) -> list[str]:
        names = [self.session.post(MsgDraft(text="x"), self.now) for _ in range(count)]
        self.session.flush(self.now)
        return names


def enrolled(r: int) -> Enrolled:
    return Enrolled(r=r, fingerprint="f" * 24, run=RUN, messages_per_s=1000.0, bytes_per_s=1e6)


def entered(r: int, **more: Any) -> Entered:
    standing: dict[str, Any] = {"nick": "alice", "run": RUN, "head": 0, "start": 1, "after": 0, "published": 0} | more
    return Entered(r=r, room="lobby", members=[], **standing)


def msg(seq: int, run: str = RUN, sender: str | None = "g" * 24, name: str = "") -> Msg:
    return Msg("bob", f"t{seq}", 1, "lobby", seq, seq - 1, run, name or f"other-{seq}", sender, True)


def page(r: int, seqs: list[int], head: int, start: int = 1, run: str = RUN) -> Page:
    blocks = [batch.pack([batch.encode_body(msg(seq, run)) for seq in seqs])] if seqs else []
    return Page(r=r, run=run, start=start, head=head, blocks=blocks)


@pytest.fixture
def hand() -> Hand:
    hand = Hand()
    hand.enter()
    hand.told(object)
    return hand


# Coming in ------------------------------------------------------------------------------------------------------


def test_enrol_join_inside() -> None:
    hand = Hand(JoinOptions("lobby", "alice", after=3, backlog=9, member=False))
    session = hand.session
    assert (hand.state(), session.get_timer()) == (SessionState.OFFLINE, inf)
    session.connected(hand.now)
    enrol = hand.asked(control.Enrol)
    assert hand.state() is SessionState.ENROLLING
    hand.say(enrolled(enrol.r))
    assert hand.state() is SessionState.JOINING
    join = hand.asked(Join)
    assert (join.room, join.nick, join.member, join.run, join.after, join.backlog, join.next_n) == (
        "lobby",
        "alice",
        False,
        None,
        3,
        9,
        1,
    )
    session.path_opened("bus", "too early", hand.now)
    assert session.path.name == "offline"
    hand.say(entered(join.r))
    assert hand.state() is SessionState.INSIDE
    assert hand.told(events.Entered) == [events.Entered("lobby", "alice", False)]
    session.path_opened("bus", "", hand.now)
    session.path_opened("bus", "", hand.now)
    assert hand.told(events.PathChanged) == [events.PathChanged("bus", "")]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("access", AccessDenied),
        ("rate", Rejected),
        ("too_many", Rejected),
        ("nick_taken", Rejected),
        ("store", Rejected),
        ("version", SandpiperError),
        ("invalid", SandpiperError),
    ],
)
def test_a_refused_join_breaks_the_session_in_words(code: str, error: type[SandpiperError]) -> None:
    hand = Hand()
    hand.session.connected(hand.now)
    hand.say(enrolled(hand.asked(control.Enrol).r))
    hand.say(Refused(r=hand.asked(Join).r, code=code, text="because", retry_ms=2500))
    assert type(hand.session.broken) is error
    assert "because" in str(hand.session.broken)


def test_a_refused_enrolment_breaks_it_too() -> None:
    hand = Hand()
    hand.session.connected(hand.now)
    hand.say(Refused(r=hand.asked(control.Enrol).r, code="version", text="speaks 2"))
    assert isinstance(hand.session.broken, SandpiperError)


def test_a_proof_that_was_not_asked_for_is_no_welcome() -> None:
    hand = Hand()
    hand.session.connected(hand.now)
    reply = enrolled(hand.asked(control.Enrol).r)
    reply.confirm = b"c" * 32
    hand.say(reply)
    assert isinstance(hand.session.broken, AccessDenied)
    assert hand.session.requests == []


def test_garbage_is_passed_over(hand: Hand) -> None:
    for frame in (b"", b"\xc1", b"\x80", control.encode(control.Done(r=999))):
        hand.session.receive(frame, hand.now)
    for frame in (b"", b"*/lobby/\0\xc1", b"*/lobby/\0\x91\x80", b"*/lobby/\0\x90"):
        hand.session.receive_frame(frame, hand.now)
    assert hand.told(object) == []
    assert hand.session.state is SessionState.INSIDE


# Reading --------------------------------------------------------------------------------------------------------


def test_pushed_messages_come_in_order_and_once(hand: Hand) -> None:
    hand.bus(msg(1), msg(2), msg(2), msg(1))
    notice = Notice("bob left", 1, "lobby", "leave", "bob")
    hand.bus(notice, msg(3))
    assert list(hand.session.events)[2:3] == [notice]
    assert hand.seqs() == [1, 2, 3]


def test_own_and_backlog_are_told_apart() -> None:
    hand = Hand()
    hand.enter(head=2)
    replay = hand.asked(Replay)
    assert (replay.after, replay.room) == (0, "lobby")
    hand.say(page(replay.r, [1, 2], 2))
    hand.bus(msg(3, sender="f" * 24, name=hand.session.id(1)), msg(4, sender="f" * 24, name="another-1"))
    received = hand.told(events.Received)
    assert [(event.message.seq, event.own, event.backlog) for event in received] == [
        (1, False, True),
        (2, False, True),
        (3, True, False),
        (4, False, False),
    ]


def test_a_hole_is_asked_for_after_a_moment(hand: Hand) -> None:
    assert hand.session.get_timer() == hand.now + PING_S, "known from now on, until something brings it forward"
    hand.bus(msg(2))
    assert hand.seqs() == []
    assert hand.session.get_timer() == hand.now + REORDER_S
    hand.now += REORDER_S
    hand.session.handle_timer(hand.now)
    hand.say(page(hand.asked(Replay).r, [1, 2], 2))
    assert hand.seqs() == [1, 2]
    assert hand.session.requests == []


def test_a_page_that_is_refused_is_asked_again(hand: Hand) -> None:
    hand.bus(msg(2))
    hand.now += REORDER_S
    hand.session.handle_timer(hand.now)
    hand.say(Refused(r=hand.asked(Replay).r, code="store", text="cannot read"))
    assert hand.session.requests == []
    hand.now += FETCH_TIMEOUT_S
    hand.session.handle_timer(hand.now)
    assert any(isinstance(request, Replay) for request in hand.session.requests)


def test_what_nobody_has_and_what_was_trimmed_are_said() -> None:
    hand = Hand()
    hand.enter(head=9)
    hand.say(page(hand.asked(Replay).r, [6, 7, 9], 9, start=5))
    assert list(hand.session.events)[2] == Trimmed("lobby", 5)
    assert hand.told(Lost) == [Lost("lobby", None, 2)]


def test_of_a_page_that_cannot_be_read_only_the_first_is_given_up() -> None:
    hand = Hand()
    hand.enter(head=3)
    hand.session.events.clear()
    future = batch.pack([b"\x82\xa4type\xa4vote\xa3seq\x01"])
    hand.say(Page(r=hand.asked(Replay).r, run=RUN, start=1, head=3, blocks=[future]))
    assert hand.told(Lost) == [Lost("lobby", None, 1)]
    again = hand.asked(Replay)
    assert again.after == 1
    hand.say(page(again.r, [2, 3], 3))
    assert hand.seqs() == [2, 3]


def test_a_head_that_is_never_stored_is_not_asked_for_without_pause(hand: Hand) -> None:
    hand.say(control.Subscribed(room="lobby", run=RUN, head=1))
    hand.now += REORDER_S
    hand.session.handle_timer(hand.now)
    hand.say(page(hand.asked(Replay).r, [], 0))
    assert hand.session.requests == []


def test_a_lost_last_message_is_noticed_by_the_pong(hand: Hand) -> None:
    hand.now += PING_S
    hand.session.handle_timer(hand.now)
    ping = hand.asked(Ping)
    hand.now += 0.25
    hand.say(Pong(r=ping.r, run=RUN, heads={"lobby": 1}))
    assert hand.session.rtt_s == pytest.approx(0.25)
    hand.now += REORDER_S
    hand.session.handle_timer(hand.now)
    hand.say(page(hand.asked(Replay).r, [1], 1))
    assert hand.seqs() == [1]


def test_who_does_not_listen_asks_for_nothing() -> None:
    hand = Hand(JoinOptions("lobby", "alice", listen=False))
    hand.enter(head=5, after=0)
    assert hand.session.requests == []
    hand.say(control.Subscribed(room="lobby", run=RUN, head=9))
    assert hand.session.requests == []


def test_a_new_run_is_joined_and_read_from_where_it_began(hand: Hand) -> None:
    hand.bus(msg(1), msg(2), msg(3))
    assert hand.seqs() == [1, 2, 3]
    hand.bus(msg(3, NEXT_RUN), msg(4, NEXT_RUN))
    hand.bus(msg(5, NEXT_RUN))
    assert hand.session.state is SessionState.JOINING
    join = hand.enter_room(run=NEXT_RUN, head=5, after=2)
    assert (join.run, join.after) == (RUN, 3)
    hand.say(page(hand.asked(Replay).r, [3, 4, 5], 5, run=NEXT_RUN))
    received = hand.told(events.Received)
    assert [(event.message.seq, event.message.run) for event in received] == [(seq, NEXT_RUN) for seq in (3, 4, 5)]


@pytest.mark.parametrize("how", ["pong", "subscribed"])
def test_a_new_run_is_noticed_without_a_message(hand: Hand, how: str) -> None:
    if how == "subscribed":
        hand.say(control.Subscribed(room="lobby", run=NEXT_RUN, head=0))
    else:
        hand.now += PING_S
        hand.session.handle_timer(hand.now)
        hand.say(Pong(r=hand.asked(Ping).r, run=NEXT_RUN, heads={"lobby": 0}))
    assert hand.session.state is SessionState.JOINING


def test_a_page_of_another_run_is_no_page(hand: Hand) -> None:
    hand.bus(msg(2))
    hand.now += REORDER_S
    hand.session.handle_timer(hand.now)
    hand.say(page(hand.asked(Replay).r, [1, 2], 2, run=NEXT_RUN))
    assert hand.seqs() == []


# Publishing -----------------------------------------------------------------------------------------------------


def test_posted_sent_delivered(hand: Hand) -> None:
    names = hand.post(3)
    assert names == [hand.session.id(number) for number in (1, 2, 3)]
    assert hand.sent() == [1, 2, 3]
    hand.say(Acked(room="lobby", n=1, seqs=[5, 6]))
    hand.say(Acked(room="lobby", n=1, seqs=[5, 6, 9]))
    assert hand.told(events.Delivered) == [
        events.Delivered(name, seq) for name, seq in zip(names, (5, 6, 9), strict=True)
    ]
    assert hand.session.outbox.empty


def test_what_was_stored_too_long_ago_is_delivered_all_the_same(hand: Hand) -> None:
    (name,) = hand.post()
    hand.say(Acked(room="lobby", n=1, seqs=[0]))
    assert hand.told(events.Delivered) == [events.Delivered(name, 0)]


def test_refused_for_now_is_sent_again_and_for_good_is_said(hand: Hand) -> None:
    names = hand.post(2)
    hand.sent()
    hand.say(Turned(room="lobby", n=1, code="store", text="full", retry_ms=500))
    assert hand.sent() == []
    hand.now += 0.5
    hand.session.handle_timer(hand.now)
    assert hand.sent() == [1, 2]
    hand.say(Turned(room="lobby", n=1, code="invalid", text="no"))
    hand.say(Turned(room="lobby", n=0, code="invalid", text="some frame"))
    assert hand.told(events.Failed) == [events.Failed(names[0], "invalid", "no")]
    hand.say(Acked(room="lobby", n=2, seqs=[1]))
    assert hand.session.outbox.empty


def deep(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (MsgDraft(text="x" * BODY_BYTES), Code.TOO_LARGE),
        (DataDraft(value=10**30), Code.INVALID),
        (DataDraft(value=object()), Code.INVALID),
        (DataDraft(value=deep(70)), Code.INVALID),
        (MsgDraft(text="\ud800"), Code.INVALID),
    ],
    ids=["large", "number", "object", "deep", "surrogate"],
)
def test_what_the_broker_would_refuse_is_refused_here(hand: Hand, draft: MsgDraft | DataDraft, code: Code) -> None:
    with pytest.raises(Refusal) as caught:
        hand.session.post(draft, hand.now)
    assert caught.value.code is code
    hand.post()
    assert hand.sent() == [1]


def test_what_is_posted_while_away_goes_out_when_back(hand: Hand) -> None:
    hand.post()
    hand.sent()
    hand.say(Acked(room="lobby", n=1, seqs=[1]))
    hand.post()
    hand.session.disconnected("gone")
    hand.post()
    assert hand.sent() == []
    assert hand.told(events.PathChanged) == [events.PathChanged("offline", "gone")]
    hand.session.connected(hand.now)
    hand.say(enrolled(hand.asked(control.Enrol).r))
    join = hand.enter_room()
    assert join.next_n == 2
    assert hand.sent() == [2, 3]


# Connections ----------------------------------------------------------------------------------------------------


def test_a_reconnect_goes_on_reading_where_it_was(hand: Hand) -> None:
    hand.bus(msg(1), msg(2))
    hand.session.disconnected("gone")
    hand.bus(msg(3))
    hand.session.connected(hand.now)
    hand.say(enrolled(hand.asked(control.Enrol).r))
    join = hand.enter_room(head=4, after=2)
    assert (join.run, join.after) == (RUN, 2)
    hand.say(page(hand.asked(Replay).r, [3, 4], 4))
    assert hand.seqs() == [1, 2, 3, 4]


def test_while_joining_nothing_is_due_but_the_ping(hand: Hand) -> None:
    hand.bus(msg(3))
    hand.session.post(MsgDraft(text="x"), hand.now)
    hand.say(control.Subscribed(room="lobby", run=NEXT_RUN, head=9))
    assert hand.session.state is SessionState.JOINING
    timer = hand.session.get_timer()
    assert timer is not None
    assert timer > hand.now + REORDER_S
    hand.now = timer
    hand.session.handle_timer(hand.now)
    again = hand.session.get_timer()
    assert again is not None
    assert again > hand.now


def test_unanswered_requests_fail_with_the_connection(hand: Hand) -> None:
    replies: list[control.Reply] = []
    hand.session.ask(control.ListRooms(r=0), replies.append)
    hand.session.disconnected("gone")
    (reply,) = replies
    assert isinstance(reply, Refused)
    assert (reply.code, reply.text) == ("closing", "gone")
    assert hand.session.broken is None


def test_a_silent_broker_is_given_up(hand: Hand) -> None:
    assert hand.session.stale(hand.now + SILENT_S) is None
    assert hand.session.stale(hand.now + SILENT_S + 0.1) == "the broker does not answer"


@pytest.mark.parametrize("forgotten", [True, False])
def test_a_broker_that_has_forgotten_us_is_left(hand: Hand, forgotten: bool) -> None:
    hand.now += PING_S
    hand.session.handle_timer(hand.now)
    r = hand.asked(Ping).r
    hand.say(Refused(r=r, code="access", text="enrol first") if forgotten else Pong(r=r, run=RUN, heads={}))
    assert hand.session.stale(hand.now) == "the broker has forgotten this session"


@pytest.mark.parametrize("nick", ["alice", "a" * 32, "a" * 31 + "_"])
def test_a_nick_that_was_taken_meanwhile_is_replaced_and_not_for_ever(nick: str) -> None:
    hand = Hand(JoinOptions("lobby", nick))
    hand.enter(nick=nick)
    hand.session.disconnected("gone")
    hand.session.connected(hand.now)
    hand.say(enrolled(hand.asked(control.Enrol).r))
    tried = []
    while hand.session.broken is None:
        join = hand.asked(Join)
        tried.append(join.nick)
        assert len(join.nick) <= 32
        hand.say(Refused(r=join.r, code="nick_taken", text="taken"))
    assert isinstance(hand.session.broken, Rejected)
    assert len(tried) == len(set(tried)) < 20
    assert hand.session.nick == nick


def test_whispers_are_confirmed(hand: Hand) -> None:
    whisper = Whisper("bob", "alice", "psst", 1, "lobby", "w1", "g" * 24, True)
    hand.say(control.Whispered(whisper=whisper))
    assert hand.told(Whisper) == [whisper]
    received = hand.asked(control.Received)
    assert (received.id, received.sender) == ("w1", "g" * 24)


def test_pushed_frames_are_read(hand: Hand) -> None:
    frames = batch.frames("lobby", [batch.encode_body(msg(1)), batch.encode_body(msg(2))])
    hand.say(control.Push(frames=frames))
    assert hand.seqs() == [1, 2]


# What is held up ------------------------------------------------------------------------------------------------


def test_why_nothing_is_stored_is_told_once_and_that_it_goes_on(hand: Hand) -> None:
    hand.post()
    for _ in range(3):
        hand.say(Turned(room="lobby", n=1, code="store", text="its disk is full", retry_ms=1000))
        hand.now += 1.0
    assert hand.told(events.Held) == [events.Held("store", "its disk is full")]
    assert hand.session.holdup.text == "its disk is full"
    hand.say(Acked(room="lobby", n=1, seqs=[1]))
    assert hand.told(events.Resumed) == [events.Resumed()]
    assert hand.session.holdup.text == ""


def post_large(hand: Hand) -> None:
    hand.session.post(MsgDraft(text="x" * CHOKED_BYTES), hand.now)
    hand.session.flush(hand.now)


def pong(hand: Hand) -> None:
    hand.now += PING_S
    hand.session.handle_timer(hand.now)
    asked = [each for each in hand.session.requests if isinstance(each, Ping)]
    hand.session.requests.clear()
    for ping in asked:
        hand.say(Pong(r=ping.r, run=RUN, heads={"lobby": 0}))


def test_something_large_that_is_never_stored_while_questions_are_answered_is_lost_for_its_size(hand: Hand) -> None:
    post_large(hand)
    sent_at = hand.now
    while hand.now - sent_at < CHOKED_S:
        assert not hand.session.overdue(hand.now)
        pong(hand)
    assert hand.session.overdue(hand.now)
    for _ in range(2):
        hand.session.choked()
    (held,) = hand.told(events.Held)
    assert held.code == "path"
    assert held.text == hand.session.holdup.choked
    hand.say(Acked(room="lobby", n=1, seqs=[1]))
    assert hand.told(events.Resumed) == [events.Resumed()]
    assert not hand.session.holdup.choked


def test_something_small_or_a_broker_that_is_silent_or_refuses_is_no_matter_of_size(hand: Hand) -> None:
    hand.post()
    for _ in range(10):
        pong(hand)
    assert not hand.session.overdue(hand.now), "it fits any packet"
    post_large(hand)
    hand.now += CHOKED_S + 2 * PING_S
    assert not hand.session.overdue(hand.now), "nothing is answered"
    hand.say(Turned(room="lobby", n=1, code="store", text="its disk is full", retry_ms=1000))
    assert not hand.session.overdue(hand.now), "it says why"


def again(hand: Hand) -> None:
    hand.session.disconnected("gone")
    hand.session.connected(hand.now)
    hand.say(enrolled(hand.asked(control.Enrol).r))
    hand.enter_room()


def test_connections_that_fall_silent_in_a_row_with_something_large_under_way_are_a_matter_of_size(hand: Hand) -> None:
    post_large(hand)
    for _ in range(CHOKED_LINKS):
        assert not hand.told(events.Held)
        hand.session.loss.broke(losing=True)
        again(hand)
    assert [each.code for each in hand.told(events.Held)] == ["path"]


def test_connections_that_end_with_something_large_under_way_that_is_not_lost_are_not(hand: Hand) -> None:
    post_large(hand)
    for _ in range(CHOKED_LINKS):
        hand.session.loss.broke(losing=False)
        again(hand)
    assert not hand.told(events.Held)


def test_a_broker_that_is_silent_as_often_as_it_is_asked_for_pages_is_a_matter_of_size(hand: Hand) -> None:
    hand.bus(msg(9))
    for words in ["the broker does not answer"] * (CHOKED_LINKS - 1) + ["large packets seem to get lost"]:
        hand.now += FETCH_TIMEOUT_S
        hand.session.handle_timer(hand.now)
        assert any(isinstance(each, Replay) for each in hand.session.requests)
        hand.now += 2 * SILENT_S
        assert words in (hand.session.stale(hand.now) or "")
        hand.session.loss.broke(losing=False)
        hand.session.disconnected("gone")
        hand.session.connected(hand.now)
        hand.say(enrolled(hand.asked(control.Enrol).r))
        hand.enter_room()


def test_a_refusal_without_a_number_is_a_reason_too(hand: Hand) -> None:
    hand.post()
    for _ in range(4):
        hand.say(Turned(room="lobby", n=0, code="too_many", text="a batch has at most 500 publications"))
        hand.now += 1.0
    assert hand.told(events.Held) == [events.Held("too_many", "a batch has at most 500 publications")]


def test_what_keeps_one_out_is_told_once_in_an_outage(hand: Hand) -> None:
    hand.session.disconnected("the broker is shutting down")
    for _ in range(3):
        hand.session.path.kept_out("cannot reach it", tell=False)
        hand.session.path.kept_out("refused: the room lobby is full", tell=True)
    assert hand.told(events.PathChanged) == [
        events.PathChanged("offline", "the broker is shutting down"),
        events.PathChanged("offline", "refused: the room lobby is full"),
    ]
    assert hand.session.path.outage == "refused: the room lobby is full"
    for each in range(100):
        hand.session.path.kept_out(f"another reason {each}", tell=True)
    assert len(hand.told(events.PathChanged)) < 10, "a broker that invents reasons"
    hand.enter()
    assert hand.session.path.outage == ""


def test_history_that_cannot_be_read_is_told_once_and_asked_for_again() -> None:
    hand = Hand()
    hand.enter(head=3)
    hand.told(object)
    for _ in range(3):
        replay = hand.asked(Replay)
        hand.say(Refused(r=replay.r, code="store", text="its disk does not work"))
        hand.now += 2 * FETCH_TIMEOUT_S + 8
        hand.session.handle_timer(hand.now)
        hand.session.requests = [each for each in hand.session.requests if isinstance(each, Replay)]
    (warned,) = hand.told(events.Warned)
    assert warned.kind == "storage"
    assert "its disk does not work" in warned.text
    hand.say(page(hand.asked(Replay).r, [1, 2, 3], 3))
    told = list(hand.session.events)
    assert isinstance(told[0], events.Warned)
    assert "can be fetched again" in told[0].text
    assert hand.seqs() == [1, 2, 3]
