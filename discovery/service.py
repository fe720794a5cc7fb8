"""The service: one discovery process, or one that another program embeds. Puts the cores and their shells together."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import random
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from zmq.utils import z85

from sandpiper.common import rendezvous
from sandpiper.common.codec import request_number
from sandpiper.common.errors import Code, SandpiperError
from sandpiper.common.io.bind_addresses import Hosts, own
from sandpiper.common.io.descriptors import Descriptors, raise_file_limit, require
from sandpiper.common.io.front_door import FrontDoor
from sandpiper.common.io.inner_endpoint import InnerEndpoint
from sandpiper.common.io.keyfile import curve_keys
from sandpiper.common.io.os_errors import reason
from sandpiper.common.io.router import Router
from sandpiper.common.io.service import run_service
from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.common.io.tasks import terminated
from sandpiper.common.io.zap import Zap
from sandpiper.common.limits import (
    DISCOVERY_DESCRIPTORS,
    FREE_PORT_LEAST,
    FREE_PORT_MOST,
    FREE_PORT_TRIES,
    RENDEZVOUS_AHEAD_BYTES,
    RENDEZVOUS_AHEAD_FRAMES,
    RENDEZVOUS_HWM,
    RENDEZVOUS_OWED_BYTES,
    RENDEZVOUS_STALLED_S,
    SETTLE_S,
    TICK_REST_S,
    TICK_S,
    VERSION,
)
from sandpiper.common.messages import Welcome
from sandpiper.common.rendezvous import BrokerAt, Reply
from sandpiper.common.tickets import Requester, Tickets
from sandpiper.common.words import WORDS
from sandpiper.discovery.core import RendezvousCore
from sandpiper.discovery.legacy_rooms import LegacyRooms
from sandpiper.discovery.line_client import LegacyLineClient

if TYPE_CHECKING:
    from sandpiper.common.io.metrics import MetricsServer

log = logging.getLogger("sandpiper.discovery")
_DOMAIN = "rendezvous"
_GOODBYE = "the discovery service is shutting down"


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    """Settings of a discovery service, as its operator chose them.

    `port` 0 picks a free one; without `data` the key is made anew, for this time only.

    Without `ipv6` every address is every one of IPv4.
    """

    host: str
    port: int
    data: Path | None = None
    brokers: tuple[BrokerAt, ...] = ()
    metrics_port: int | None = None
    settle_s: float = SETTLE_S
    ipv6: bool = True


class DiscoveryReady(msgspec.Struct, tag_field="type", tag="ready"):
    """The door; where ZeroMQ clients connect, which is the door too; and the key (Z85)."""

    door: str
    router: str
    key: str


async def serve(config: DiscoveryConfig, *, ready: Callable[[DiscoveryReady], None], stop: asyncio.Event) -> None:
    """Runs a service until `stop` is set. Raises SandpiperError when it cannot start."""
    await run_service(DiscoveryService(config), ready, stop)


class DiscoveryService:
    """A running discovery service, on the loop that makes it."""

    def __init__(self, config: DiscoveryConfig) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        raise_file_limit()
        require(DISCOVERY_DESCRIPTORS)
        self._descriptors = Descriptors()
        self._beat = time.monotonic()
        self.keys = curve_keys(config.data / "discovery.key") if config.data else CurveKeys.make()
        chance = secrets.SystemRandom()
        self._tickets = Tickets(secrets.token_bytes(32))
        self.core = self._make_core(chance)
        self.legacy_rooms = LegacyRooms(WORDS, chance, secrets.token_bytes(32), time.time)
        with ExitStack() as undo:
            self._inner = undo.enter_context(closing(InnerEndpoint()))
            self._context = context()
            undo.callback(self._context.destroy, 0)
            self._zap = undo.enter_context(closing(Zap(self._loop, self._context, {_DOMAIN: lambda key: True})))
            self._router = Router(
                self._loop,
                self._context,
                self.keys,
                self._inner,
                _DOMAIN,
                RENDEZVOUS_HWM,
                receive=self._receive,
                done=self._pump,
                gone=self.core.gone,
            )
            undo.pop_all()
        self._lines: set[LegacyLineClient] = set()
        self._door = FrontDoor(
            lines=lambda address, mark: LegacyLineClient(self.legacy_rooms, address, self._welcome, self._lines),
            inner=self._inner,
            on_splice=self._router.spliced,
            on_splice_closed=self._router.unspliced,
            greeting="a sandpiper discovery service",
            descriptors=self._descriptors,
        )
        self._hosts = Hosts(config.host, (), ())
        self._cut = 0
        self._ticking: asyncio.Task[None] | None = None
        self._metrics: MetricsServer | None = None

    def _make_core(self, chance: random.Random) -> RendezvousCore:
        return RendezvousCore(
            self.keys.public,
            chance,
            self._tickets,
            self._config.brokers,
            now=self._beat,
            wall=time.time,
            settle_s=self._config.settle_s,
            secret=hashlib.blake2b(self.keys.secret, person=b"seniority", digest_size=32).digest(),
        )

    # Opening and closing -----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Opens the door. Raises SandpiperError."""
        self._hosts = await own(self._config.host, ipv6=self._config.ipv6)
        try:
            await self._open_door()
            self._open_metrics()
        except OSError as error:
            port = self._config.port
            raise SandpiperError(
                f"cannot listen on {self._config.host}, port {port}: {reason(error)}. "
                f"Another service may be running; else try --port {port + 1 if port else 8000}, or --port 0 for any"
            ) from error
        self._ticking = self._loop.create_task(self._tick())
        log.info("listening on %s", self.ready().door)

    async def _open_door(self) -> None:
        config = self._config
        for _ in range(FREE_PORT_TRIES if config.port == 0 else 1):
            port = config.port or random.randrange(FREE_PORT_LEAST, FREE_PORT_MOST)
            try:
                return await self._door.open(self._hosts.door, port)
            except OSError as error:
                if config.port or error.errno != errno.EADDRINUSE:
                    raise
        raise SandpiperError(f"no free port between {FREE_PORT_LEAST} and {FREE_PORT_MOST}; name one with --port")

    def _open_metrics(self) -> None:
        if self._config.metrics_port is not None:
            from sandpiper.common.io.metrics import MetricsServer  # prometheus-client: only for those who ask

            self._metrics = MetricsServer(self._config.metrics_port, self._sample, lambda: self._beat, lambda: None)

    async def close(self) -> None:
        """Tells everyone, and lets go of everything."""
        if self._ticking is not None:
            self._ticking.cancel()
        goodbye = rendezvous.encode(rendezvous.Closing(text=_GOODBYE))
        for route in self.core.mailboxes.routes():
            self._router.send(route, goodbye)
        for client in list(self._lines):
            client.close(_GOODBYE)
        await self._door.close()
        self._router.close()
        self._zap.close()
        self._inner.close()
        await terminated(self._context.term)
        if self._metrics is not None:
            self._metrics.close()
        log.info("stopped")

    def ready(self) -> DiscoveryReady:
        """Where it is."""
        door = self._hosts.at(self.port)
        return DiscoveryReady(door, f"tcp://{door}", z85.encode(self.keys.public).decode())

    @property
    def port(self) -> int:
        """The door's."""
        return self._door.port

    def _welcome(self, address: str) -> Welcome:
        ticket = self._tickets.give(address, time.monotonic())
        return Welcome(VERSION, rendezvous.SERVER, z85.encode(self.keys.public).decode(), None, None, ticket)

    # Frames ------------------------------------------------------------------------------------------------

    def _receive(self, caller: Requester, frame: bytes, now: float) -> None:
        reply = self._answer(caller, frame, now)
        self._pump()  # a member hears of what happened before its request first
        if isinstance(reply, rendezvous.Greeted):
            splice = self._router.splice_of(caller)
            if splice is not None:
                splice.admit(RENDEZVOUS_AHEAD_BYTES, RENDEZVOUS_AHEAD_FRAMES)
            log.debug("greeted %s", caller.address)
        self._router.send(caller.route, rendezvous.encode(reply), RENDEZVOUS_OWED_BYTES)

    def _answer(self, caller: Requester, frame: bytes, now: float) -> Reply:
        try:
            return self.core.answer(caller, frame, now)
        except MemoryError:  # not for good: the client tries again
            text = "the service has no memory left"
            return rendezvous.Refused(r=request_number(frame), code=Code.RATE.value, text=text, retry_ms=1000)
        except Exception:  # a mistake of ours: it is to cost whoever met it an answer, and nobody else anything
            log.exception("a request could not be answered")
            text = "the service could not answer this; its log says why"
            return rendezvous.Refused(r=request_number(frame), code=Code.INVALID.value, text=text)

    def _pump(self) -> None:
        self._beat = time.monotonic()
        encoded: tuple[object, bytes] = (None, b"")
        for push in self.core.take():
            if encoded[0] is not push.event:
                encoded = (push.event, rendezvous.encode(push.event))
            self._router.send(push.route, encoded[1], RENDEZVOUS_OWED_BYTES)

    # Housekeeping ------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._pause())
            try:
                self._clean_up(time.monotonic())
            except Exception:  # a mistake of ours: what else is over must be forgotten all the same
                log.exception("cannot clean up")

    def _pause(self) -> float:
        """Until the next tick."""
        stalled = [splice.stalled_since for splice in self._router.splices if splice.stalled_since is not None]
        dues = [since + RENDEZVOUS_STALLED_S for since in stalled]
        due = self.core.get_timer()
        if due is not None:
            dues.append(due)
        return min(max(min(dues) - time.monotonic(), TICK_S), TICK_REST_S) if dues else TICK_REST_S

    def _clean_up(self, now: float) -> None:
        self.core.tick(now)
        self.legacy_rooms.tick(now)
        self._pump()
        self._cut_stalled()

    def _cut_stalled(self) -> None:
        late = self._loop.time() - RENDEZVOUS_STALLED_S
        for splice in self._router.splices:
            if splice.stalled_since is not None and splice.stalled_since < late:
                log.debug("cut %s, which takes nothing of what waits for it", splice.address)
                splice.cut()
                self._cut += 1

    def _sample(self) -> dict[str, tuple[str, float]]:
        core, counts = self.core, self.core.counts
        return {
            "nameplates": ("Nameplates with a lease.", len(core.nameplates)),
            "nameplates_reserved": ("Nameplates kept for members that were cut off.", core.nameplates.reserved),
            "leases": ("Leases.", len(core.leases)),
            "mailboxes": ("Mailboxes.", len(core.mailboxes)),
            "original_rooms": ("Rooms of original clients.", len(self.legacy_rooms)),
            "line_clients": ("JSON-lines clients.", len(self._lines)),
            "requests_total": ("Requests.", self._router.requests),
            "claims_total": ("Claims and renewals.", counts["claim"]),
            "lookups_total": ("Look-ups.", counts["lookup"]),
            "letters_total": ("Letters.", counts["post"]),
            "refused_total": ("Requests refused.", core.refused.total()),
            "limited_total": ("Requests refused for their rate.", core.refused[Code.RATE.value]),
            "wrong_guesses_total": ("Wrong codes and passwords of original clients.", self.legacy_rooms.wrong),
            "unsent_total": ("Frames dropped for slow or gone clients.", self._router.unsent),
            "cut_total": ("Connections cut for taking nothing.", self._cut),
            "strangers_total": ("Connections refused by ZAP.", self._zap.refused),
            **self._door.sample(),
            "turned_away_total": ("Connections refused for want of file descriptors.", self._descriptors.refused),
        }
