"""Meshes that remember what they heard, to be waited for. Every wait has a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.peer.p2p.mesh.mesh import Candidate, Mesh, MeshCallbacks
from sandpiper.peer.p2p.mesh.ports import MeshPorts

DEADLINE_S = 20.0
LOCAL = ("127.0.0.1", "::1")
TOPIC, OTHER = b"the whole room's", b"one member's tag"


class Node:
    """One member. To be made on a loop."""

    def __init__(self, keys: CurveKeys | None = None, topics: tuple[bytes, ...] = (TOPIC,)) -> None:
        self.loop = asyncio.get_running_loop()
        self.keys = keys or CurveKeys.make()
        self.key = self.keys.public
        self.roster: set[bytes] = set()
        self.packets: list[tuple[bytes | None, bytes]] = []
        self.states: list[tuple[bytes, bool, str]] = []
        self.subscribers: set[tuple[bytes | None, bytes]] = set()
        self.doors = MeshPorts(0, 0)
        self._moved = asyncio.Event()
        self._ctx = context()
        heard = MeshCallbacks(self._received, self._state, self._subscribed)
        self.mesh = Mesh(self.loop, self._ctx, self.keys, self.roster.__contains__, heard)
        self.mesh.subscribe(topics)

    def bind(self, port: int | None = None, hosts: tuple[str, ...] = LOCAL) -> Node:
        self.doors = self.mesh.bind(hosts, port)
        return self

    def at(self, *hosts: str) -> list[Candidate]:
        """Where it is."""
        return [Candidate(host, self.doors.pub, self.doors.sub) for host in hosts or ("127.0.0.1",)]

    def admit(self, *others: Node) -> None:
        self.roster.update(other.key for other in others)

    def meet(self, *others: Node, outward: bool = False) -> None:
        """Admits them and connects to them."""
        self.admit(*others)
        for other in others:
            self.mesh.reach(other.key, other.at(), outward=outward)

    def say(self, *packets: bytes, topic: bytes = TOPIC) -> None:
        for packet in packets:
            self.mesh.publish(topic, packet)

    def of(self, other: Node) -> list[bytes]:
        """What it heard from that one."""
        return [packet for key, packet in self.packets if key == other.key]

    def up(self, other: Node) -> bool:
        """Whether its line to that one stands."""
        return self.mesh.links()[other.key].address is not None

    def heard_by(self, other: Node, topic: bytes = TOPIC) -> bool:
        return (other.key, topic) in self.subscribers

    def error(self, other: Node) -> str:
        return self.mesh.links()[other.key].error

    async def until(self, holds: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
        """Waits for the mesh's next words until this holds."""
        give_up = self.loop.time() + deadline_s
        while not holds():
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), give_up - self.loop.time())
            except asyncio.TimeoutError:
                raise AssertionError(f"not within {deadline_s} s; {self.mesh.links()}") from None

    async def hears_last(self, packet: bytes) -> None:
        """Waits until this is the last that it heard."""
        await self.until(lambda: bool(self.packets) and self.packets[-1][1] == packet)

    def close(self) -> None:
        self.mesh.close()
        self._ctx.term()

    def _received(self, packets: list[bytes], source: bytes | None) -> None:
        self.packets += [(source, packet) for packet in packets]
        self._moved.set()

    def _state(self, key: bytes, up: bool, error: str) -> None:
        self.states.append((key, up, error))
        self._moved.set()

    def _subscribed(self, key: bytes | None, topic: bytes) -> None:
        self.subscribers.add((key, topic))
        self._moved.set()


async def acquainted(*nodes: Node) -> None:
    """All of them know and hear each other."""
    for node in nodes:
        node.meet(*(other for other in nodes if other is not node))
    for node in nodes:
        await node.until(lambda node=node: all(node.up(o) and node.heard_by(o) for o in nodes if o is not node))  # type: ignore[misc]
