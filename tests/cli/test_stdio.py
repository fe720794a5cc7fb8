from __future__ import annotations

import asyncio
import os

import pytest

from sandpiper.cli.stdio import Input, output
from sandpiper.common.lines import TooLong


def test_lines_come_out_whole_and_the_last_needs_no_end() -> None:
    async def run() -> list[bytes | TooLong]:
        read, write = os.pipe()
        os.write(write, b"one\ntwo\n" + b"x" * 50 + b"\nlast")
        os.close(write)
        source, lines = Input(read, limit=20), []
        while (line := await asyncio.wait_for(source.read(), 10)) is not None:
            lines.append(line)
        os.close(read)
        return lines

    one, two, long, last = asyncio.run(run())
    assert (one, two, last) == (b"one", b"two", b"last")
    assert isinstance(long, TooLong)


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
