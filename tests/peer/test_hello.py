"""What a front door may answer to hello: what is no welcome, and what a welcome says of the ports."""

from __future__ import annotations

import asyncio

import pytest

from sandpiper.common.errors import Unreachable
from sandpiper.common.target import Target
from sandpiper.peer.hello import BROKER, at_host, greet

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
            await asyncio.wait_for(greet(Target("127.0.0.1", port), BROKER), DEADLINE_S)
        server.close()

    asyncio.run(run())


# A broker's ports --------------------------------------------------------------------------------------------


def test_the_host_is_the_one_that_we_know_the_broker_by() -> None:
    assert at_host("tcp://0.0.0.0:5001", "192.0.2.7") == "tcp://192.0.2.7:5001"
    assert at_host("tcp://[::]:65535", "2001:db8::7") == "tcp://[2001:db8::7]:65535"


@pytest.mark.parametrize(
    "odd", ["", "garbage", "ipc://x", "tcp://h:", "tcp://h:0", "tcp://h:65536", "tcp://h:-1", "h:٣", "h:" + "9" * 5000]
)
def test_what_is_no_port_is_no_endpoint(odd: str) -> None:
    with pytest.raises(Unreachable, match="names no port") as raised:
        at_host(odd, "192.0.2.7")
    assert len(str(raised.value)) < 200


def test_a_liar_s_words_are_shown_without_what_moves_the_cursor() -> None:
    with pytest.raises(Unreachable, match="␛"):
        at_host("\x1b[2J", "192.0.2.7")
