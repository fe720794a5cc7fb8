from __future__ import annotations

import pytest

from tests.tui.conversation import told
from tests.tui.fake import FakeRoom, House
from tests.tui.snapshots import compare
from tests.tui.stage import Stage, play


@pytest.mark.parametrize("mode", ["broker", "peers"])
@pytest.mark.parametrize("size", [(80, 24), (40, 20), (160, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_conversation(mode: str, size: tuple[int, int]) -> None:
    room = FakeRoom() if mode == "broker" else FakeRoom("lobby", code="lobby")

    async def scene(stage: Stage) -> None:
        await told(stage, peers=mode == "peers")
        await compare(stage, f"{mode}-{size[0]}x{size[1]}")

    play(scene, size=size, house=House(room))


@pytest.mark.parametrize("theme", ["light", "contrast", "terminal"])
def test_themes(theme: str) -> None:
    async def scene(stage: Stage) -> None:
        await told(stage, peers=False)
        await compare(stage, f"theme-{theme}")

    play(scene, size=(80, 24), theme=theme)


def test_no_color() -> None:
    async def scene(stage: Stage) -> None:
        await told(stage, peers=False)
        await compare(stage, "no-color")

    play(scene, size=(80, 24), no_color=True)


def test_help_and_completion() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/help")
        await stage.shows("/help [COMMAND]")
        await stage.settle()
        await compare(stage, "help")
        await stage.types("/")
        await stage.press("tab")
        await stage.settle()
        await compare(stage, "completion")

    play(scene, size=(80, 24))


def test_the_side_on_a_phone() -> None:
    async def scene(stage: Stage) -> None:
        await told(stage, peers=True)
        await stage.press("f2")
        await stage.shows("Rooms")
        await compare(stage, "phone-side")

    play(scene, size=(40, 20), house=House(FakeRoom("lobby", code="lobby")))
