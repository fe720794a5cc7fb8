"""JSON-lines clients at the core, by the bridge's port."""

from __future__ import annotations

import pytest

from sandpiper.broker.core import Rules
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.messages import Ack, Msg, MsgDraft, Notice, Rooms
from tests.broker.fixture import FullStore, House, Line, notices


def test_a_guest_enters_hears_and_leaves(house: House) -> None:
    line = Line()
    joined = house.line_port.enter(line, "lobby", "carol")
    assert (joined.room, joined.nick, joined.seq, joined.run) == ("lobby", "carol", 0, house.store.run)
    assert [(member.nick, member.from_, member.verified, member.path) for member in joined.members] == [
        ("carol", None, False, "line")
    ]
    house.take()
    assert [notice.text for notice in line.heard(Notice)] == ["carol joined"]
    house.line_port.leave(line, "lobby")
    assert notices(house.take()) == ["carol left"]
    assert line.heard(Notice)[1:] == []
    with pytest.raises(Refusal) as caught:
        house.line_port.publish(line, "lobby", MsgDraft(text="x"))
    assert caught.value.code is Code.NOT_JOINED


def test_a_guest_without_a_nick_is_anon(house: House) -> None:
    one, two = house.line(), house.line()
    assert [member.nick for member in house.line_port.members("lobby")] == ["anon", "anon"]
    assert house.line_port.guests == [one, two]


def test_what_a_guest_publishes_comes_back_and_then_the_ack(house: House) -> None:
    one, two = house.line("one"), house.line("two")
    house.take()
    one.items.clear()
    two.items.clear()
    for name in ("a", "b"):
        house.line_port.publish(one, "lobby", MsgDraft(text=name, id=name, n=99, nick="forged"))
    house.line_port.publish(two, "lobby", MsgDraft(text="c"))
    house.take()
    assert [type(item.message) for item in one.items] == [Msg, Msg, Msg, Ack, Ack]
    assert [message.nick for message in one.heard(Msg)] == ["one", "one", "two"]
    assert one.heard(Ack) == [Ack("a", "lobby", 1), Ack("b", "lobby", 2)]
    assert [ack.seq for ack in two.heard(Ack)] == [3]


def test_a_guest_hears_its_rooms_only(house: House) -> None:
    one, two = house.line("one", "lobby"), house.line("two", "pine")
    house.line_port.publish(one, "lobby", MsgDraft(text="in the lobby"))
    house.take()
    assert [message.text for message in one.heard(Msg)] == ["in the lobby"]
    assert two.heard(Msg) == []


def test_what_was_staged_before_entering_is_history(house: House) -> None:
    one = house.line("one")
    house.line_port.publish(one, "lobby", MsgDraft(text="before"))
    two = Line()
    assert house.line_port.enter(two, "lobby", "two").seq == 1
    house.line_port.publish(one, "lobby", MsgDraft(text="after"))
    house.take()
    assert [message.text for message in two.heard(Msg)] == ["after"]
    messages, start = house.line_port.replay("lobby", 0, 10)
    assert ([message.seq for message in messages], start) == ([1, 2], 1)
    assert house.line_port.newest("lobby", 1) == 1
    assert house.line_port.newest("lobby", 99) == house.line_port.newest("nowhere", 1) == 0


def test_a_log_that_cannot_be_read_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandpiper.broker.store.errors import StoreFull

    def page(*_: object) -> None:
        raise StoreFull("no space")

    assert isinstance(house.store, FullStore)
    monkeypatch.setattr(house.store, "page", page)
    with pytest.raises(Refusal) as caught:
        house.line_port.replay("lobby", 0, 10)
    assert caught.value.code is Code.STORE


def test_rooms_and_members(house: House) -> None:
    house.line("one", "pine")
    assert house.line_port.rooms() == Rooms(house.broker.listing())
    assert house.line_port.members("nowhere") == []
    with pytest.raises(Refusal):
        house.line_port.members("a b")


def test_a_taken_nick_leaves_the_guest_out(house: House) -> None:
    house.line("carol")
    line = Line()
    with pytest.raises(Refusal) as caught:
        house.line_port.enter(line, "lobby", "Carol")
    assert caught.value.code is Code.NICK_TAKEN
    assert [member.nick for member in house.line_port.members("lobby")] == ["carol"]
    house.line_port.enter(line, "lobby", "caroline")


def test_departing_frees_everything_at_once(house: House) -> None:
    line = house.line("carol", "lobby")
    house.line_port.enter(line, "pine", "carol")
    house.take()
    house.line_port.depart(line)
    house.line_port.depart(line)
    house.line_port.depart(Line())
    assert notices(house.take()) == ["carol left", "carol left"]
    assert house.line_port.guests == []
    house.line("carol")


def test_every_line_counts_for_the_rate_in_a_room_or_not() -> None:
    house = House(rules=Rules(messages_per_s=2, bytes_per_s=1e9))
    line = Line()
    waits = [house.line_port.pause(line, 10) for _ in range(6)]
    assert waits[:4] == [0.0] * 4
    assert waits[4:] == [pytest.approx(0.5), pytest.approx(1.0)]
    house.store.close()


def test_the_access_code_is_asked_of_guests() -> None:
    house = House(access_code="open sesame")
    house.line_port.admit("open sesame", "192.0.2.1")
    with pytest.raises(Refusal):
        house.line_port.admit("wrong", "192.0.2.1")
    house.store.close()
