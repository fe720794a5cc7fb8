"""The checks on this machine: clock, versions, settings, key files, ports, addresses, multicast."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from sandpiper.cli.commands.config import invalid, unknown_keys
from sandpiper.cli.doctor.findings import Finding
from sandpiper.cli.options.network import Network
from sandpiper.cli.options.settings import CONFIG, folders, read_config
from sandpiper.cli.version import VERSION
from sandpiper.common.errors import UsageError
from sandpiper.common.target import DISCOVERY_PORT, PORT, parse_listen
from sandpiper.common.text_files import NotText, decoded
from sandpiper.common.trust import parse_known

_YEAR_LEAST: Final = 2025  # of this program: no clock that is right says less
_YEAR_MOST: Final = 2100
_OTHERS: Final = 0o077
_WRITERS: Final = 0o022
_HEX_KEY: Final = re.compile(r"[0-9a-f]{64}\s*")
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104  # tried, and closed again at once


def here(context: click.Context) -> Iterator[Finding]:
    """Runs the checks that take no network."""
    yield from versions()
    yield clock(time.time())
    yield from settings(context)
    yield from key_files(folders().data)


def versions() -> Iterator[Finding]:
    """The program's, and of what it stands on."""
    import nacl
    import zmq

    parts = f"sandpiper {VERSION}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding("versions", "ok", parts)
    text = f"libzmq {zmq.zmq_version()}, pyzmq {zmq.__version__}, PyNaCl {nacl.__version__}"
    if zmq.has("curve"):
        yield Finding("versions", "ok", text)
    else:
        advice = "Install pyzmq from its wheels: python -m pip install --force-reinstall --only-binary :all: pyzmq"
        yield Finding("versions", "wrong", f"{text}: this libzmq cannot encrypt (no CURVE)", advice)


def clock(now: float) -> Finding:
    """Checks whether the clock can be right."""
    try:
        told = time.gmtime(now)
    except (OverflowError, OSError, ValueError):
        told = time.gmtime(0)
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", told)
    if _YEAR_LEAST <= told.tm_year < _YEAR_MOST:
        return Finding("clock", "ok", text)
    return Finding("clock", "wrong", f"{text} cannot be", "Set the clock, or turn on network time.")


def skew(seconds: float, where: str) -> Finding:
    """Judges how far another clock is from ours."""
    ahead = "behind" if seconds > 0 else "ahead of"
    text = f"this clock is {abs(seconds):.0f} s {ahead} that of {where}"
    return Finding(
        "clock", "note", text, "Turn on network time on both machines; messages show at wrong times till then."
    )


def settings(context: click.Context) -> Iterator[Finding]:
    """config.toml, and what the environment says."""
    file = folders().config / CONFIG
    try:
        config = read_config(file.parent)
    except UsageError as error:
        yield Finding("settings", "wrong", str(error), "Nothing runs until that is mended.")
        return
    mode = _mode(file)
    if mode is None:
        yield Finding("settings", "ok", f"{file} is not there; all is as by default")
    elif mode & _WRITERS:
        text = f"others may write to {file} ({mode:04o})"
        yield Finding("settings", "wrong", text, f"Take that back: chmod 600 {file}")
    elif mode & _OTHERS and _has_secret(config):
        text = f"others may read {file} ({mode:04o}), and there is a secret in it"
        yield Finding("settings", "wrong", text, f"Take that back: chmod 600 {file}; then change the secret.")
    else:
        yield Finding("settings", "ok", str(file))
    for key in unknown_keys(context, config):
        yield Finding("settings", "note", f"{key} in {CONFIG} is no option of any command", "Is it mistyped?")
    for key, where, why in invalid(context):
        yield Finding("settings", "wrong", f"{key} by {where}: {why}", "Change or remove it.")


def key_files(folder: Path) -> Iterator[Finding]:
    """The identity, the services' keys, the pins."""
    identity = folder / "identity.key"
    if not folder.exists():
        yield Finding("keys", "ok", f"{folder} is not there; it is made when it is first needed")
        return
    if not os.access(folder, os.W_OK):
        yield Finding("keys", "wrong", f"{folder} cannot be written to", "Make it yours, or set SANDPIPER_HOME.")
    if not identity.exists():
        yield Finding("keys", "ok", f"{identity} is not there; it is made when it is first needed")
    for path in [identity, *sorted(folder.glob("*/*.key"))]:
        if path.exists():
            yield _key_file(path)
    yield from _pins(folder / "known_brokers")


