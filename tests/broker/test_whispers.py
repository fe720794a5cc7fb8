from __future__ import annotations

import pytest

from sandpiper.broker.whispers import WAITING_OF_ONE
from sandpiper.common import control
from sandpiper.common.control import Done, Received, Refused, SendWhisper, Whispered
from sandpiper.common.errors import Refusal
from sandpiper.common.limits import BODY_BYTES, ID_CHARS, WHISPER_S
from sandpiper.common.messages import Ack, Error, Whisper
from tests.broker.fixture import House, events


def whisper(to: str, text: str = "psst", name: str = "w1", r: int = 7, room: str = "lobby") -> SendWhisper:
    return SendWhisper(r=r, room=room, to=to, text=text, id=name)


def test_confirmed_by_one_of_the_addressees_sessions(house: House) -> None:
    alice, bob, phone = house.join("alice"), house.join("bob"), house.join("bob", device="phone")
    assert house.ask(alice.key or b"", whisper("bob")) is None
    outputs = house.take()
    (heard,) = events(outputs, bob, Whispered)
    assert events(outputs, phone, Whispered) == [heard]
    assert heard.whisper == Whisper("alice", "bob", "psst", heard.whisper.ts, "lobby", "w1", alice.fingerprint, True)
    received = Received(r=0, id="w1", sender=alice.fingerprint)
    assert house.ask(phone.key or b"", received) is None
    house.ask(bob.key or b"", received)
    assert events(house.take(), alice, Done) == [Done(r=7)]
    assert house.log() == []


def test_reported_when_nobody_confirms(house: House) -> None:
    alice = house.join("alice")
    house.join("bob")
    house.ask(alice.key or b"", whisper("bob"))
    house.take()
    house.tick(WHISPER_S - 0.1)
    assert events(house.take(), alice, Refused) == []
    house.tick(0.1)
    (refused,) = events(house.take(), alice, Refused)
    assert (refused.r, refused.code) == (7, "not_here")
    house.tick(10)
    assert events(house.take(), alice, Refused) == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (whisper("nobody"), "not_here"),
        (whisper("bob", " "), "invalid"),
        (whisper("bob", "x" * (BODY_BYTES + 1)), "invalid"),
        (whisper("bob", name="i" * (ID_CHARS + 1)), "invalid"),
        (whisper("bob", room="pine"), "not_joined"),
    ],
)
def test_refused_at_once(house: House, request_: SendWhisper, code: str) -> None:
    alice = house.join("alice")
    house.join("bob")
    refused = house.ask(alice.key or b"", request_)
    assert (refused.r, refused.code) == (7, code)


def test_only_the_addressee_can_confirm(house: House) -> None:
    alice, bob, eve = house.join("alice"), house.join("bob"), house.join("eve")
    house.ask(eve.key or b"", control.Join(r=3, room="pine", nick="bob"))
    house.ask(alice.key or b"", whisper("bob"))
    house.take()
    house.ask(eve.key or b"", Received(r=0, id="w1", sender=alice.fingerprint))
    house.ask(bob.key or b"", Received(r=0, id="other", sender=alice.fingerprint))
    house.ask(bob.key or b"", Received(r=0, id="w1", sender=None))
    assert events(house.take(), alice, Done) == []


def test_an_addressee_that_was_renamed_confirms_all_the_same(house: House) -> None:
    alice, bob = house.join("alice"), house.join("bob")
    house.ask(alice.key or b"", whisper("bob"))
    house.ask(bob.key or b"", control.Claim(r=3, room="lobby", nick="robert"))
    house.ask(bob.key or b"", Received(r=0, id="w1", sender=alice.fingerprint))
    assert events(house.take(), alice, Done) == [Done(r=7)]


def test_guests_get_theirs_at_once(house: House) -> None:
    alice, line = house.join("alice"), house.line("carol")
    house.ask(alice.key or b"", whisper("carol"))
    outputs = house.take()
    assert [heard.text for heard in line.heard(Whisper)] == ["psst"]
    assert events(outputs, alice, Done) == [Done(r=7)]


def test_two_guests_with_the_same_id_are_both_answered(house: House) -> None:
    one, two, bob, eve = house.line("one"), house.line("two"), house.join("bob"), house.join("eve")
    house.line_port.whisper(one, "lobby", "bob", "from one", None)
    house.line_port.whisper(two, "lobby", "bob", "from two", None)
    house.line_port.whisper(two, "lobby", "eve", "from two", None)
    house.take()
    for _ in range(2):
        house.ask(bob.key or b"", Received(r=0, id="", sender=None))
    house.take()
    assert [line.heard(Ack) for line in (one, two)] == [[Ack("", "lobby", None)]] * 2
    house.tick(WHISPER_S)
    house.take()
    assert one.heard(Error) == []
    assert [error.code for error in two.heard(Error)] == ["not_here"]
    assert eve.seats


def test_nobody_takes_all_places(house: House) -> None:
    eve, bob, alice = house.join("eve"), house.join("bob"), house.join("alice")
    for number in range(WAITING_OF_ONE):
        assert house.ask(eve.key or b"", whisper("bob", name=str(number))) is None
    assert house.ask(eve.key or b"", whisper("bob", name="more")).code == "too_many"
    assert house.ask(alice.key or b"", whisper("bob")) is None
    house.ask(bob.key or b"", Received(r=0, id="w1", sender=alice.fingerprint))
    assert events(house.take(), alice, Done) == [Done(r=7)]


def test_the_places_are_bounded_in_all(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.broker.whispers.WAITING_MOST", 1)
    alice, carol = house.join("alice"), house.join("carol")
    house.join("bob")
    assert house.ask(alice.key or b"", whisper("bob")) is None
    assert house.ask(carol.key or b"", whisper("bob")).code == "too_many"


def test_a_sender_that_has_gone_is_not_answered(house: House) -> None:
    alice, bob = house.join("alice"), house.join("bob")
    house.ask(alice.key or b"", whisper("bob"))
    house.ask(alice.key or b"", control.Bye(r=8))
    house.take()
    house.ask(bob.key or b"", Received(r=0, id="w1", sender=alice.fingerprint))
    house.tick(WHISPER_S)
    outputs = house.take()
    assert events(outputs, alice, Done) == []
    assert events(outputs, alice, Refused) == []


def test_a_guest_in_no_room_cannot_whisper(house: House) -> None:
    line = house.line("carol")
    house.line_port.leave(line, "lobby")
    with pytest.raises(Refusal, match="not in the room"):
        house.line_port.whisper(line, "lobby", "bob", "x", "1")
