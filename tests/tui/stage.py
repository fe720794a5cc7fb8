"""The screen played in a test: keys in, what it shows out. Everything waits for an event, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot

from sandpiper.tui.app import ChatApp
from sandpiper.tui.history import History
from sandpiper.tui.port import RoomRequest, ScreenSettings
from tests.tui.fake import START, FakeRoom, House

DEADLINE_S = 20.0


class Stage:
    """A running screen over fake rooms, the first of them entered."""

    def __init__(self, app: ChatApp, pilot: Pilot[Any], house: House) -> None:
        self.app, self.pilot, self.house = app, pilot, house
        self.time = float(START + 3600)

    @property
    def room(self) -> FakeRoom:
        """The room that was entered first."""
        return self.house.entered[0]

    async def until(self, holds: Callable[[], object], what: str = "") -> None:
        """Waits until something holds."""
        async with asyncio.timeout(DEADLINE_S) if hasattr(asyncio, "timeout") else _timeout():
            try:
                while not holds():
                    await self.pilot.pause(0.01)
            except asyncio.CancelledError:
                raise AssertionError(f"never: {what}\n{self.text}") from None

    async def shows(self, *words: str) -> None:
        """Waits until all these words are on the screen."""
        await self.until(lambda: all(word in self.text for word in words), " and ".join(words))

    async def hides(self, word: str) -> None:
        """Waits until these words are gone."""
        await self.until(lambda: word not in self.text, f"no {word}")

    async def types(self, text: str) -> None:
        """Types it, without Enter; as fast as the screen takes it, where Pilot pauses after each key."""
        for char in text:
            self.app.post_message(Key(_character_to_key(char), char))
        await self.pilot.pause()

    async def enters(self, text: str) -> None:
        """Types it, and Enter."""
        await self.types(text)
        await self.press("enter")

    async def press(self, *keys: str) -> None:
        """Presses keys by their names."""
        for key in keys:
            self.app.post_message(Key(key, None))
        await self.pilot.pause()

    async def settle(self) -> None:
        """Waits until nothing is to be shown any more."""
        await self.until(lambda: self.app._frame_due is None and not any(tab.inbox for tab in self.app.tabs))
        await self.pilot.pause()

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self.rows)

    @property
    def rows(self) -> list[str]:
        """The screen's rows."""
        size = self.app.size
        strips = self.app.screen._compositor.render_strips(size) if size else []
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


class _timeout:  # noqa: N801  # asyncio.timeout is Python 3.11's
    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handle = asyncio.get_running_loop().call_later(DEADLINE_S, task.cancel)

    async def __aexit__(self, *rest: object) -> None:
        self._handle.cancel()


def play(
    scene: Callable[[Stage], Awaitable[None]],
    *rooms: FakeRoom,
    size: tuple[int, int] = (100, 30),
    house: House | None = None,
    request: RoomRequest | None = None,
    history: Callable[[], History] | None = None,
    wait: bool = True,
    **settings: Any,
) -> ChatApp:
    """Plays a scene, and closes the screen; the screen, to ask how it ended."""
    settings.setdefault("theme", "dark")

    async def run() -> ChatApp:
        here = house or House(*(rooms or (FakeRoom(),)))
        stage: list[Stage] = []
        chosen = ScreenSettings(clock=lambda: stage[0].time if stage else START, **settings)
        first = request or RoomRequest("localhost:5000/lobby", nick="anna")
        app = ChatApp(here.open_room, first, chosen, history() if history else None)
        async with app.run_test(size=size) as pilot:
            stage.append(Stage(app, pilot, here))
            if wait:
                await stage[0].until(lambda: app.current.state == "open" and here.entered, "the room is entered")
                await stage[0].settle()
            await scene(stage[0])
        await app._let_go()
        return app

    return asyncio.run(asyncio.wait_for(run(), 3 * DEADLINE_S))
