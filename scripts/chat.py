"""`make chat`: a room between peers, with nothing else running; with CODE it joins one. Environment: CODE, NICK.

With ROOM, or with BROKER=1 in the lobby, it is a room of a broker on this machine instead, which is started if none
runs. That is a process of its own and stays for the next terminal; its port, process id and key stand in
`local-broker.json` in the platform's data folder, its output beside it. `--stop` ends it.
"""

# ruff: noqa: S104, S603, S606  (to start programs and to look at ports is what this is for)

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from sandpiper.cli.options.settings import folders

HOST: Final = "127.0.0.1"
FIRST_PORT: Final = 5000
LAST_PORT: Final = 5980
STEP: Final = 20
BLOCK: Final = 13
"""Ports of one broker: its base and the twelve after it."""
STRANGER_S: Final = 1.0
"""A program that has not said welcome by then is no broker."""
OWN_S: Final = 5.0
"""The same for the one that we have started: it may be busy."""
START_S: Final = 20.0
STOP_S: Final = 15.0
LOOK_S: Final = 0.05
MEETING: Final = ("SANDPIPER_DISCOVERY", "SANDPIPER_BROKER")
"""Settings that everybody in a room between peers must share."""

FOLDER: Final = folders().data
DATA: Final = FOLDER / "broker"
STATE: Final = FOLDER / "local-broker.json"
OUTPUT: Final = FOLDER / "local-broker.out"
PROGRAM: Final = Path(sys.executable).with_name("sandpiper.exe" if os.name == "nt" else "sandpiper")


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that this script has started."""

    port: int
    pid: int
    key: str

    def save(self) -> None:
        """Keeps it for the next terminal."""
        STATE.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @staticmethod
    def load() -> Broker | None:
        """The one kept, if any."""
        try:
            return Broker(**json.loads(STATE.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def main() -> None:
    """Exits with 0, 1, or what the chat ends with."""
    if not PROGRAM.exists():
        raise fail(f"there is no {PROGRAM}; install Sandpiper first (README.md)")
    if not (os.environ.get("ROOM") or os.environ.get("BROKER") or sys.argv[1:]):
        peers()
        return
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with locked():
            if sys.argv[1:] == ["--stop"]:
                stop()
                return
            port = running_port() or start(free_base()).port
    except OSError as error:
        raise fail(f"{FOLDER}: {error.strerror}. Is the folder yours, and the disk not full?") from None
    except KeyboardInterrupt:
        sys.exit(130)
    chat(port)


def say(text: str) -> None:
    """One line of status. Stdout is for messages."""
    sys.stderr.write(f"sandpiper: {text}\n")


def fail(text: str) -> SystemExit:
    """To be raised: one line, exit code 1."""
    say(text)
    return SystemExit(1)


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """One at a time: of two terminals the second waits, and then finds the first one's broker."""
    with (FOLDER / "local-broker.lock").open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file releases it


