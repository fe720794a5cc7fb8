"""A room of five real processes, one of which is hostile: what it costs the other four, and whether they stay equal."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.hostile.honest import Honest

NICKS = ["alice", "bob", "carol", "dave"]
SETTLE_S = 12.0
KICKED_S = 15.0
AFTER_KICK = ["crowd", "talk", "garbage", "replay", "misses"]
AFTER_KICK_S = 5.0


async def until(condition: Callable[[], Any], within_s: float) -> bool:
    """Whether something becomes true within so long."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


class HostileRoom:
    """The five, and what is measured of the four."""

    def __init__(self, folder: Path, rate: float) -> None:
        self.folder, self.rate = folder, rate
        self.people: list[Honest] = []
        self._hostile: asyncio.subprocess.Process | None = None
        self._fingerprint = ""
        self._round = 0

    async def open(self) -> None:
        """Has all come in; the first of the four is the owner."""
        self.people.append(await Honest.start(NICKS[0], self._home(NICKS[0]), "create"))
        if not await until(lambda: self.people[0].code, 20):
            raise RuntimeError(f"no room was made: {self.people[0].stderr}")
        for nick in NICKS[1:]:
            self.people.append(await Honest.start(nick, self._home(nick), "join", self.people[0].code))
        if not await until(lambda: all(each.kinds["joined"] for each in self.people), 30):
            raise RuntimeError("not all came in")
        self._hostile = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.hostile.program", self.people[0].code, env=self._home("mallory"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._fingerprint = str((await self._answer(60)).get("fingerprint"))

    async def attack(self, name: str, seconds: float) -> dict[str, Any]:
        """Runs one attack while the four say a line a second each; what was measured."""
        for each in self.people:
            each.kinds.clear()
        begun, cpu = time.monotonic(), [each.cpu_s() for each in self.people]
        self._order(attack=name, seconds=seconds, rate=self.rate)
        under_way = asyncio.create_task(self._answer(seconds + 60))
        spoken: list[tuple[str, float]] = []
        memory = [0.0] * len(self.people)
        while not under_way.done():
            self._round += 1
            for each in self.people:
                text = f"{each.nick} {self._round}"
                spoken.append((text, time.monotonic()))
                each.say(type="msg", text=text)
            await asyncio.sleep(1)
            memory = [max(was, each.memory_mb()) for was, each in zip(memory, self.people, strict=True)]
        took = time.monotonic() - begun
        used = [each.cpu_s() - was for each, was in zip(self.people, cpu, strict=True)]
        await until(lambda: all(text in each.heard_at for text, _ in spoken for each in self.people), SETTLE_S)
        late = sorted(self._heard_by_all(text) - at for text, at in spoken)
        return {
            **under_way.result(),
            "cpu_percent": [round(each / took * 100) for each in used],
            "memory_mb": [round(each) for each in memory],
            "late_s": {"median": _seconds(late[len(late) // 2]), "worst": _seconds(late[-1])},
            "differ": await self.differences(),
            "printed": dict(self.people[1].kinds),
        }

    async def differences(self) -> list[str]:
        """In what the four differ: what they show, and whom; and who of them has broken down."""
        await until(lambda: len({frozenset(each.texts) for each in self.people}) == 1, SETTLE_S)
        found = []
        everything = frozenset().union(*(each.texts for each in self.people))
        for each in self.people:
            missing = everything - frozenset(each.texts)
            if missing:
                found.append(f"{each.nick} lacks {len(missing)} messages")
            if each.process.returncode is not None:
                found.append(f"{each.nick} has ended with {each.process.returncode}")
            if any("Traceback" in line for line in each.stderr):
                found.append(f"{each.nick} has a traceback")
        for name in everything:
            if len({each.texts[name] for each in self.people if name in each.texts}) > 1:
                found.append(f"{name} has several texts")
        rosters: dict[str, list[str]] = {}
        for each in self.people:
            answer = await each.ask(type="who")
            who = sorted(row["from"][:8] for row in answer.get("members", []))
            rosters.setdefault(json.dumps(who), []).append(each.nick)
        if len(rosters) > 1:
            found.append(f"rosters {rosters}")
        return found

    async def kick(self, *, with_admitted: bool) -> dict[str, Any]:
        """Has the owner remove it while it talks; how long that took, and what it can do afterwards."""
        old = self.people[0].code
        self._order(attack="talk", seconds=20, rate=self.rate)
        under_way = asyncio.create_task(self._answer(90))
        await asyncio.sleep(3)
        begun = time.monotonic()
        answer = await self.people[0].ask(type="kick", nick=self._fingerprint, with_admitted=with_admitted)
        done = time.monotonic()
        silent = await self._silent_at(done + KICKED_S)
        ended = await under_way
        self._order(attack="rejoin", code=old, seconds=40)
        again = await self._answer(90)
        afterwards = [await self.attack(name, AFTER_KICK_S) for name in AFTER_KICK]
        return {
            "answer": answer,
            "done_s": _seconds(done - begun),
            "silent_after_s": [_seconds(max(at - begun, 0)) for at in silent],
            "hostile": ended,
            "old_code": again,
            "afterwards": afterwards,
        }

    async def close(self) -> None:
        """Ends all."""
        left = await asyncio.gather(*(each.close() for each in self.people))
        for each, has_left in zip(self.people, left, strict=True):
            if not has_left:
                print(json.dumps({"stuck": each.nick}), flush=True)
        if self._hostile is not None and self._hostile.returncode is None:
            self._hostile.kill()
            await self._hostile.wait()

    async def _silent_at(self, deadline: float) -> list[float]:
        """When each of the four showed a message last; nobody but the hostile one talks meanwhile."""
        last = [0.0] * len(self.people)
        counts = [len(each.texts) for each in self.people]
        while time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            for at, each in enumerate(self.people):
                if len(each.texts) != counts[at]:
                    counts[at], last[at] = len(each.texts), time.monotonic()
        return last

    def _heard_by_all(self, text: str) -> float:
        return max(each.heard_at.get(text, float("inf")) for each in self.people)

    def _home(self, nick: str) -> dict[str, str]:
        home = self.folder / nick
        home.mkdir(exist_ok=True)
        return {**os.environ, "HOME": str(home), "SANDPIPER_HOME": str(home)}

    def _order(self, **order: Any) -> None:
        assert self._hostile is not None
        assert self._hostile.stdin is not None
        self._hostile.stdin.write(json.dumps(order).encode() + b"\n")

    async def _answer(self, within_s: float) -> dict[str, Any]:
        """The hostile process's next line."""
        assert self._hostile is not None
        assert self._hostile.stdout is not None
        line = await asyncio.wait_for(self._hostile.stdout.readline(), within_s)
        found: dict[str, Any] = json.loads(line) if line else {"fault": "the hostile process has ended"}
        return found


def _seconds(value: float) -> float | None:
    """Rounded; None for what never came."""
    return None if value == float("inf") else round(value, 3)
