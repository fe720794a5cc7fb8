"""The original client's behaviour in the standard library alone: a witness that it still works unchanged.

    python client.py --host 127.0.0.1 --port 5000 --nick alice

It connects, names itself, sends each line of stdin as a message, and prints what the server says. It knows
`msg`, `notice`, `nick` and `error`, as newline-delimited JSON, and nothing else. `/quit` or the end of stdin
leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
import time
from typing import Any

COLOURS = (31, 32, 33, 34, 35, 36)


def coloured(nick: str) -> str:
    """The nick in a colour of its own, the same for everyone; plain in a pipe."""
    if not sys.stdout.isatty():
        return nick
    return f"\x1b[{COLOURS[sum(nick.encode()) % len(COLOURS)]}m{nick}\x1b[0m"


def line_for(message: dict[str, Any]) -> str:
    """What is printed for one message of the server."""
    clock = time.strftime("%H:%M:%S", time.localtime(message.get("ts", 0)))
    text = message.get("text", "")
    match message.get("type"):
        case "msg":
            return f"[{clock}] {coloured(message.get('nick', 'anon'))}: {text}"
        case "notice" | "nick":
            return f"[{clock}] * {text}"
        case "error":
            return f"[{clock}] ! {text}"
        case other:
            return f"[{clock}] ? {other}"


async def receive(reader: asyncio.StreamReader) -> None:
    """Prints the server's messages until it hangs up."""
    while line := await reader.readline():
        print(line_for(json.loads(line)), flush=True)


async def send(writer: asyncio.StreamWriter, nick: str) -> None:
    """Names itself, then sends stdin's lines."""

    async def write(message: dict[str, str]) -> None:
        writer.write(json.dumps(message).encode() + b"\n")
        await writer.drain()

    await write({"type": "nick", "nick": nick})
    typed = typed_lines()
    while (line := await typed.get()) is not None and line != "/quit":
        if line:
            await write({"type": "msg", "text": line})


def typed_lines() -> asyncio.Queue[str | None]:
    """Stdin's lines, then None. Read by a thread of its own, which a blocked read cannot keep alive."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(queue.put_nowait, line.strip())
        loop.call_soon_threadsafe(queue.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    return queue


async def chat(host: str, port: int, nick: str) -> None:
    """One conversation; over when either side ends it."""
    reader, writer = await asyncio.open_connection(host, port)
    tasks = [asyncio.create_task(receive(reader)), asyncio.create_task(send(writer, nick))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    writer.close()
    for task in done:
        task.result()


def main() -> None:
    parser = argparse.ArgumentParser(description="Sandpiper's original client")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--nick", default="anon")
    options = parser.parse_args()
    try:
        asyncio.run(chat(options.host, options.port, options.nick))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        sys.exit(f"cannot connect to {options.host}:{options.port}: {error}")


if __name__ == "__main__":
    main()
