"""Reconnecting: when, how often, and until when; and the timer that is not moved to later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

import pytest

from sandpiper.common.errors import Rejected, SandpiperError, TrustError, Unreachable
from sandpiper.peer.reconnect import LazyTimer, Reconnector

DEADLINE_S = 20.0


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits here for a network."""
    monkeypatch.setattr("sandpiper.peer.reconnect.RECONNECT_LEAST_S", 0.001)
    monkeypatch.setattr("sandpiper.peer.reconnect.RECONNECT_MOST_S", 0.004)


class Line:
    """A connection whose attempts fail as was written down, and that tells what was done with it."""

    def __init__(self, *errors: SandpiperError | None, last: type[SandpiperError] = TrustError) -> None:
        self.errors = list(errors)
        self.last = last
        self.done: list[str] = []
        self.happened = asyncio.Event()
        self.reconnector = Reconnector(self.attempt, self.drop, self.failed)

    def _note(self, what: str) -> None:
        self.done.append(what)
        self.happened.set()

    async def attempt(self) -> None:
        error = self.errors.pop(0) if self.errors else None
        self._note("attempt")
        if error is not None:
            raise error

    def drop(self, text: str) -> None:
        self._note(f"drop: {text}")

    def failed(self, error: SandpiperError) -> float | None:
        self._note(f"failed: {error}")
        return None if isinstance(error, self.last) else 0.0

    async def until(self, count: int) -> list[str]:
        """What was done, once it is so much."""
        while len(self.done) < count:
            self.happened.clear()
            await self.happened.wait()
        return self.done


def play(scene: Awaitable[None]) -> None:
    async def timed() -> None:
        await asyncio.wait_for(scene, DEADLINE_S)

    asyncio.run(timed())


def test_a_lost_connection_is_dropped_and_made_again_until_that_succeeds() -> None:
    async def scene() -> None:
        line = Line(None, Unreachable("no"), Rejected("full"), None)
        await line.reconnector.open()
        line.reconnector.lost("cut")
        assert line.done == ["attempt"], "the one who tells of it may stand in the midst of the connection's own calls"
        found = await line.until(9)
        assert found[1:5] == ["drop: cut", "attempt", "failed: no", "drop: no"]
        assert found[5:] == ["attempt", "failed: full", "drop: full", "attempt"]
        line.reconnector.lost("cut again")
        await line.until(11)
        assert line.done[9:] == ["drop: cut again", "attempt"]
        await line.reconnector.close()

    play(scene())


def test_connections_that_do_not_last_are_made_again_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a service that greets everybody and hangs up at once."""
    pauses, rest = list[float](), asyncio.sleep

    async def slept(seconds: float) -> None:
        pauses.append(seconds)
        await rest(0)

    async def scene() -> None:
        monkeypatch.setattr(asyncio, "sleep", slept)
        monkeypatch.setattr("sandpiper.peer.reconnect.random.uniform", lambda least, most: most)
        line = Line()
        await line.reconnector.open()
        for number in range(5):
            line.reconnector.lost("cut")
            await line.until(3 + 2 * number)
        monkeypatch.setattr("sandpiper.peer.reconnect.RECONNECT_STEADY_S", 0.0)
        line.reconnector.lost("cut after a while")
        await line.until(13)
        await line.reconnector.close()

    play(scene())
    assert pauses == [0.001, 0.002, 0.004, 0.004, 0.004, 0.001]


def test_a_first_attempt_that_fails_is_the_last_and_leaves_nothing() -> None:
    async def scene() -> None:
        line = Line(Unreachable("no"))
        with pytest.raises(Unreachable, match="no"):
            await line.reconnector.open()
        assert line.done == ["attempt", "drop: closed"]
        assert not line.reconnector.opened
        await line.reconnector.close()

    play(scene())


def test_where_waiting_mends_nothing_there_is_no_other_attempt() -> None:
    async def scene() -> None:
        line = Line(None, TrustError("another key"))
        await line.reconnector.open()
        line.reconnector.lost("cut")
        await line.until(5)
        assert line.done[2:] == ["attempt", "failed: another key", "drop: another key"]
        task = line.reconnector._task
        assert task is not None
        await task  # which has ended

    play(scene())


def test_an_attempt_ends_when_its_own_connection_is_lost() -> None:
    async def scene() -> None:
        line = Line()
        waiting = asyncio.ensure_future(line.reconnector.until(lambda: False, "host:1"))
        await asyncio.sleep(0)
        line.reconnector.lost("the other end hung up")
        with pytest.raises(Unreachable, match="host:1: the other end hung up"):
            await waiting

    play(scene())


def test_an_attempt_that_nobody_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.reconnect.CONNECT_S", 0.005)

    async def scene() -> None:
        with pytest.raises(Unreachable, match="host:1 accepts connections, but does not answer further"):
            await Line().reconnector.until(lambda: False, "host:1")
        await Line().reconnector.until(lambda: True, "host:1")

    play(scene())


def test_a_timer_fires_at_the_earliest_time_that_it_was_set_to() -> None:
    async def scene() -> None:
        fired: list[float] = []
        done = asyncio.Event()

        def due(now: float) -> None:
            fired.append(now)
            done.set()

        timer, began = LazyTimer(asyncio.get_running_loop(), due), time.monotonic()
        timer.set(None)
        timer.set(float("inf"))
        timer.set(began + 1000)
        timer.set(began)
        timer.set(began + 2000)
        await done.wait()
        assert len(fired) == 1
        timer.set(began + 1000)
        timer.cancel()
        done.clear()
        timer.set(began)  # it can be set again
        await done.wait()
        assert len(fired) == 2

    play(scene())
