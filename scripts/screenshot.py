"""docs/screenshot.svg: a conversation in the running screen, played by rooms in memory.

python scripts/screenshot.py [--theme dark] [--size 100x30] [FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sandpiper.tui.app import ChatApp  # noqa: E402
from sandpiper.tui.port import RoomRequest, ScreenSettings  # noqa: E402
from tests.tui.fake import START, FakeRoom, House  # noqa: E402
from tests.tui.stage import Stage  # noqa: E402


async def converse(stage: Stage) -> None:
    """What is to be seen."""
    room, at = stage.room, START + 2 * 60
    room.clock = lambda: at
    for nick, path, rtt in (("bob", "lan", 0.4), ("Mira", "direct", 18.3), ("deploy-bot", "relay", 41.0)):
        room.joins(nick, path, rtt)
    await stage.until(lambda: len(stage.app.current.members) == 4)
    room.says("bob", "Morning! The nightly build on **main** is red:\nhttps://ci.example.org/run/4711", at=at + 5)
    room.says("Mira", "> on main\nI think it is the retention change. It should read", at=at + 60)
    code = "```python\ndef trim(log, keep=100_000):\n    # the oldest go, the newest stay\n    return log[-keep:]\n```"
    room.says("Mira", code, at=at + 66)
    room.says("deploy-bot", "staging is back at `v0.9.2` 🚀", at=at + 120)
    room.says("Mira", "anna, could you have a look?", at=at + 150)
    await stage.settle()
    room.clock = lambda: START + 5 * 60
    stage.time = START + 5 * 60.0
    await stage.enters("on it, give me *five* minutes")
    await stage.until(lambda: "minutes ✓" in stage.text)
    room.says("bob", "goes for coffee ☕", kind="me", at=START + 6 * 60)
    for name, target in (("ops", "broker.example.org:5000/ops"), ("birds", "broker.example.org:5000/birds")):
        stage.app.open(RoomRequest(target))
        await stage.until(lambda name=name: name in [each.name for each in stage.house.entered])  # type: ignore[misc]
        await stage.until(lambda: stage.app.current.state == "open")
    stage.house.rooms["ops"].says("bob", "anna: the disk of db-2 is at 91 %")
    stage.house.rooms["ops"].says("bob", "no hurry")
    await stage.until(lambda: stage.app.tabs[1].unread == 2)
    stage.app.go_to(stage.app.tabs[0])
    await stage.types("found it: an off-by-one in ")
    await stage.until(lambda: bool(stage.app.current.members))
    await stage.settle()


async def picture(theme: str, size: tuple[int, int]) -> str:
    """The SVG."""
    room = FakeRoom("pine-ocean-42", code="pine-ocean-42")
    house = House(room)
    stage: list[Stage] = []
    settings = ScreenSettings(theme=theme, clock=lambda: stage[0].time if stage else START)
    app = ChatApp(house.open_room, RoomRequest("pine-ocean-42", nick="anna"), settings, None)
    async with app.run_test(size=size) as pilot:
        stage.append(Stage(app, pilot, house))
        stage[0].time = float(START)
        await stage[0].until(lambda: app.current.state == "open" and house.entered)
        await stage[0].settle()
        await converse(stage[0])
        svg = app.export_screenshot(title="sandpiper")
    await app._let_go()
    return tidied(svg)


def tidied(svg: str) -> str:
    """The same each time: without the random names in it, and with its spaces in every renderer."""
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return svg.replace("&#160;", " ").replace("<text ", '<text xml:space="preserve" ')


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "docs" / "screenshot.svg")
    parser.add_argument("--theme", default="dark")
    parser.add_argument("--size", default="100x26")
    chosen = parser.parse_args()
    os.environ["TZ"] = "UTC"
    if hasattr(time, "tzset"):
        time.tzset()
    width, height = map(int, chosen.size.split("x"))
    chosen.file.write_text(asyncio.run(picture(chosen.theme, (width, height))), "utf-8")


if __name__ == "__main__":
    main()
