"""The examples, each run as a reader would, in a room of a real broker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
DEADLINE_S: Final = 30
COUNT: Final = 3


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A broker's ready line; the broker ends with the tests."""
    folder = tmp_path_factory.mktemp("broker")
    sandpiper = str(Path(sys.executable).with_name("sandpiper"))
    command = [sandpiper, "broker", "--port", "0", "--json", "--data", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as broker:
        try:
            assert broker.stdout is not None
            ready: dict[str, Any] = json.loads(broker.stdout.readline())
            assert ready["type"] == "ready"
            yield ready
        finally:
            broker.terminate()
            assert broker.wait(DEADLINE_S) == 0


@pytest.fixture(scope="module", params=["ipc", "tcp"])
def member(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The ready line of a member of a room between peers, with doors for tools; it ends with the tests."""
    if request.param == "ipc" and os.name == "nt":
        pytest.skip("no sockets in the file system")
    folder = tmp_path_factory.mktemp("member")
    environment = {**private_environment(folder), "SANDPIPER_HOME": str(folder / "home")}
    with (
        said_by(environment, "discovery", "--port", "0", "--json", "--data", str(folder / "discovery")) as service,
        said_by(environment, "create", "--json", "--discovery", service["door"]) as founder,
        said_by(
            environment,
            *("peer", "--room", founder["code"], "--discovery", service["door"], "--nick", "alice"),
            *("--headless", "--json", "--attach" if request.param == "ipc" else "--attach-tcp"),
            kind="ready",
        ) as ready,
    ):
        yield ready


@contextmanager
def said_by(environment: dict[str, str], *words: str, kind: str | None = None) -> Iterator[dict[str, Any]]:
    """What a command says first, or first of that kind; it runs on meanwhile."""
    sandpiper = str(Path(sys.executable).with_name("sandpiper"))
    with subprocess.Popen(
        [sandpiper, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            said: dict[str, Any] = json.loads(process.stdout.readline())
            while kind is not None and said["type"] != kind:
                said = json.loads(process.stdout.readline())
            yield said
        finally:
            process.terminate()
            process.wait(DEADLINE_S)


def thermo_c(folder: Path) -> list[str]:
    if not all(shutil.which(tool) for tool in ("cc", "make", "pkg-config")):
        pytest.skip("no C toolchain: cc, make and pkg-config")
    if subprocess.run(["pkg-config", "--exists", "libzmq"]).returncode:
        pytest.skip("no libzmq to build with: apt install libzmq3-dev")
    if all(subprocess.run(["pkg-config", "--exists", name]).returncode for name in ("msgpack", "msgpack-c")):
        pytest.skip("no msgpack-c to build with: apt install libmsgpack-dev")
    for name in ("Makefile", "thermo.c"):
        shutil.copy(EXAMPLES / "c" / name, folder)
    build = subprocess.run(
        ["make", "CFLAGS=-Werror"], cwd=folder, env=clean_environment(), capture_output=True, text=True
    )
    assert build.returncode == 0, build.stderr
    return [str(folder / "thermo")]


def thermo_node(folder: Path) -> list[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    if not (EXAMPLES / "node" / "node_modules" / "zeromq").exists():
        pytest.skip("no zeromq for node: npm install in examples/node")
    return [node, str(EXAMPLES / "node" / "thermo.mjs")]


def thermo_python(folder: Path) -> list[str]:
    pytest.importorskip("msgpack")
    return [sys.executable, str(EXAMPLES / "python" / "thermo.py")]


def clean_environment() -> dict[str, str]:
    """Without what an outer make hands to its children."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


def run(command: list[str], stdin: str = "") -> str:
    """What a program says on stdout; it must exit with 0."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("build", [thermo_c, thermo_node, thermo_python])
def test_a_program_joins_with_zeromq_and_msgpack_alone(
    build: Callable[[Path], list[str]], doors: dict[str, Any], tmp_path: Path
) -> None:
    room = f"bench-{build.__name__}"
    words = [*build(tmp_path), doors["plain_xsub"], doors["plain_xpub"], room, "thermo", str(COUNT)]

    assert run(words).splitlines() == [f"thermo: {21 + i / 10:.1f} C" for i in range(1, COUNT + 1)]


@pytest.mark.parametrize("build", [thermo_c, thermo_node, thermo_python])
def test_the_same_programs_join_a_room_between_peers(
    build: Callable[[Path], list[str]], member: dict[str, Any], tmp_path: Path
) -> None:
    words = [*build(tmp_path), member["plain_xsub"], member["plain_xpub"], member["room"], "thermo", str(COUNT)]

    said = [line for line in run(words).splitlines() if "thermo" in line]
    assert said == [f"alice/thermo: {21 + i / 10:.1f} C" for i in range(1, COUNT + 1)]


def test_two_programs_in_one_room_hear_each_other(doors: dict[str, Any], tmp_path: Path) -> None:
    """What one prints it may have heard from the other; each finds its own last reading."""
    words = [*thermo_python(tmp_path), doors["plain_xsub"], doors["plain_xpub"], "both"]
    with (
        subprocess.Popen([*words, "one", "50"], stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen([*words, "two", "50"], stdout=subprocess.PIPE, text=True) as two,
    ):
        said = [program.communicate(timeout=DEADLINE_S)[0].splitlines() for program in (one, two)]
    for nick, lines in zip(("one", "two"), said, strict=True):
        assert [line for line in lines if line.startswith(nick)][-1] == f"{nick}: 26.0 C"


def test_a_program_exits_with_1_when_nobody_answers(tmp_path: Path) -> None:
    command = [*thermo_python(tmp_path), "tcp://127.0.0.1:9", "tcp://127.0.0.1:9", "lobby", "thermo", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is the broker there?" in done.stderr


class Original:
    """The original client as a process, read line by line."""

    def __init__(self, door: str, nick: str) -> None:
        host, _, port = door.rpartition(":")
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(EXAMPLES / "original" / "client.py"),
                "--host",
                host,
                "--port",
                port,
                "--nick",
                nick,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def says(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def hears(self, what: str) -> str:
        """Reads on to a line that ends with `what`, the clock before it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.rstrip("\n").endswith("] " + what):
                return line
        raise AssertionError(f"never heard: {what}")

    def leaves(self) -> None:
        self.says("/quit")
        self.process.communicate(timeout=DEADLINE_S)
        assert self.process.returncode == 0


def test_original_clients_talk_as_ever(doors: dict[str, Any]) -> None:
    alice = Original(doors["door"], "alice")
    alice.hears("* anon joined")
    alice.hears("* nick set to alice")
    bob = Original(doors["door"], "bob")
    alice.hears("* anon joined")
    alice.hears("* anon is now bob")
    bob.hears("* nick set to bob")

    bob.says("hello world")

    assert alice.hears("bob: hello world")
    assert bob.hears("bob: hello world")
    bob.leaves()
    alice.hears("* bob left")
    alice.leaves()


def test_the_bot_answers_and_ends_quietly(doors: dict[str, Any], tmp_path: Path) -> None:
    """The bot as it stands in the README, but for the address."""
    source = (EXAMPLES / "bot.py").read_text(encoding="utf-8")
    assert source.count("127.0.0.1:5000") == 1
    bot = tmp_path / "bot.py"
    bot.write_text(source.replace("127.0.0.1:5000", doors["door"]), encoding="utf-8")

    alice = Original(doors["door"], "asker")
    alice.hears("* nick set to asker")
    with subprocess.Popen(
        [sys.executable, str(bot)], env=private_environment(tmp_path), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            alice.hears("* bot joined")
            alice.says("!time")
            assert "bot: asker: it is " in next_line_with(alice, "it is")
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=DEADLINE_S)
            assert "Traceback" not in errors
            assert process.returncode == 0
        finally:
            process.kill()
    alice.leaves()


def next_line_with(client: Original, what: str) -> str:
    assert client.process.stdout is not None
    for line in client.process.stdout:
        if what in line:
            return line
    raise AssertionError(f"never heard: {what}")


def private_environment(folder: Path) -> dict[str, str]:
    """A home of its own: no key of this account is used or made."""
    return {**clean_environment(), "HOME": str(folder), "XDG_DATA_HOME": str(folder / "data")}


def test_the_readme_shows_the_bot_that_is_tested() -> None:
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    code = (EXAMPLES / "bot.py").read_text(encoding="utf-8").partition('"""\n\n')[2]
    assert code in readme