def broker_key(port: int, patience: float) -> str | None:
    """The key of the broker at `port`; empty for another program there, None if nobody listens."""
    try:
        connection = socket.create_connection((HOST, port), timeout=patience)
    except OSError:
        return None
    deadline = time.monotonic() + patience
    heard = b""
    with connection, contextlib.suppress(OSError):
        connection.sendall(b'{"type":"hello","v":1}\n')
        while b"\n" not in heard and len(heard) < 4096 and (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            if not (data := connection.recv(4096)):
                break
            heard += data
    with contextlib.suppress(ValueError):
        answer = json.loads(heard.partition(b"\n")[0])
        if isinstance(answer, dict) and answer.get("type") == "welcome":
            return str(answer.get("key"))
    return ""


def running_port() -> int | None:
    """Where a broker runs: our own first, then any in the usual places; it belongs to no checkout."""
    own = Broker.load()
    if own and broker_key(own.port, OWN_S) == own.key:
        say(f"using the broker on {HOST}:{own.port} (`{stop_line()}` ends it)")
        return own.port
    for port in range(FIRST_PORT, LAST_PORT + 1, STEP):
        key = broker_key(port, STRANGER_S)
        if key:
            say(f"using the broker that runs on {HOST}:{port}")
            return port
        if key is None:
            return None
    return None


def free_base() -> int:
    """The first block of ports that no program has."""
    for base in range(FIRST_PORT, LAST_PORT + 1, STEP):
        if all(is_free(base + offset) for offset in range(BLOCK)):
            return base
    raise fail(
        f"every block of ports from {FIRST_PORT} to {LAST_PORT} is taken; start one by hand: sandpiper broker --port 0"
    )


def is_free(port: int) -> bool:
    """Whether nobody listens at `port`, at any address of this machine, and it can be had."""
    for host in (HOST, "0.0.0.0"):
        with socket.socket() as probe:
            if os.name != "nt":  # where it means something else
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    with socket.socket() as probe:
        probe.settimeout(STRANGER_S)
        return probe.connect_ex((HOST, port)) != 0


def start(port: int) -> Broker:
    """Starts a broker that outlives this terminal, and waits until its door answers."""
    with OUTPUT.open("wb") as output:
        process = subprocess.Popen(
            # Named data: the rooms stay when the port changes. --json: the log goes to its own rotating file alone.
            [str(PROGRAM), "broker", "--host", HOST, "--port", str(port), "--data", str(DATA), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=FOLDER,
            **detached(),
        )
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        if key := broker_key(port, STRANGER_S):
            broker = Broker(port, process.pid, key)
            broker.save()
            say(f"started a broker on {HOST}:{port}; it stays for the next terminal. `{stop_line()}` ends it.")
            return broker
        time.sleep(LOOK_S)
    if process.poll() is None:
        process.kill()
        process.wait()
        raise fail(f"the broker did not answer on {HOST}:{port} within {START_S:.0f} s; see {OUTPUT}")
    words = OUTPUT.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise fail(f"the broker did not start: {words[-1] if words else f'exit code {process.returncode}'}")


def detached() -> dict[str, Any]:
    """How a process is started that neither Ctrl-C nor the end of this terminal reaches."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def stop_line() -> str:
    """What to type to end the broker."""
    return "python scripts/chat.py --stop" if os.name == "nt" else "make stop"


def chat(port: int) -> NoReturn:
    """A chat with the broker at that port."""
    become("connect", f"{HOST}:{port}/{os.environ.get('ROOM') or 'lobby'}")


def peers() -> NoReturn:
    """A chat between peers. The code goes by the environment, for a command line can be seen by everybody."""
    if code := os.environ.pop("CODE", ""):
        os.environ["SANDPIPER_CODE"] = code
        become("join")
    # What this room is met by, the others need too.
    met = [f"{name}={shlex.quote(os.environ[name])}" for name in MEETING if os.environ.get(name)]
    become("create", "--join-line", " ".join([*met, "make chat CODE={code}"]))


def become(*words: str) -> NoReturn:
    """The chat takes this process's place, and with it the terminal or the pipe."""
    command = [str(PROGRAM), *words]
    if nick := os.environ.get("NICK"):
        command += ["--nick", nick]
    if os.name == "nt":  # where exec would give the terminal back at once
        sys.exit(subprocess.call(command))
    sys.stderr.flush()
    os.execv(PROGRAM, command)


def stop() -> None:
    """Ends the broker that this script has started; only if the process is still that one."""
    own = Broker.load()
    if own is None or not is_ours(own):
        STATE.unlink(missing_ok=True)
        say("no broker of `make chat` is running")
        return
    os.kill(own.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while is_ours(own):
        if time.monotonic() > deadline:
            raise fail(f"the broker (process {own.pid}) has not ended within {STOP_S:.0f} s; see {OUTPUT}")
        time.sleep(LOOK_S)
    STATE.unlink(missing_ok=True)
    say("stopped; what was said is kept for the next time")


def is_ours(own: Broker) -> bool:
    """Whether the process is the broker that was started, and not another that has got its number since."""
    words = command_of(own.pid)
    return "sandpiper" in words and "broker" in words and str(own.port) in words.split()


def command_of(pid: int) -> str:
    """The command line of a process; empty if it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    query = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    if os.name == "nt":
        find = f"(Get-CimInstance Win32_Process -Filter ProcessId={pid}).CommandLine"
        query = ["powershell", "-NoProfile", "-Command", find]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


if __name__ == "__main__":
    main()
