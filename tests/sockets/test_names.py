"""Hosts by their names: two addresses of which one is nobody's, as /etc/hosts has it on other systems; and slow DNS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.sockets.members import Cast
from tests.sockets.netns import DEADLINE_S, Host, has_ipv6, network

HOSTS = {
    "debian": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n",
    "fedora": "127.0.0.1   localhost localhost.localdomain localhost4\n::1         localhost localhost.localdomain\n",
    "macos": "127.0.0.1\tlocalhost\n255.255.255.255\tbroadcasthost\n::1             localhost\n",
    "none-first": "::1 localhost\n127.0.0.1 localhost\n",
}
BY_NAME = 'mount --bind "$0" /etc/hosts && exec "$@"'
SILENT = """
import socket, sys
taken = []
with socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6) as server:
    print("ready", flush=True)
    while True:
        taken.append(server.accept())
"""


class Machine:
    """One host whose /etc/hosts is another."""

    def __init__(self, host: Host, folder: Path, hosts: str) -> None:
        self.host = host
        self.folder = folder
        self.hosts = folder / "hosts"
        self.hosts.write_text(hosts)

    def command(self, *words: str) -> list[str]:
        named = ["unshare", "-m", "--propagation", "private", "sh", "-c", BY_NAME, str(self.hosts)]
        home = f"SANDPIPER_HOME={self.folder / 'home'}"
        return [*named, "env", home, sys.executable, "-m", "sandpiper.cli", *words]

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.host.run(self.command(*words), check=False, stdin=subprocess.DEVNULL, **options)

    def service(self, *words: str, port: int = 0) -> tuple[subprocess.Popen[str], int]:
        """A broker or a discovery service, and its port."""
        data = self.folder / words[0]
        argv = self.command(*words, "--json", "--port", str(port), "--data", str(data))
        process = self.host.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        return process, int(json.loads(process.stdout.readline())["door"].rpartition(":")[2])


@contextmanager
def machine(folder: Path, hosts: str) -> Iterator[Machine]:
    if not has_ipv6():
        pytest.skip("no IPv6 in this kernel")
    with network("lan") as (host,):
        made = Machine(host, folder, hosts)
        if made.host.run(["unshare", "-m", "true"], check=False).returncode:
            pytest.skip("no mount namespaces here")
        yield made


@pytest.mark.parametrize("system", HOSTS)
def test_the_example_of_the_readme_works_by_localhost(tmp_path: Path, system: str) -> None:
    with machine(tmp_path, HOSTS[system]) as here:
        _, port = here.service("broker", "--host", "127.0.0.1", "--open")
        said = here.run("say", f"localhost:{port}/builds", "green")
        assert (said.returncode, said.stderr.count("\n")) == (0, 1), said.stderr
        looked = here.run("doctor", f"localhost:{port}/builds", "--json")
        assert json.loads(looked.stdout)["reachable"] is True, looked.stdout
        assert "by bus" in looked.stdout, "its other sockets go where the door is"
        _, point = here.service("discovery", "--host", "127.0.0.1")
        made = here.run("create", "--json", "--discovery", f"localhost:{point}")
        assert '"type":"room_created"' in made.stdout, made.stderr


def test_another_program_that_says_nothing_at_one_address_is_passed_over(tmp_path: Path) -> None:
    with machine(tmp_path, HOSTS["debian"]) as here:
        _, port = here.service("broker", "--host", "127.0.0.1", "--open")
        other = here.host.popen([sys.executable, "-c", SILENT, "::1", str(port)], stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        said = here.run("say", f"localhost:{port}/builds", "green")
        assert said.returncode == 0, said.stderr


def test_who_was_connected_comes_back_to_the_address_that_the_name_has_now(tmp_path: Path) -> None:
    with machine(tmp_path, "127.0.0.1 localhost srv.test\n") as here:
        broker, port = here.service("broker", "--host", "127.0.0.1", "--open")
        argv = here.command("connect", f"srv.test:{port}/r", "--json", "--nick", "al")
        anna = here.host.popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert anna.stdout is not None
        assert anna.stdin is not None
        objects = (json.loads(line) for line in anna.stdout)
        assert any(each["type"] == "joined" for each in objects)
        broker.terminate()
        broker.wait(DEADLINE_S)
        here.hosts.write_text(f"127.0.0.1 localhost\n{here.host.address()} srv.test\n")
        here.service("broker", "--host", here.host.address(), "--open", port=port)
        anna.stdin.write('{"type":"msg","text":"again","id":"again"}\n')
        anna.stdin.flush()
        assert any(each["type"] == "ack" for each in objects)


def test_every_address_says_why_it_is_not_it(tmp_path: Path) -> None:
    with machine(tmp_path, HOSTS["none-first"]) as here:
        _, port = here.service("discovery", "--host", "127.0.0.1")
        said = here.run("say", f"localhost:{port}/builds", "green")
        assert said.returncode == 3
        causes = "::1: Connection refused, 127.0.0.1: a discovery service"
        assert f"cannot reach localhost:{port}: {causes}; is a broker running there?" in said.stderr
        refused = here.run("say", "localhost:9/builds", "green")
        assert "cannot reach localhost:9: Connection refused; is a broker running there?" in refused.stderr


@pytest.mark.parametrize("host", [None, "localhost", "0.0.0.0", "::"])
def test_a_service_is_there_in_both_families(tmp_path: Path, host: str | None) -> None:
    with machine(tmp_path, HOSTS["debian"]) as here:
        chosen = [] if host is None else ["--host", host]
        _, port = here.service("broker", *chosen, "--open")
        _, point = here.service("discovery", *chosen)
        beyond = [here.host.address(), f"[{here.host.address6()}]"] if host in ("0.0.0.0", "::") else []
        for place in ["127.0.0.1", "[::1]", "localhost", *beyond]:
            named = {**os.environ, "SANDPIPER_DISCOVERY": f"{place}:{point}"}
            looked = here.run("doctor", f"{place}:{port}/builds", "--json", env=named)
            assert "by bus" in looked.stdout, looked.stdout
            assert "cannot reach" not in looked.stdout, looked.stdout


@pytest.mark.parametrize("host", [None, "0.0.0.0", "::"])
def test_a_machine_without_ipv6_is_served_too(tmp_path: Path, host: str | None) -> None:
    with machine(tmp_path, HOSTS["debian"]) as here:
        here.host.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"])
        chosen = [] if host is None else ["--host", host]
        _, port = here.service("broker", *chosen, "--open")
        said = here.run("say", f"localhost:{port}/builds", "green")
        assert said.returncode == 0, said.stderr


def test_a_host_that_is_none_of_ours_is_said_at_once(tmp_path: Path) -> None:
    with machine(tmp_path, f"{HOSTS['debian']}203.0.113.7 elsewhere\n") as here:
        for host, words in (
            ("203.0.113.9", "cannot listen on 203.0.113.9: it is not of this machine"),
            ("elsewhere", "cannot listen on elsewhere: it is 203.0.113.7, which is not of this machine"),
        ):
            for command in (("broker", "--open"), ("discovery",)):
                ended = here.run(*command, "--host", host, "--data", str(tmp_path / "data"))
                assert ended.returncode == 1
                assert ended.stderr.splitlines()[-1].endswith("localhost this machine alone"), ended.stderr
                assert words in ended.stderr


TEN_SILENT = """
import contextlib, select, socket
servers = [socket.create_server(("127.0.0.1", port)) for port in range(8000, 8010)]
taken = []
print("ready", flush=True)
while True:
    for server in select.select(servers, [], [])[0]:
        taken.append(server.accept())
        print("one", flush=True)
