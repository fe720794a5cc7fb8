"""A bot in a dozen lines: answers `!time` in the lobby of the broker on this machine."""

import asyncio
import contextlib
import time

from sandpiper.peer import Msg, Received, connect


async def main() -> None:
    async with connect("127.0.0.1:5000/lobby", nick="bot") as room:
        async for event in room:
            match event:
                case Received(message=Msg(nick=who, text="!time")):
                    await room.send(f"{who}: it is {time.strftime('%H:%M')}")


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
