"""Rooms between peers from the command line, each command a process of its own, met at a discovery service of ours."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SANDPIPER = [sys.executable, "-m", "sandpiper.cli"]
DEADLINE_S = 40
OTHER = "pine-ocean"


class Shell:
    """Runs commands with a home of their own each, so that everybody is another person."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = ""

    def environment(self, home: str, **more: str) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SANDPIPER_")}
        return {**clean, "SANDPIPER_HOME": str(self.folder / home), "SANDPIPER_DISCOVERY": self.place, **more}

    def start(self, home: str, *words: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*SANDPIPER, *words],
            env=self.environment(home, **more),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, home: str, *words: str, lines: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SANDPIPER, *words],
            env=self.environment(home, **more),
            input=lines,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )

    @contextmanager
    def alice(self, *words: str, command: str = "create", **more: str) -> Iterator[Alice]:
        """A room, held open by its first member, who prints objects."""
        with self.start("alice", command, "--json", "--nick", "alice", *words, **more) as process:
            try:
                yield Alice(process)
            finally:
                process.kill()
                process.communicate(timeout=DEADLINE_S)


class Alice:
    """A member that prints and reads JSON lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.heard: list[dict[str, Any]] = []
        self.code: str = self.hears("room_created")["code"]
        self.hears("joined")

    def hears(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next object of that kind with these fields, passing over others."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            self.heard.append(said)
            if said["type"] == kind and all(said.get(name) == value for name, value in fields.items()):
                return said
        raise AssertionError(f"never heard {kind} {fields}: {self.heard}")

    def says(self, **fields: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(fields) + "\n")
        self.process.stdin.flush()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("p2p")
    shell = Shell(folder)
    words = ["discovery", "--port", "0", "--json", "--data", str(folder / "d")]
    with shell.start("service", *words) as service:
        try:
            assert service.stdout is not None
            shell.place = json.loads(service.stdout.readline())["door"]
            yield shell
        finally:
            service.send_signal(signal.SIGTERM)
            service.communicate(timeout=DEADLINE_S)
    assert service.returncode == 0


def wrong(code: str) -> str:
    """The same number with other words."""
    return f"{OTHER}-{code.rpartition('-')[2]}"


def test_what_is_said_by_any_command_reaches_the_others(shell: Shell) -> None:
    with shell.alice() as alice:
        said = shell.run("bob", "say", alice.code, "hello", "there", "--json")
        assert (said.returncode, json.loads(said.stdout)["type"]) == (0, "ack"), said.stderr
        heard = alice.hears("msg", text="hello there")
        assert (heard["verified"], len(heard["run"]), heard["seq"]) == (True, 32, 1)

        piped = shell.run("bob", "say", "@", "-", lines="one\ntwo\nlast", SANDPIPER_CODE=alice.code)
        assert piped.returncode == 0, piped.stderr
        alice.hears("msg", text="last")

        alice.says(type="msg", text="from alice", id="mine")
        shown = shell.run("bob", "listen", alice.code, "--backlog", "2", "--count", "2")
        assert [line[6:] for line in shown.stdout.splitlines()][-1] == "alice: from alice"
        assert alice.hears("ack")["id"] == "mine"

        asked = shell.run("bob", "who", alice.code, "--json")
        assert [member["nick"] for member in json.loads(asked.stdout)["members"]] == ["alice"]
        assert not [each for each in alice.heard if each["type"] in ("peer_joined", "notice")]


def test_a_pipe_joins_sees_what_was_said_and_leaves_when_others_have_its_lines(shell: Shell) -> None:
    with shell.alice() as alice:
        shell.run("bob", "say", alice.code, "before")
        chat = shell.run("bob", "join", alice.code, "--nick", "bob", lines="hi\n/who\n/path\n")
        assert chat.returncode == 0, chat.stderr
        said = [line[6:] for line in chat.stdout.splitlines() if line[2:3] == ":" and ": " in line[6:]]
        assert sum(line.endswith(": before") for line in said) == 1  # perhaps after "hi", which waits for no history
        assert [line[6:] for line in chat.stdout.splitlines() if " bob: " in line] == ["bob: hi"]
        assert "\x1b" not in chat.stdout + chat.stderr
        joined = alice.hears("peer_joined")
        assert joined["code"] == alice.code
        assert joined["peer"]["nick"] == "bob"
        alice.hears("msg", text="hi")
        assert alice.hears("peer_left") == {"type": "peer_left", "code": alice.code, "nick": "bob"}


def test_every_way_to_give_the_code_and_none_is_quoted(shell: Shell) -> None:
    with shell.alice() as alice:
        file = shell.folder / "code.txt"
        file.write_text(f"{alice.code}\n")
        words = alice.code.split("-")
        for given, more in (
            (["--code-file", str(file)], {}),
            ([], {"SANDPIPER_CODE": alice.code}),
            ([" ".join(words).upper()], {}),
            (words, {}),
            ([f"sandpiper://join?discovery={shell.place}#{alice.code}"], {"SANDPIPER_DISCOVERY": ""}),
        ):
            joined = shell.run("bob", "join", *given, "--json", **more)
            assert joined.returncode == 0, (given, joined.stderr)
            assert alice.code not in joined.stderr


def test_exit_codes(shell: Shell) -> None:
    with shell.alice("--capacity", "2") as alice:
        for command in (["join"], ["say"], ["who"], ["listen"]):
            text = ["x"] if command == ["say"] else []
            refused = shell.run("eve", *command, wrong(alice.code), *text)
            assert refused.returncode == 4, (command, refused.stderr)
            assert refused.stderr.count("\n") <= 2
            assert alice.code not in refused.stderr
        gone = shell.run("eve", "join", f"{OTHER}-999998", "--local", SANDPIPER_DISCOVERY="")
        assert gone.returncode == 5, gone.stderr
        assert "sandpiper peer --room" in gone.stderr
        assert shell.run("eve", "join", "pine-oceam-42").returncode == 2
        with shell.start("bob", "join", alice.code, "--json") as bob:
            alice.hears("peer_joined")
            full = shell.run("eve", "join", alice.code)
            assert full.returncode == 6, full.stderr
            assert "full" in full.stderr
            bob.kill()
            bob.communicate(timeout=DEADLINE_S)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{closed.getsockname()[1]}"
        nothing = shell.run("eve", "join", "pine-ocean-42", SANDPIPER_DISCOVERY=at)
        assert nothing.returncode == 3, nothing.stderr
        assert at in nothing.stderr


def test_a_password_comes_from_the_environment_or_a_file_and_is_never_shown(shell: Shell) -> None:
    secret = "kiln-4711"
    file = shell.folder / "password.txt"
    file.write_text(secret)
    with shell.alice("--password-file", str(file)) as alice:
        right = shell.run("bob", "say", alice.code, "x", SANDPIPER_PASSWORD=secret)
        assert right.returncode == 0, right.stderr
        for more, why in (({}, "has a password"), ({"SANDPIPER_PASSWORD": "wrong"}, "wrong code or password")):
            refused = shell.run("eve", "say", alice.code, "x", **more)
            assert refused.returncode == 4, refused.stderr
            assert why in refused.stderr
        assert secret not in json.dumps(alice.heard)
    printed = shell.run("alice", "create", SANDPIPER_PASSWORD=secret)
    assert "--password" in printed.stderr
    assert secret not in printed.stderr + printed.stdout


def test_alone_it_says_so_and_exits_0(shell: Shell) -> None:
    made = shell.run("alice", "create", "--words", "3", lines="is anybody here?\n")
    assert made.returncode == 0, made.stderr
    assert "nobody else" in made.stderr
    lines = [line.strip() for line in made.stderr.splitlines()]
    pasted = next(line for line in lines if line.startswith("sandpiper join "))
    assert pasted.split()[3:] == ["--discovery", shell.place]
    assert len(pasted.split()[2].split("-")) == 4
    assert made.stdout.splitlines()[-1].endswith(": is anybody here?")


def test_peer_opens_and_says_so_or_joins(shell: Shell) -> None:
    code = f"{OTHER}-4242"
    with shell.alice("--room", code, command="peer") as alice:
        assert alice.code == code
        with shell.start("bob", "peer", "--room", code, "--headless", "--json", "--nick", "bob") as bob:
            assert bob.stdout is not None
            first = json.loads(bob.stdout.readline())
            assert first["type"] == "joined"
            alice.hears("peer_joined")
            bob.send_signal(signal.SIGTERM)
            bob.communicate(timeout=DEADLINE_S)
            assert bob.returncode == 0
        alice.hears("peer_left")
    opened = shell.run("alice", "peer", "--room", f"{OTHER}-4243")
    assert "nobody was in pine-ocean-4243" in opened.stderr


def test_requests_in_json(shell: Shell) -> None:
    with shell.alice() as alice, shell.start("bob", "join", alice.code, "--json", "--nick", "bob") as bob:
        alice.hears("peer_joined")
        alice.says(type="verify", nick="bob")
        (person,) = alice.hears("verified")["persons"]
        assert (person["nick"], len(person["phrase"].split()), person["shown"]) == ("bob", 3, True)
        alice.says(type="paths")
        assert alice.hears("paths")["paths"][0]["nick"] == "bob"
        alice.says(type="code")
        assert alice.hears("code")["code"] == alice.code
        alice.says(type="code", new=True)
        changed = alice.hears("code_changed")["code"]
        assert changed != alice.code
        assert shell.run("eve", "say", alice.code, "x").returncode == 4
        assert shell.run("eve", "say", changed, "x").returncode == 0
        alice.says(type="kick", nick="bob")
        assert alice.hears("done")["request"] == "kick"
        bob.communicate(timeout=DEADLINE_S)
        assert bob.returncode != 0


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_is_130_and_a_reader_that_goes_ends_it_quietly(shell: Shell) -> None:
    with shell.alice() as alice:
        with shell.start("bob", "listen", alice.code, "--json") as listening:
            assert listening.stdout is not None
            listening.stdout.readline()
            listening.send_signal(signal.SIGINT)
            _, errors = listening.communicate(timeout=DEADLINE_S)
            assert (listening.returncode, "Traceback" in errors) == (130, False)
        with shell.start("bob", "join", alice.code, "--json", "--nick", "bob") as joined:
            assert joined.stdout is not None
            joined.stdout.readline()
            joined.stdout.close()
            for number in range(5):
                alice.says(type="msg", text=f"{number}")
            assert joined.wait(DEADLINE_S) == 141
            assert joined.stderr is not None
            assert "Traceback" not in joined.stderr.read()
            assert joined.stdin is not None
            joined.stdin.close()
            joined.stderr.close()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_no_secret_is_in_the_process_list(shell: Shell) -> None:
    more = {"SANDPIPER_PASSWORD": "kiln-4711"}
    with (
        shell.alice(**more) as alice,
        shell.start("bob", "join", "--json", "--nick", "bob", SANDPIPER_CODE=alice.code, **more) as bob,
    ):
        alice.hears("peer_joined")
        shown = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (bob.pid, alice.process.pid))
        assert b"kiln" not in shown
        assert alice.code.encode() not in shown
        bob.kill()
        bob.communicate(timeout=DEADLINE_S)
