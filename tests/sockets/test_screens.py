"""One conversation of two screens and a pipe, in a real terminal (tmux), between peers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

DEADLINE_S = 40.0
PROGRAM = [sys.executable, "-m", "sandpiper.cli"]
TMUX = shutil.which("tmux")
pytestmark = pytest.mark.skipif(TMUX is None, reason="needs tmux")


class Terminal:
    """A tmux server of its own, with a window for each person."""

    def __init__(self, folder: Path) -> None:
        self._socket = str(folder / "tmux")
        self._folder = folder

    def __call__(self, *words: str) -> str:
        command = [TMUX or "tmux", "-S", self._socket, "-f", os.devnull, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=DEADLINE_S).stdout

    def open(self, name: str, *words: str, width: int = 100) -> None:
        """A window that runs the program as that person, and stays to show how it ended."""
        home = self._folder / name
        line = " ".join([*PROGRAM, *words, "--local", "--nick", name])
        script = f"SANDPIPER_HOME={home} TERM=xterm-256color {line}; echo ended $?; exec cat"
        self("new-session", "-d", "-s", name, "-x", str(width), "-y", "30", script)

    def shows(self, name: str, pattern: str) -> re.Match[str]:
        """Waits until the window shows it."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            text = self("capture-pane", "-p", "-J", "-t", name)
            if found := re.search(pattern, text):
                return found
            assert time.monotonic() < deadline, f"{name} never showed {pattern!r}:\n{text}"

    def types(self, name: str, text: str) -> None:
        self("send-keys", "-t", name, "-l", text)
        self("send-keys", "-t", name, "Enter")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    subprocess.run([TMUX or "tmux", "-S", str(tmp_path / "tmux"), "kill-server"], capture_output=True, check=False)


def test_two_screens_and_a_pipe(terminal: Terminal, tmp_path: Path) -> None:
    terminal.open("alice", "create")
    code = terminal.shows("alice", r"sandpiper join (\w+-\w+-\d+)")[1]
    terminal.open("bob", "join", code, width=80)
    terminal.shows("alice", r"bob joined")
    terminal.shows("bob", r"alice")
    terminal.types("bob", "hello *alice*")
    terminal.shows("alice", r"hello alice")
    terminal.types("alice", "and hello bob")
    terminal.shows("bob", r"and hello bob")
    terminal.shows("alice", r"and hello bob ✓")

    environment = {**os.environ, "SANDPIPER_HOME": str(tmp_path / "pipe"), "SANDPIPER_CODE": code}
    piped = subprocess.run(
        [*PROGRAM, "say", "@", "-", "--local", "--nick", "log"],
        input="line one\nline \x1b[31mtwo\n",
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=environment,
        check=False,
    )
    assert piped.returncode == 0, piped.stderr
    for name in ("alice", "bob"):
        terminal.shows(name, r"line one")
        terminal.shows(name, r"line .\[31mtwo")  # the escape is drawn, not obeyed

    terminal.types("alice", "/verify bob")
    words = terminal.shows("alice", r"the same:\s+(\w+ \w+ \w+)\s")[1]
    terminal.shows("bob", r"alice compares words with you:\s+" + words.replace(" ", r"\s+") + r"\.")
    terminal("send-keys", "-t", "alice", "Enter")
    terminal.shows("alice", r"bob is who they say")
    terminal.types("bob", "/quit")
    terminal.shows("bob", r"ended 0")
    terminal.shows("alice", r"bob left")
    terminal("send-keys", "-t", "alice", "C-c")
    terminal.shows("alice", r"ended 130")


def test_what_waits_for_a_screen_stops_with_it(terminal: Terminal, tmp_path: Path) -> None:
    """A script or a `make` around it would keep the shell from its prompt."""
    wrapper = tmp_path / "wrapper"
    words = " ".join([*PROGRAM, "create", "--local", "--nick", "alice"])
    wrapper.write_text(f"SANDPIPER_HOME={tmp_path / 'home'} TERM=xterm-256color {words}; echo ended $?\n")
    terminal("new-session", "-d", "-s", "shell", "-x", "100", "-y", "30", "bash --norc -i")
    terminal.types("shell", f"sh {wrapper}")
    terminal.shows("shell", r"Write to \S+ as alice")
    terminal("send-keys", "-t", "shell", "C-z")
    terminal.shows("shell", r"Stopped")  # what the shell says must not be on the screen that is gone
    terminal.types("shell", "echo prompt number $((40 + 2))")
    terminal.shows("shell", r"prompt number 42")
    terminal.types("shell", "fg")
    terminal.shows("shell", r"Write to \S+ as alice")
    terminal.types("shell", "/quit")
    terminal.shows("shell", r"ended 0")
