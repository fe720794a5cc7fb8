"""What one flush says, in the forms that subscribers want."""

from __future__ import annotations

from sandpiper.broker.outputs import ToBus, ToSession
from sandpiper.common import control
from sandpiper.common.control import Push
from sandpiper.common.limits import FRAME_BYTES
from tests.broker.fixture import House, events


def test_pushes_are_split_below_the_frame_limit(house: House) -> None:
    alice, bob = house.join("alice"), house.join("bob")
    assert isinstance(house.ask(bob.key or b"", control.Subscribe(r=9, room="lobby")), control.Done)
    house.take()
    for n in range(1, 61):
        house.publish(alice, "x" * 50_000, n)
    outputs = house.take()
    pushes = events(outputs, bob, Push)
    assert len(pushes) > 1
    assert all(len(control.encode(push)) <= FRAME_BYTES for push in pushes)
    frames = [each for push in pushes for each in push.frames]
    assert frames == [each for output in outputs if isinstance(output, ToBus) for each in output.fanout.batches]
    assert not [
        output
        for output in outputs
        if isinstance(output, ToSession) and output.session is alice and isinstance(output.message, Push)
    ]


def test_many_tiny_frames_fit_a_push(house: House) -> None:
    alice, bob = house.join("alice"), house.join("bob")
    house.ask(bob.key or b"", control.Subscribe(r=9, room="lobby"))
    for n in range(1, 5001):
        house.publish(alice, "", n)
    assert all(len(control.encode(push)) <= FRAME_BYTES for push in events(house.take(), bob, Push))
