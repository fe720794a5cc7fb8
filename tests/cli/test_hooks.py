from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from sandpiper.cli.hooks import Hook, cleared, described, parse_command, public_name
from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.messages import Data
from tests.cli.scripted import msg

DEADLINE_S = 20.0

NOTE = """
import json, os, sys
note = {name: value for name, value in os.environ.items() if name.startswith("SANDPIPER_")}
note["stdin"] = sys.stdin.read()
with open(sys.argv[1], "a", encoding="utf-8") as file:
    file.write(json.dumps(note) + "\\n")
"""


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, DEADLINE_S))


def python(program: str, *words: str) -> list[str]:
    return [sys.executable, "-c", program, *words]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDPIPER_CODE", "pine-ocean-42")
    monkeypatch.setenv("SANDPIPER_LISTEN_TARGET", "pine-ocean-42")
    monkeypatch.setenv("SANDPIPER_PASSWORD", "hush")
    monkeypatch.setenv("SANDPIPER_ACCESS_CODE", "hush")
    monkeypatch.setenv("SANDPIPER_MSG_NICK", "left over")


def test_the_text_is_stdin_and_the_fields_are_variables(tmp_path: Path) -> None:
    notes = tmp_path / "notes"

    async def scene() -> None:
        async with Hook(python(NOTE, str(notes))) as hook:
            await hook.take(msg("hello; rm -rf $HOME `id`", 17), "42")
            await hook.take(Data("~t", {"t": 1}, 5, "lobby", 18, 0, "run", "b-3", None, False), "42")

    play(scene())
    first, second = map(json.loads, notes.read_text().splitlines())
    assert first.pop("stdin") == "hello; rm -rf $HOME `id`\n"
    first.pop("SANDPIPER_HOME", None)
    assert first == {
        "SANDPIPER_MSG_TYPE": "msg",
        "SANDPIPER_MSG_NICK": "bob",
        "SANDPIPER_MSG_FROM": "f" * 24,
        "SANDPIPER_MSG_VERIFIED": "1",
        "SANDPIPER_MSG_SEQ": "17",
        "SANDPIPER_MSG_ID": "b-1",
        "SANDPIPER_MSG_TS": "0",
        "SANDPIPER_MSG_ROOM": "42",
    }
    assert second["stdin"] == '{"t":1}\n'
    assert second["SANDPIPER_MSG_FROM"] == ""


def test_with_json_stdin_is_the_object(tmp_path: Path) -> None:
    notes = tmp_path / "notes"

    async def scene() -> None:
        async with Hook(python(NOTE, str(notes)), as_json=True) as hook:
            await hook.take(msg("hello"), "lobby")

    play(scene())
    assert json.loads(json.loads(notes.read_text())["stdin"])["text"] == "hello"


def test_one_after_another_in_order(tmp_path: Path) -> None:
    notes = tmp_path / "notes"

    async def scene() -> None:
        async with Hook(python(NOTE, str(notes))) as hook:
            for number in range(5):
                await hook.take(msg(str(number)), "lobby")

    play(scene())
    assert [json.loads(line)["stdin"] for line in notes.read_text().splitlines()] == [f"{n}\n" for n in range(5)]


def test_while_there_is_no_place_the_room_waits(tmp_path: Path) -> None:
    program = "import os, sys; os.read(os.open(sys.argv[1], os.O_RDONLY), 1)"
    os.mkfifo(tmp_path / "gate")
    gate = os.open(tmp_path / "gate", os.O_RDWR)

    async def scene() -> None:
        async with Hook(python(program, str(tmp_path / "gate")), jobs=2) as hook:
            await hook.take(msg("1"), "lobby")
            await hook.take(msg("2"), "lobby")
            third = asyncio.create_task(hook.take(msg("3"), "lobby"))
            done, _ = await asyncio.wait({third}, timeout=0.2)
            assert not done
            os.write(gate, b"x")
            await third
            os.write(gate, b"xx")

    try:
        play(scene())
    finally:
        os.close(gate)


def test_what_fails_is_told_and_the_rest_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    async def scene() -> None:
        async with Hook(python("import sys; sys.exit(3 if 'bad' in sys.stdin.read() else 0)")) as hook:
            for text in ("good", "bad", "good"):
                await hook.take(msg(text, 7), "lobby")

    with pytest.raises(SandpiperError, match="failed for 1 of 3 messages"):
        play(scene())
    assert f"--exec: {sys.executable} ended with 3 (message 7)" in capfd.readouterr().err


def test_one_that_reads_nothing_is_no_failure() -> None:
    async def scene() -> None:
        async with Hook(python("import os; os.close(0)")) as hook:
            await hook.take(msg("x" * 60_000), "lobby")

    play(scene())


def test_one_that_has_gone_meanwhile_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    async def scene() -> None:
        async with Hook(["/nonexistent/command"]) as hook:
            await hook.take(msg("hello"), "lobby")

    with pytest.raises(SandpiperError, match="1 of 1"):
        play(scene())
    assert "cannot be run: No such file or directory" in capfd.readouterr().err


@pytest.mark.parametrize("deaf", [False, True])
def test_an_interrupt_ends_what_runs(tmp_path: Path, deaf: bool) -> None:
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " if deaf else ""
    program = f"import os, signal, sys; {ignore}open(sys.argv[1], 'w').write(str(os.getpid())); signal.pause()"
    told = tmp_path / "pid"

    async def scene() -> None:
        async def listen() -> None:
            async with Hook(python(program, str(told))) as hook:
                await hook.take(msg("hello"), "lobby")
                await asyncio.Event().wait()

        task = asyncio.create_task(listen())
        while not (told.exists() and told.read_text()):  # noqa: ASYNC110  # another process makes it
            await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    play(scene())
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)


def test_a_nul_in_a_nick_is_no_variable_s_end() -> None:
    assert described(msg("x", nick="a\0b\ud800"), "lobby")["SANDPIPER_MSG_NICK"] == "ab?"


def test_our_settings_are_not_the_command_s() -> None:
    assert cleared({"SANDPIPER_CODE": "x", "sandpiper_password": "x", "SANDPIPER_HOME": "/h", "PATH": "/bin"}) == {
        "SANDPIPER_HOME": "/h",
        "PATH": "/bin",
    }


def test_a_room_code_s_words_stay_secret() -> None:
    assert public_name("pine-ocean-42", "pine-ocean-42") == "42"
    assert public_name("lobby", None) == "lobby"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no command"),
        ("'sh", "no closing quotation"),
        ("no-such-command-here x", "not there"),
        (__file__, "not executable"),
    ],
)
def test_a_command_that_cannot_be_run_is_a_usage_error(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_command(text)


def test_a_command_is_split_as_a_shell_would() -> None:
    assert parse_command("sh -c 'echo \"$1\"' x") == ["sh", "-c", 'echo "$1"', "x"]
