"""What a front door may answer to hello that is no welcome."""

from __future__ import annotations

import asyncio

import pytest

from sandpiper.common.errors import Unreachable
from sandpiper.common.target import Target
from sandpiper.peer import hello as doorstep

DEADLINE_S = 20.0


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            b'{"type":"error","text":"no room \\u001b[2Jleft; try again later","ts":1}\n',
            "takes no newcomers: no room ␛",
        ),
        (b'{"type":"error","ts":1}\n', "not a sandpiper broker"),
        (b"220 mail.example.org\n", "not a sandpiper broker"),
    ],
)
def test_an_answer_that_is_no_welcome(answer: bytes, says: str) -> None:
    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match=says):
            await asyncio.wait_for(doorstep.greet(Target("127.0.0.1", port), doorstep.BROKER), DEADLINE_S)
        server.close()

    asyncio.run(run())
