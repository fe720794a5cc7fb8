"""ngircd (Debian): what an IRC server makes of the same burst of lines."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

from bench import process
from bench.board import Load, Tally
from bench.peers.base import Peer, lacks, program_path
from bench.peers.lines import send_lines
from bench.peers.streams import count_deliveries, read_until

CHANNEL = "#lobby"


class Ngircd(Peer):
    """ngircd with its flood protection off: it would measure the protection."""

    module = "bench.peers.ngircd"

    def missing(self) -> str | None:
        return lacks(programs=("ngircd",))

    def start(self, folder: Path) -> None:
        port = process.free_port()
        self.where = {"port": port}
        configuration, log = folder / "ngircd.conf", folder / "broker.log"
        configuration.write_text(
            "[Global]\nName = irc.bench.invalid\nInfo = bench\nMotdPhrase = bench\nListen = 127.0.0.1\n"
            f"Ports = {port}\nServerUID = root\nServerGID = root\n"
            "[Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\nMaxPenaltyTime = 0\n"
            "[Options]\nDNS = no\nIdent = no\nPAM = no\nRequireAuthPing = no\nSyslogFacility = local0\n"
        )
        self.broker = process.start([program_path("ngircd") or "ngircd", "--nodaemon", "--config", configuration], log)
        process.wait_for_port(port, self.broker, log)


def _enter(where: dict[str, Any], nick: str) -> socket.socket:
    stream = socket.create_connection(("127.0.0.1", where["port"]))
    stream.sendall(f"NICK {nick}\r\nUSER {nick} 0 * :bench\r\n".encode())
    read_until(stream, b" 376 ")  # the end of the message of the day
    stream.sendall(f"JOIN {CHANNEL}\r\n".encode())
    read_until(stream, b" 366 ")
    return stream


def publish(where: dict[str, Any], load: Load) -> None:
    """One client that writes as many lines at once as the window allows."""
    with _enter(where, "p") as stream:
        send_lines(stream, f"PRIVMSG {CHANNEL} :".encode(), b"\r\n", load)


def subscribe(where: dict[str, Any], load: Load) -> None:
    """Clients that only count."""
    tally = Tally(load)
    with contextlib.ExitStack() as stack:
        streams = []
        for number in range(load.connections):
            streams.append(stack.enter_context(_enter(where, f"s{number}")))
            tally.ready()
        count_deliveries(streams, tally)
