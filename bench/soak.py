"""A soak: a broker, a discovery service and twelve members through ordinary life, and what they cost along the way.

    python -m bench.soak [--minutes 30] [--guests 1000] [--json FILE]

A round of life: everybody says a line, one says two hundred at once, guests come into both rooms, say a line and
leave (some are killed, some are cut off), a room is opened and left, a member sleeps, a line is cut. Then all rest,
and descriptors, threads, memory, wake-ups and CPU of each process are taken, and the size of the broker's WAL. Rounds
follow each other without the hours between them: what grows with events is compressed, what grows with time is not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import process
from bench.peers.sandpiper import command
from bench.residents import LineClient, Resident, Tool, cli, library
from bench.vitals import Vitals, vitals

REST_S: Final = 10.0
"""How long all rest before they are measured, and while they are: reconnects, goodbyes and flushes are over by then."""
TOGETHER: Final = 10
"""Guests that are in a room at one time."""
BURST: Final = 200


@dataclass(slots=True)
class Sample:
    """One look at everything."""

    minutes: float
    guests: int
    wal: int
    costs: dict[str, Vitals]


@dataclass(slots=True)
class Life:
    """The rooms, and everybody in them."""

    folder: Path
    broker: subprocess.Popen[bytes]
    ready: dict[str, Any]
    meeting: str
    code: str = ""
    processes: dict[str, Resident] = field(default_factory=dict)
    lines: list[LineClient] = field(default_factory=list)
    tool: Tool | None = None
    guests: int = 0

    @property
    def lobby(self) -> str:
        """The broker's room."""
        return f"{self.ready['door']}/lobby"


@contextlib.contextmanager
def services(folder: Path) -> Iterator[Life]:
    """A broker and a discovery service of the installed program."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        ready = []
        for name in ("broker", "discovery"):
            log = folder / f"{name}.log"
            argv = [*command(), name, "--port", "0", "--data", str(folder / name), "--json"]
            started.append(process.start(argv, log, stdout=subprocess.PIPE))
            ready.append(process.first_line(started[-1], log))
        life = Life(folder, started[0], ready[0], ready[1]["door"])
        life.processes["broker"], life.processes["discovery"] = started  # type: ignore[assignment]
        yield life
    finally:
        for one in started:
            process.stop(one)


async def settle(life: Life, stack: AsyncExitStack) -> None:
    """The twelve come in: seven through the broker, five between themselves."""
    folder, lobby = life.folder, life.lobby
    met = ("--local", "--discovery", life.meeting)
    first = cli(folder, "creator", "create", *met)
    stack.callback(first.close)
    life.code = json.loads(first.started().splitlines()[0])["code"]
    code = folder / "code"
    code.write_text(life.code)
    joined = ("--code-file", str(code), *met)
    life.processes |= {
        "creator": first,
        "joiner": cli(folder, "joiner", "join", *joined),
        "peer bot": library(folder, "peerbot", life.code, discovery=[life.meeting], local=True),
        "headless": cli(folder, "headless", "join", *joined),
        "peer screen": cli(folder, "peerscreen", "join", *joined, screen=True),
        "bot one": library(folder, "botone", lobby),
        "bot two": library(folder, "bottwo", lobby),
        "client": cli(folder, "client", "connect", lobby),
        "screen": cli(folder, "screen", "connect", lobby, screen=True),
    }
    for resident in list(life.processes.values())[3:]:
        stack.callback(resident.close)
        resident.started()
    for nick in ("lineone", "linetwo"):
        life.lines.append(await LineClient(life.ready["door"], nick).open())
    life.tool = Tool(life.ready["plain_xsub"], life.ready["plain_xpub"])
    stack.callback(life.tool.close)


# Guests ------------------------------------------------------------------------------------------------------------


async def guests(life: Life, count: int) -> None:
    """So many come, a third of them by JSON lines, a third by the library, a third between peers."""
    for start in range(0, count, TOGETHER):
        numbers = range(life.guests + start, life.guests + min(start + TOGETHER, count))
        kinds = itertools.cycle((_by_lines, _by_library, _between_peers))
        await asyncio.gather(*(kind(life, number) for number, kind in zip(numbers, kinds, strict=False)))
    life.guests += count


async def _by_lines(life: Life, number: int) -> None:
    guest = await LineClient(life.ready["door"], f"guest{number}").open()
    guest.say(f"guest {number} was here")
    await asyncio.sleep(0.1)
    await guest.close(rudely=number % 2 == 0)


async def _by_library(life: Life, number: int) -> None:
    from sandpiper.peer import connect
    from sandpiper.peer.profile import Profile

    async with connect(life.lobby, nick=f"guest{number}", profile=Profile.ephemeral()) as room:
        await room.send(f"guest {number} was here")


async def _between_peers(life: Life, number: int) -> None:
    from sandpiper.peer import join
    from sandpiper.peer.profile import Profile

    ways: dict[str, Any] = {"discovery": [life.meeting], "local": True, "profile": Profile.ephemeral()}
    async with join(life.code, nick=f"guest{number}", **ways) as room:
        await room.post(f"guest {number} was here")
        await room.flush()


async def killed(life: Life, number: int) -> None:
    """One comes in, and its machine loses power."""
    code = str(life.folder / "code")
    argv = ["join", "--code-file", code, "--local", "--discovery", life.meeting, "--ephemeral"]
    (life.folder / f"killed{number}").mkdir()
    guest = cli(life.folder / f"killed{number}", "guest", *argv)
    await asyncio.to_thread(guest.started)
    guest.say("lights out")
    await asyncio.sleep(0.5)
    guest.process.kill()
    guest.close()


# A round of life -------------------------------------------------------------------------------------------------


async def live(life: Life, number: int, count: int) -> None:
    """One round, with so many guests."""
    from sandpiper.peer import connect, create
    from sandpiper.peer.profile import Profile

    speakers = [life.processes[name] for name in ("creator", "joiner", "headless", "client", "screen", "peer screen")]
    for speaker in speakers:
        speaker.say(f"round {number}")
    for line in life.lines:
        line.say(f"round {number}")
    assert life.tool is not None
    life.tool.say(f"round {number}")
    for at in range(BURST):
        speakers[number % 4].say(f"burst {number}.{at}")
    await guests(life, count)
    await killed(life, number)
    ways: dict[str, Any] = {"discovery": [life.meeting], "local": True, "profile": Profile.ephemeral()}
    async with connect(f"{life.ready['door']}/room{number % 20}", nick="visitor", profile=Profile.ephemeral()) as room:
        await room.send("a room for an hour")
    async with create(nick="visitor", **ways):
        pass
    await life.lines[number % 2].close(rudely=True)
    life.lines[number % 2] = await LineClient(life.ready["door"], f"again{number}").open()
    sleeper = list(life.processes.values())[2 + number % (len(life.processes) - 2)]
    sleeper.sleep()
    await asyncio.sleep(12.0)
    sleeper.wake()
    life.tool.listen()


async def look(life: Life, began: float) -> Sample:
    """Takes a sample, once all have rested."""
    await asyncio.sleep(REST_S)
    pids = {name: one.pid for name, one in life.processes.items()}
    costs = await vitals(pids, REST_S)
    wal = sum(file.stat().st_size for file in (life.folder / "broker").rglob("*-wal"))
    return Sample((time.monotonic() - began) / 60, life.guests, wal, costs)


async def soak(minutes: float, total: int, keep: Callable[[list[Sample]], None]) -> list[Sample]:
    """The whole of it; `keep` is given the samples whenever there is another."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, services(Path(folder)) as life:
        async with AsyncExitStack() as stack:
            await settle(life, stack)
            await live(life, 0, TOGETHER)  # once, so that what is made at the first use is there at the start
            samples = [await look(life, began)]
            number = 1
            while time.monotonic() - began < minutes * 60 or life.guests < total:
                await live(life, number, min(5 * TOGETHER, max(TOGETHER, total - life.guests)))
                samples.append(await look(life, began))
                keep(samples)
                number += 1
            for client in life.lines:
                await client.close()
    return samples


