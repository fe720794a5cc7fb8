"""Rooms between peers: a discovery service to meet at, and members by the library, each with its own keys."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench import process
from bench.board import LOOK_S, NAP_S, Board, Load, Pace, Tally
from bench.peers.base import lacks
from bench.peers.pair import SAID, Pair, Ways
from bench.peers.sandpiper import command

PATIENCE_S: Final = 15.0


class Between(Pair):
    """The `broker` is a discovery service of our own on loopback, through which no message goes."""

    module = "bench.peers.between"

    def missing(self) -> str | None:
        return lacks(modules=("sandpiper.peer.p2p",)) or (None if command() else "no command sandpiper")

    def start(self, folder: Path) -> None:
        log = folder / "discovery.log"
        options = ["--port", "0", "--data", str(folder / "data"), "--json"]
        self.broker = process.start([*command(), "discovery", *options], log, stdout=subprocess.PIPE)
        self.where = {**process.first_line(self.broker, log), "code": str(folder / "code")}

    def ways(self) -> Ways:
        met = ["--discovery", self.where["door"], "--local", "--ephemeral", "--json"]
        return Ways(
            first=[*command(), "create", *met, "--nick", "first"],
            second=[*command(), "join", *met, "--nick", "second"],
            code=re.compile(rb'"code":"([^"]+)"'),
            typed=json.dumps({"type": "msg", "text": SAID}).encode() + b"\n",
            environment={**os.environ, "SANDPIPER_HOME": str(Path(self.where["code"]).parent / "home")},
        )


def create(where: dict[str, Any], nick: str) -> Any:
    """A new room, to be entered. Nothing leaves this machine."""
    from sandpiper.peer import create

    return create(nick=nick, **_ways(where))


def join(where: dict[str, Any], nick: str) -> Any:
    """The room that `create` made, once it is entered and `tell` has told of it."""
    from sandpiper.peer import join

    return join(Path(where["code"]).read_text(), nick=nick, **_ways(where))


def tell(where: dict[str, Any], room: Any) -> None:
    """Says by which code others get in."""
    draft = Path(where["code"]).with_suffix(".draft")
    draft.write_text(room.code)
    draft.replace(where["code"])  # it is there at once, whole


def _ways(where: dict[str, Any]) -> dict[str, Any]:
    from sandpiper.peer.profile import Profile

    return {"discovery": where.get("doors") or [where["door"]], "local": True, "profile": Profile.ephemeral()}


async def until(ready: Callable[[], bool], nap_s: float = LOOK_S) -> None:
    """Waits for what another process does."""
    while not ready():  # noqa: ASYNC110  # another process does it: there is no event to wait for
        await asyncio.sleep(nap_s)


async def until_direct(room: Any, others: int) -> None:
    """So many others are there, and each is heard and hears us without a detour. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_S
    while sum(path.path in ("direct", "lan") for path in await room.paths()) < others:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all {others} are reached: {await room.paths()}")
        await asyncio.sleep(0.01)


def publish(where: dict[str, Any], load: Load) -> None:
    """A member that posts, and reads what it is told meanwhile, as every member must."""

    async def read(room: Any) -> None:
        async for _ in room:
            pass

    async def run() -> None:
        async with join(where, "publisher") as room:
            reading = asyncio.create_task(read(room))
            await until_direct(room, load.connections)
            pace = Pace(load)
            pace.ready()
            while (count := pace.allowance()) >= 0:
                for _ in range(count):
                    await room.post(pace.payload().decode())  # gives the loop its turns itself
                pace.sent(count)
                if not count:
                    await asyncio.sleep(pace.nap())
            await room.flush()
            pace.done()
            reading.cancel()

    asyncio.run(run())


def subscribe(where: dict[str, Any], load: Load) -> None:
    """Members that count: each message opened, verified, decoded, delivered once and in order."""

    async def run() -> None:
        from sandpiper.peer.events import Received

        tally = Tally(load)

        async def listen(room: Any) -> None:
            async for event in room:
                if isinstance(event, Received):
                    tally.take(event.message.text)  # type: ignore[union-attr]  # only text is sent here

        async with contextlib.AsyncExitStack() as stack:
            listening = []
            for number in range(load.connections):
                room = await stack.enter_async_context((join if number else create)(where, f"subscriber{number}"))
                tell(where, room)
                listening.append(asyncio.create_task(listen(room)))
                await until_direct(room, number)
                tally.ready()
            await tally.until_over()
            tally.finish()
            for task in listening:
                task.cancel()

    asyncio.run(run())


def found(where: dict[str, Any], load: Load) -> None:
    """Makes a room as soon as it may, tells the code, and says one line."""

    async def run() -> None:
        board = Board(load.board)
        room = create(where, "first")
        board[Board.PUBLISHER] = 1
        await until(lambda: bool(board[Board.GO]), NAP_S)
        board[Board.BEGAN] = time.monotonic_ns()
        async with room:
            tell(where, room)
            await room.send(SAID)
            board[Board.DONE] = 1
            await Tally(load).until_over()

    asyncio.run(run())


def follow(where: dict[str, Any], load: Load) -> None:
    """Joins as soon as there is a code, and ends with the first line; DELIVERED is when, monotonic ns."""

    async def run() -> None:
        from sandpiper.peer.events import Received
        from sandpiper.peer.p2p import engine  # noqa: F401  # so that it is loaded: the process has been started

        board = Board(load.board)
        board[Board.READY] = 1
        await until(Path(where["code"]).exists, NAP_S)
        async with join(where, "second") as room:
            async for event in room:
                if isinstance(event, Received):
                    board[Board.DELIVERED] = time.monotonic_ns()
                    break

    asyncio.run(run())
