"""The relays of a room: its links to brokers that pass sealed packets on, for pairs that have no direct path."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Any

import zmq

from sandpiper.common.errors import Refusal, SandpiperError
from sandpiper.common.io.tasks import end
from sandpiper.common.limits import (
    ANNOUNCED_BROKERS,
    ANNOUNCED_RETRY_MOST_S,
    ANNOUNCED_TRIES,
    RELAY_OLD_TAG_S,
    RELAY_RETRY_S,
)
from sandpiper.common.p2p.packets import Card
from sandpiper.common.rendezvous import BrokerAt
from sandpiper.common.target import Target, is_loopback, parse_host
from sandpiper.peer.p2p.mesh.guarded_links import GuardedLinks
from sandpiper.peer.p2p.relay.client import RelayLink
from sandpiper.peer.p2p.rendezvous.plausible import broker_target, may_be_sent_to
from sandpiper.peer.profile import Profile

_MOST = 2


class _LinkListener:
    """The callbacks of one link (see RelayCallbacks); `present` are the relay addresses that can be reached by it."""

    def __init__(self, relays: RelayPool) -> None:
        self.present: set[bytes] = set()
        self._relays = relays

    def received(self, sender: bytes, body: bytes) -> None:
        """See RelayCallbacks."""
        self._relays.received(body)

    def presence(self, address: bytes, present: bool) -> None:
        """See RelayCallbacks."""
        (self.present.add if present else self.present.discard)(address)
        if present:
            self._relays.came(address)

    def up(self) -> None:
        """See RelayCallbacks."""
        self._relays.moved()

    def down(self, text: str) -> None:
        """See RelayCallbacks."""
        self.present.clear()
        self._relays.moved()


@dataclass(frozen=True, slots=True)
class _Offer:
    """A broker that a discovery service, at the host `service`, has announced."""

    service: str
    target: Target
    access_code: str | None


class RelayPool:
    """The relays of one room.

    `received` gets packets; `moved` is called when the addresses by which we are reached change, `came` when a session
    comes to a relay. With `local` brokers beyond this machine are not used.
    """

    def __init__(
        self,
        ctx: zmq.Context[Any],
        profile: Profile,
        received: Callable[[bytes], None],
        moved: Callable[[], None],
        came: Callable[[bytes], None],
        *,
        local: bool = False,
        guard: GuardedLinks | None = None,
    ) -> None:
        self.received = received
        self.came = came
        self.moved = moved
        self.trouble: dict[str, str] = {}
        self._context = ctx
        self._profile = profile
        self._local = local
        self._guard = guard
        self._offers: dict[str, _Offer] = {}
        self._failing: set[str] = set()
        self.links: dict[str, tuple[RelayLink, _LinkListener]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._seed = b""
        self._old: dict[tuple[RelayLink, bytes], asyncio.TimerHandle] = {}

    @property
    def addresses(self) -> dict[str, bytes]:
        """The addresses by which we are reached: broker → address."""
        return {name: link.address for name, (link, _) in self.links.items() if link.up}

    @property
    def up(self) -> bool:
        """Whether any relay can be used now."""
        return any(link.up for link, _ in self.links.values())

    def use(self, broker: str, access_code: str | None) -> None:
        """Uses another broker, which a person has named, from now on, as soon and as long as it can be reached."""
        if broker in self._tasks or len(self._tasks) >= _MOST:
            return
        try:
            target = parse_host(broker)
        except SandpiperError as error:
            self.trouble[broker] = str(error)
            return
        if self._local and not is_loopback(target.host):
            return  # a service on this machine may tell of one that is elsewhere
        self._tasks[broker] = asyncio.create_task(self._keep(broker, target, access_code))

    async def _keep(self, broker: str, target: Target, access_code: str | None) -> None:
        while True:
            if await self._try(broker, target, access_code, pin=True):
                return
            await asyncio.sleep(RELAY_RETRY_S)

    async def _try(
        self,
        broker: str,
        target: Target,
        access_code: str | None,
        *,
        pin: bool,
        may_dial: Callable[[str], bool] = lambda host: True,
    ) -> bool:
        """Connects to a broker; returns whether the link goes on by itself now."""
        listener = _LinkListener(self)
        link = RelayLink(
            self._context,
            target,
            access_code,
            self._profile,
            callbacks=listener,
            pin=pin,
            may_dial=may_dial,
            guard=self._guard,
        )
        try:
            await link.open()
            self.links[broker] = (link, listener)
            self.trouble.pop(broker, None)
            await link.attach(self._seed)
        except (SandpiperError, Refusal) as error:
            self.trouble[broker] = str(error)
            if broker in self.links:
                return True
        self.moved()
        return broker in self.links

    # Brokers that services announce ------------------------------------------------------------------------

    def announce(self, announced: Sequence[tuple[str, Sequence[BrokerAt]]]) -> None:
        """Uses some of the brokers that discovery services announce, each with its host: the first of each, then the
        second. Whatever they say, few are ever tried, and where nobody answers ever more seldom.
        """
        turns = zip_longest(*([(host, each) for each in brokers] for host, brokers in announced))
        for host, each in (offer for turn in turns for offer in turn if offer is not None):
            target = broker_target(each.address)
            known = each.address in self._tasks or each.address in self._offers
            if target is not None and not known and len(self._offers) + len(self._tasks) < ANNOUNCED_BROKERS:
                self._offers[each.address] = _Offer(host, target, each.access_code)
        self._fill()

    def _fill(self) -> None:
        """Tries offers while there are fewer links than wanted, those that keep failing not counted."""
        while self._offers and len(self._tasks) - len(self._failing) < _MOST:
            broker = next(iter(self._offers))
            self._tasks[broker] = asyncio.create_task(self._keep_announced(broker, self._offers.pop(broker)))

    async def _keep_announced(self, broker: str, offer: _Offer) -> None:
        pause, tries = RELAY_RETRY_S, 0
        may_dial = partial(self._may_dial, offer.service)
        while not await self._try(broker, offer.target, offer.access_code, pin=False, may_dial=may_dial):
            tries += 1
            if tries == ANNOUNCED_TRIES:
                self._failing.add(broker)
                self._fill()
            await asyncio.sleep(pause)
            pause = min(2 * pause, ANNOUNCED_RETRY_MOST_S)
        self._failing.discard(broker)

    def _may_dial(self, service: str, host: str) -> bool:
        """Whether a service at one address may send us to another; with `local` none may beyond this machine."""
        return may_be_sent_to(service, host) and (is_loopback(host) or not self._local)

    def attach(self, seed: bytes) -> None:
        """Attaches every link to the tag of this seed; the tag before it is kept a while, for members who are late."""
        old, self._seed = self._seed, seed
        if old == seed:
            return
        for link, _ in self.links.values():
            task = asyncio.ensure_future(link.attach(seed))
            task.add_done_callback(lambda done: done.exception() if not done.cancelled() else None)
            if old:
                self._keep_awhile(link, old)

    def _keep_awhile(self, link: RelayLink, seed: bytes) -> None:
        if (before := self._old.pop((link, seed), None)) is not None:
            before.cancel()
        later = asyncio.get_running_loop().call_later(RELAY_OLD_TAG_S, self._detach, link, seed)
        self._old[link, seed] = later

    def _detach(self, link: RelayLink, seed: bytes) -> None:
        del self._old[link, seed]
        if seed != self._seed:  # of two owners' new keys the first may come back
            link.detach(seed)

    def reaches(self, card: Card) -> bool:
        """Whether a member is at one of our relays."""
        there = set(card.relays.values())
        return any(link.up and not there.isdisjoint(listener.present) for link, listener in self.links.values())

    def send(self, cards: list[Card], packet: bytes) -> bool:
        """Sends a packet to those members; whether there is a relay to all of them."""
        reached = 0
        left = [(card, set(card.relays.values())) for card in cards if card.relays]
        for link, listener in self.links.values():
            if not link.up or not left:
                continue
            to = [address for _, addresses in left for address in addresses if address in listener.present]
            if to:
                with contextlib.suppress(Refusal):
                    link.send(to, packet)
                    reached += len(to)
            left = [(card, addresses) for card, addresses in left if addresses.isdisjoint(listener.present)]
        return reached >= len(cards)

    async def close(self) -> None:
        """Closes every link."""
        for handle in self._old.values():
            handle.cancel()
        await end(*self._tasks.values())
        await asyncio.gather(*(link.close() for link, _ in self.links.values()), return_exceptions=True)
