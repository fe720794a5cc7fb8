"""A member that says everything that it can sign: `python -m bench.hostile`. What it costs the other four of a room.

Each attack gives a row as JSON: CPU, memory and lateness of the four, and in what they differ. In the end the owner
kicks the member, and it tries to come back.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path

from bench.hostile.attacks import ATTACKS
from bench.hostile.room import HostileRoom


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each attack")
    parser.add_argument("--rate", type=float, default=300, help="packets a second at most")
    parser.add_argument("--attack", action="append", choices=sorted(ATTACKS), help="only these; may be given again")
    parser.add_argument("--no-kick", action="store_true", help="ends without a removal")
    parser.add_argument("--with-admitted", action="store_true", help="removes whom it let in as well")
    return parser.parse_args()


async def run(chosen: argparse.Namespace) -> None:
    """Opens the room, and prints a row for each attack."""
    with tempfile.TemporaryDirectory() as folder:
        room = HostileRoom(Path(folder), chosen.rate)
        try:
            await room.open()
            for name in ["quiet", *(chosen.attack or ATTACKS), "quiet"]:
                print(json.dumps(await room.attack(name, chosen.seconds), ensure_ascii=False), flush=True)
            if not chosen.no_kick:
                print(json.dumps(await room.kick(with_admitted=chosen.with_admitted), ensure_ascii=False), flush=True)
            for each in room.people:
                print(json.dumps({"nick": each.nick, "stderr": each.stderr[-20:]}, ensure_ascii=False), flush=True)
        finally:
            await room.close()


if __name__ == "__main__":
    asyncio.run(run(options()))
