"""The way back, with real processes: between peers, on the screen too; and through a hole at a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from sandpiper.common.messages import Message, Msg
from sandpiper.peer import Room, connect, join
from sandpiper.peer.profile import Profile
from sandpiper.peer.view import RoomView
from sandpiper.tui.app import ChatApp
from sandpiper.tui.history import History
from sandpiper.tui.port import RoomRequest, ScreenSettings
from tests.sockets.members import DEADLINE_S, Cast
from tests.sockets.running import RunningBroker, RunningDiscovery, running
from tests.tui.fake import House
from tests.tui.stage import Stage

EACH = 300


@pytest.fixture
def discovery(tmp_path: Path) -> Iterator[RunningDiscovery]:
    made = RunningDiscovery(tmp_path / "discovery")
    yield made
    assert made.stop() == 0


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def timed() -> None:
        await asyncio.wait_for(scene(), DEADLINE_S)

    asyncio.run(timed())


async def all_older(room: Room, before: Message | int | None = None) -> list[Message]:
    found: list[Message] = []
    while page := await room.older(before):
        found[:0] = page
        before = page[0]
    return found


def told(cast: Cast, *options: str) -> tuple[str, str, str]:
    """A room of two who have talked; its code, and whose runs there are."""
    alice = cast.create("alice", *options)
    bob = cast.join("bob", alice.code)
    for member in (alice, bob):
        member.send(*(f"{member.nick} {number}" for number in range(1, EACH + 1)))
    for member in (alice, bob):
        member.acknowledged(EACH)
    return alice.code, alice.run, bob.run


def test_between_peers_what_was_said_before_comes_from_the_others(tmp_path: Path, discovery: RunningDiscovery) -> None:
    with Cast(tmp_path, "--local", "--discovery", discovery.door) as cast:
        code, *runs = told(cast)

        async def scene() -> None:
            at = {"discovery": discovery.door, "local": True}
            async with join(code, nick="dave", backlog=0, profile=Profile.ephemeral(), **at) as dave:  # type: ignore[arg-type]
                found = await all_older(dave)
                for nick, run in zip(("alice", "bob"), runs, strict=True):
                    texts = [each.text for each in found if each.run == run and isinstance(each, Msg)]
                    assert texts == [f"{nick} {number}" for number in range(1, EACH + 1)]
                assert dave.no_older == "nothing older: this is where the room's talk begins"

        play(scene)


def test_between_peers_a_room_without_history_gives_none(tmp_path: Path, discovery: RunningDiscovery) -> None:
    with Cast(tmp_path, "--local", "--discovery", discovery.door) as cast:
        code, *_ = told(cast, "--history", "none")

        async def scene() -> None:
            at = {"discovery": discovery.door, "local": True}
            async with join(code, nick="dave", profile=Profile.ephemeral(), **at) as dave:  # type: ignore[arg-type]
                assert await all_older(dave) == []
                assert dave.no_older == "older messages are not given to those who join later"

        play(scene)


def shown(app: ChatApp) -> list[str]:
    return [entry.text for entry in app.current.model if isinstance(entry.message, Msg)]


async def climbs(stage: Stage, text: str) -> None:
    while text not in stage.text:
        await stage.press("pageup")
        await stage.settle()
        await stage.until(lambda: not stage.app.current.looking_back)


def test_pgup_on_the_screen_between_peers(tmp_path: Path, discovery: RunningDiscovery) -> None:
    with Cast(tmp_path, "--local", "--discovery", discovery.door) as cast:
        code, *_ = told(cast)
        profile, house = Profile.ephemeral(), House()

        def open_room(request: RoomRequest) -> AbstractAsyncContextManager[RoomView]:
            return join(code, nick="anna", backlog=5, discovery=discovery.door, local=True, profile=profile)

        house.open_room = open_room  # type: ignore[method-assign, assignment]

        async def scene() -> None:
            app = ChatApp(house.open_room, RoomRequest(code, nick="anna"), ScreenSettings(theme="dark"), None)
            async with app.run_test(size=(100, 30)) as pilot:
                stage = Stage(app, pilot, house)
                await stage.until(lambda: len(shown(app)) == 5)
                await stage.enters("/search alice 77")
                await stage.shows("alice 77")
                await stage.press("escape")
                await stage.press("ctrl+home")
                await stage.until(lambda: app.current.model.begins is not None)
                while len(shown(app)) < 2 * EACH:
                    await stage.press("pageup")
                    await stage.until(lambda: not app.current.looking_back)
                assert len(set(shown(app))) == len(shown(app)) == 2 * EACH
                await climbs(stage, "this is where the room's talk begins")
            await app._let_go()

        play(scene)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    with running(tmp_path / "broker") as made:
        yield made


def test_the_screen_fills_the_hole_between_what_it_kept_and_the_backlog(tmp_path: Path, broker: RunningBroker) -> None:
    profile, house = Profile.ephemeral(), House()

    def open_room(request: RoomRequest) -> AbstractAsyncContextManager[RoomView]:
        return connect(request.target, nick="anna", profile=profile, backlog=20)

    house.open_room = open_room  # type: ignore[method-assign, assignment]

    async def visit(scene: Callable[[Stage], Awaitable[None]]) -> None:
        request = RoomRequest(f"{broker.door}/lobby", nick="anna")
        app = ChatApp(house.open_room, request, ScreenSettings(theme="dark"), History(tmp_path / "history"))
        async with app.run_test(size=(100, 30)) as pilot:
            stage = Stage(app, pilot, house)
            await stage.shows("in lobby as anna")
            await scene(stage)
        await app._let_go()

    async def says(first: int, last: int) -> None:
        async with connect(f"{broker.door}/lobby", nick="bob", profile=Profile.ephemeral()) as bob:
            for number in range(first, last + 1):
                await bob.post(f"line {number}.")

    async def before(stage: Stage) -> None:
        await says(1, 50)
        await stage.shows("line 50.")

    async def after(stage: Stage) -> None:
        await stage.shows("line 700.")
        assert shown(stage.app) == [f"line {number}." for number in range(681, 701)]
        await climbs(stage, "line 1.")
        assert shown(stage.app) == [f"line {number}." for number in range(1, 701)]

    async def scenes() -> None:
        await visit(before)
        await says(51, 700)
        await visit(after)

    play(scenes)


def test_where_the_broker_keeps_no_more_it_says_so(tmp_path: Path) -> None:
    with running(tmp_path / "brief", "--retain-messages", "100") as broker:

        async def scene() -> None:
            async with connect(f"{broker.door}/lobby", nick="bob", profile=Profile.ephemeral()) as bob:
                for number in range(1, 1001):
                    await bob.post(str(number))
                await bob.flush()
                while await bob.older(2):  # noqa: ASYNC110  # until the broker has come to it: nobody tells of that
                    await asyncio.sleep(0.05)
                found = await all_older(bob, 1001)
                assert [each.text for each in found if isinstance(each, Msg)] == [
                    str(number) for number in range(1001 - len(found), 1001)
                ]
                assert await bob.older(found[0]) == []
                assert bob.no_older == "older messages are gone: the broker keeps the newest 100"

        play(scene)
