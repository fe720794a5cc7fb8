"""The screen over the real thing: a broker's process, the library's rooms, two people."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from sandpiper.peer import connect
from sandpiper.peer.profile import Profile
from sandpiper.peer.view import RoomView
from sandpiper.tui.app import ChatApp
from sandpiper.tui.port import RoomRequest, ScreenSettings
from tests.sockets.running import RunningBroker, running
from tests.tui.fake import House
from tests.tui.stage import Stage


def opener(profile: Profile) -> House:
    """Opens rooms of brokers, as the command line does."""

    def open_room(request: RoomRequest) -> AbstractAsyncContextManager[RoomView]:
        return connect(request.target, nick=request.nick or "", access_code=request.secret, profile=profile, backlog=50)

    house = House()
    house.open_room = open_room  # type: ignore[method-assign, assignment]
    return house


def test_a_conversation(tmp_path: Path) -> None:
    with running(tmp_path / "data") as broker:
        asyncio.run(asyncio.wait_for(_conversation(broker), 60))


async def _conversation(broker: RunningBroker) -> None:
    house = opener(Profile.ephemeral())
    app = ChatApp(house.open_room, RoomRequest(f"{broker.door}/lobby", nick="anna"), ScreenSettings(theme="dark"), None)
    async with app.run_test(size=(100, 30)) as pilot:
        stage = Stage(app, pilot, house)
        await stage.shows("in lobby as anna", f"broker {broker.door}")
        async with connect(f"{broker.door}/lobby", nick="bob", profile=Profile.ephemeral()) as bob:
            await stage.shows("bob joined", "● bob ✓")
            await bob.send("hello anna")
            await stage.shows("▎bob", "▎hello anna")
            await stage.enters("hello *bob*")
            await stage.shows("hello bob ✓")
            await bob.whisper("anna", "psst")
            await stage.shows("@bob whispers to you")
            await stage.enters("/msg bob hush")
            await stage.shows("you whisper to @bob")
            await stage.enters("/who")
            await stage.shows(bob.fingerprint)
            await stage.enters("/nick bob")
            await stage.shows("taken")
            await stage.enters("/nick hanna")
            await stage.shows("you are hanna now")
            await stage.enters("/join ops")
            await stage.shows("in ops as hanna")
            await stage.enters("/rooms")
            await stage.shows("you are here")
            await bob.send("are you there, hanna?")
            await stage.shows("1 elsewhere: Alt+A")
            await stage.press("alt+a")
            await stage.shows("are you there, hanna?")
        await stage.shows("bob left")
        broker.kill()
        await stage.shows("trying again")
        await stage.enters("meanwhile")
        await stage.shows("meanwhile …")
        broker.restart()
        await stage.shows("meanwhile ✓", "back in lobby as hanna")
        await stage.press("ctrl+c")
        await stage.until(lambda: app.exit_status == 130)
    await app._let_go()
