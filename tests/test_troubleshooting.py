"""Every exit code and every error line of docs/troubleshooting.md is made to happen, and is worded so."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.sockets.running import DEADLINE_S, RunningBroker, RunningDiscovery, running

PAGE = (Path(__file__).parents[1] / "docs" / "troubleshooting.md").read_text("utf-8")
KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"


def headings() -> dict[str, int]:
    """Each error line of the page, and the exit code of its section."""
    found, code = {}, -1
    for line in PAGE.splitlines():
        if section := re.fullmatch(r"## .*\((\d+)\)", line):
            code = int(section[1])
        elif line.startswith("## "):
            code = -1
        elif error := re.fullmatch(r"### `(.*)`", line):
            found[error[1]] = code
    return found


def codes() -> set[int]:
    return {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}


@dataclass
class Ended:
    code: int
    stderr: str


@dataclass
class World:
    """A home, a broker, a discovery service with a room in it, and somebody to run commands."""

    home: Path
    broker: RunningBroker
    guarded: RunningBroker
    discovery: RunningDiscovery
    room: str

    def run(self, *words: str, lines: str = "", **environment: str) -> Ended:
        ran = subprocess.run(
            [sys.executable, "-m", "sandpiper.cli", *words],
            env={**os.environ, "SANDPIPER_HOME": str(self.home), **environment},
            input=lines,
            capture_output=True,
            text=True,
            timeout=90,
            start_new_session=True,  # no terminal to ask at
        )
        return Ended(ran.returncode, ran.stderr)

    def write(self, name: str, text: str) -> str:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    @property
    def join(self) -> list[str]:
        return ["--local", "--discovery", self.discovery.door]


@contextmanager
def member(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on, for the time of a scene."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandpiper.cli", *words],
        env={**os.environ, "SANDPIPER_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE_S)


def hears(process: subprocess.Popen[str], kind: str) -> dict[str, Any]:
    """The next object of that kind, passing over others."""
    assert process.stdout is not None
    for line in process.stdout:
        said: dict[str, Any] = json.loads(line)
        if said["type"] == kind:
            return said
    raise AssertionError(f"it ended without {kind}")


def says(process: subprocess.Popen[str], **said: str) -> None:
    """One request."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(said) + "\n")
    process.stdin.flush()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("services")
    (folder / "code").write_text("hush-hush\n")
    discovery = RunningDiscovery(folder / "discovery" / "data")
    try:
        with (
            member(folder / "alice", "create", "--json", "--local", "--discovery", discovery.door) as alice,
            running(folder / "broker" / "data") as broker,
            running(folder / "guarded" / "data", "--access-code-file", str(folder / "code")) as guarded,
        ):
            yield World(folder, broker, guarded, discovery, hears(alice, "room_created")["code"])
    finally:
        discovery.stop()


