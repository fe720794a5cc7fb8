"""When the broker has something to do: never before the timer says so, and then it is done."""

from __future__ import annotations

import pytest

from sandpiper.common.control import SendWhisper
from sandpiper.common.limits import LINGER_S, NICK_GRACE_S, SILENT_S, TICK_REST_S, WHISPER_S
from tests.broker.fixture import House


def test_nobody_is_nothing_to_wait_for(house: House) -> None:
    assert house.broker.get_timer() is None
    house.join("alice")
    house.broker.end(next(iter(house.broker.sessions.values())), house.now, grace=False)
    assert house.broker.get_timer() is None


def test_a_session_its_connection_and_then_its_nick(house: House) -> None:
    alice = house.join("alice")
    assert house.broker.get_timer() == house.now + SILENT_S
    house.broker.lost_connection(alice, house.now)
    assert house.broker.get_timer() == house.now + LINGER_S
    house.tick(LINGER_S)
    assert not house.broker.sessions
    assert house.broker.get_timer() == house.now + NICK_GRACE_S
    house.tick(NICK_GRACE_S)
    assert house.broker.get_timer() is None
    assert not house.broker.rooms


def test_a_whisper_that_nobody_confirms(house: House) -> None:
    alice = house.join("alice")
    house.join("bob")
    house.ask(alice.key or b"", SendWhisper(r=7, room="lobby", to="bob", text="psst", id="w"))
    assert house.broker.get_timer() == house.now + WHISPER_S


@pytest.mark.parametrize("least", [LINGER_S, SILENT_S, WHISPER_S, NICK_GRACE_S])
def test_who_rests_has_always_seen_what_is_to_be_over(least: float) -> None:
    """A deadline that is set while the service rests is known before it is due."""
    assert least > TICK_REST_S
