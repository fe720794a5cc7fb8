"""The end of a process comes, whatever its threads are doing and whoever does not read."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("signals to one process", allow_module_level=True)

import pty
import termios

DEADLINE_S = 20.0
PRELUDE = """
import asyncio, os, sys, threading
from click.exceptions import Exit
from sandpiper.cli import loop, main
from sandpiper.common.io import exit_deadline
loop.ENDING_S = 0.2
ever = threading.Event()
"""


def script(body: str) -> subprocess.Popen[bytes]:
    """A process whose stdout nobody reads after its first words."""
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + body],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )


def ends(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(DEADLINE_S)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize("code", [0, 4])
def test_a_thread_of_the_loop_that_never_ends(code: int) -> None:
    body = f"""
async def work():
    asyncio.get_running_loop().run_in_executor(None, ever.wait)
    if {code}:
        raise Exit({code})
loop.run(work())
"""
    assert ends(script(body)) == code


def test_a_thread_that_python_waits_for_at_the_end() -> None:
    body = """
import sandpiper.common.limits as limits
limits.ENDING_S = 0.2
def fake():
    threading.Thread(target=ever.wait).start()
    return 6
main.main = fake
main.script()
"""
    assert ends(script(body)) == 6


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_loop_that_does_not_come_round(name: str) -> None:
    body = """
async def work():
    os.write(1, b"here")
    while True:
        os.write(1, bytes(100_000))  # which nobody reads
loop.run(work())
"""
    process = script(body)
    assert process.stdout is not None
    assert process.stdout.read(4) == b"here"
    number = getattr(signal, name)
    process.send_signal(number)
    assert ends(process) == 128 + number


def test_before_the_end_there_is_a_moment_for_each_but_no_more(tmp_path: Path) -> None:
    body = f"""
exit_deadline.before_the_end(ever.wait)
exit_deadline.before_the_end(lambda: open({str(tmp_path / "done")!r}, "w").close())
exit_deadline.before_the_end(lambda: os._exit(99))()
exit_deadline.deadline.by(0.1, 7)
ever.wait()
"""
    assert ends(script(body)) == 7
    assert os.path.exists(tmp_path / "done")


def test_the_sooner_deadline_counts_and_one_that_is_off_does_not() -> None:
    body = """
exit_deadline.deadline.by(0.1, 7)
exit_deadline.deadline.off()
exit_deadline.deadline.by(3600, 8)
exit_deadline.deadline.by(0.1, 9)
exit_deadline.deadline.by(3600, 10)
ever.wait()
"""
    assert ends(script(body)) == 9


def test_what_is_printed_at_the_end_may_wait_for_its_reader() -> None:
    body = """
async def work():
    return None
loop.run(work())
assert not exit_deadline.deadline.due
sys.exit(3)
"""
    assert ends(script(body)) == 3


def test_a_second_ctrl_c_does_not_wait_for_the_loop() -> None:
    body = """
loop.ENDING_S = 3600
async def work():
    os.write(1, b"here")
    try:
        while True:
            os.write(1, bytes(100_000))  # which nobody reads
    except KeyboardInterrupt:
        os._exit(55)
loop.run(work())
"""
    process = script(body)
    assert process.stdout is not None
    assert process.stdout.read(4) == b"here"
    while process.poll() is None:
        process.send_signal(signal.SIGINT)  # two that come together are one
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    assert ends(process) == 55


def test_a_terminal_that_a_question_has_silenced_echoes_again(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    body = """
import getpass
async def work():
    exit_deadline.deadline.by(0.5, 7)
    getpass.getpass("", sys.stdin)
loop.run(work())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + body],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    try:
        assert process.wait(DEADLINE_S) == 7
        assert termios.tcgetattr(slave) == before
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)
