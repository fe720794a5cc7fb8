"""`sandpiper broker`: runs a broker until it is told to stop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

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
from sandpiper.common.limits import BYTES_PER_S, MESSAGES_PER_S, RETAIN_MESSAGES, RETAIN_S
from sandpiper.common.target import PORT, is_loopback

if TYPE_CHECKING:
    from sandpiper.broker.service import BrokerConfig, BrokerReady

_MIB: Final = 1024 * 1024
_DAY_S: Final = 86400.0


@click.command("broker")
@host_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535 - 12),
    default=PORT,
    metavar="PORT",
    help=f"The port for all clients; the bus uses ports up to PORT+12 [{PORT}]. 0 picks free ones.",
)
@click.option("--data", metavar="DIR", help="The folder of the log; by default one of your own for each port.")
@click.option("--open", "open_", is_flag=True, help="Ask for no access code, even beyond this machine.")
@access_options
@click.option("--no-plain", is_flag=True, help="Open no plain ZeroMQ endpoints for tools on this machine.")
@click.option("--fsync", is_flag=True, help="Messages survive a power cut too; slower.")
@click.option("--rate", metavar="N[:MIB]", help="How many messages and MiB a member may send each second.")
@click.option(
    "--retain-messages",
    type=click.IntRange(1),
    default=RETAIN_MESSAGES,
    metavar="N",
    help="How many messages to keep in each room.",
)
@click.option(
    "--retain-days",
    type=click.FloatRange(0, min_open=True),
    default=RETAIN_S / _DAY_S,
    metavar="D",
    help="How many days to keep messages.",
)
@service_options("broker.log")
@click.pass_context
def command(
    context: click.Context,
    host: str,
    port: int,
    data: str | None,
    open_: bool,
    no_plain: bool,
    fsync: bool,
    rate: str | None,
    retain_messages: int,
    retain_days: float,
    metrics_port: int | None,
    log_file: str | None,
    log_level: str,
    as_json: bool,
    access_code: str | None,
    access_code_file: str | None,
) -> None:
    """Run a broker until Ctrl-C or SIGTERM. What it has acknowledged survives a crash.

    --port 0 without --data is for trials: the log is removed at the end.

    \b
    sandpiper broker
    sandpiper broker --host 0.0.0.0 --access-code-file code.txt
    """  # noqa: D301  # click means the character
    code = _code(context, open_=open_)
    _check_access(host, code, open_=open_)
    messages_per_s, bytes_per_s = parse_rate(rate)
    with data_folder(data, port, name="broker", default_port=PORT) as folder:
        from sandpiper.broker.service import BrokerConfig
        from sandpiper.cli.logs import logging_to

        config = BrokerConfig(
            host=host,
            port=port,
            data=folder,
            access_code=code,
            plain=not no_plain,
            fsync=fsync,
            messages_per_s=messages_per_s,
            bytes_per_s=bytes_per_s,
            retain_messages=retain_messages,
            retain_s=retain_days * _DAY_S,
            metrics_port=metrics_port,
        )
        with logging_to(Path(log_file) if log_file else folder / "broker.log", log_level, stderr=not as_json):
            run(_serve(config, as_json=as_json), lasting=True)


def _check_access(host: str, code: str | None, *, open_: bool) -> None:
    """Raises UsageError for a broker that anybody could reach, where that was not asked for."""
    if code is None and not open_ and not is_loopback(host):
        raise UsageError(
            f"beyond this machine ({host}) anybody could come in: give --access-code-file FILE, "
            "or --open if that is meant"
        )


async def _serve(config: BrokerConfig, *, as_json: bool) -> None:
    from sandpiper.broker.service import serve

    stop = asyncio.Event()
    with stopping_on_signals(stop):
        await serve(
            config,
            ready=lambda ready: say_ready(ready, ready_text(config, ready, lan_address()), as_json=as_json),
            stop=stop,
        )


def ready_text(config: BrokerConfig, ready: BrokerReady, lan: str | None) -> str:
    """Tells a person how to join. `lan` is this machine's address for others, if it has one."""
    at = reached_at(config.host, ready.door.rpartition(":")[2], lan)
    lines = [f"sandpiper broker at {ready.door}, its log in {config.data}"]
    if is_loopback(config.host):
        lines.append(f"join it from this machine:  sandpiper connect {at}")
    else:
        lines.append(f"join it from anywhere near:  sandpiper connect {at}")
        lines.append("it asks for the access code" if config.access_code else "it is open: who reaches it may come in")
    lines.append("stop it with Ctrl-C")
    return "\n".join(lines) + "\n"


def parse_rate(text: str | None) -> tuple[float, float]:
    """`N[:MIB]` as messages and bytes a second. Raises UsageError."""
    if text is None:
        return MESSAGES_PER_S, BYTES_PER_S
    messages, _, mib = text.partition(":")
    try:
        rate = float(messages), float(mib) * _MIB if mib else float(BYTES_PER_S)
    except ValueError:
        rate = 0.0, 0.0
    if not all(0 < part < float("inf") for part in rate):
        raise UsageError(f"--rate {text}: messages a second, and MiB a second after a colon, such as 5000:4")
    return rate


def _code(context: click.Context, *, open_: bool) -> str | None:
    named = [context.get_parameter_source(name) for name in ("access_code", "access_code_file")]
    if not open_:
        return resolve_access_code(context)
    if ParameterSource.COMMANDLINE in named:
        raise UsageError("--open asks for no access code: leave one of the two out")
    # The flag is nearer than a code in the environment.
    return None
