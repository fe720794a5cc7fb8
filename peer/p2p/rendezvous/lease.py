"""The lease of one room at one discovery service, as its holder keeps it: what to ask, and when.

A lease is renewed every RENEW_S, at once after a reconnect, and whenever its card or its key has changed. The group's
cards come whole with a lease, one by one as they change after that; a step that was missed brings them whole again.
"""

from __future__ import annotations

from nacl.signing import SigningKey

from sandpiper.common.buckets import Bucket
from sandpiper.common.errors import Code
from sandpiper.common.limits import CARDS_BURST, CARDS_PER_S, LEASES_PER_GROUP, NAMEPLATE_LEAST, RENEW_LEAST_S, RENEW_S
from sandpiper.common.rendezvous import Changed, Claim, Leased, PeerCard, Refused, Release, Reply, Request, sign_lease


class ServiceLease:
    """A member's lease at one service, on one connection after another.

    `own_key` is the connection's CURVE public key. `nameplate` is 0 while there is no lease.
    """

    def __init__(self, own_key: bytes) -> None:
        self._own_key = own_key
        self._service_key: bytes | None = None
        self._registration: SigningKey | None = None
        self._blob = b""
        self._version = 0
        self._seniority: dict[int, bytes] = {}  # the last token, by its nameplate
        self._cards: dict[bytes, PeerCard] = {}
        self._due: float | None = None
        self._asked = False
        self._renewed_group = b""
        self._old: set[tuple[int, bytes]] = set()
        self._claimed_at = -RENEW_LEAST_S
        self._taking = Bucket(CARDS_PER_S, CARDS_BURST)
        self.nameplate = 0
        self.expires_at = 0
        self.refused: Refused | None = None

    @property
    def peers(self) -> list[PeerCard]:
        """The other members' cards."""
        return list(self._cards.values())

    # The connection ----------------------------------------------------------------------------------------

    def connected(self, service_key: bytes, now: float) -> None:
        """Begins a connection to the service: requests arrive from now on."""
        self._service_key = service_key
        self._asked = False
        self._version = 0
        self._renew(now)

    def disconnected(self) -> None:
        """Ends the connection. The lease is kept, to be claimed again."""
        self._service_key = None
        self._asked = False

    # What is held ------------------------------------------------------------------------------------------

    def claim(self, nameplate: int, registration: SigningKey, blob: bytes, *, fresh: bool) -> Claim:
        """Makes the request for a lease, which is held once `accept` is called. To be called while connected."""
        service_key = self._service_key or b""
        return Claim(
            r=0,
            nameplate=nameplate,
            group=bytes(registration.verify_key),
            blob=blob,
            signature=sign_lease(registration, service_key, self._own_key, nameplate, blob),
            fresh=fresh,
            seniority=self._seniority.get(nameplate, b""),
        )

    def accept(self, claim: Claim, registration: SigningKey, leased: Leased, now: float) -> bool:
        """Takes the lease that was granted, and renews it from now on; False if it is not what was asked."""
        if leased.nameplate < NAMEPLATE_LEAST or (claim.nameplate and leased.nameplate != claim.nameplate):
            return False
        self._retire()
        self._old.discard((leased.nameplate, claim.group))
        self.nameplate, self._registration, self._blob = leased.nameplate, registration, claim.blob
        self._renewed_group = claim.group
        self._take(leased)
        self._due = now + RENEW_S
        return True

    def want(self, nameplate: int, registration: SigningKey, blob: bytes, now: float) -> None:
        """Claims again with the next connection, or in a while: the claim was not granted, but may be."""
        self._retire()
        self.nameplate, self._registration, self._blob, self._version = nameplate, registration, blob, 0
        self._old.discard((nameplate, bytes(registration.verify_key)))
        self._due = now + RENEW_S

    def update(self, blob: bytes, now: float) -> None:
        """Renews with another card."""
        if blob != self._blob:
            self._blob = blob
            self._renew(now)

    def rotate(self, registration: SigningKey, blob: bytes, now: float) -> None:
        """Renews under another key of the group; the old lease is released when the new one is there."""
        if self.nameplate:
            self._retire()
            self._old.discard((self.nameplate, bytes(registration.verify_key)))
            self._registration, self._blob, self._version = registration, blob, 0
            self._renew(now)

    def leave(self) -> list[Request]:
        """Gives up the lease; returns the requests that say so."""
        self._retire()
        self.nameplate, self._registration, self._due = 0, None, None
        self._cards.clear()
        return self._releases()

    def _retire(self) -> None:
        if self.nameplate and self._registration is not None:
            self._old.add((self.nameplate, bytes(self._registration.verify_key)))

    def _releases(self) -> list[Request]:
        released: list[Request] = [Release(r=0, nameplate=number, group=group) for number, group in sorted(self._old)]
        self._old.clear()
        return released

    def _renew(self, now: float) -> None:
        if self.nameplate:
            self._due = now

    # The clock ---------------------------------------------------------------------------------------------

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return None if self._service_key is None or self._asked else self._due

    def handle_timer(self, now: float) -> Claim | None:
        """Makes the renewal, if it is due; its reply goes to `renewed`."""
        due = self.get_timer()
        if due is None or due > now or self._registration is None:
            return None
        self._asked, self._due, self._claimed_at = True, None, now
        claim = self.claim(self.nameplate, self._registration, self._blob, fresh=False)
        claim.have = self._version
        self._renewed_group = claim.group
        return claim

    # Answers -----------------------------------------------------------------------------------------------

    def renewed(self, reply: Reply, now: float) -> tuple[bool, list[Request]]:
        """Takes the answer to a renewal; whether the peers are others now, and what to send in consequence.

        A refusal is not final, for the service may be full or slow for a while; `refused` shows the last one.
        """
        self._asked = False
        if isinstance(reply, Leased) and reply.nameplate == self.nameplate and self._is_current():
            self.refused = None
            self._schedule(now + RENEW_S)
            return self._take(reply), self._releases()
        if isinstance(reply, Refused):
            self.refused = reply
            soon = max(reply.retry_ms / 1000, RENEW_LEAST_S)
            self._schedule(now + (min(soon, RENEW_S) if reply.code == Code.RATE.value else RENEW_S))
        else:
            self._schedule(now + RENEW_S)
        return False, []

    def changed(self, event: Changed, now: float) -> bool:
        """Takes a change of the peers' cards; whether the peers are others now."""
        if event.nameplate != self.nameplate or event.group != self._renewed_group or not self._is_current():
            return False
        if event.version != self._version + 1:
            if event.version > self._version:
                self._miss_step(now)
            return False
        if self._taking.take(max(len(event.cards), 1.0), now):
            self._miss_step(now)  # too many at once: they are fetched together
            return False
        self._version = event.version
        before = dict(self._cards)
        for mailbox in event.gone:
            self._cards.pop(mailbox, None)
        self._add(event.cards)
        return self._cards != before

    def _miss_step(self, now: float) -> None:
        """Has all cards told anew, soon."""
        self._version = 0
        self._schedule(max(now, self._claimed_at + RENEW_LEAST_S))

    def _is_current(self) -> bool:
        """Whether the last claim was under the group's present key."""
        return self._registration is not None and self._renewed_group == bytes(self._registration.verify_key)

    def _schedule(self, at: float) -> None:
        self._due = at if self._due is None else min(self._due, at)

    def _take(self, leased: Leased) -> bool:
        self.expires_at, self._version = leased.expires_at, leased.version
        self._seniority = {leased.nameplate: leased.seniority}
        if leased.peers is None:
            return False
        before, self._cards = self._cards, {}
        self._add(leased.peers)
        return self._cards != before

    def _add(self, cards: list[PeerCard]) -> None:
        for card in cards:
            if card.mailbox in self._cards or len(self._cards) < LEASES_PER_GROUP:
                self._cards[card.mailbox] = card
