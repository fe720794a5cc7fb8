"""No value in a broker's answer brings a client down: it is taken, passed over, or ends the session in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from sandpiper.common import batch, control
from sandpiper.common.control import Join
from sandpiper.common.messages import Data, Me, Member, Notice, RoomInfo, Whisper
from tests.extremes import extremes
from tests.peer.test_broker_session import Hand, enrolled, entered, msg, page

WHISPER: Final = Whisper("bob", "alice", "psst", 1, "lobby", "w", "f" * 24, True)
MEMBER: Final = Member("bob", "f" * 24, True, "bus", 1.0)
EVENTS: Final[list[Any]] = [
    control.Acked(room="lobby", n=1, seqs=[1]),
    control.Turned(room="lobby", n=1, code="rate", text="slow", retry_ms=100),
    control.Turned(room="lobby", n=1, code="store", text="full"),
    control.Subscribed(room="lobby", run="a" * 32, head=3),
    control.Push(frames=batch.frames("lobby", [batch.encode_body(msg(1))])),
    control.Whispered(whisper=WHISPER),
    control.Sealed(tag=bytes(16), sender=bytes(8), body=b"x"),
    control.RelayPresence(tag=bytes(16), address=bytes(8), present=True),
    control.Closing(text="bye"),
]
SAID: Final[list[Any]] = [
    msg(1),
    Me("bob", "waves", 1, "lobby", 1, 0, "a" * 32, "m", "f" * 24, True),
    Data("bob", {"a": 1}, 1, "lobby", 1, 0, "a" * 32, "m", "f" * 24, True),
    Notice("bob joined", 1, "lobby", "join", "bob", None, "f" * 24),
]


def ready() -> Hand:
    hand = Hand()
    hand.enter()
    hand.post(3)
    hand.session.events.clear()
    return hand


def goes_on(hand: Hand) -> None:
    """Its timers run, and what it told can be shown and printed."""
    for _ in range(5):
        timer = hand.session.get_timer()
        if timer != timer or timer > hand.now + 1000:
            break
        hand.now = max(hand.now, timer)
        hand.session.handle_timer(hand.now)
    repr(list(hand.session.events))


@pytest.mark.parametrize("event", EVENTS, ids=lambda each: type(each).__name__)
def test_events(event: Any) -> None:
    for changed in (event, *extremes(event)):
        hand = ready()
        hand.say(changed)
        goes_on(hand)


@pytest.mark.parametrize("message", SAID, ids=lambda each: type(each).__name__)
def test_what_comes_on_the_bus(message: Any) -> None:
    hand = ready()
    for changed in (message, *extremes(message)):
        hand.bus(changed)
        goes_on(hand)


def replies(number: int, kind: type[control.Request]) -> Iterator[Any]:
    """The answers that may be given to a request."""
    good: list[Any] = [control.Refused(r=number, code="invalid", text="no", retry_ms=10), control.Done(r=number)]
    good += [enrolled(number), entered(number, head=3, after=1), page(number, [1, 2, 3], 3)]
    good[3].members = [MEMBER]
    good += [
        control.Pong(r=number, run="a" * 32, heads={"lobby": 3}),
        control.Present(r=number, members=[MEMBER]),
        control.RoomList(r=number, rooms=[RoomInfo("lobby", 1, 1)]),
        control.PakeReply(r=number, message=bytes(32)),
        control.Challenged(r=number, nonce=bytes(32)),
        control.Attached(r=number, tag=bytes(16), present=[bytes(8)]),
    ]
    for each in good:
        yield each
        for changed in extremes(each):
            if changed.r == number:
                yield changed


@pytest.mark.parametrize("asked", [control.Enrol, Join, control.Replay, control.Ping], ids=lambda each: each.__name__)
def test_answers_to_each_request(asked: type[control.Request]) -> None:
    for reply in replies(0, asked):
        hand, number = waiting(asked)
        reply.r = number
        hand.say(reply)
        goes_on(hand)


def waiting(asked: type[control.Request]) -> tuple[Hand, int]:
    """A session that has asked this, and the request's number."""
    hand = Hand()
    hand.session.connected(hand.now)
    if asked is control.Enrol:
        return hand, hand.asked(control.Enrol).r
    hand.say(enrolled(hand.asked(control.Enrol).r))
    if asked is Join:
        return hand, hand.asked(Join).r
    hand.enter_room(head=3)
    if asked is control.Replay:
        return hand, hand.asked(control.Replay).r
    hand.session.requests.clear()
    while True:
        hand.now = max(hand.now, hand.session.get_timer())
        hand.session.handle_timer(hand.now)
        for request in hand.session.requests:
            if isinstance(request, control.Ping):
                return hand, request.r
        hand.session.requests.clear()