def _key_file(path: Path) -> Finding:
    mend = "Restore it, or move it away to have a new one."
    try:
        mode = _mode(path) or 0
        text = decoded(path.read_bytes())
    except NotText as error:
        return Finding("keys", "wrong", f"{path} {error}", mend)
    except OSError as error:
        return Finding("keys", "wrong", f"{path} cannot be read: {error.strerror or error}", mend)
    if not _HEX_KEY.fullmatch(text):
        return Finding("keys", "wrong", f"{path} is no key (32 bytes in hex)", mend)
    if mode & _OTHERS:
        advice = f"Take that back: chmod 600 {path}; if anybody may have copied it, move it away."
        return Finding("keys", "wrong", f"others may read {path} ({mode:04o})", advice)
    return Finding("keys", "ok", f"{path} ({mode:04o})")


def _pins(path: Path) -> Iterator[Finding]:
    try:
        known = parse_known(decoded(path.read_bytes()))
    except FileNotFoundError:
        return
    except (OSError, NotText):
        yield Finding("keys", "wrong", f"{path} cannot be read", "Make it readable, or delete it to trust each anew.")
        return
    pins = len(known.pins)
    yield Finding("keys", "ok", f"{path}: {pins} {'service' if pins == 1 else 'services'} known")


def _mode(path: Path) -> int | None:
    """Returns a file's permissions; None if it is not there. Those of Windows say nothing here."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    return mode if os.name == "posix" else mode & ~_OTHERS


def _has_secret(config: object) -> bool:
    if not isinstance(config, dict):
        return False
    secret = {"password", "code", "access_code"}
    return any(str(key).replace("-", "_") in secret or _has_secret(value) for key, value in config.items())


# The network -------------------------------------------------------------------------------------------------


async def network(options: Network) -> list[Finding]:
    """Ports, addresses, multicast."""
    found = await asyncio.gather(_ports(options), _addresses(options), _multicast(options))
    return [finding for each in found for finding in each]


async def _ports(options: Network) -> list[Finding]:
    from sandpiper.peer import probe

    findings = []
    for port, whose in ((PORT, "a broker's"), (DISCOVERY_PORT, "a discovery service's")):
        taken = await probe.occupant("127.0.0.1", port)
        if taken == "another program":
            advice = "Only if you want one there: give it another --port, and others HOST:PORT."
            findings.append(Finding("ports", "note", f"{port}, {whose}: {taken} has it", advice))
        else:
            findings.append(Finding("ports", "ok", f"{port}, {whose}: {taken or 'free'}"))
    where = options.listen or "any port"
    trouble = _no_door(options)
    if not trouble:
        return [*findings, Finding("ports", "ok", f"other members can connect: {where} can be opened")]
    advice = "A sandbox or a policy forbids it: allow the program to listen."
    if options.listen:
        advice = "Name another with --listen ADDR:PORT."
    return [*findings, Finding("ports", "wrong", f"other members cannot connect at {where}: {trouble}", advice)]


def _no_door(options: Network) -> str:
    """Why peers could not open their two ports; empty if they can."""
    from sandpiper.peer.probe import may_listen

    if options.listen is None:
        return may_listen(("127.0.0.1", "::1") if options.local else _EVERYWHERE)
    host, port = parse_listen(options.listen)
    return may_listen([host], port or 0) or (may_listen([host], port + 1) if port else "")


async def _addresses(options: Network) -> list[Finding]:
    from sandpiper.common.io.addresses import LOOPBACK, candidates

    found = [host for host in candidates(options.local) if host not in LOOPBACK]
    four, six = ([host for host in found if (":" in host) is kind] for kind in (False, True))
    if not found:
        text = "none but this machine's own"
        return [Finding("addresses", "note", text, "Others reach you through a relay only, or not at all.")]
    return [
        Finding("addresses", "ok", f"IPv4: {', '.join(four) or 'none'}"),
        Finding("addresses", "ok", f"IPv6: {', '.join(six) or 'none'}"),
    ]


async def _multicast(options: Network) -> list[Finding]:
    from sandpiper.peer import probe

    if not options.lan or options.local:
        return [Finding("LAN", "ok", "not looked at: the options keep away from it")]
    heard = await probe.multicast()
    if heard.heard:
        return [Finding("LAN", "ok", f"multicast works on this machine: heard itself after {heard.ms:.0f} ms")]
    if heard.trouble:
        advice = "Allow UDP port 5353, or name a meeting point with --discovery HOST:PORT."
        return [Finding("LAN", "note", heard.trouble, advice)]
    advice = "A firewall may drop UDP port 5353: allow it, or name a meeting point with --discovery HOST:PORT."
    return [Finding("LAN", "note", "multicast is sent, and not heard", advice)]
