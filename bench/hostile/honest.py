"""An honest member as a user has it: the command in a process of its own, with `--json`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Honest:
    """A member's process, and what it has printed."""

    nick: str
    process: asyncio.subprocess.Process
    texts: dict[str, str] = field(default_factory=dict)  # by message id
    heard_at: dict[str, float] = field(default_factory=dict)  # by text
    kinds: Counter[str] = field(default_factory=Counter)
    answers: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    stderr: list[str] = field(default_factory=list)
    code: str = ""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    async def start(cls, nick: str, home: dict[str, str], *words: str) -> Honest:
        """Starts the command, and reads what it prints."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sandpiper.cli", *words, "--local", "--json", "--nick", nick, env=home, limit=1 << 24,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        made = cls(nick, process)
        made.tasks = [asyncio.create_task(made._read()), asyncio.create_task(made._read_errors())]
        return made

    def say(self, **what: Any) -> None:
        """Writes an object to its stdin."""
        if self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(json.dumps(what).encode() + b"\n")

    async def ask(self, within_s: float = 15.0, **what: Any) -> dict[str, Any]:
        """Writes an object, and returns what it answers."""
        while not self.answers.empty():
            self.answers.get_nowait()
        self.say(**what)
        try:
            return await asyncio.wait_for(self.answers.get(), within_s)
        except asyncio.TimeoutError:
            return {"type": "no answer"}

    def cpu_s(self) -> float:
        """How much CPU time it has used."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self) -> float:
        """How much memory of it is resident."""
        try:
            return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE_BYTES / 1e6
        except FileNotFoundError:
            return 0.0

    async def close(self) -> bool:
        """Has it leave; whether it did."""
        self.say(type="leave")
        left = True
        try:
            await asyncio.wait_for(self.process.wait(), 10)
        except asyncio.TimeoutError:
            left = False
            self.process.kill()
            await self.process.wait()
        for task in self.tasks:
            task.cancel()
        return left

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            said = json.loads(line)
            kind = str(said["type"])
            self.kinds[f"warning {said['kind']}" if kind == "warning" else kind] += 1
            if kind == "msg":
                self.texts[said["id"]] = f"{said['nick']}: {said['text']}"
                self.heard_at[said["text"]] = time.monotonic()
            elif kind in ("members", "done", "verified", "error", "code"):
                self.answers.put_nowait(said)
            if kind in ("room_created", "code_changed"):
                self.code = str(said["code"])

    async def _read_errors(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.stderr.append(line.decode(errors="replace").rstrip())
