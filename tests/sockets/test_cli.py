"""The commands against a real broker on a free port, each as a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

SANDPIPER = [sys.executable, "-m", "sandpiper.cli"]
DEADLINE_S = 30


class Shell:
    """Runs commands with a home of their own."""

    def __init__(self, home: Path) -> None:
        self.env = {**os.environ, "SANDPIPER_HOME": str(home)}
        self.door = ""

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*SANDPIPER, *words],
            env=self.env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def run(self, *words: str, lines: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SANDPIPER, *words], env=self.env, input=lines, capture_output=True, text=True, timeout=DEADLINE_S
        )


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    home = tmp_path_factory.mktemp("home")
    shell = Shell(home)
    with shell.start("broker", "--port", "0", "--data", str(home / "b"), "--json") as broker:
        try:
            assert broker.stdout is not None
            ready = broker.stdout.readline()
            assert ready, "the broker did not start"
            shell.door = json.loads(ready)["door"]
            yield shell
        finally:
            broker.send_signal(signal.SIGTERM)
        assert broker.wait(DEADLINE_S) == 0


def heard(shell: Shell, room: str) -> list[str]:
    """All that was said there."""
    assert shell.run("say", room, "the end of it").returncode == 0
    with shell.start("listen", room, "--after", "0", "--json") as listening:
        assert listening.stdout is not None
        said = (json.loads(line) for line in listening.stdout)
        until = takewhile(lambda each: each.get("text") != "the end of it", said)
        texts = [each["text"] for each in until if each["type"] == "msg"]
        listening.terminate()
    return texts


def test_lines_that_are_too_long_come_in_parts(shell: Shell) -> None:
    room = f"{shell.door}/long"
    most, long = "x" * 57_000, "y" * 200_000
    said = shell.run("say", room, "-", lines=f"a\n{most}\n{long}\nz")
    assert said.returncode == 0
    assert "bytes" not in said.stderr
    first, fits, *parts, last = heard(shell, room)
    assert (first, fits, last) == ("a", most, "z")
    assert "".join(part.strip("…") for part in parts) == long
    assert [part.startswith("…") for part in parts] == [False, True, True, True]
    assert [part.endswith("…") for part in parts] == [True, True, True, False]


def test_lines_that_are_too_long_are_left_out_by_name(shell: Shell) -> None:
    room = f"{shell.door}/left-out"
    lines = "".join(f"{'x' * 57_001}\nline {number}\n" for number in range(30))
    said = shell.run("say", room, "-", "--long", "skip", lines=lines)
    assert said.returncode == 6
    *named, end = [line for line in said.stderr.splitlines() if "pinned" not in line]
    assert named == [f"sandpiper: line {2 * at + 1} is left out: it has more than 57,000 bytes" for at in range(20)]
    assert end == (
        "sandpiper: not stored: 30 lines have more than 57,000 bytes; --long split sends such lines in parts"
    )
    assert heard(shell, room) == [f"line {number}" for number in range(30)]


def test_a_line_that_is_too_long_is_the_end_where_one_says_so(shell: Shell) -> None:
    room = f"{shell.door}/ended"
    said = shell.run("say", room, "-", "--long", "stop", lines=f"one\n{'x' * 70_000}\ntwo\n")
    assert said.returncode == 6
    assert "sandpiper: stopped at line 2, which has more than 57,000 bytes; " in said.stderr
    assert heard(shell, room) == ["one"]


def test_one_text_is_not_split(shell: Shell) -> None:
    said = shell.run("say", shell.door, "x" * 57_001)
    assert said.returncode == 6
    assert "sandpiper: not stored: a message has at most 57,000 bytes of text, this one 57,001\n" in said.stderr


def test_a_chat_in_a_pipe_splits_messages_and_no_commands(shell: Shell) -> None:
    room = f"{shell.door}/piped"
    lines = f"{'x' * 60_000}\n/whisper nobody {'s' * 60_000}\nend\n"
    chat = shell.run("connect", room, "--plain", lines=lines)
    assert "line 2 is too long: a command has at most 57,000 bytes, and is not split" in chat.stderr
    said = heard(shell, room)
    assert (len(said), said[-1]) == (3, "end")
    assert not any("s" in text for text in said)


def test_an_object_that_is_too_long_is_answered_by_its_id(shell: Shell) -> None:
    room = f"{shell.door}/objects"
    objects = [
        {"type": "msg", "text": "\x01" * 57_000, "id": "all escapes"},
        {"type": "msg", "text": "x" * 57_001, "id": "too long"},
        {"type": "msg", "text": "x" * (1 << 20), "id": "far too long"},
    ]
    chat = shell.run("connect", room, "--json", lines="".join(f"{json.dumps(each)}\n" for each in objects))
    answers = [json.loads(line) for line in chat.stdout.splitlines()]
    assert [each["id"] for each in answers if each["type"] == "ack"] == ["all escapes"]
    named, unnamed = [each for each in answers if each["type"] == "error"]
    assert (named["id"], named["code"]) == ("too long", "too_large")
    assert unnamed["text"] == "line 3 is too long: an object has at most 1,048,576 bytes"


def test_said_is_heard(shell: Shell) -> None:
    room = f"{shell.door}/said"
    assert shell.run("say", room, "hello", "there").returncode == 0
    assert shell.run("say", room, "-", lines="one\ntwo\nlast").returncode == 0
    heard = shell.run("listen", room, "--backlog", "3", "--count", "3")
    assert heard.returncode == 0
    assert [line.partition(": ")[2] for line in heard.stdout.splitlines()] == ["one", "two", "last"]
    after = shell.run("listen", room, "--after", "0", "--count", "1", "--json")
    assert [entry["text"] for entry in map(json.loads, after.stdout.splitlines()) if entry["type"] == "msg"] == [
        "hello there"
    ]


def test_a_count_that_is_not_reached_is_exit_1(shell: Shell) -> None:
    heard = shell.run("listen", f"{shell.door}/quiet", "--count", "1", "--timeout", "0.2")
    assert heard.returncode == 1
    assert "0 of 1 messages" in heard.stderr
    assert shell.run("listen", f"{shell.door}/quiet", "--timeout", "0.2").returncode == 0


@pytest.mark.parametrize("way", [[], ["--one-port"]])
def test_a_piped_chat_shows_what_it_sent_without_escape_codes(shell: Shell, way: list[str]) -> None:
    room = f"{shell.door}/pipe{len(way)}"
    chat = shell.run("connect", room, "--nick", "anna", *way, lines=f"one\n/who\n/join den{len(way)}\ntwo")
    assert chat.returncode == 0
    assert [line[6:] for line in chat.stdout.splitlines() if " anna: " in line] == ["anna: one", "anna: two"]
    assert "\x1b" not in chat.stdout + chat.stderr


def test_json_in_and_out(shell: Shell) -> None:
    chat = shell.run("connect", f"{shell.door}/json", "--json", lines='x\n{"type":"msg","text":"hi","id":"mine"}\n')
    entries = [json.loads(line) for line in chat.stdout.splitlines()]
    assert entries[0]["type"] == "joined"
    assert {"error", "msg", "ack"} <= {entry["type"] for entry in entries}
    assert chat.returncode == 0


def test_nobody_notices_who_only_asks(shell: Shell) -> None:
    asked = shell.run("who", f"{shell.door}/nobody", "--json")
    assert json.loads(asked.stdout) == {"type": "members", "room": "nobody", "members": []}
    asked = shell.run("who", f"{shell.door}/nobody")
    assert (asked.stdout, asked.stderr.strip(), asked.returncode) == ("", "sandpiper: nobody is in nobody", 0)


def test_a_reader_that_goes_ends_it_quietly(shell: Shell) -> None:
    room = f"{shell.door}/head"
    shell.run("say", room, "-", lines="line\n" * 50)
    listening = shell.start("listen", room, "--after", "0")
    assert listening.stdout is not None
    listening.stdout.readline()
    listening.stdout.close()
    shell.run("say", room, "one more")
    assert listening.wait(DEADLINE_S) == 141


@pytest.mark.skipif(os.name != "posix", reason="signals to one process")
@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_an_interrupted_client_says_by_what(shell: Shell, number: str, status: int) -> None:
    listening = shell.start("listen", f"{shell.door}/head", "--after", "0")
    assert listening.stdout is not None
    listening.stdout.readline()
    listening.send_signal(getattr(signal, number))
    assert listening.wait(DEADLINE_S) == status
    listening.stdout.close()


def test_a_changed_key_is_refused(shell: Shell) -> None:
    assert shell.run("say", shell.door, "hello").returncode == 0
    known = Path(shell.env["SANDPIPER_HOME"]) / "known_brokers"
    before = known.read_text()
    known.write_text(f"{shell.door} {'a' * 40}\n")
    refused = shell.run("say", shell.door, "hello")
    known.write_text(before)
    assert refused.returncode == 1
    assert "known_brokers" in refused.stderr


def test_a_filter_leaves_out_what_is_not_wanted(shell: Shell) -> None:
    room = f"{shell.door}/filtered"
    shell.run("say", room, "-", "--nick", "ci", lines="build 1 ok\nbuild 2 failed\nbuild 3 ok\nbuild 4 FAILED\n")
    shell.run("say", room, "--me", "--nick", "ci", "failed")
    words = ["--after", "0", "--count", "2", "--filter", "type=msg,nick=CI,regex=(?i)failed$"]
    heard = shell.run("listen", room, *words, "--json")
    assert heard.returncode == 0
    said = [json.loads(line) for line in heard.stdout.splitlines()]
    assert [entry.get("text") for entry in said] == [None, "build 2 failed", "build 4 FAILED"]
    assert said[0]["type"] == "joined"
    late = shell.run("listen", room, "--after", "0", "--count", "3", "--timeout", "0.5", *words[4:])
    assert (late.returncode, late.stdout.count("\n")) == (1, 2)
    assert "2 of 3 messages" in late.stderr


def test_a_command_is_run_for_each_message(shell: Shell, tmp_path: Path) -> None:
    room = f"{shell.door}/run"
    shell.run("say", room, "-", "--nick", "ann", lines="; touch hacked\n$(touch hacked)\n")
    script = tmp_path / "hook.sh"
    script.write_text(
        '#!/bin/sh\nread -r line\necho "$SANDPIPER_MSG_NICK $SANDPIPER_MSG_ROOM $SANDPIPER_MSG_SEQ: $line"\n'
    )
    script.chmod(0o700)
    ran = shell.run("listen", room, "--after", "0", "--count", "2", "--exec", str(script))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "ann run 1: ; touch hacked\nann run 2: $(touch hacked)\n"
    failed = shell.run("listen", room, "--after", "0", "--count", "2", "--exec", "false")
    assert failed.returncode == 1
    assert failed.stderr.endswith("sandpiper: false failed for 2 of 2 messages\n")


def unread(shell: Shell, *words: str) -> tuple[int, str]:
    """The end of a command whose stdout nobody reads."""
    read, write = os.pipe()
    os.close(read)
    try:
        ran = subprocess.run(
            [*SANDPIPER, *words], env=shell.env, stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE,
            text=True, timeout=DEADLINE_S,
        )  # fmt: skip
    finally:
        os.close(write)
    return ran.returncode, ran.stderr


def test_without_a_reader_commands_end_as_any_tool_of_a_shell(shell: Shell) -> None:
    room = f"{shell.door}/unread"
    assert shell.run("say", room, "hello").returncode == 0
    for words in (["who", room, "--json"], ["listen", room, "--after", "0"], ["say", room, "x", "--json"],
                  ["connect", room, "--json"]):  # fmt: skip
        status, said = unread(shell, *words)
        assert status == 141, words
        assert said in ("", "sandpiper: messages come straight from the broker now\n")[: 1 + (words[0] == "connect")]


def test_listen_ends_when_its_reader_does_and_not_with_the_next_message(shell: Shell) -> None:
    room = f"{shell.door}/quiet"
    with shell.start("listen", room, "--json") as listening:
        assert listening.stdout is not None
        assert json.loads(listening.stdout.readline())["type"] == "joined"
        listening.stdout.close()
        assert listening.wait(DEADLINE_S) == 141


def test_a_service_outlives_its_reader_and_ends_with_0(shell: Shell, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(
        [*SANDPIPER, "broker", "--port", "0", "--data", str(tmp_path / "b")],
        env=shell.env, stdout=write, stderr=subprocess.PIPE, text=True,
    ) as broker:  # fmt: skip
        os.close(write)
        assert broker.stderr is not None
        listening = broker.stderr.readline()
        door = re.search(r"listening on (\S+),", listening)
        assert door, listening
        assert shell.run("say", door[1], "hello").returncode == 0
        broker.terminate()
        assert broker.wait(DEADLINE_S) == 0
        assert "Traceback" not in broker.stderr.read()