"""


def test_programs_that_say_nothing_at_the_usual_ports_are_asked_once(tmp_path: Path) -> None:
    with machine(tmp_path, HOSTS["debian"]) as here:
        silent = here.host.popen([sys.executable, "-c", TEN_SILENT], stdout=subprocess.PIPE, text=True)
        assert silent.stdout is not None
        assert silent.stdout.readline() == "ready\n"
        made = here.run("create", "--local")
        assert made.returncode == 3
        assert "ports 8000-8009 are taken by other programs" in made.stderr
        silent.kill()
        # Whether anything listens, and hello: at all of them together, and not once more at each in turn.
        assert silent.stdout.read().count("one") <= 20


TEMP = ("/tmp", "/var/tmp", "/dev/shm", "/run/user")  # to be covered, not used
NO_TEMP = f"""
for each in {" ".join(TEMP)}; do
    [ ! -d $each ] || mount -t tmpfs -o ro none $each || exit 99
done
exec "$@"
"""


@pytest.mark.skipif(sys.executable.startswith(TEMP), reason="this Python lies in a temp folder itself")
def test_without_any_folder_for_sockets_a_room_is_made_all_the_same(tmp_path: Path) -> None:
    with machine(tmp_path, HOSTS["debian"]) as here:
        bare = ["unshare", "-m", "--propagation", "private", "sh", "-c"]
        command = [sys.executable, "-m", "sandpiper.cli", "create", "--local", "--ephemeral"]
        words = ["env", "SANDPIPER_HOME=/nowhere", *command]
        made = here.host.run([*bare, NO_TEMP, "sh", *words], check=False, stdin=subprocess.DEVNULL, cwd="/")
        if made.returncode == 99:
            pytest.skip(f"nothing can be covered here: {made.stderr}")
        assert made.returncode == 0, made.stderr
        assert "the room's code is" in made.stderr


def test_two_with_nothing_but_link_local_addresses_of_ipv6_meet(tmp_path: Path) -> None:
    if not has_ipv6():
        pytest.skip("no IPv6 in this kernel")
    with network("lan", "lan") as (one, other):
        for host in (one, other):
            host.run(["ip", "addr", "flush", "dev", "lan", "scope", "global"])
        with Cast(tmp_path, host=one) as cast:
            alice = cast.create("alice")
            bob = cast.join("bob", alice.code, host=other)
            alice.send("by the wire")
            bob.hears("by the wire")
            bob.path("alice", "lan")
        bare = one.link_local()
        home = f"SANDPIPER_HOME={tmp_path / 'home'}"
        said = one.run(["env", home, sys.executable, "-m", "sandpiper.cli", "say", f"[{bare}]:5000", "x"], check=False)
        assert f"try [{bare}%eth0]:5000" in said.stderr
