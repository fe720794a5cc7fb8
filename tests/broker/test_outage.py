"""While the log cannot be written: who waits is told why, once, and when it is over."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sandpiper.broker.outputs import Output, ToTools
from sandpiper.broker.store.errors import StoreFull
from sandpiper.common import control, frame
from sandpiper.common.control import Turned
from sandpiper.common.limits import STORE_CALM_S
from sandpiper.common.messages import Error, MsgDraft, Notice
from tests.broker.fixture import FullStore, House, events

PATH = "/srv/secret/place"


@pytest.fixture
def broken(house: House) -> FullStore:
    """The house's store, whose disk has just become full."""
    assert isinstance(house.store, FullStore)
    house.store.full = True
    house.store.words = f"no space left for {PATH}"
    return house.store


def tools_heard(outputs: Sequence[Output]) -> list[str]:
    said = [frame.decode(each) for output in outputs if isinstance(output, ToTools) for each in output.fanout.singles]
    return [notice.text for notice in said if isinstance(notice, Notice)]


def tool_says(house: House, text: str) -> None:
    house.publish(house.broker.tools, text)


def pass_time(house: House, seconds: float = STORE_CALM_S) -> list[Output]:
    house.tick(seconds)
    return house.take()


def test_each_is_told_the_reason_and_nobody_the_path(house: House, broken: FullStore) -> None:
    alice, line = house.join("alice"), house.line("carol")
    house.publish(alice, "a", 1)
    house.line_port.publish(line, "lobby", MsgDraft(text="l", id="x"))
    tool_says(house, "t")
    outputs = house.take()
    (turned,) = events(outputs, alice, Turned)
    (error,) = line.heard(Error)
    (told,) = tools_heard(outputs)
    for text in (turned.text, error.text, told):
        assert "its disk is full" in text
        assert PATH not in text
    assert PATH in house.broker.sequencer.outage.reason
    assert house.broker.sequencer.outage.news == [f"nothing can be stored: no space left for {PATH}"]


def test_tools_and_guests_are_told_once_and_when_it_is_over(house: House, broken: FullStore) -> None:
    line, other = house.line("carol"), house.line("dave")
    told = []
    for each in range(5):
        tool_says(house, "t")
        house.line_port.publish(line, "lobby", MsgDraft(text="l", id=f"x{each}"))
        told += tools_heard(house.take()) + tools_heard(pass_time(house))
    assert len(told) == 1
    assert len(line.heard(Error)) == 5
    line.items.clear()
    other.items.clear()
    broken.full = False
    assert not tools_heard(pass_time(house, 0.5)), "three seconds of calm first"
    assert tools_heard(pass_time(house)) == ["the broker's log is written again: what was refused can be said again"]
    assert [notice.text for notice in line.heard(Notice)] == [
        "the broker's log is written again: what was refused can be said again"
    ]
    assert not other.heard(Notice), "nothing of this one was refused"
    assert not house.broker.sequencer.outage.on
    assert not pass_time(house)
    assert house.broker.sequencer.outage.news[-1].startswith(
        "the log is written again, after 18 s (10 were turned away)"
    )


def test_a_disk_with_a_few_bytes_left_is_one_outage(house: House, broken: FullStore) -> None:
    alice, bob = house.join("alice"), house.join("bob")
    for each in range(1, 11):
        broken.full = True
        house.publish(alice, "large", 1)
        house.take()
        broken.full = False
        house.publish(bob, "small", each)
        house.take()
        pass_time(house, 1.0)
    assert house.broker.sequencer.outage.on
    assert len(house.broker.sequencer.outage.news) == 1


def test_nothing_is_kept_of_guests_that_have_gone(house: House, broken: FullStore) -> None:
    for each in range(50):
        line = house.line(f"guest{each}")
        house.line_port.publish(line, "lobby", MsgDraft(text="l", id="x"))
        house.take()
        house.line_port.depart(line)
    assert not house.broker.sequencer.outage.guests


def test_who_goes_costs_the_same_however_many_are_left(house: House, broken: FullStore) -> None:
    lines = [house.line(f"guest{each}") for each in range(3)]
    for line in lines:
        house.line_port.publish(line, "lobby", MsgDraft(text="l", id="x"))
    house.take()
    before = house.broker.sequencer.outage.guests
    house.line_port.depart(lines[0])
    assert house.broker.sequencer.outage.guests is before, "those who stay are not put down anew"
    assert len(before) == 2


def test_what_cannot_be_read_is_said_without_the_path_and_logged_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = house.join("alice")

    def page(*_: object) -> None:
        raise StoreFull(f"no space left for {PATH}")

    monkeypatch.setattr(house.store, "page", page)
    for _ in range(3):
        reply = house.ask(alice.key or b"", control.Replay(r=5, room="lobby", after=0, limit=10))
        assert isinstance(reply, control.Refused)
        assert (reply.code, reply.text) == ("store", "the broker's log cannot be used now: its disk is full")
    assert house.broker.sequencer.outage.news == [f"what was asked for cannot be read: no space left for {PATH}"]
