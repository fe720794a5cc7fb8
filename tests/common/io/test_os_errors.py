from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from sandpiper.common.io.os_errors import reason


def refused(host: str, port: int) -> OSError:
    async def scene() -> None:
        await asyncio.open_connection(host, port)

    with pytest.raises(OSError) as raised:  # noqa: PT011  # whatever it says
        asyncio.run(scene())
    return raised.value


def test_nobody_listens() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        assert reason(refused("127.0.0.1", door.getsockname()[1])) == "Connection refused"
        assert reason(refused("localhost", door.getsockname()[1])) == "Connection refused"


def test_a_port_that_is_taken() -> None:
    async def scene(port: int) -> None:
        await asyncio.start_server(lambda *_: None, "127.0.0.1", port)

    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(1)
        with pytest.raises(OSError, match="bind") as raised:
            asyncio.run(scene(door.getsockname()[1]))
    assert reason(raised.value) == "Address already in use"


def test_what_the_system_says_is_kept() -> None:
    assert reason(OSError(errno.EACCES, "Permission denied")) == "Permission denied"
    assert reason(socket.gaierror(-2, "Name or service not known")) == "Name or service not known"
    assert reason(OSError("odd")) == "odd"
    assert reason(OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 9)")) == "Connection refused"
    assert reason(OSError("Multiple exceptions: odd")) == "Multiple exceptions: odd"
