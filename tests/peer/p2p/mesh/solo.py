"""A mesh in a process of its own: `solo.py SECRET PORT`, with JSON lines for orders and reports.

Orders: {"meet": [[key, pub, sub], …]} and {"say": text, "times": n}. Reports: {"doors": [pub, sub]}, {"up": key} and
{"down": key}, {"subscribed": key}, and {"heard": n, "last": text, "source": key} after each batch.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.peer.p2p.mesh.mesh import Candidate, Mesh, MeshCallbacks

TOPIC = b"the whole room's"


def report(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def main(secret: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    count = 0
    roster: set[bytes] = set()

    def received(packets: list[bytes], source: bytes | None) -> None:
        nonlocal count
        count += len(packets)
        report(heard=count, last=packets[-1].decode(), source=source.hex() if source else None)

    def state(key: bytes, up: bool, error: str) -> None:
        report(**{"up" if up else "down": key.hex(), "error": error})

    def subscribed(key: bytes | None, topic: bytes) -> None:
        report(subscribed=key.hex() if key else None)

    ctx = context()
    heard = MeshCallbacks(received, state, subscribed)
    mesh = Mesh(loop, ctx, CurveKeys.of_secret(bytes.fromhex(secret)), roster.__contains__, heard)
    mesh.subscribe([TOPIC])
    report(doors=list(mesh.bind(("127.0.0.1",), port or None)))
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        for key, pub, sub in order.get("meet", []):
            roster.add(bytes.fromhex(key))
            mesh.reach(bytes.fromhex(key), [Candidate("127.0.0.1", pub, sub)])
        for number in range(order.get("times", 0)):
            mesh.publish(TOPIC, f"{order['say']} {number}".encode())
    mesh.close()
    ctx.term()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
