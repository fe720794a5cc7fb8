"""`sandpiper discovery`: runs a discovery service until it is told to stop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from sandpiper.cli.loop import run
from sandpiper.cli.options.common import access_options, resolve_access_code
from sandpiper.cli.services import (
    data_folder,
    host_option,
    lan_address,
    reached_at,
    say_ready,
    service_options,
    stopping_on_signals,
)
from sandpiper.common.errors import UsageError
from sandpiper.common.limits import ANNOUNCED_BROKERS
from sandpiper.common.target import DISCOVERY_PORT, is_loopback, parse_host

if TYPE_CHECKING:
    from sandpiper.common.rendezvous import BrokerAt
    from sandpiper.discovery.service import DiscoveryConfig, DiscoveryReady


@click.command("discovery")
@host_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DISCOVERY_PORT,
    metavar="PORT",
    help=f"The port [{DISCOVERY_PORT}]. 0 picks a free one.",
)
@click.option("--data", metavar="DIR", help="The folder of the key; by default one of your own for each port.")
@click.option(
    "--broker",
    "brokers",
    multiple=True,
    metavar="HOST:PORT",
    help="A broker that relays for rooms; may be given several times. Members are told of it.",
)
@access_options
@service_options("discovery.log")
@click.pass_context
def command(
    context: click.Context,
    host: str,
    port: int,
    data: str | None,
    brokers: tuple[str, ...],
    metrics_port: int | None,
    log_file: str | None,
    log_level: str,
    as_json: bool,
    access_code: str | None,
    access_code_file: str | None,
) -> None:
    """Run a discovery service until Ctrl-C or SIGTERM: peers with the same room code find each other by it.

    Anybody may use it: it asks for no access code. It learns addresses and times, but no nick and no word of a code.
    An access code given here is that of the brokers, and is told to whoever asks for them. The service stores nothing
    but its key, so it can be restarted at any time.

    \b
    sandpiper discovery --host 0.0.0.0
    sandpiper create --discovery HOST:8000          on the members' machines
    """  # noqa: D301  # click means the character
    announced = announced_brokers(brokers, resolve_access_code(context) if brokers else None)
    given = {context.get_parameter_source(name) for name in ("access_code", "access_code_file")}
    if not brokers and ParameterSource.COMMANDLINE in given:
        raise UsageError("a discovery service asks for no access code; one is for the brokers that --broker names")
    with data_folder(data, port, name="discovery", default_port=DISCOVERY_PORT) as folder:
        from sandpiper.cli.logs import logging_to
        from sandpiper.discovery.service import DiscoveryConfig

        config = DiscoveryConfig(host=host, port=port, data=folder, brokers=announced, metrics_port=metrics_port)
        with logging_to(Path(log_file) if log_file else folder / "discovery.log", log_level, stderr=not as_json):
            run(_serve(config, as_json=as_json), lasting=True)


async def _serve(config: DiscoveryConfig, *, as_json: bool) -> None:
    from sandpiper.discovery.service import serve

    stop = asyncio.Event()
    with stopping_on_signals(stop):
        await serve(
            config,
            ready=lambda ready: say_ready(ready, ready_text(config, ready, lan_address()), as_json=as_json),
            stop=stop,
        )


def announced_brokers(brokers: tuple[str, ...], access_code: str | None) -> tuple[BrokerAt, ...]:
    """The brokers that members are told of, each with the access code. Raises UsageError."""
    from sandpiper.common.rendezvous import BrokerAt

    if len(brokers) > ANNOUNCED_BROKERS:
        raise UsageError(f"at most {ANNOUNCED_BROKERS} brokers can be announced; leave some of the --broker out")
    targets = [parse_host(broker) for broker in brokers]
    return tuple(
        BrokerAt(f"{target.address}#{target.fingerprint}" if target.fingerprint else target.address, access_code)
        for target in targets
    )


def ready_text(config: DiscoveryConfig, ready: DiscoveryReady, lan: str | None) -> str:
    """Tells a person how to use it. `lan` is this machine's address for others, if it has one."""
    at = reached_at(config.host, ready.door.rpartition(":")[2], lan)
    where = "from this machine" if is_loopback(config.host) else "from anywhere near"
    lines = [
        f"sandpiper discovery at {ready.door}, its key in {config.data}",
        f"open a room by it {where}:  sandpiper create --discovery {at}",
        *(f"members are told of the broker {broker.address}" for broker in config.brokers),
        "stop it with Ctrl-C",
    ]
    return "\n".join(lines) + "\n"