@pytest.fixture
def world(services: World, tmp_path: Path) -> World:
    return World(tmp_path, services.broker, services.guarded, services.discovery, services.room)


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@contextmanager
def answering(words: bytes) -> Iterator[str]:
    """A program that says this to whoever comes, and nothing more."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(8)
        child = os.fork()
        if child == 0:
            door.settimeout(60)
            try:
                kept = []
                while True:
                    connection, _ = door.accept()
                    connection.recv(1)
                    connection.sendall(words)
                    kept.append(connection)
            finally:
                os._exit(0)
        try:
            yield f"127.0.0.1:{door.getsockname()[1]}"
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def no_password(world: World) -> Ended:
    file = world.write("password", "open sesame")
    with member(world.home / "alice", "create", "--json", *world.join, "--password-file", file) as alice:
        return world.run("say", hears(alice, "room_created")["code"], "hello", *world.join)


def silent(world: World) -> Ended:
    with answering(b"") as door:
        return world.run("who", door)


def another_program(world: World) -> Ended:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as door:
        return world.run("who", door)


def changed_key(world: World) -> Ended:
    world.write("known_brokers", f"{world.broker.door} {KEY}\n")
    return world.run("who", world.broker.door)


def wrong_words(world: World) -> Ended:
    words, _, number = world.room.rpartition("-")
    other = "aardvark-abacus" if words != "aardvark-abacus" else "abacus-aardvark"
    return world.run("join", f"{other}-{number}", "--json", *world.join)


def wrong_passphrase(world: World) -> Ended:
    world.run("id", "export", str(world.home / "id"), SANDPIPER_PASSPHRASE="correct horse")
    return world.run("id", "import", str(world.home / "id"), SANDPIPER_PASSPHRASE="correct house")


def another_identity(world: World) -> Ended:
    world.run("id", "export", str(world.home / "id"), SANDPIPER_PASSPHRASE="correct horse")
    os.unlink(world.home / "identity.key")
    world.run("id", "show")
    return world.run("id", "import", str(world.home / "id"), SANDPIPER_PASSPHRASE="correct horse")


def taken_nick(world: World) -> Ended:
    words = ["connect", world.broker.door, "--json", "--nick", "ann"]
    with member(world.home / "ann", *words) as first:
        hears(first, "joined")
        return world.run(*words)


def full_room(world: World) -> Ended:
    with member(world.home / "ann", "create", "--json", "--capacity", "2", *world.join) as ann:
        code = hears(ann, "room_created")["code"]
        with member(world.home / "bob", "join", code, "--json", *world.join) as bob:
            hears(bob, "joined")
            hears(ann, "peer_joined")
            return world.run("join", code, "--json", *world.join)


def removed(world: World) -> Ended:
    with member(world.home / "ann", "create", "--json", *world.join) as ann:
        code = hears(ann, "room_created")["code"]
        with member(world.home / "bob", "join", code, "--json", "--nick", "bob", *world.join) as bob:
            hears(ann, "peer_joined")
            says(ann, type="msg", text="hello")
            hears(bob, "msg")  # there is a way to tell it: who is removed before it has one finds shut doors only
            says(ann, type="kick", nick="bob")
            ended = bob.wait(DEADLINE_S)  # with its input open, or it would leave by itself
            return Ended(ended, bob.communicate(timeout=DEADLINE_S)[1])


def failing_command(world: World) -> Ended:
    world.run("say", f"{world.broker.door}/fail", "hello")
    return world.run("listen", f"{world.broker.door}/fail", "--after", "0", "--count", "1", "--exec", "false")


def few_files(world: World) -> Ended:
    limited = 'ulimit -n 32 && exec "$@"'
    command = ["sh", "-c", limited, "sh", sys.executable, "-m", "sandpiper.cli", "broker", "--port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    return Ended(ended.returncode, ended.stderr)


def broken_identity(world: World) -> Ended:
    world.write("identity.key", "hello")
    return world.run("who", world.broker.door)


def broken_settings(world: World) -> Ended:
    world.write("config.toml", "nick = ")
    return world.run("who", "localhost")


def bad_access_code(world: World) -> Ended:
    return world.run("who", world.guarded.door, "--access-code-file", world.write("wrong", "wrong-wrong\n"))


def nothing_is_stored(world: World) -> Ended:
    """Another program holds the database, which looks to members as a full disk does."""
    data = world.home / "held" / "data"
    with running(data) as broker:
        db = sqlite3.connect(data / "sandpiper.db", isolation_level=None)
        try:
            db.execute("BEGIN IMMEDIATE")
            return world.run("say", f"{broker.door}/held", "hello")
        finally:
            db.close()


def damaged_data(world: World) -> Ended:
    data = world.home / "damaged" / "data"
    with running(data):
        pass
    (data / "sandpiper.db").write_bytes(b"this is no database " * 500)
    return world.run("broker", "--port", "0", "--data", str(data))


def few_threads(world: World) -> Ended:
    """As few as a machine gives whose limit is reached: none at all."""
    words = 'import sys, threading\ndef none(*_): raise RuntimeError("can\'t start new thread")\n'
    words += "threading.Thread.start = none\nfrom sandpiper.cli.main import main\n"
    words += "sys.exit(main(['discovery', '--port', '0']))"
    ran = subprocess.run(
        [sys.executable, "-c", words],
        env={**os.environ, "SANDPIPER_HOME": str(world.home)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    return Ended(ran.returncode, ran.stderr)


def homeless(world: World) -> Ended:
    """A user whom no account is of, as a container has by `--user 54321`."""
    words = "import pwd, sys\ndef none(*_): raise KeyError\npwd.getpwuid = none\n"
    words += "from sandpiper.cli.main import main\nsys.exit(main(['who', 'localhost']))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOME", "XDG_", "SANDPIPER_"))}
    ran = subprocess.run(
        [sys.executable, "-c", words], env=kept, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    return Ended(ran.returncode, ran.stderr)


def full_output(world: World) -> Ended:
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "sandpiper.cli", "who", world.broker.door, "--json"],
            env={**os.environ, "SANDPIPER_HOME": str(world.home)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE_S,
        )
    return Ended(ran.returncode, ran.stderr)


SCENES: dict[str, Callable[[World], Ended]] = {
    "cannot reach …: Connection refused; is a broker running there? …": lambda world: world.run(
        "who", f"127.0.0.1:{free_port()}"
    ),
    "cannot reach …: Connection refused; is a discovery service running there? …": lambda world: world.run(
        "join", "pine-ocean-42", "--json", "--discovery", f"127.0.0.1:{free_port()}"
    ),
    "no answer from … within … s; is a broker running there?": silent,
    "what answers at … is not a sandpiper broker; check the address and the port": another_program,
    "what answers at … is a discovery service, not a broker; check the port": lambda world: world.run(
        "who", world.discovery.door
    ),
    "the broker at … asks for an access code; use --access-code-file or SANDPIPER_ACCESS_CODE": lambda world: world.run(
        "who", world.guarded.door
    ),
    "wrong access code; ask who runs the broker, and use --access-code-file or SANDPIPER_ACCESS_CODE": bad_access_code,
    "wrong code or password, or somebody in between; ask for the code again: …": wrong_words,
    "the passphrase is wrong, or the exported identity is damaged": wrong_passphrase,
    "no such room: nobody is in room … there. Check the number, …": lambda world: world.run(
        "join", "pine-ocean-999998", "--json", *world.join
    ),
    "… has stored nothing for … s: the broker's log cannot be written now: …; try again later": nothing_is_stored,
    "the nick … is taken; try another --nick": taken_nick,
    "not let in; who answers at this nameplate says: the room is full: … sessions, as its creator chose; …": full_room,
    "you have been removed from this room by one of its owners, for good; …": removed,
    "the key of … has changed (it is … now): somebody may be in between. …": changed_key,
    "… of … messages came within … s": lambda world: world.run(
        "listen", f"{world.broker.door}/empty", "--count", "1", "--timeout", "0.1"
    ),
    "… failed for … of … messages": failing_command,
    "cannot listen on …, ports … to …: Address already in use. Another broker may be running; …": (
        lambda world: world.run("broker", "--port", str(world.broker.port), "--data", str(world.home / "data"))
    ),
    "too few file descriptors: this process may have …, … of them are taken, and it needs … more; …": few_files,
    "the data folder … is in use by another broker (process …); stop that one, or use another --data": (
        lambda world: world.run("broker", "--port", "0", "--data", str(world.broker.data))
    ),
    "the data in … is damaged (…); restore it from a backup, or use another --data": damaged_data,
    "cannot use … as the data folder: …; name another with --data": lambda world: world.run(
        "broker", "--port", "0", "--log-file", os.devnull, "--data", world.write("a-file", "")
    ),
    "cannot write the log file …: …; name another with --log-file": lambda world: world.run(
        "broker", "--port", "0", "--log-file", str(world.home)
    ),
    "cannot use the identity key: …; make its folder yours and writable, or set SANDPIPER_HOME to another one": (
        lambda world: world.run("who", world.broker.door, SANDPIPER_HOME=world.write("no-folder", "") + "/home")
    ),
    "… has no home: HOME is not set, and no account names one; set SANDPIPER_HOME to a folder that is yours": homeless,
    "cannot reach …: such an address needs its interface too; try […%eth0]:…, by the interface's name on …": (
        lambda world: world.run("who", "[fe80::1]:5000")
    ),
    "cannot listen on …: it is not of this machine; 0.0.0.0 is every address, localhost this machine alone": (
        lambda world: world.run("broker", "--open", "--host", "203.0.113.9", "--data", str(world.home / "data"))
    ),
    "--…: that is for room codes, and TARGET is a broker; leave it out": (
        lambda world: world.run("who", "localhost", "--ephemeral")
    ),
    "cannot write the output: no space is left there; make some, or send it elsewhere": full_output,
    "no more threads can be started: …": few_threads,
    "… is not an identity key (32 bytes in hex); restore it, or move it away to become somebody new": broken_identity,
    "… holds another identity already; --force puts that aside, as identity.key.old": another_identity,
    "no command '…'; did you mean '…'?; see …": lambda world: world.run("brokr"),
    "'…' is no broker (…) and no room code (…); …": lambda world: world.run("who", "web01"),
    "'…' is in no word list; did you mean '…'?": lambda world: world.run("join", "pine-ocaen-42"),
    "word … of the room code is in no word list; look at how it is spelled": lambda world: world.run(
        "join", SANDPIPER_CODE="pine-ocaen-42"
    ),
    "there is no room code; give it as an argument, in SANDPIPER_CODE, or with --code-file": lambda world: world.run(
        "join"
    ),
    "this room has a password; use --password-file or SANDPIPER_PASSWORD, or --password at a terminal": no_password,
    "no terminal to ask for the password at; give it in SANDPIPER_PASSWORD, or with --password-file": (
        lambda world: world.run("join", "pine-ocean-42", "--password")
    ),
    "where to? give …, such as localhost:5000": lambda world: world.run("connect"),
    "beyond this machine (…) anybody could come in: give --access-code-file FILE, or --open if that is meant": (
        lambda world: world.run("broker", "--host", "0.0.0.0", "--port", "0")
    ),
    "… is not TOML: …; mend it, or move it away": broken_settings,
    "--exec: … is not there; it is run as it stands, without a shell": lambda world: world.run(
        "listen", "localhost", "--exec", "no-such-command | cat"
    ),
    "--filter: a part begins with one of type=, nick=, from=, regex=": lambda world: world.run(
        "listen", "localhost", "--filter", "colour=red"
    ),
    "invalid nick: …; choose another with --nick": lambda world: world.run("who", "localhost", "--nick", "a/b"),
}


def test_every_line_of_the_page_has_a_scene() -> None:
    assert sorted(SCENES) == sorted(headings())
    assert -1 not in headings().values()


def last_is_no_such_room(line: str) -> tuple[bool, str]:
    """A discovery service knows who is not there once it has run for a while."""
    return "no such room" in line, line


LINES: list[str] = sorted(headings(), key=last_is_no_such_room)


@pytest.mark.parametrize("line", LINES)
def test_the_line_is_what_is_said(line: str, world: World) -> None:
    ended = SCENES[line](world)
    pattern = ".*".join(map(re.escape, line.split("…")))
    last = ended.stderr.splitlines()[-1]
    assert re.fullmatch(f"sandpiper: {pattern}", last), last
    assert ended.code == headings()[line]


def test_every_code_of_the_page_happens(world: World) -> None:
    ended = world.run("say", f"{world.broker.door}/codes", "hello")
    assert (ended.code, "the key" in ended.stderr or ended.stderr == "" or "pinned" in ended.stderr) == (0, True)
    listening = subprocess.Popen(
        [sys.executable, "-m", "sandpiper.cli", "listen", f"{world.broker.door}/codes", "--json"],
        env={**os.environ, "SANDPIPER_HOME": str(world.home)},
        stdout=subprocess.PIPE,
    )
    assert listening.stdout is not None
    listening.stdout.readline()
    listening.send_signal(signal.SIGINT)
    listening.communicate(timeout=DEADLINE_S)
    read, write = os.pipe()
    os.close(read)
    unread = subprocess.run([sys.executable, "-m", "sandpiper.cli", "--help"], stdout=write, timeout=DEADLINE_S)
    os.close(write)
    assert codes() == {0, listening.returncode, unread.returncode, *headings().values()}


SIGNALS: list[tuple[list[str], str, int]] = [
    (["listen", "BROKER", "--json"], "SIGINT", 130),
    (["listen", "BROKER", "--json"], "SIGTERM", 143),
    (["listen", "BROKER", "--json"], "SIGHUP", 129),
    (["connect", "BROKER", "--json"], "SIGINT", 130),
    (["connect", "BROKER", "--json"], "SIGTERM", 143),
    (["create", "--json", "--local"], "SIGINT", 130),
    (["create", "--json", "--local"], "SIGTERM", 143),
    (["create", "--json", "--local"], "SIGHUP", 129),
    (["broker", "--port", "0", "--json"], "SIGINT", 0),
    (["broker", "--port", "0", "--json"], "SIGTERM", 0),
    (["broker", "--port", "0", "--json"], "SIGHUP", 0),
    (["discovery", "--port", "0", "--json"], "SIGINT", 0),
    (["discovery", "--port", "0", "--json"], "SIGTERM", 0),
    (["discovery", "--port", "0", "--json"], "SIGHUP", 0),
]
"""Cause and exit code of an end from outside."""


@pytest.mark.parametrize(("words", "name", "code"), SIGNALS)
def test_every_signal_ends_with_its_code(words: list[str], name: str, code: int, world: World) -> None:
    words = [f"{world.broker.door}/signals" if word == "BROKER" else word for word in words]
    with member(world.home, *words) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), "it says that it has begun"
        process.send_signal(getattr(signal, name))
        _, stderr = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == code, stderr
        assert all(line.startswith("sandpiper: ") for line in stderr.splitlines()), stderr
