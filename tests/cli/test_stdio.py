from __future__ import annotations

import asyncio
import os
import socket
import sys

import pytest

from sandpiper.cli.stdio import Input, Spoken, output
from sandpiper.common.limits import STATUS_BYTES
from sandpiper.common.lines import LineReader, TooLong


def test_lines_come_out_whole_and_the_last_needs_no_end() -> None:
    async def run() -> list[bytes | TooLong]:
        read, write = os.pipe()
        os.write(write, b"one\ntwo\n" + b"x" * 50 + b"\nlast")
        os.close(write)
        source, lines = Input(LineReader(20), read), []
        while (line := await asyncio.wait_for(source.read(), 10)) is not None:
            lines.append(line)
        os.close(read)
        return lines

    one, two, long, last = asyncio.run(run())
    assert (one, two, last) == (b"one", b"two", b"last")
    assert isinstance(long, TooLong)
    assert long.line == 3


def test_output_is_written_when_it_is_left() -> None:
    async def run(write: int) -> None:
        async with output(write) as out:
            out.write(b"a")
            out.write(b"b")

    read, write = os.pipe()
    asyncio.run(run(write))
    assert os.read(read, 10) == b"ab"
    os.close(read)
    os.close(write)


def test_a_reader_that_has_gone_ends_it_at_once() -> None:
    async def run(write: int) -> None:
        async with output(write) as out:
            out.write(b"a")
            await asyncio.Event().wait()

    read, write = os.pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        asyncio.run(asyncio.wait_for(run(write), 10))
    os.close(write)


def test_what_nobody_reads_on_stderr_holds_nobody_up_and_is_bounded() -> None:
    read, write = os.pipe()
    spoken = Spoken(write)
    lines = [b"line %05d and some words more\n" % number for number in range(20_000)]
    for line in lines:
        spoken.say(line)  # 0.6 MB, into a pipe that takes 64 KiB
    heard = b""
    while not heard.endswith(b"\n") or len(heard) < STATUS_BYTES:
        heard += os.read(read, 65536)
    os.set_blocking(read, False)
    while piece := _read_at_once(read):
        heard += piece
    assert heard == b"".join(lines)[: len(heard)]  # from the first on, and none of them in pieces
    assert len(heard) < 200 * 1024
    spoken.say(b"back\n")
    os.set_blocking(read, True)
    while not heard.endswith(b"back\n"):
        heard += os.read(read, 65536)
    os.close(read)


def _read_at_once(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return b""


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe's writer is not told there")
def test_a_reader_that_goes_later_ends_it_without_a_word_to_write() -> None:
    async def run(read: int, write: int) -> None:
        async with output(write, watched=True) as out:
            out.write(b"a")
            await out.drain()
            os.close(read)
            await asyncio.Event().wait()

    read, write = os.pipe()
    with pytest.raises(BrokenPipeError):
        asyncio.run(asyncio.wait_for(run(read, write), 10))
    os.close(write)


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe's writer is not told there")
def test_a_socket_that_is_written_to_as_well_is_not_taken_for_one_whose_reader_has_gone() -> None:
    async def run(ours: socket.socket, theirs: socket.socket) -> bytes:
        async with output(ours.fileno(), watched=True) as out:
            theirs.send(b"keys that somebody types")
            for _ in range(3):
                await asyncio.sleep(0)
            out.write(b"a")
            await out.drain()
        return theirs.recv(10)

    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert asyncio.run(asyncio.wait_for(run(ours, theirs), 10)) == b"a"
