"""Requesters at a CURVE ROUTER, and how the front door's word about where they come from is carried to it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sandpiper.common.limits import TICKET_S


@dataclass(frozen=True, slots=True)
class Requester:
    """The sender of a request: the CURVE key that the connection proved, where to answer, and the address behind it."""

    key: bytes
    route: bytes
    address: str


class Tickets:
    """Tickets, which are given out at the door and shown in the first CURVE request: `time.address.MAC`.

    `secret` is this process's own.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def give(self, address: str, now: float) -> str:
        """Makes a ticket for the address that the door observed."""
        seen = f"{int(now)}.{address}"
        return f"{seen}.{self._mac(seen)}"

    def address(self, ticket: str, observed: str, now: float) -> str:
        """The real address behind a request: the splice's own observation, else what a fresh ticket proves."""
        if observed:
            return observed
        seen, _, mac = ticket.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(seen).encode()):
            return ""
        time, _, address = seen.partition(".")
        return address if 0 <= now - int(time) <= TICKET_S else ""

    def _mac(self, seen: str) -> str:
        return hashlib.blake2b(seen.encode(), key=self._secret, digest_size=16).hexdigest()
