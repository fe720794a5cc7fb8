"""The members that stay: each a process with a home of its own, as a user starts it, or a plain socket."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq

from bench import process
from bench.peers.sandpiper import command

_COLUMNS, _ROWS = 120, 40
_LIBRARY: Final = """
import asyncio, sys
from sandpiper.peer import connect, join
from sandpiper.peer.events import Received

async def main(where, nick, options):
    enter = connect if "/" in where else join
    async with enter(where, nick=nick, **options) as room:
        print("in", flush=True)
        async for event in room:
            if isinstance(event, Received) and event.message.text == f"hello {nick}":
                await room.send(f"hello from {nick}")

asyncio.run(main(sys.argv[1], sys.argv[2], eval(sys.argv[3])))
"""
"""A bot, as a program of somebody else has it: answers who greets it."""


class Resident:
    """A process in a room. `first` is the beginning of what it has printed; all of it is read."""

    def __init__(self, folder: Path, nick: str, argv: list[str], *, screen: bool = False) -> None:
        self.nick = nick
        home = folder / nick
        home.mkdir()
        environment = {**os.environ, "SANDPIPER_HOME": str(home), "TERM": "xterm-256color"}
        self._master = -1
        self._log = (home / "stderr").open("wb")
        if screen:
            self._master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
            ends: dict[str, Any] = {"stdin": slave, "stdout": slave, "stderr": slave, "start_new_session": True}
        else:
            ends = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._log}
        self.process = subprocess.Popen(argv, env=environment, **ends)
        if screen:
            os.close(slave)
        self._first = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.first = b""
        self._reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def _read(self) -> None:
        out = self._master if self._master >= 0 else self.process.stdout.fileno()  # type: ignore[union-attr]
        with contextlib.suppress(OSError):  # a terminal's end
            while read := os.read(out, 65536):
                self.first = (self.first + read)[:8192]
                self._first.set()

    def started(self) -> bytes:
        """Waits for the first thing that it prints. Raises Failed."""
        if not self._first.wait(process.READY_S):
            raise process.Failed(f"{self.nick} has printed nothing")
        return self.first

    def say(self, text: str) -> None:
        """As its user would."""
        if self._master >= 0:
            os.write(self._master, text.encode() + b"\r")
        elif self.process.stdin is not None:
            self.process.stdin.write(json.dumps({"type": "msg", "text": text}).encode() + b"\n")
            self.process.stdin.flush()

    def sleep(self) -> None:
        """As a notebook whose lid is shut."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """The lid is open again."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Ends it."""
        self.wake()
        process.stop(self.process)
        self._log.close()
        if self._master >= 0:
            os.close(self._master)


def library(folder: Path, nick: str, where: str, **options: Any) -> Resident:
    """A program that uses the library; `where` is a broker's room or a code."""
    return Resident(folder, nick, [sys.executable, "-c", _LIBRARY, where, nick, repr(options)])


def cli(folder: Path, nick: str, *words: str, screen: bool = False) -> Resident:
    """The installed command, in JSON or with the screen on a terminal of its own."""
    form = () if screen else ("--json",)
    return Resident(folder, nick, [*command(), *words, "--nick", nick, *form], screen=screen)


class LineClient:
    """JSON lines over TCP, as `nc` speaks them."""

    def __init__(self, door: str, nick: str) -> None:
        self._door, self.nick = door, nick

    async def open(self) -> LineClient:
        """Connects and says its name."""
        host, _, port = self._door.rpartition(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))
        self._writer.write(json.dumps({"type": "nick", "nick": self.nick}).encode() + b"\n")
        self._task = asyncio.get_running_loop().create_task(self._read())
        return self

    async def _read(self) -> None:
        while await self._reader.readline():
            pass

    def say(self, text: str) -> None:
        """One line."""
        self._writer.write(json.dumps({"type": "msg", "text": text}).encode() + b"\n")

    async def close(self, *, rudely: bool = False) -> None:
        """Hangs up; `rudely` by a reset, as a machine that is switched off is cut by its router."""
        self._task.cancel()
        if rudely:
            self._writer.transport.abort()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class Tool:
    """A plain ZeroMQ program: a PUB and a SUB."""

    def __init__(self, plain_xsub: str, plain_xpub: str) -> None:
        self._context = zmq.Context()
        self._pub, self._sub = self._context.socket(zmq.PUB), self._context.socket(zmq.SUB)
        self._sub.subscribe("lobby/msg")
        self._sub.connect(plain_xpub)
        self._pub.connect(plain_xsub)

    def say(self, text: str) -> None:
        """One frame."""
        body = msgspec.msgpack.encode({"type": "msg", "nick": "tool", "text": text})
        self._pub.send(b"lobby/msg\0" + body)

    def listen(self) -> None:
        """Takes what has come."""
        with contextlib.suppress(zmq.Again):
            while True:
                self._sub.recv(zmq.NOBLOCK)

    def close(self) -> None:
        """Ends it."""
        self._context.destroy(linger=0)
