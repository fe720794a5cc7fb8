"""Hosts of their own on networks of their own: Linux network namespaces joined by bridges, for the time of a test.

    with network("lan", "lan") as (alice, bob):                       # two on one network
    with network("left", "left right", "right") as (a, both, b):      # two networks; only `both` is on both
        broker = both.popen([sys.executable, "-m", "sandpiper.cli", "broker", …], stdout=subprocess.PIPE)
        a.run(["ping", "-c1", both.address("left")])
        b.cut()                                                       # its cable is out

Each argument is one host: the networks it is plugged into, each by an interface of that name. Network number `s` is
10.77.s.0/24 and fd77:0:0:s::/64, host number `h` has .h+1 and ::h+1 there. Nobody forwards: a host on one network
sends everything else to the first host that is on two, which drops it without a word, as a router without a way does.

Works as root, and elsewhere where a user may have namespaces (`unshare -Urn`); else the test is skipped by name. It
needs `ip` (iproute2), `unshare` and `nsenter` (util-linux). Nothing has a name outside or can be left behind: the
namespaces go with the processes in them, and those that hold them go with the test process, however it ends.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

DEADLINE_S = 20.0
_NOWHERE = "02:00:00:00:00:00"  # a MAC address that nobody has


class Host:
    """One host. `networks` are those it is plugged into, in the order of its interfaces."""

    def __init__(self, holder: _Holder, hub: _Holder, number: int, networks: dict[str, int]) -> None:
        self.networks = tuple(networks)
        self._holder = holder
        self._hub = hub
        self._number = number
        self._addresses = {name: f"10.77.{s}.{number + 1}" for name, s in networks.items()}
        self._addresses6 = {name: _six(f"fd77:0:0:{s}::", number + 1) for name, s in networks.items()}
        self._cables = {name: f"h{number}s{s}" for name, s in networks.items()}
        self._blocked: list[Host] = []
        self._running: list[subprocess.Popen[Any]] = []

    # Programs ----------------------------------------------------------------------------------------------------

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """The argv that runs this one here, for who starts processes in a way of their own."""
        return [*self._holder.enter, *map(str, argv)]

    def popen(self, argv: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
        """As subprocess.Popen; the pid is the program's own. What still runs at the end is killed, its pipes closed."""
        process: subprocess.Popen[Any] = subprocess.Popen(self.command(argv), **options)
        self._running.append(process)
        return process

    def run(self, argv: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs a program here to its end, its output as text. Raises CalledProcessError, TimeoutExpired."""
        wanted: dict[str, Any] = {"check": True, "capture_output": True, "text": True, "timeout": DEADLINE_S, **options}
        completed: subprocess.CompletedProcess[str] = subprocess.run(self.command(argv), **wanted)
        return completed

    # Addresses ---------------------------------------------------------------------------------------------------

    def address(self, network: str | None = None) -> str:
        """Its IPv4 address, on the first network unless told otherwise."""
        return self._addresses[network or self.networks[0]]

    def address6(self, network: str | None = None) -> str:
        """Its IPv6 address. Whether the machine has IPv6 at all is `has_ipv6`."""
        return self._addresses6[network or self.networks[0]]

    def move(self, last: int, network: str | None = None) -> None:
        """It gets other addresses, ending in `last` (say 100 to 250), and loses those it had, as on another Wi-Fi."""
        network = network or self.networks[0]
        before, before6 = self._addresses[network], self._addresses6[network]
        self._addresses[network] = f"{before.rpartition('.')[0]}.{last}"
        self._addresses6[network] = _six(before6, last)
        gateway = self._holder.gateway
        self._holder.ip(
            f"addr del {before}/24 dev {network}",  # first: it takes others of the same network with it
            f"addr add {self._addresses[network]}/24 dev {network}",
            *([f"addr del {before6}/64 dev {network}"] if has_ipv6() else []),
            *([f"addr add {self._addresses6[network]}/64 dev {network} nodad"] if has_ipv6() else []),
            *([f"route replace default via {gateway}"] if gateway else []),  # it went with the old address
        )
        for other in self._blocked:
            self.block(other)

    # Trouble -----------------------------------------------------------------------------------------------------

    def cut(self, network: str | None = None) -> None:
        """Pulls the cable: the interface and its addresses stay, nothing goes out or comes in, nobody is told."""
        self._hub.ip(f"link set {self._cables[network or self.networks[0]]} down")

    def restore(self, network: str | None = None) -> None:
        """Puts it back."""
        self._hub.ip(f"link set {self._cables[network or self.networks[0]]} up")

    def narrow(self, octets: int, network: str | None = None) -> None:
        """Packets to it that are larger vanish, and nobody is told: a tunnel on the way, and a firewall against ICMP.

        To be called of each host that is to lose them before anything is connected: what one host sends at once would
        else pass as one piece, for the bridge leaves cutting it up to the other end.
        """
        network = network or self.networks[0]
        self._holder.ip(f"link set {network} gso_max_segs 1")
        self._hub.ip(f"link set {self._cables[network]} mtu {octets}")

    def block(self, other: Host) -> None:
        """Nothing goes any more between these two, in either direction, and nobody is told. Multicast still does."""
        for one, another in ((self, other), (other, self)):
            one._holder.ip(*(f"neigh replace {where} lladdr {_NOWHERE} nud permanent" for where in one._sees(another)))
            if another not in one._blocked:
                one._blocked.append(another)

    def unblock(self, other: Host) -> None:
        """It does again."""
        for one, another in ((self, other), (other, self)):
            one._blocked.remove(another)
            one._holder.ip(*(f"neigh del {where}" for where in one._sees(another)))

    def _sees(self, other: Host) -> Iterator[str]:
        """The other's addresses on the networks that both are on, each with our interface."""
        for network in self.networks:
            if network in other.networks:
                yield f"{other.address(network)} dev {network}"
                if has_ipv6():
                    yield f"{other.address6(network)} dev {network}"
                    yield f"{other.link_local(network)} dev {network}"

    def link_local(self, network: str | None = None) -> str:
        """Its IPv6 address that only holds on the wire: fe80::…"""
        shown = self._holder.ip(f"addr show dev {network or self.networks[0]} scope link")
        return next(word.partition("/")[0] for word in shown.split() if word.startswith("fe80:"))

    def _end(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):  # what was still to be written to it
                        stream.close()
            process.wait(DEADLINE_S)
        self._holder.end()


@contextlib.contextmanager
def network(*plugs: str) -> Iterator[list[Host]]:
    """Hosts, as the head of this file says. Skips the test where there can be none."""
    numbers: dict[str, int] = {}
    for plug in plugs:
        for name in plug.split():
            numbers.setdefault(name, len(numbers))
    with contextlib.ExitStack() as ending:
        hub = _hold(None)
        ending.callback(hub.end)
        hosts: list[Host] = []
        for number, plug in enumerate(plugs):
            host = Host(_hold(hub), hub, number, {name: numbers[name] for name in plug.split()})
            ending.callback(host._end)
            hosts.append(host)
        try:
            _wire(hub, hosts, numbers)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
        yield hosts


def has_ipv6() -> bool:
    """Whether this machine's kernel has IPv6."""
    return Path("/proc/sys/net/ipv6").exists()


def _six(near: str, last: int) -> str:
    """The address on the same network as `near` that ends in these decimal digits."""
    return str(ipaddress.IPv6Network(f"{near}/64", strict=False)[int(str(last), 16)])


def _wire(hub: _Holder, hosts: list[Host], numbers: dict[str, int]) -> None:
    hub.ip(
        *(f"link add br{s} type bridge mcast_snooping 0" for s in numbers.values()),
        *(f"link set br{s} up" for s in numbers.values()),
    )
    for host in hosts:
        host._holder.sysctl("net/ipv4/ip_forward", 0)
        host._holder.sysctl("net/ipv6/conf/all/forwarding", 0)
        host._holder.sysctl("net/ipv6/conf/default/accept_dad", 0)  # an address is there at once
        for name, cable in host._cables.items():
            hub.ip(
                f"link add {cable} type veth peer name {name} netns {host._holder.pid}",
                f"link set {cable} master br{numbers[name]} up",
            )
        host._holder.ip("link set lo up", *_up(host))
    for host in hosts:
        if len(host.networks) == 1:
            names = host.networks[0]
            host._holder.gateway = next(
                (each.address(names) for each in hosts if len(each.networks) > 1 and names in each.networks), ""
            )
            if host._holder.gateway:
                host._holder.ip(f"route add default via {host._holder.gateway}")


def _up(host: Host) -> Iterator[str]:
    for name in host.networks:
        yield f"addr add {host.address(name)}/24 dev {name}"
        if has_ipv6():
            yield f"addr add {host.address6(name)}/64 dev {name} nodad"
        yield f"link set {name} up"


@dataclass
class _Holder:
    """A process that does nothing but hold a namespace open, until its input ends."""

    process: subprocess.Popen[bytes]
    enter: list[str]
    gateway: str = field(default="", compare=False)

    @property
    def pid(self) -> int:
        return self.process.pid

    def ip(self, *lines: str) -> str:
        """Carries out `ip` commands here, all in one process."""
        text = "".join(f"{line}\n" for line in lines)
        argv = [*self.enter, "ip", "-batch", "-"]
        done = subprocess.run(
            argv,
            input=text,
            capture_output=True,
            text=True,
            check=True,
            timeout=DEADLINE_S,
        )
        return done.stdout

    def sysctl(self, name: str, value: int) -> None:
        """Sets what the kernel has; it may not have it."""
        subprocess.run(
            [*self.enter, "sh", "-c", f"echo {value} >/proc/sys/{name}"], stderr=subprocess.DEVNULL, timeout=DEADLINE_S
        )

    def end(self) -> None:
        """Lets go of the namespace, and ends what programs have started in it and left there."""
        with contextlib.suppress(OSError):
            self._end_strays(os.stat(f"/proc/{self.pid}/ns/net").st_ino)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(DEADLINE_S)

    def _end_strays(self, space: int) -> None:
        if space == os.stat("/proc/self/ns/net").st_ino:
            return  # never the machine's own
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if int(folder.name) != self.pid and os.stat(folder / "ns/net").st_ino == space:
                    os.kill(int(folder.name), signal.SIGKILL)


def _hold(hub: _Holder | None) -> _Holder:
    """A new namespace, owned as the hub's is. Skips the test where there can be none."""
    missing = [tool for tool in ("ip", "unshare", "nsenter") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"no network namespaces here: {' and '.join(missing)} not installed (iproute2, util-linux)")
    if hub is None:
        ways = [["unshare", "-n"]] * (os.geteuid() == 0) + [["unshare", "-Urn"]]
    else:
        ways = [[*hub.enter, "unshare", "-n"]]
    reason = ""
    for way in ways:
        process = subprocess.Popen(
            [*way, "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline():
            process.stderr.close()
            space = f"/proc/{process.pid}/ns"
            owned = "-Urn" in way or (hub is not None and any(word.startswith("--user=") for word in hub.enter))
            user = [f"--user={space}/user", "--preserve-credentials"] if owned else []
            return _Holder(process, ["nsenter", *user, f"--net={space}/net"])
        _, stderr = process.communicate(timeout=DEADLINE_S)
        reason = stderr.decode(errors="replace").strip()
    pytest.skip(f"no network namespaces here: {reason}")
