from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from sandpiper.common.io.flow_control import Deadline, FlowControl


class Transport:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


def test_a_valve_opens_when_the_last_reason_is_over() -> None:
    transport = Transport()
    flow = FlowControl(cast(asyncio.ReadTransport, transport))
    for turn in (flow.pause, flow.resume):
        turn("full")
        turn("full")
        turn("paused")
    assert transport.calls == ["pause", "resume"]
    flow.resume("never shut")
    assert transport.calls == ["pause", "resume"]


class Clock:
    """As much of an event loop as a deadline needs; time goes where the test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None], asyncio.TimerHandle]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay, call, (), cast(Any, self))
        self.timers.append((self.now + delay, call, handle))
        return handle

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.timers = [each for each in self.timers if each[2] is not handle]

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [each for each in self.timers if each[0] <= self.now]
        self.timers = [each for each in self.timers if each[0] > self.now]
        for _, call, _ in due:
            call()


def made() -> tuple[Clock, Deadline, list[float]]:
    clock, expired = Clock(), list[float]()
    loop = cast(asyncio.AbstractEventLoop, clock)
    return clock, Deadline(loop, 10.0, lambda: expired.append(clock.now)), expired


def test_a_deadline_expires_once() -> None:
    clock, deadline, expired = made()
    deadline.start()
    assert deadline.running
    for _ in range(5):
        clock.advance(5.0)
    assert expired == [10.0]
    assert not deadline.running


def test_a_deadline_that_starts_anew_runs_from_there() -> None:
    clock, deadline, expired = made()
    deadline.start()
    clock.advance(6.0)
    deadline.start()
    assert len(clock.timers) == 1, "starting costs no timer"
    clock.advance(4.0)
    assert not expired
    clock.advance(6.0)
    assert expired == [16.0]


def test_a_stopped_deadline_does_not_expire() -> None:
    clock, deadline, expired = made()
    deadline.start()
    deadline.stop()
    clock.advance(11.0)
    assert not expired
    assert not clock.timers
    deadline.start()
    deadline.cancel()
    assert not clock.timers
