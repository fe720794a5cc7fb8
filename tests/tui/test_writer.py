"""The thread that writes to the terminal, and what waits for it."""

from __future__ import annotations

import contextlib
import os
import threading

from sandpiper.common.limits import SCREEN_WORDS_CHARS
from sandpiper.tui.writer import Words, Writer

DEADLINE_S = 20.0


def test_what_waits_besides_the_picture_is_bounded() -> None:
    words = Words()
    for _ in range(100_000):
        words.add("\x07 and a title")
    assert 0 < len(words.take()) <= SCREEN_WORDS_CHARS
    words.add("again")
    assert words.take() == "again"


def test_what_has_been_taken_is_said_and_what_is_dropped_is_not_written() -> None:
    read, write = os.pipe()
    taken = threading.Event()
    writer = Writer(write, taken.set)
    writer.put(b"first")
    assert taken.wait(DEADLINE_S)
    assert writer.idle
    assert os.read(read, 100) == b"first"
    writer.put(bytes(1024 * 1024))  # more than a pipe holds
    assert not writer.drained(0.05)
    writer.drop()
    heard = 0
    os.set_blocking(read, False)
    while not writer.drained(0.01):
        with contextlib.suppress(BlockingIOError):
            heard += len(os.read(read, 65536))
    assert heard < 512 * 1024
    writer.end()
    os.close(read)
    os.close(write)


def test_one_whose_reader_has_gone_takes_all() -> None:
    read, write = os.pipe()
    os.close(read)
    writer = Writer(write, lambda: None)
    for _ in range(3):
        writer.put(b"x")
        assert writer.drained(DEADLINE_S)
    assert writer.gone
    writer.end()
    os.close(write)
