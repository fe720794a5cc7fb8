"""The core of the rendezvous: answers requests, pushes what changes, forgets what is not renewed.

It holds leases and mailboxes in memory and nothing else: after a restart the members come back by themselves, and
until they had the time to (`settling`), a room that is not there is not *yet* there. A table says who handles which
request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandpiper.common import rendezvous
from sandpiper.common.codec import request_number
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import (
    MAILBOXES_FOUND,
    NAMEPLATE_LEAST,
    ROOM_EXPIRES_S,
    SETTLE_RETRY_S,
    VERSION,
)
from sandpiper.common.rendezvous import BrokerAt, Event, Reply
from sandpiper.common.tickets import Requester, Tickets
from sandpiper.discovery.chance import Chance
from sandpiper.discovery.guesses import Guesses, slow_down
from sandpiper.discovery.leases import Group, Lease, Leases
from sandpiper.discovery.mailboxes import Holder, Mailboxes
from sandpiper.discovery.nameplates import Nameplates
from sandpiper.discovery.seniority import Arrival, SeniorityTokens


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event for one connection."""

    route: bytes
    event: Event


class RendezvousCore:
    """The discovery service without sockets: requests in, replies and events out.

    `key` is its CURVE public key, `wall` the wall clock, `secret` what its tokens are made with.
    """

    def __init__(
        self,
        key: bytes,
        chance: Chance,
        tickets: Tickets,
        brokers: Sequence[BrokerAt],
        *,
        now: float,
        wall: Callable[[], float],
        settle_s: float,
        secret: bytes,
    ) -> None:
        self._key = key
        self._chance = chance
        self._tickets = tickets
        self._brokers = list(brokers)
        self._wall = wall
        self._settled_at = now + settle_s
        self._guesses = Guesses()
        self._seniority = SeniorityTokens(secret, wall)
        self.nameplates = Nameplates(chance)
        self.mailboxes = Mailboxes(chance)
        self.leases = Leases(self.nameplates, chance, self._push)
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._pushes: list[OutgoingEvent] = []

    # In and out --------------------------------------------------------------------------------------------

    def answer(self, caller: Requester, frame: bytes, now: float) -> Reply:
        """Carries out one request."""
        try:
            request = rendezvous.decode_request(frame)
        except Refusal as refusal:
            return self._refuse(request_number(frame), refusal)
        self.counts[type(request).__name__.lower()] += 1
        try:
            if isinstance(request, rendezvous.Greet):
                return self._greet(caller, request, now)
            holder = self.mailboxes.of(caller)
            if holder is None:
                raise Refusal(Code.ACCESS, "greet first")
            slow_down(holder.requests.take(1.0, now), "too many requests")
            return _HANDLERS[type(request)](self, holder, request, now)
        except Refusal as refusal:
            return self._refuse(request.r, refusal)

    def gone(self, caller: Requester) -> None:
        """A connection went. What it leased waits for it."""
        self.mailboxes.gone(caller)

    def tick(self, now: float) -> None:
        """Forgets what is over."""
        for holder in self.leases.expire(now):
            self.mailboxes.settle(holder)
        self.nameplates.tick(now)

    def get_timer(self) -> float | None:
        """When `tick` has a lease to end."""
        return self.leases.get_timer()

    def take(self) -> list[OutgoingEvent]:
        """Hands over what is to be sent now."""
        pushes, self._pushes = self._pushes, []
        return pushes

    def _push(self, holder: Holder, event: Event) -> None:
        if holder.route is not None:
            self._pushes.append(OutgoingEvent(holder.route, event))

    def _refuse(self, number: int, refusal: Refusal) -> Reply:
        self.refused[refusal.code.value] += 1
        return rendezvous.Refused(r=number, code=refusal.code.value, text=refusal.text, retry_ms=refusal.retry_ms)

    # Connections -------------------------------------------------------------------------------------------

    def _greet(self, caller: Requester, request: rendezvous.Greet, now: float) -> Reply:
        if request.v != VERSION:
            text = f"this service speaks version {VERSION} of the protocol, you speak {request.v}"
            raise Refusal(Code.VERSION, text)
        address = self._tickets.address(request.ticket, caller.address, now)
        before = self.mailboxes.seen_at(caller.key)
        holder = self.mailboxes.greet(caller, address)
        slow_down(holder.requests.take(1.0, now), "too many requests")
        if before != address:
            for group, lease in self.leases.of(holder):
                self.leases.announce(group, lease)
        return rendezvous.Greeted(
            r=request.r,
            mailbox=holder.mailbox,
            observed=address,
            brokers=self._brokers,
            settling_ms=int(max(self._settled_at - now, 0.0) * 1000),
        )

    def _ping(self, holder: Holder, request: rendezvous.Ping, now: float) -> Reply:
        return rendezvous.Pong(r=request.r)

    def _bye(self, holder: Holder, request: rendezvous.Bye, now: float) -> Reply:
        for group, lease in self.leases.of(holder):
            self.leases.drop(group, lease, now, reserve=False)
        holder.route = None
        self.mailboxes.settle(holder)
        return rendezvous.Done(r=request.r)

    # Leases ------------------------------------------------------------------------------------------------

    def _claim(self, holder: Holder, request: rendezvous.Claim, now: float) -> Reply:
        nameplate = self._meant(holder, request)
        found = self.leases.find(nameplate, request.group, holder.key)
        if found is None or (found[1].blob, found[1].signature) != (request.blob, request.signature):
            self._check_claim(holder, request, now, fresh=request.fresh and found is None)
        nameplate = nameplate or self.nameplates.propose()
        before = self.leases.version(nameplate, request.group)
        group, lease = self._put(holder, nameplate, request, now)
        return rendezvous.Leased(
            r=request.r,
            nameplate=nameplate,
            expires_at=int(self._wall() + ROOM_EXPIRES_S),
            version=group.version,
            seniority=self._seniority.give(holder.key, nameplate, lease.seniority),
            peers=None if request.have and request.have == before else group.others(holder.key),
        )

    def _put(self, holder: Holder, nameplate: int, request: rendezvous.Claim, now: float) -> tuple[Group, Lease]:
        def arrival() -> Arrival:
            shown = self._seniority.read(request.seniority, holder.key, nameplate)
            return Arrival(shown, self._seniority.moment(), now >= self._settled_at)

        try:
            return self.leases.put(holder, nameplate, request.group, request.blob, request.signature, now, arrival)
        finally:
            ended, self.leases.ended = self.leases.ended, []
            for each in ended:
                self.mailboxes.settle(each)

    def _check_claim(self, holder: Holder, request: rendezvous.Claim, now: float, *, fresh: bool) -> None:
        self._guesses.claim(holder.address, now, fresh=fresh)
        if not rendezvous.lease_holds(request, self._key, holder.key):
            raise Refusal(Code.ACCESS, "the registration key did not sign this card for this connection")
        if fresh:
            self.leases.check_fresh(request.nameplate, request.group)

    def _meant(self, holder: Holder, request: rendezvous.Claim) -> int:
        """The nameplate that is claimed, 0 for one to be proposed: for a group that has none here yet."""
        if request.nameplate >= NAMEPLATE_LEAST:
            return request.nameplate
        if request.nameplate or not request.fresh:
            raise Refusal(Code.INVALID, f"a nameplate is a number from {NAMEPLATE_LEAST}, or 0 for a fresh one")
        return next((nameplate for nameplate, group in holder.leases if group == request.group), 0)

    def _release(self, holder: Holder, request: rendezvous.Release, now: float) -> Reply:
        found = self.leases.find(request.nameplate, request.group, holder.key)
        if found is not None:
            self.leases.drop(*found, now, reserve=False)
        return rendezvous.Done(r=request.r)

    # Strangers ---------------------------------------------------------------------------------------------

    def _lookup(self, holder: Holder, request: rendezvous.Lookup, now: float) -> Reply:
        self._guesses.lookup(holder.address, request.nameplate, now)
        groups = self.leases.groups(request.nameplate)
        shown = [boxes for group in groups if (boxes := _present(group, holder))]
        if not shown:
            raise self._nobody(waiting=any(holder.key not in group.leases for group in groups), now=now)
        picked = [self._chance.sample(boxes, min(len(boxes), MAILBOXES_FOUND)) for boxes in shown]
        return rendezvous.Found(r=request.r, groups=picked)

    def _nobody(self, *, waiting: bool, now: float) -> Refusal:
        left = self._settled_at - now
        if waiting:
            text = "whoever has this room has just lost the connection; try again in a moment"
            return Refusal(Code.NOT_YET, text, retry_ms=int(SETTLE_RETRY_S * 1000))
        if left > 0:
            text = f"this service started a moment ago: whoever has this room may come back within {left:.0f} s"
            return Refusal(Code.NOT_YET, text, retry_ms=int(min(SETTLE_RETRY_S, left) * 1000) + 1)
        return Refusal(Code.NO_ROOM, "nobody has a room at this nameplate")

    def _post(self, holder: Holder, request: rendezvous.Post, now: float) -> Reply:
        slow_down(holder.sends.take(len(request.body), now), "too many letters")
        self._guesses.letter(holder.address, len(request.body), now)
        addressee = self.mailboxes.at(request.mailbox)
        if addressee is None or addressee.route is None:
            raise Refusal(Code.NOT_HERE, "nobody has this mailbox now")
        self._guesses.letter_to(holder.address, addressee.mailbox, addressee.receives, now)
        self._push(addressee, rendezvous.Letter(sender=holder.mailbox, body=request.body))
        return rendezvous.Done(r=request.r)


def _present(group: Group, asker: Holder) -> list[bytes]:
    """The mailboxes of a group that letters reach now."""
    holders = (lease.holder for lease in group.leases.values())
    return [holder.mailbox for holder in holders if holder.route is not None and holder is not asker]


_Handler = Callable[[RendezvousCore, Holder, Any, float], Reply]
_HANDLERS: Final[dict[type[rendezvous.Request], _Handler]] = {
    rendezvous.Claim: RendezvousCore._claim,
    rendezvous.Lookup: RendezvousCore._lookup,
    rendezvous.Post: RendezvousCore._post,
    rendezvous.Release: RendezvousCore._release,
    rendezvous.Ping: RendezvousCore._ping,
    rendezvous.Bye: RendezvousCore._bye,
}
