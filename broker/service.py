"""The service: one broker process. Puts the core and its shells together, and carries out what the core wants."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import zmq
from zmq.utils import z85

from sandpiper.bridge.client import RoomClient
from sandpiper.broker.access import same_code
from sandpiper.broker.admission import Admission
from sandpiper.broker.bus import DOMAIN as BUS_DOMAIN
from sandpiper.broker.bus import Pair
from sandpiper.broker.control import DOMAIN as CONTROL_DOMAIN
from sandpiper.broker.control import Control
from sandpiper.broker.core import Broker, Rules
from sandpiper.broker.housekeeping import Housekeeping
from sandpiper.broker.ingress import Ingress
from sandpiper.broker.line_port import LinePort
from sandpiper.broker.log import StoreError
from sandpiper.broker.memory_guard import MemoryGuard
from sandpiper.broker.outputs import Output, ToBus, ToGuest, ToTools
from sandpiper.broker.ports import Ports, pick
from sandpiper.broker.request_handlers import RequestHandlers
from sandpiper.broker.store.boot_id import boot_id
from sandpiper.broker.store.store import Store
from sandpiper.broker.wallclock import WallClock
from sandpiper.common.control import Closing
from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.bind_addresses import Hosts, own
from sandpiper.common.io.connection_events import ActivityWatch
from sandpiper.common.io.descriptors import Descriptors, raise_file_limit, require
from sandpiper.common.io.front_door import FrontDoor
from sandpiper.common.io.inner_endpoint import InnerEndpoint
from sandpiper.common.io.keyfile import curve_keys
from sandpiper.common.io.os_errors import reason
from sandpiper.common.io.service import run_service
from sandpiper.common.io.sockets import context
from sandpiper.common.io.tasks import terminated
from sandpiper.common.io.zap import Zap
from sandpiper.common.limits import (
    BROKER_DESCRIPTORS,
    GUARD_S,
    VERSION,
)
from sandpiper.common.messages import Welcome
from sandpiper.common.rooms import LOBBY

if TYPE_CHECKING:
    from sandpiper.common.io.metrics import MetricsServer

log = logging.getLogger("sandpiper.broker")
_DAY_S = 86400.0
_PLAIN = "127.0.0.1"  # whoever speaks plainly is on this machine
_GOODBYE = "the broker is shutting down"


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Settings of a broker, as its operator chose them.

    `port` 0 picks a free block; `access_code` None asks for none.
    """

    host: str
    port: int
    data: Path
    access_code: str | None
    plain: bool
    fsync: bool
    messages_per_s: float
    bytes_per_s: float
    retain_messages: int
    retain_s: float
    metrics_port: int | None
    server: str = "sandpiper"


class BrokerReady(msgspec.Struct, tag_field="type", tag="ready"):
    """The broker's doors and its key (Z85); a closed door is None."""

    door: str
    xsub: str
    xpub: str
    plain_xsub: str | None
    plain_xpub: str | None
    key: str


async def serve(config: BrokerConfig, *, ready: Callable[[BrokerReady], None], stop: asyncio.Event) -> None:
    """Runs a broker until `stop` is set. Raises SandpiperError when it cannot start."""
    await run_service(BrokerService(config), ready, stop)


