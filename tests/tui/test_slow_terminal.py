"""A terminal that takes nothing, or little: the room goes on, the process ends when it is told to, and what is shown
in the end is what is."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals", allow_module_level=True)

from tests.tui.window import DEADLINE_S, Window, recalled

MESSAGES = 1000
HELD_BY_THE_SYSTEM = 32 * 1024  # octets for a terminal that does not read: Linux takes 19 kB
TALK = """
import asyncio, os, sys
from pathlib import Path
from tests.tui.fake import FakeRoom, House
from sandpiper.tui import ScreenSettings, run, workspace
from sandpiper.tui.history import History
workspace.SCREEN_FRAME_S = 0.005
async def talk(room, told):
    while not room.seq:  # until one has said something oneself
        await asyncio.sleep(0.01)
    for number in range(int(sys.argv[3])):
        room.says("bob", f"number {number} of many, with words enough to fill a row and more than that")
        if number % 10 == 9:  # in frames of their own, a hundred of them
            await asyncio.sleep(workspace.SCREEN_FRAME_S)
            while room._queue.qsize():
                await asyncio.sleep(0)
    os.write(told, b"taken")
async def main():
    room = FakeRoom()
    house = House(room)
    talking = asyncio.create_task(talk(room, int(sys.argv[2])))
    history = History(Path(sys.argv[1]))
    return await run(house.open_room, "localhost:5000/lobby", settings=ScreenSettings(theme="dark"), history=history)
sys.exit(asyncio.run(main()))
"""


class Talk:
    """A screen in whose room much is said once one has said something; and how one learns that it was taken in."""

    def __init__(self, folder: Path) -> None:
        self._taken, told = os.pipe()
        try:
            self.window = Window("-c", TALK, str(folder), str(told), str(MESSAGES), fds=(told,))
        finally:
            os.close(told)

    def begins(self) -> None:
        """From now on nobody reads what the screen writes."""
        self.window.shows("in lobby as anna")
        self.window.types(b"go\r")
        assert select.select([self._taken], [], [], DEADLINE_S)[0], "the room waits for the terminal"
        assert os.read(self._taken, 10) == b"taken"

    def close(self) -> None:
        os.close(self._taken)
        self.window.close()


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    talk = Talk(tmp_path)
    try:
        yield talk
    finally:
        talk.close()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_who_is_told_to_end_ends_though_the_terminal_takes_nothing(talk: Talk, tmp_path: Path, name: str) -> None:
    talk.begins()
    number = getattr(signal, name)
    talk.window.types(b"half a thought")
    talk.window.process.send_signal(number)
    assert talk.window.process.wait(DEADLINE_S) == 128 + number
    assert recalled(tmp_path, "draft localhost:5000/lobby") in ("half a thought", None)  # the key may come too late


def test_a_terminal_that_is_read_again_is_told_how_to_be_itself(talk: Talk) -> None:
    talk.begins()
    talk.window.process.send_signal(signal.SIGTERM)
    assert talk.window.process.wait(DEADLINE_S) == 143
    talk.window.ends()
    assert b"\x1b[?1049l" in talk.window.seen[-300:]
    assert b"\x1b[?1003l" in talk.window.seen[-300:]


def test_what_is_shown_in_the_end_is_what_is_and_what_was_is_not_written(talk: Talk) -> None:
    talk.begins()
    window = talk.window
    before = len(window.seen)
    while f"number {MESSAGES - 1} of many" not in window.text:
        assert select.select([window.master], [], [], DEADLINE_S)[0], window.text
        window.read(100)
    assert len(window.seen) - before < HELD_BY_THE_SYSTEM
    window.types(b"/help\r")
    window.shows("/help [COMMAND]")
    window.types(b"typed")
    window.shows("> typed")
    shown = window.text
    window.screen.reset()
    window.types(b"\x0c")  # Ctrl+L paints all of it anew
    window.shows("> typed")
    window.until_text(shown)
    window.types(b"\x03")
    assert window.ends() == 130


def test_who_is_continued_without_having_been_stopped_still_ends(talk: Talk) -> None:
    window = talk.window
    window.shows("in lobby as anna")
    for _ in range(12):  # a thread each, once, of which the end waited for the last
        asked = window.seen.count(b"\x1b[?1049h")
        window.process.send_signal(signal.SIGCONT)
        window.until_count(b"\x1b[?1049h", asked + 1)
    window.types(b"\x03")
    assert window.ends() == 130


def test_who_is_stopped_and_told_to_end_does_not_come_back_for_it(talk: Talk) -> None:
    window = talk.window
    window.shows("in lobby as anna")
    window.process.send_signal(signal.SIGTSTP)
    os.waitpid(window.process.pid, os.WUNTRACED)
    window.until(b"\x1b[?1049l")
    window.process.send_signal(signal.SIGTERM)
    window.process.send_signal(signal.SIGCONT)
    assert window.ends() == 143
    assert window.seen.count(b"\x1b[?1049h") == 1


def test_stopped_and_continued_the_screen_is_there_again(talk: Talk) -> None:
    window = talk.window
    window.shows("in lobby as anna")
    window.process.send_signal(signal.SIGTSTP)
    os.waitpid(window.process.pid, os.WUNTRACED)
    window.until(b"\x1b[?1049l")
    window.screen.reset()
    window.process.send_signal(signal.SIGCONT)
    window.shows("in lobby as anna")
    window.types(b"typed")
    window.shows("> typed")
    window.types(b"\x03")
    assert window.ends() == 130
