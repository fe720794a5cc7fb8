"""What the hosts of test_lan_netns.py run: `python -m tests.sockets.on_lan WHAT …`, one JSON object a line out.

serve                     a Lan; each line in is a call: ["advertise", 42, 8000], ["browse", 42, 1.0], ["close"]
shout HEX…                says these packets to the mDNS group, over and over
hear                      prints what is said to the mDNS group, in hex
"""

from __future__ import annotations

import asyncio
import functools
import json
import socket
import sys
import time
from typing import Any

from sandpiper.common.io.lan import Lan

GROUP, PORT = "224.0.0.251", 5353


def say(**words: Any) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


async def serve() -> None:
    lan = Lan()
    say(ready=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, *arguments = json.loads(line)
        began = time.monotonic()
        call = functools.partial(hurry, lan) if name == "hurry" else getattr(lan, name)
        answer = await call(*arguments)
        say(answer=answer, trouble=lan.trouble, seconds=time.monotonic() - began)
    await lan.close()


async def hurry(lan: Lan, nameplate: int) -> None:
    """Calls that are given up, each a little later than the one before."""
    for turns in range(40):
        work = lan.browse(nameplate, 5.0) if turns % 2 else lan.advertise(nameplate, 8000 + turns)
        call = asyncio.create_task(work)
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)


def shout(host: str, packets: list[bytes]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as voice:
        voice.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(host))
        ready = False
        while True:
            for packet in packets:
                voice.sendto(packet, (GROUP, PORT))
            if not ready:
                say(ready=True)
                ready = True
            time.sleep(0.05)  # a liar's patience, not a test's


def hear(host: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.bind(("", PORT))
        ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(host))
        say(ready=True)
        while True:
            packet, (sender, _) = ear.recvfrom(65536)
            say(host=sender, packet=packet.hex())


def keep() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hoard:
        hoard.bind(("", PORT))
        say(ready=True)
        sys.stdin.read()


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "serve":
        asyncio.run(serve())
    elif what == "shout":
        shout(arguments[0], [bytes.fromhex(each) for each in arguments[1:]])
    elif what == "hear":
        hear(arguments[0])
    else:
        keep()