# What is printed ---------------------------------------------------------------------------------------------------


def line(sample: Sample) -> str:
    """One sample, in sums over all processes."""
    costs = sample.costs.values()
    return (
        f"{sample.minutes:6.1f} min {sample.guests:6} guests {sum(c.descriptors for c in costs):5} descriptors "
        f"{sum(c.threads for c in costs):4} threads {sum(c.resident for c in costs) / 2**20:7.1f} MiB "
        f"{sum(c.wakeups for c in costs):7.1f} wake-ups/s {sum(c.cpu for c in costs) * 100:6.2f} % CPU "
        f"{sample.wal / 2**20:6.1f} MiB WAL"
    )


def table(samples: Sequence[Sample]) -> str:
    """Start and end, a row a process."""
    first, last = samples[0], samples[-1]
    rows = [
        "| process | descriptors | threads | memory (MiB) | wake-ups/s | CPU (%) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, start in first.costs.items():
        end = last.costs[name]
        rows.append(
            f"| {name} | {start.descriptors} → {end.descriptors} | {start.threads} → {end.threads} "
            f"| {start.resident / 2**20:.1f} → {end.resident / 2**20:.1f} | {start.wakeups:.1f} → {end.wakeups:.1f} "
            f"| {start.cpu * 100:.2f} → {end.cpu * 100:.2f} |"
        )
    took = f"{last.minutes:.0f} minutes, {last.guests} guests; the broker's WAL {first.wal:,} → {last.wal:,} octets"
    return "\n".join([took, "", *rows])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=30.0, help="at least so long (default 30)")
    options.add_argument("--guests", type=int, default=1000, help="at least so many (default 1000)")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the samples here, as they come")
    chosen = options.parse_args()

    def keep(samples: list[Sample]) -> None:
        print(line(samples[-1]), flush=True)
        if chosen.json:
            chosen.json.write_text(json.dumps([asdict(sample) for sample in samples], indent=1))

    print(table(asyncio.run(soak(chosen.minutes, chosen.guests, keep))))


if __name__ == "__main__":
    main()
