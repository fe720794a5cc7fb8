"""A session: one process of a person, or one JSON-lines guest, as the broker knows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandpiper.bridge.port import Guest
from sandpiper.common.buckets import Bucket, Meter
from sandpiper.common.limits import REQUESTS_BURST, REQUESTS_PER_S


@dataclass(slots=True)
class Seat:
    """A session's place in a room. Without `member` it reads and writes, but is not among the members."""

    nick: str
    member: bool
    verified: bool


@dataclass(slots=True, eq=False)
class ClientSession:
    """A client of the broker.

    `key` is the CURVE key of a keyed session, `guest` the way to a JSON-lines one; the tools at the plain doors share
    one session that has neither. `publisher` begins the message ids of a keyed one; it tells the others apart while
    they have no nick.
    """

    meter: Meter
    key: bytes | None = None
    identity: bytes | None = None
    fingerprint: str | None = None
    publisher: str = ""
    guest: Guest | None = None
    route: bytes = b""
    path: str = "bus"
    heard: float = 0.0
    gone_at: float | None = None
    rtt_ms: float | None = None
    requests: Bucket = field(default_factory=lambda: Bucket(REQUESTS_PER_S, REQUESTS_BURST))
    seats: dict[str, Seat] = field(default_factory=dict)
    pushed: set[str] = field(default_factory=set)

    @property
    def owner(self) -> object:
        """The owner of this session's nicks: the person behind a key, or the guest itself."""
        return self.identity if self.identity is not None else self
