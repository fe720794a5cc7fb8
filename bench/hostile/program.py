"""The hostile member's process: `python -m bench.hostile.program CODE`.

Each line of stdin names an attack, as {"attack": NAME, "seconds": S, "rate": N}; when it has ended a line on stdout
says how it went.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from bench.hostile.attacks import ATTACKS, quiet
from bench.hostile.member import HostileMember, join
from sandpiper.common.errors import SandpiperError


async def serve(code: str) -> None:
    """Joins, and does what each line says."""
    hostile = HostileMember(await join(code, "mallory"))
    print(json.dumps({"joined": True, "fingerprint": hostile.member.keyring.fingerprint}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        if order["attack"] == "rejoin":
            answer = await rejoin(hostile, order["code"], order["seconds"])
        else:
            answer = await hostile.run(ATTACKS.get(order["attack"], quiet), order["seconds"], order["rate"])
        print(json.dumps({"attack": order["attack"], **answer}), flush=True)
    await hostile.close()


async def rejoin(hostile: HostileMember, code: str, within_s: float) -> dict[str, Any]:
    """Tries to come in anew by a code; its own half of the room lets nobody in any more."""
    await hostile.runner.services.close()
    try:
        again = await asyncio.wait_for(join(code, "mallory2"), within_s)
    except (SandpiperError, asyncio.TimeoutError) as error:
        return {"rejoined": False, "why": f"{type(error).__name__} {error}"}
    await again.close()
    return {"rejoined": True}


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
