"""`sandpiper doctor`: why it connects, or does not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from sandpiper.cli.chat.dial import Aim
from sandpiper.cli.doctor import checks, findings
from sandpiper.cli.doctor.findings import Finding, Report
from sandpiper.cli.loop import run
from sandpiper.cli.options.common import Caller, caller_options
from sandpiper.cli.options.network import Network, network_options
from sandpiper.cli.options.peer import Peering, chosen_target
from sandpiper.cli.options.secrets import code_options, password_options, resolve_password
from sandpiper.cli.printing import show_lines, show_object
from sandpiper.cli.terminal import coloured
from sandpiper.common.errors import Code, NoSuchRoom, Refusal, SandpiperError, TrustError, Unreachable, UsageError
from sandpiper.common.io.tasks import end
from sandpiper.common.limits import CLOCK_SKEW_S, PROBE_PATHS_S
from sandpiper.common.target import DISCOVERY_PORT, PORT, Target, parse_host
from sandpiper.peer.room import Room, connect
from sandpiper.peer.status import PathInfo

if TYPE_CHECKING:
    from sandpiper.common.codes import RoomCode
    from sandpiper.peer.hello import ServiceKind
    from sandpiper.peer.probe import LookupReport, ReadOnlyProfile


@click.command("doctor")
@click.argument("target", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one doctor object.")
@click.option("--join", is_flag=True, help="Enter the room TARGET too, unannounced, and try the way to each member.")
@caller_options
@network_options
@code_options
@password_options
@click.pass_context
def command(
    context: click.Context, caller: Caller, network: Network, target: str | None, as_json: bool, join: bool
) -> None:
    """Find out why it connects, or does not: this machine, its network, the services, and TARGET if there is one.

    TARGET is HOST[:PORT][/ROOM], a room code or an invite link. The command changes nothing, trusts no new key, and
    spends no guess at a code, except with --join. Exit code 0: nothing is wrong; 1: something is; 3: TARGET cannot be
    reached; 4: a wrong code, password or access code; 5: nobody is in the room.

    \b
    sandpiper doctor
    sandpiper doctor chat.example.org:5000
    sandpiper doctor pine-ocean-42 --join
    """  # noqa: D301  # click means the character
    aim: Aim | None = None
    needed = False
    if target is not None:
        aim, network, needed = chosen_target(context, target, network)
    if join and (aim is None or isinstance(aim, Target)):
        raise UsageError("--join tries the ways between peers; give a room code with it")
    password = resolve_password(context, needed=needed) if join else None
    doctor = Doctor(caller, network, password)
    doctor.findings += checks.here(context)
    run(doctor.examine(aim, join=join))
    report = doctor.report(aim)
    if as_json:
        show_object(report)
    else:
        show_lines(*findings.lines(report, colours=coloured()))
    context.exit(doctor.failed or (0 if report.ok else 1))


@dataclass
class Doctor:
    """The examination: what it has found so far. `failed` is the target's exit code, if it cannot be entered."""

    caller: Caller
    network: Network
    password: str | None = field(default=None, repr=False)
    findings: list[Finding] = field(default_factory=list)
    paths: list[PathInfo] | None = None
    failed: int = 0
    _silent: set[str] = field(default_factory=set)

    def report(self, aim: Aim | None) -> Report:
        """Returns the whole report."""
        ok = all(each.state != "wrong" for each in self.findings)
        return Report(ok, None if aim is None else self.reachable, self.findings, self.paths)

    @property
    def reachable(self) -> bool:
        """Whether somebody answers at the target."""
        return self.failed not in (Unreachable.exit_code, NoSuchRoom.exit_code)

    async def examine(self, aim: Aim | None, *, join: bool) -> None:
        """Checks what takes the network: everything at once, told in order."""
        probes = [checks.network(self.network), self._services("discovery"), self._services("broker")]
        if isinstance(aim, Target):
            probes.append(self._broker(aim))
        elif aim is not None:
            probes.append(self._code(aim))
        for found in await asyncio.gather(*probes):
            self.findings += found
        if join and aim is not None and not isinstance(aim, Target):
            self.findings += await self._join(aim)

    # Services that were named ------------------------------------------------------------------------------

    async def _services(self, name: str) -> list[Finding]:
        from sandpiper.peer.hello import BROKER, DISCOVERY

        kind, port = (DISCOVERY, DISCOVERY_PORT) if name == "discovery" else (BROKER, PORT)
        named = self.network.discovery if name == "discovery" else self.network.broker
        if not named:
            text = "none named; peers look on this machine and network" if kind is DISCOVERY else "none named to relay"
            return [Finding(name, "ok", text)]
        found = await asyncio.gather(*(self._service(name, parse_host(each, port), kind) for each in named))
        return [finding for each in found for finding in each]

    async def _service(self, name: str, target: Target, kind: ServiceKind) -> list[Finding]:
        from sandpiper.peer import probe

        try:
            seen = await probe.service(target, kind, self._onlooker())
        except SandpiperError as error:
            if isinstance(error, Unreachable):
                self._silent.add(target.address)
            return [_failure(name, error, kind.command)]
        pinned = "not known before" if seen.new else "its key is the known one"
        findings = [
            Finding(name, "ok", f"{seen.address} answers in {seen.rtt_ms:.1f} ms; {seen.fingerprint}, {pinned}")
        ]
        if seen.choked:
            text = f"what is large does not get to {seen.address}, what is small does: packets get lost for their size"
            advice = "Try a smaller MTU on this machine, such as 1280; a tunnel on the way is mostly the cause."
            findings.append(Finding(name, "wrong", text, advice))
        if seen.skew_s is not None and abs(seen.skew_s) > CLOCK_SKEW_S:
            findings.append(checks.skew(seen.skew_s, seen.address))
        if seen.welcome.access and self.caller.access_code is None:
            text = f"{seen.address} asks for an access code, and none is given"
            findings.append(Finding(name, "wrong", text, "Give it with --access-code-file or SANDPIPER_ACCESS_CODE."))
        return findings

    def _onlooker(self) -> ReadOnlyProfile:
        from sandpiper.peer.probe import ReadOnlyProfile

        return ReadOnlyProfile(str(self.caller.folder))

    # A broker ----------------------------------------------------------------------------------------------

    async def _broker(self, target: Target) -> list[Finding]:
        from sandpiper.peer import probe
        from sandpiper.peer.hello import BROKER

        findings = await self._service("target", target, BROKER)
        if any(each.state == "wrong" for each in findings):
            self.failed = Unreachable.exit_code if target.address in self._silent else 0
            return findings
        room = connect(target, access_code=self.caller.access_code, member=False, profile=self._onlooker())
        try:
            async with room:
                seen = await probe.entered(room)
        except SandpiperError as error:
            self.failed = error.exit_code
            return [*findings, _failure("target", error, BROKER.command)]
        except Refusal as refusal:
            return [*findings, Finding("target", "wrong", refusal.text, "Ask who runs the broker.")]
        text = f"room {target.room} by {seen.path}; a question takes {seen.rtt_ms:.1f} ms"
        findings.append(Finding("target", "ok", text))
        if seen.path == "one-port":
            advice = "All works, a little slower; to use the bus, let the ports above the broker's through."
            findings.append(Finding("target", "note", seen.text or "the bus ports are not in reach", advice))
        return findings

    # A room between peers ----------------------------------------------------------------------------------

    async def _code(self, code: RoomCode) -> list[Finding]:
        from sandpiper.peer import probe

        named = self.network.discovery
        places: Sequence[str] = named
        if not named:
            places = await _places(code.nameplate, lan=self.network.lan and not self.network.local)
        if not places:
            text = f"no meeting point on this machine or its network, so nobody is found in room {code.nameplate}"
            self.failed = NoSuchRoom.exit_code
            return [Finding("target", "wrong", text, "Use the same --discovery as the others, or the same network.")]
        looked = await asyncio.gather(
            *(probe.lookup(place, code.nameplate, self._onlooker(), pin=bool(named)) for place in places)
        )
        found = any(each.here for each in looked)
        if not found:
            nobody = all(each.code is Code.NO_ROOM for each in looked)
            self.failed = NoSuchRoom.exit_code if nobody else Unreachable.exit_code
        return [_looked(each, code.nameplate, found=found) for each in looked]

    async def _join(self, code: RoomCode) -> list[Finding]:
        if not self.reachable:
            return []
        dialer = Peering(self.network, password=self.password).dialer(self.caller)
        try:
            async with dialer.reach(code) as room:
                self.paths = await _settled(room)
                return findings.paths(self.paths)
        except SandpiperError as error:
            self.failed = error.exit_code
            return [_failure("paths", error, "")]
        except Refusal as refusal:
            return [Finding("paths", "wrong", refusal.text)]


