"""A room between peers with each member in a process of its own. Each has a board of its own, too."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from bench import process
from bench.board import Board, Load, Pace
from bench.peers import between
from bench.peers.between import Between, tell, until, until_direct

SERVICES: Final = 2
"""Discovery services: one answers 30 look-ups from one address at once, and a crowd on one machine has one address."""


STOPPING_S: Final = 20.0


class Crowd:
    """Processes, up but not in the room yet; `enter` lets the next one in."""

    def __init__(self, folder: Path, size: int, rate: float) -> None:
        self.log = folder / "run.log"
        self.notes = [folder / f"member-{number}.json" for number in range(size)]
        self._folder = folder
        self._rate = rate
        self.services = [Between(f"service{number}") for number in range(SERVICES)]
        self.boards: list[Board] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Starts all. Raises Failed."""
        for service in self.services:
            home = self._folder / service.name
            home.mkdir()
            service.start(home)
        doors = [service.where["door"] for service in self.services]
        for number, notes in enumerate(self.notes):
            file = self._folder / f"board-{number}"
            self.boards.append(Board.make(file))
            where = {"doors": doors, "code": str(self._folder / "code"), "number": number, "notes": str(notes)}
            load = Load(str(file), rate=self._rate, window=1_000_000)
            self.processes.append(process.client(__name__, "take_part", where, load, self.log))
        for board in self.boards:
            self.wait(board, Board.PUBLISHER, "a member's start", 60.0)

    def wait(self, board: Board, cell: int, what: str, limit_s: float) -> None:
        """Returns once a member has set that cell. Raises Failed."""
        process.wait_until(lambda: board[cell] > 0, what, self.processes, self.log, limit_s)

    def stop(self) -> None:
        """Ends all."""
        for board in self.boards:
            board[Board.OVER] = 1
        for each in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                each.wait(STOPPING_S)  # it writes its notes
            process.stop(each)
        for service in self.services:
            service.stop()


def take_part(where: dict[str, Any], load: Load) -> None:
    """One member: enters when GO is set, is READY when it reaches all who are there, notes what it hears.

    The first makes the room, says a line for those to come, and says more while RECORD is set.
    """
    from sandpiper.peer.p2p import engine  # noqa: F401  # so that it is loaded before the clock starts

    notes = asyncio.run(_take_part(where, load))
    Path(where["notes"]).write_text(json.dumps(notes.as_json()))


async def _take_part(where: dict[str, Any], load: Load) -> Notes:
    board, number = Board(load.board), where["number"]
    doors = where["doors"] if number == 0 else [where["doors"][number % len(where["doors"])]]
    board[Board.PUBLISHER] = 1
    await until(lambda: bool(board[Board.GO]))
    notes = Notes()
    enter = between.join if number else between.create
    async with enter({**where, "doors": doors}, f"member{number}") as room:
        notes.entered_s = time.monotonic() - notes.began
        reading = asyncio.create_task(notes.read(room, board))
        if number == 0:
            tell(where, room)
            await room.post("0" * 20)
        await until_direct(room, number)
        notes.direct_s = time.monotonic() - notes.began
        board[Board.READY] = 1
        if number == 0:
            await _speak(room, load, board)
        await until(lambda: bool(board[Board.OVER]))
        reading.cancel()
    return notes


async def _speak(room: Any, load: Load, board: Board) -> None:
    await until(lambda: bool(board[Board.RECORD] or board[Board.OVER]))
    pace = Pace(load)
    while board[Board.RECORD]:
        count = pace.allowance()
        for _ in range(count):
            await room.post(pace.payload().decode())
        pace.sent(max(count, 0))
        await asyncio.sleep(pace.nap())


class Notes:
    """What one member has measured, in seconds."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.entered_s = self.first_s = self.direct_s = 0.0
        self.latencies: list[float] = []

    async def read(self, room: Any, board: Board) -> None:
        """Reads the room. The first line is from before one came."""
        from sandpiper.peer.events import Received

        async for event in room:
            if not isinstance(event, Received):
                continue
            now = time.monotonic_ns()
            sent = int(event.message.text[1:20])  # type: ignore[union-attr]  # only text is sent here
            if sent == 0:
                self.first_s = time.monotonic() - self.began
                board[Board.DONE] = 1
            elif not event.own:
                self.latencies.append((now - sent) / 1e9)

    def as_json(self) -> dict[str, Any]:
        """For the harness."""
        return {
            "entered": self.entered_s,
            "first": self.first_s,
            "direct": self.direct_s,
            "latencies": self.latencies,
        }
