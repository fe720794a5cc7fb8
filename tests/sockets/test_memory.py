"""A process that is given too little memory says so in one line, and is never ended by a library without a word."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandpiper.cli.loop import NO_MEMORY, Starved, run
from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.tasks import terminated
from tests.sockets.running import DEADLINE_S

if sys.platform == "win32":
    pytest.skip("no limits there", allow_module_level=True)

MIB = 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS")
@pytest.mark.parametrize("mib", [60, 90, 120, 150, 210])
@pytest.mark.parametrize("command", ["broker", "discovery", "create"])
def test_a_start_with_little_memory(command: str, mib: int, tmp_path: Path) -> None:
    """Below what it takes it ends with a line; above it starts, and stops when it is told."""
    import resource

    words = ["create", "--local", "--json"] if command == "create" else [command, "--port", "0", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "sandpiper.cli", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "SANDPIPER_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (mib * MIB, mib * MIB)),
    )
    assert process.stdout is not None
    begun = process.stdout.readline()
    if begun:
        process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=DEADLINE_S)
    lines = stderr.decode().splitlines()
    assert all(line.startswith("sandpiper: ") for line in lines), lines
    assert process.returncode in ((0, 1, 143) if begun else (1,)), lines
    if process.returncode == 1:
        assert "memory" in lines[-1] or "threads" in lines[-1], lines


def test_a_service_says_it_once_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def service() -> str:
        loop = asyncio.get_running_loop()
        for _ in range(5):
            loop.call_exception_handler({"message": "x", "exception": MemoryError()})
        return "went on"

    assert run(service(), lasting=True) == "went on"
    assert [record.getMessage() for record in caplog.records] == [NO_MEMORY]


def test_all_else_ends_with_an_error() -> None:
    async def chat() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "x", "exception": MemoryError()})
        await asyncio.Event().wait()

    with pytest.raises(SandpiperError, match="no memory is left"):
        run(chat())


def test_other_exceptions_are_shown_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        handler = Starved(None)
        handler(asyncio.get_running_loop(), {"message": "something else", "exception": ValueError("x")})

    asyncio.run(work())
    assert "something else" in caplog.text


def test_a_context_ends_without_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    ended: list[bool] = []
    monkeypatch.setattr("threading.Thread.start", none)
    asyncio.run(terminated(lambda: ended.append(True)))
    assert ended == [True]