async def _settled(room: Room) -> list[PathInfo]:
    """The ways to the members once each is reached, or after PROBE_PATHS_S as they are then."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PROBE_PATHS_S
    moved = _Moved(room)
    try:
        while True:
            found = await room.paths()
            if found and all(each.path not in ("none", "via") and each.rtt_ms is not None for each in found):
                return found
            if loop.time() >= until:
                return found
            await moved.wait(0.25)
    finally:
        await moved.close()


class _Moved:
    """Reads the room's events, so that it does not fill up."""

    def __init__(self, room: Room) -> None:
        self._event = asyncio.Event()
        self._task = asyncio.create_task(self._read(room))

    async def _read(self, room: Room) -> None:
        async for _ in room:
            self._event.set()

    async def wait(self, seconds: float) -> None:
        """Waits until something happened, or so long: round trips come without an event."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except asyncio.TimeoutError:
            return
        self._event.clear()

    async def close(self) -> None:
        """Reads no more."""
        await end(self._task)


async def _places(nameplate: int, *, lan: bool) -> list[str]:
    """The meeting points that a member would ask: those of this machine, and those that the network tells of."""
    from sandpiper.peer import probe
    from sandpiper.peer.p2p.rendezvous.services import PORTS

    async def nowhere() -> list[str]:
        return []

    local = [f"127.0.0.1:{port}" for port in PORTS]
    *taken, near = await asyncio.gather(
        *(probe.occupant("127.0.0.1", port) for port in PORTS), probe.near(nameplate) if lan else nowhere()
    )
    found = [place for place, whose in zip(local, taken, strict=True) if "discovery" in whose]
    return [*found, *near]


def _looked(looked: LookupReport, nameplate: int, *, found: bool) -> Finding:
    """Judges what a service said; it need not know the room, if another one does."""
    where = looked.address
    if looked.here:
        return Finding("target", "ok", f"{where} knows room {nameplate}: somebody is there")
    state: Any = "note" if found else "wrong"
    if looked.unreachable:
        return Finding("target", state, looked.text, "Check the address, and whether the service runs.")
    if looked.code is Code.NO_ROOM:
        advice = "Check the number, and whether the others use the same --discovery."
        return Finding("target", state, f"{where} knows nobody in room {nameplate}", advice)
    if looked.code is Code.NOT_YET:
        text = f"{where} has just started, and does not know yet who is in room {nameplate}"
        return Finding("target", state, text, "Ask again in half a minute.")
    if looked.code is Code.RATE:
        return Finding("target", state, f"{where} answers no more look-ups now", "Ask again in a minute.")
    return Finding("target", state, f"{where}: {looked.text}", "Ask again later.")


def _failure(about: str, error: SandpiperError, command: str) -> Finding:
    """Parts an error's line at its last semicolon: behind it stands what to try."""
    if isinstance(error, TrustError):
        return Finding(about, "wrong", str(error), "Do not connect before you know why; ask who runs it.")
    text, _, advice = str(error).rpartition("; ")
    if not text:
        text, advice = advice, f"See that it runs: `{command}` starts one." if command else ""
    return Finding(about, "wrong", text, f"{advice[:1].upper()}{advice[1:].rstrip('.')}." if advice else "")
