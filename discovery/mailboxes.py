"""Mailboxes: who is connected, and the address for letters that each one has."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandpiper.common.buckets import Bucket, Meter
from sandpiper.common.limits import (
    LETTER_BYTES_PER_S,
    LETTERS_BURST_S,
    LETTERS_PER_S,
    LETTERS_TO_MAILBOX_BURST,
    LETTERS_TO_MAILBOX_PER_S,
    MAILBOX_BYTES,
    RENDEZVOUS_REQUESTS_BURST,
    RENDEZVOUS_REQUESTS_PER_S,
)
from sandpiper.common.tickets import Requester
from sandpiper.discovery.chance import Chance


@dataclass(slots=True, eq=False)
class Holder:
    """The holder of a mailbox: one CURVE key.

    `route` is None while its connection is gone and its leases wait for it.
    """

    key: bytes
    mailbox: bytes
    address: str
    route: bytes | None
    leases: set[tuple[int, bytes]] = field(default_factory=set)  # nameplates and groups
    requests: Bucket = field(default_factory=lambda: Bucket(RENDEZVOUS_REQUESTS_PER_S, RENDEZVOUS_REQUESTS_BURST))
    sends: Meter = field(default_factory=lambda: Meter(LETTERS_PER_S, LETTER_BYTES_PER_S, LETTERS_BURST_S))
    receives: Bucket = field(default_factory=lambda: Bucket(LETTERS_TO_MAILBOX_PER_S, LETTERS_TO_MAILBOX_BURST))


class Mailboxes:
    """The mailboxes of all connections."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._by_key: dict[bytes, Holder] = {}
        self._by_mailbox: dict[bytes, Holder] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def greet(self, caller: Requester, address: str) -> Holder:
        """The caller's mailbox: a new one, or the one that its key still has, now with this connection behind it."""
        holder = self._by_key.get(caller.key)
        if holder is None:
            holder = Holder(caller.key, self._chance.randbytes(MAILBOX_BYTES), address, caller.route)
            self._by_key[caller.key] = self._by_mailbox[holder.mailbox] = holder
        holder.route, holder.address = caller.route, address
        return holder

    def seen_at(self, key: bytes) -> str | None:
        """Where a key's latest connection came from."""
        holder = self._by_key.get(key)
        return holder.address if holder is not None else None

    def of(self, caller: Requester) -> Holder | None:
        """The caller's, if this is the connection that greeted."""
        holder = self._by_key.get(caller.key)
        return holder if holder is not None and holder.route == caller.route else None

    def at(self, mailbox: bytes) -> Holder | None:
        """The holder of a mailbox."""
        return self._by_mailbox.get(mailbox)

    def routes(self) -> list[bytes]:
        """Every connection."""
        return [holder.route for holder in self._by_key.values() if holder.route is not None]

    def gone(self, caller: Requester) -> None:
        """A connection went; its mailbox waits only where a lease does."""
        holder = self.of(caller)
        if holder is not None:
            holder.route = None
            self.settle(holder)

    def settle(self, holder: Holder) -> None:
        """Forgets a holder that has neither a connection nor a lease."""
        if holder.route is None and not holder.leases and self._by_key.get(holder.key) is holder:
            del self._by_key[holder.key], self._by_mailbox[holder.mailbox]
