"""The pages that are read top to bottom are tried so: every block of theirs in order, in one shell, as they stand.

What needs another machine, root or a person at a terminal is left out by its name; for what never ends, or needs what a
test has not, stands something else. Places on the network are this one.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import pytest

from tests.sockets.netns import has_ipv6, network
from tests.sockets.test_names import BY_NAME, HOSTS
from tests.test_docs import BLOCK, ROOT

LEFT_OUT: Final = {
    "make chat": "a person's, at a terminal",
    "make test": "this",
    "pip install": "from the network",
    "python -m venv": "likewise",
    "sudo": "root's affair, and systemd's",
    "journalctl -u": "systemd's",
    "ngrok tcp 5000": "another's service",
    "sandpiper create --password": "asks at a terminal",
    "sandpiper say chat.example.org hello --access-code-file -": "another broker, which asks for a code",
    "sandpiper listen @ --code-file /run/secrets/room": "another room, which has a password",
}
"""How lines begin that are not run, and why."""
STANDS_FOR: Final = {
    "2.tcp.ngrok.io:17832": "127.0.0.1:5000",
    "192.168.1.20": "127.0.0.1",
    "chat.example.org": "127.0.0.1",
    "tail -f app.log": "cat app.log",
    "journalctl -fu nginx -o cat": "echo 'GET / 500 12'",
    "make 2>&1": "echo 'all is green'",
}
PROGRAMS: Final = ("jq", "nc", "curl")
"""Those of others that the pages use; a line is left out where they are not installed."""
STAYS: Final = {
    "broker": r"listening on ",
    "discovery": r"listening on ",
    "create": r"^ +sandpiper join (\S+)",
    "join": r" as bob, p2p|in \S+ as ",
    "connect": r"in \S+ as ",
    "peer": r"tools publish at ",
}
"""Commands that go on, and what each says once it is ready."""


def lines(page: str) -> Iterator[str]:
    for block in BLOCK.findall((ROOT / page).read_text("utf-8")):
        yield from (line for line in block.replace("\\\n", " ").splitlines() if line.strip())


def left_out(line: str) -> bool:
    missing = any(re.search(rf"(^|\| ){name}\b", line) and not shutil.which(name) for name in PROGRAMS)
    return missing or line.startswith(tuple(LEFT_OUT))


class Shell:
    """One bash, whose working folder and home are `folder`."""

    def __init__(self, argv: list[str], folder: Path) -> None:
        self.folder = folder
        self.code = ""
        self._staying: dict[str, str] = {}
        self._hearing: dict[str, IO[str]] = {}
        tools = folder / "tools"
        tools.mkdir()
        for name, text in {
            "sandpiper": f'exec "{sys.executable}" -m sandpiper.cli "$@"',
            "notify-send": "exec cat",
        }.items():
            (tools / name).write_text(f"#!/bin/sh\n{text}\n")
            (tools / name).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SANDPIPER_", "XDG_"))}
        self.bash = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, bufsize=1,
            env={
                **kept, "HOME": str(folder), "PATH": f"{tools}:{os.environ['PATH']}",
                "SANDPIPER_PASSPHRASE": "open sesame",
            },
        )  # fmt: skip
        self.run("mkfifo held && exec 9<>held")

    def run(self, command: str) -> tuple[int, str]:
        """One line; its status, and what was said."""
        assert self.bash.stdin is not None
        assert self.bash.stdout is not None
        self.bash.stdin.write(f'{command}\necho "\nended $?"\n')
        said = ""
        for line in self.bash.stdout:
            if ended := re.fullmatch(r"ended (\d+)\n", line):
                return int(ended[1]), said
            said += line
        raise AssertionError(f"the shell has ended: {said}")

    def stay(self, name: str, command: str) -> None:
        """A command that goes on beside the others, until another of that name takes its place."""
        # A discovery service is on another machine than the rooms so far, which have one of their own.
        for gone in (name, "create", "join") if name == "discovery" else (name,):
            if earlier := self._staying.pop(gone, ""):
                self.run(f"kill {earlier}; wait {earlier}")
                self._hearing.pop(gone).close()
        said = self.folder / f"said-{name}"
        said.unlink(missing_ok=True)
        self.run(f"mkfifo {said}")
        _, pid = self.run(f"{re.sub(r' +#.*', '', command)} <&9 >{said} 2>&1 &\necho $!")
        self._staying[name] = pid.split()[-1]
        hearing = self._hearing[name] = said.open()
        heard = ""
        for line in hearing:
            heard += line
            if found := re.search(STAYS[name], line):
                self.code = found[1] if found.groups() else self.code
                return
        raise AssertionError(f"{command}: {heard}")

    def follow(self, line: str) -> None:
        """What a reader of a page does with one of its lines."""
        for word, other in STANDS_FOR.items():
            line = line.replace(word, other)
        line = line.replace("pine-ocean-42", self.code or "pine-ocean-42")
        words = re.split(r" +(?=#)", line)[0].split()
        if words[0] == "sandpiper" and words[1] in STAYS:
            return self.stay(words[1], line)
        if words[:2] == ["sandpiper", "listen"] and "|" not in line.partition("--")[0]:
            more = " --backlog 9" if "--count" in line else " --backlog 9 --count 1"
            line = "timeout 30 " + line.replace(words[2], words[2] + more, 1)
        status, said = self.run(line)
        assert status == 0 or (words[:2] == ["sandpiper", "doctor"] and status == 1), f"{line}: {status}\n{said}"
        return None

    def end(self) -> None:
        os.killpg(self.bash.pid, signal.SIGKILL)
        self.bash.communicate()
        for hearing in self._hearing.values():
            hearing.close()


@contextmanager
def shell(folder: Path, hosts: str = "", *, ipv6: bool = True) -> Iterator[Shell]:
    """In a network of its own; with this /etc/hosts, if any."""
    with network("lan") as (host,):
        argv = ["bash", "--norc"]
        if hosts:
            (folder / "hosts").write_text(hosts)
            argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", BY_NAME, str(folder / "hosts"), *argv]
            if host.run(["unshare", "-m", "true"], check=False).returncode:
                pytest.skip("no mount namespaces here")
        if not ipv6:
            host.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"])
        made = Shell(host.command(argv), folder)
        try:
            yield made
        finally:
            made.end()


PAGES: Final = ["docs/tutorial.md", "docs/recipes.md", "docs/deployment.md"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.timeout(240)
def test_the_page_can_be_followed(page: str, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("a test failed\n")
    (tmp_path / "code").write_text("hush-hush\n")
    with shell(tmp_path) as following:
        mask = following.run("umask")
        for line in lines(page):
            if not left_out(line):
                following.follow(line)
        assert following.run("umask") == mask  # what is made later is for others to read


@pytest.mark.parametrize(("system", "ipv6"), [("debian", True), ("fedora", True), ("macos", True), ("debian", False)])
@pytest.mark.timeout(240)
def test_the_readme_can_be_followed_with_the_names_of_any_system(system: str, ipv6: bool, tmp_path: Path) -> None:
    if not has_ipv6():
        pytest.skip("no IPv6 in this kernel")
    (tmp_path / "app.log").write_text("a test failed\n")
    (tmp_path / ".sandpiper-code").write_text("hush-hush\n")
    with shell(tmp_path, HOSTS[system], ipv6=ipv6) as following:
        following.stay("broker", "sandpiper broker")  # the page has it below
        for line in lines("README.md"):
            if not left_out(line):
                following.follow(line)
            if "--access-code-file" in line:
                following.run("export SANDPIPER_ACCESS_CODE=hush-hush")  # at a terminal it is asked for


def test_the_first_program_of_the_library_s_page_runs_as_it_stands(tmp_path: Path) -> None:
    program = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/library.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )[0]
    (tmp_path / "first.py").write_text(program)
    with shell(tmp_path) as following:
        following.stay("broker", "sandpiper broker")
        # It goes on for ever, so it is ended once it has said that; and by itself if it never does.
        following.run(f"mkfifo said; timeout -s INT 20 {sys.executable} -u first.py >said 2>&1 &")
        status, said = following.run("grep -m 1 'Received.*hello' <said; found=$?; kill $!; (exit $found)")
        assert (status, "text='hello'" in said) == (0, True), said


def test_what_is_left_out_is_on_a_page() -> None:
    text = [line for page in ["README.md", *PAGES] for line in lines(page)]
    for begin in LEFT_OUT:
        assert any(line.startswith(begin) for line in text), begin
    for word in STANDS_FOR:
        assert any(word in line for line in text), word


def test_what_root_installs_can_be_read_by_the_unit_s_user() -> None:
    for line in lines("docs/deployment.md"):
        if line.startswith("sudo") and ("-m venv" in line or "pip install" in line):
            assert "umask 022; " in line


def test_the_manual_page_can_be_read() -> None:
    if not shutil.which("man"):
        pytest.skip("no man here")
    read = subprocess.run(
        ["man", "--warnings", "-l", str(ROOT / "man" / "sandpiper.1")], capture_output=True, text=True, timeout=60,
        env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANPAGER": "cat"},
    )  # fmt: skip
    assert (read.returncode, read.stderr) == (0, "")
    assert "sandpiper create" in read.stdout
    assert "EXIT STATUS" in read.stdout
