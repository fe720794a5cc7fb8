"""What a room says of itself before it is entered and after it is closed, and of what is asked amiss."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from sandpiper.common.errors import Code, Refusal, RoomClosed, UsageError
from sandpiper.common.limits import EVENTS_A_TURN, EVENTS_WAITING
from sandpiper.peer import Room, RoomStatus, connect, create, join
from sandpiper.peer.engine import Engine
from sandpiper.peer.events import Warned
from sandpiper.peer.profile import Profile


class Quiet:
    """An engine in which nothing happens, and that never answers until it is closed."""

    broken = None
    full = False
    empty = True

    def __init__(self) -> None:
        self.outlet = self
        self.status: RoomStatus | None = None
        self.events: deque[object] = deque()
        self.moved = asyncio.Event()
        self.closed = asyncio.Event()
        self.closes = 0

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        self.closes += 1
        await asyncio.sleep(0)
        self.closed.set()

    def post(self, draft: object, now: float) -> str:
        return "name"

    def flush(self, now: float) -> None:
        pass

    def pause(self, on: bool) -> None:
        pass

    async def members(self) -> list[object]:
        await self.closed.wait()
        raise Refusal(Code.CLOSING, "closed")


def quiet() -> tuple[Room, list[Quiet]]:
    made: list[Quiet] = []

    def make(turned: Callable[[], None]) -> Engine:
        made.append(Quiet())
        return cast(Engine, made[-1])

    return Room(make), made


ASKS: list[Callable[[Room], Coroutine[Any, Any, object]]] = [
    Room.members, Room.rooms, Room.paths, Room.rotate, lambda room: room.claim("bob"), lambda room: room.kick("bob"),
    lambda room: room.name_owner("bob"), lambda room: room.verify("bob"), lambda room: room.whisper("bob", "psst"),
    lambda room: room.send("hello"), lambda room: room.send_data(1), lambda room: room.post("hello"),
]  # fmt: skip


@pytest.mark.parametrize("ask", ASKS)
def test_whatever_is_asked_of_a_room_that_one_is_not_in_is_told_so(ask: Callable[[Room], Any]) -> None:
    async def run() -> None:
        room, _ = quiet()
        with pytest.raises(UsageError, match="has not been entered"):
            await ask(room)
        await room.close()  # which is nothing
        async with room:
            pass
        with pytest.raises(RoomClosed, match="the room is closed"):
            await ask(room)
        assert [event async for event in room] == []
        with pytest.raises(UsageError, match="entered once"):
            await room.__aenter__()

    asyncio.run(run())


def test_what_is_under_way_when_a_room_is_closed_ends_with_the_same_error() -> None:
    async def run() -> None:
        room, _ = quiet()
        async with room:
            asking = [asyncio.ensure_future(room.members()), asyncio.ensure_future(room.send("hello"))]
            await asyncio.sleep(0)
        for answer in await asyncio.gather(*asking, return_exceptions=True):
            assert isinstance(answer, RoomClosed)

    asyncio.run(run())


def test_the_attributes_of_a_room_are_its_status() -> None:
    async def run() -> None:
        room, made = quiet()
        with pytest.raises(UsageError, match="has not been entered"):
            _ = room.nick
        async with room:
            status = RoomStatus(
                name="lobby", where="broker:5000", code="pine-ocean-42", password_needed=True, broker="b" * 24,
                nick="bob", fingerprint="f" * 24, path="bus", rtt_ms=1.5, run="a" * 32, seq=7, alone=True,
            )  # fmt: skip
            made[0].status = status
            assert room.status == status
            told = {"trouble", "held"}  # by the errors of `flush`
            for field in set(RoomStatus.__struct_fields__) - told:
                assert getattr(room, field) == getattr(status, field)

    asyncio.run(run())


def test_a_room_is_closed_once_whoever_asks_for_it() -> None:
    async def run() -> None:
        room, made = quiet()
        async with room:
            await asyncio.gather(room.close(), room.close())
        assert made[0].closes == 1

    asyncio.run(run())


def test_a_room_has_one_reader() -> None:
    async def run() -> None:
        room, _ = quiet()
        async with room:
            first = asyncio.ensure_future(room.__anext__())
            await asyncio.sleep(0)
            with pytest.raises(UsageError, match="one reader"):
                await room.__anext__()
            first.cancel()
            await asyncio.wait({first})
            second = asyncio.ensure_future(room.__anext__())  # which is the only one now
            await asyncio.sleep(0)
            assert not second.done()
        with pytest.raises(StopAsyncIteration):
            await second

    asyncio.run(run())


def test_a_reader_to_whom_much_has_happened_leaves_turns_of_the_loop_to_others() -> None:
    """A member whose own program kept the loop was gone for the others, for it said nothing."""

    async def play() -> tuple[int, int]:
        room, made = quiet()
        turns = read = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        async with room:
            made[0].events.extend(Warned("lan", str(number)) for number in range(EVENTS_WAITING // 2))
            room._collect()
            beside = asyncio.ensure_future(others())
            async for event in room:
                assert event == Warned("lan", str(read))
                read += 1
                if read == EVENTS_WAITING // 2:
                    break
            beside.cancel()
        return turns, read

    turns, read = asyncio.run(play())
    assert turns >= read // EVENTS_A_TURN // 2


def test_a_kind_of_message_that_there_is_not() -> None:
    async def run() -> None:
        room, _ = quiet()
        async with room:
            with pytest.raises(UsageError, match="kind is one of msg, me, not 'shout'"):
                await room.send("hello", kind="shout")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: connect(cast(Any, None)), "target is a text"),
        (lambda: connect("pine-ocean-42"), "reads like a room code"),
        (lambda: connect("localhost", backlog=-1), "backlog is a number of messages"),
        (lambda: connect("localhost", after=3, backlog=3), "without backlog"),
        (lambda: join(cast(Any, None)), "code is a text such as"),
        (lambda: join("pine-ocean-42", backlog=-1), "backlog is a number of messages"),
        (lambda: create(history="some"), "history is one of epoch, all, none, not 'some'"),
        (lambda: create(capacity=1), "capacity is a number from 2"),
        (lambda: create(path="sideways"), "path is one of auto"),
    ],
)
def test_what_is_asked_amiss_is_told_in_the_caller_s_words(make: Callable[[], Room], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make()


def test_a_profile_s_folder_may_be_a_text(tmp_path: Path) -> None:
    assert Profile.at(str(tmp_path)).folder == tmp_path