class BrokerService:
    """A running broker."""

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        raise_file_limit()
        require(BROKER_DESCRIPTORS)
        self._descriptors = Descriptors()
        self._store = Store.open(config.data, fsync=config.fsync, boot_id=boot_id(), new_run=secrets.token_hex(16))
        with ExitStack() as undo:
            undo.callback(self._store.close)
            self.keys = curve_keys(config.data / "broker.key")
            if not same_code(config.data, config.access_code):
                self._store.prune(time.time(), enrolled_s=-_DAY_S)
            now = time.monotonic()
            clock = WallClock(time.time(), now, self._store.clock.read())
            rules = Rules(config.messages_per_s, config.bytes_per_s, config.retain_messages, config.retain_s)
            self.core = Broker(self._store, rules, now, time.time())
            self._ingress = Ingress(self.core)
            self.admission = Admission(
                self._store, self.keys.public, config.access_code, secrets.token_bytes(32), os.urandom
            )
            self._housekeeping = Housekeeping(self.core, self.admission, self._store, clock, self._pump)
            self._open_sockets(undo)
            undo.pop_all()
        self._pairs = [pair for pair in (self._curve, self._plain) if pair is not None]
        self._line_port = LinePort(
            self.core, self._ingress, self.admission, self._welcome, time.monotonic, self._changed, self._pump
        )
        self._door = FrontDoor(
            lines=lambda address, seq: RoomClient(self._line_port, address, since=seq),
            mark=lambda: self._line_port.newest(LOBBY, 0),
            inner=self._inner,
            on_splice=self._control.router.spliced,
            on_splice_closed=self._control.router.unspliced,
            greeting="a sandpiper broker",
            descriptors=self._descriptors,
        )
        self._hosts = Hosts(config.host, (), ())
        self._ports = Ports(config.port)
        self._scheduled = False
        self._beat = now
        self._guard: MemoryGuard | None = None
        self._arrivals: ActivityWatch | None = None
        self._metrics: MetricsServer | None = None
        self._keys_by_user: dict[str, bytes] = {}

    def _open_sockets(self, undo: ExitStack) -> None:
        """Makes what stays until the end; `undo` gives it back. Raises SandpiperError."""
        self._inner = undo.enter_context(closing(InnerEndpoint()))
        self._context = context(io_threads=2)
        undo.callback(self._context.destroy, 0)
        judges = {BUS_DOMAIN: self.admission.enrolled.__contains__, CONTROL_DOMAIN: lambda key: True}
        self._zap = undo.enter_context(closing(Zap(self._loop, self._context, judges)))
        handlers = RequestHandlers(self.core, self._ingress, self.admission, time.time)
        control = Control(self._loop, self._context, self.keys, self._inner, handlers, self.core, self._pump)
        self._control = undo.enter_context(closing(control))
        self._curve = undo.enter_context(closing(self._pair(keyed=True)))
        self._plain = undo.enter_context(closing(self._pair(keyed=False))) if self._config.plain else None

    def _pair(self, *, keyed: bool) -> Pair:
        return Pair(
            self._loop,
            self._context,
            self.keys if keyed else None,
            publications=self._published if keyed else self._published_plain,
            subscription=self._subscribed,
            done=self._pump,
            descriptors=self._descriptors,
            came=lambda fd: self._arrivals.add(fd) if self._arrivals else None,
        )

    # Opening and closing -----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Opens all doors. Raises SandpiperError."""
        config = self._config
        self._hosts = hosts = await own(config.host)
        if config.port == 0:
            self._ports = pick(hosts.door, random.randrange)
        ports = self._ports
        self._guard = MemoryGuard(self._pairs, {ports.xsub, ports.xpub, ports.plain_xsub, ports.plain_xpub})
        self._arrivals = ActivityWatch(self._loop, GUARD_S, self._check_memory)
        try:
            await self._door.open(hosts.door, ports.door)
            self._curve.bind(hosts.bus, ports.xsub, ports.xpub)
            if self._plain is not None:
                self._plain.bind([_PLAIN], ports.plain_xsub, ports.plain_xpub)
            self._open_metrics()
        except (OSError, zmq.ZMQError) as error:
            raise SandpiperError(self._cannot_listen(error)) from error
        self._housekeeping.start(self._loop)
        log.info("listening on %s, run %s", self.ready().door, self._store.run)

    def _cannot_listen(self, error: Exception) -> str:
        base = self._ports.door
        why = reason(error) if isinstance(error, OSError) else error
        return (
            f"cannot listen on {self._config.host}, ports {base} to {base + 12}: {why}. "
            f"Another broker may be running; else try --port {base + 20}, or --port 0 for any"
        )

    def _open_metrics(self) -> None:
        if self._config.metrics_port is None:
            return
        from sandpiper.common.io.metrics import MetricsServer  # prometheus-client: only for those who ask

        self._metrics = MetricsServer(
            self._config.metrics_port, self._sample, lambda: self._beat, lambda: self._trouble
        )

    async def close(self) -> None:
        """Takes nothing more in, stores and sends what is under way, tells everyone.

        Whatever is in the way of that, the store is closed.
        """
        try:
            await self._shut()
            with suppress(StoreError):  # a disk that is full is no reason for an end that fails
                self._housekeeping.keep_clock(time.monotonic())
        finally:
            self._store.close()
        log.info("stopped")

    async def _shut(self) -> None:
        self._housekeeping.stop()
        for session in list(self.core.sessions.values()):
            self._control.tell(session, Closing(text=_GOODBYE))
        self._pump()
        for guest in self._line_port.guests:
            guest.close(_GOODBYE)
        await self._door.close()
        if self._arrivals is not None:
            self._arrivals.close()
        for pair in self._pairs:
            pair.close()
        self._control.close()
        self._zap.close()
        self._inner.close()
        await terminated(self._context.term)
        if self._metrics is not None:
            self._metrics.close()

    def ready(self) -> BrokerReady:
        """Where its doors are."""
        hosts, ports, plain = self._hosts, self._ports, self._config.plain
        return BrokerReady(
            door=hosts.at(ports.door),
            xsub=f"tcp://{hosts.at(ports.xsub)}",
            xpub=f"tcp://{hosts.at(ports.xpub)}",
            plain_xsub=f"tcp://{_PLAIN}:{ports.plain_xsub}" if plain else None,
            plain_xpub=f"tcp://{_PLAIN}:{ports.plain_xpub}" if plain else None,
            key=z85.encode(self.keys.public).decode(),
        )

    def _welcome(self, address: str) -> Welcome:
        ready = self.ready()
        ticket = self.admission.tickets.give(address, time.monotonic())
        return Welcome(VERSION, self._config.server, ready.key, ready.xsub, ready.xpub, ticket, self.admission.closed)

    # Messages ----------------------------------------------------------------------------------------------

    def _published(self, batch: list[tuple[str | None, bytes]]) -> None:
        now = time.monotonic()
        sessions, publish = self.core.sessions, self._ingress.frame
        for user, frame in batch:
            session = sessions.get(self._key(user))
            if session is not None:  # else it is enrolled, but its session has ended: it will join and resend
                publish(session, frame, now)

    def _published_plain(self, batch: list[tuple[str | None, bytes]]) -> None:
        now = time.monotonic()
        for _, frame in batch:
            self._ingress.frame(self.core.tools, frame, now)

    def _subscribed(self, user: str | None, topic: bytes) -> None:
        if user is not None:
            self.core.subscribed(self._key(user), topic, time.monotonic())

    def _key(self, user: str | None) -> bytes:
        if user is None:
            return b""
        key = self._keys_by_user.get(user)
        if key is None:
            if len(self._keys_by_user) > 10_000:
                self._keys_by_user.clear()
            key = self._keys_by_user[user] = bytes.fromhex(user)
        return key

    def _changed(self) -> None:
        """The line port has something to send: once a turn of the loop, however many clients spoke in it."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._scheduled = False
        self._beat = now = time.monotonic()
        for output in self.core.take(now):
            try:
                self._carry_out(output)
            except MemoryError as error:  # a guest has been cut, others repair what they miss; the next may be smaller
                self._loop.call_exception_handler({"message": "an answer was dropped", "exception": error})

    def _carry_out(self, output: Output) -> None:
        if isinstance(output, ToBus):
            for pair in self._pairs:
                pair.publish(output.fanout)
            if self._arrivals is not None:
                self._arrivals.touch()
        elif isinstance(output, ToTools):
            if self._plain is not None:
                self._plain.publish(output.fanout)
        elif isinstance(output, ToGuest):
            output.guest.deliver(output.items)
        else:
            self._control.tell(output.session, output.message)

    # What is measured --------------------------------------------------------------------------------------

    @property
    def _trouble(self) -> str | None:
        outage = self.core.sequencer.outage
        return outage.reason if outage.on else None

    def _check_memory(self) -> float | None:
        if self._guard is None:
            return None
        cut = self._guard.check()
        if cut:
            log.warning("cut %d connections that sent without end", cut)
        return self._guard.get_timer()

    def _sample(self) -> dict[str, tuple[str, float]]:
        core, sequencer = self.core, self.core.sequencer
        return {
            "rooms": ("Rooms.", len(core.rooms)),
            "sessions": ("Keyed sessions.", len(core.sessions)),
            "line_clients": ("JSON-lines clients in a room.", len(self._line_port.guests)),
            "messages_stored_total": ("Messages stored.", sequencer.stored),
            "messages_refused_total": ("Publications refused.", sum(sequencer.refused.values())),
            "requests_total": ("Control requests.", self._control.router.requests),
            "unsent_total": ("Control frames dropped for slow or gone clients.", self._control.router.unsent),
            "multiparts_total": (
                "Bus messages of several frames, dropped.",
                sum(pair.multiparts for pair in self._pairs),
            ),
            "oversubscribed_total": (
                "Connections cut for subscribing to too much.",
                sum(pair.dropped_connections for pair in self._pairs),
            ),
            "strangers_total": ("Connections refused by ZAP.", self._zap.refused),
            "denied_total": ("Wrong access codes.", self.admission.denied),
            "cut_total": ("Connections cut for sending without end.", self._guard.cut if self._guard else 0),
            **self._door.sample(),
            "turned_away_total": ("Connections refused for want of file descriptors.", self._descriptors.refused),
            "newcomers": ("Connections at the bus whose handshakes wait for others'.", self._curve.newcomers),
            "relay_tags": ("Tags at which sealed bodies are passed on.", core.relay.tags),
            "relay_sessions": ("Sessions attached to a tag.", core.relay.attached),
            "sealed_total": ("Sealed bodies taken.", core.relay.bodies),
            "sealed_bytes_total": ("Bytes of sealed bodies taken.", core.relay.octets),
            "sealed_dropped_total": (
                "Sealed bodies dropped for slow or gone addressees.",
                self._control.sealed_dropped,
            ),
            "store_trouble": ("1 while the log cannot be written.", float(sequencer.outage.on)),
        }
