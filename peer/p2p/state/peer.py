"""The others in the room: who is there, how they are reached, and how long a round trip takes.

    EXPECTED --heard--> PRESENT <--heard-- EVASIVE --GONE_S--> GONE --heard--> PRESENT
        '--EXPECTED_S--> GONE    --EVASIVE_S--^                 LEFT (said goodbye, or was removed)

GONE is who is sought: for a while, and while a discovery service says that it is there. After that, or with a goodbye,
it is a row in away.py, until there is a sign of life.

Somebody is heard over the mesh, by a relay, or only by hearsay: another member passes its beacons on when asked. That
another says to hear it is no sign of life.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from sandpiper.common.buckets import Bucket
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import (
    DIRECT_S,
    EVASIVE_S,
    EXPECTED_S,
    GONE_S,
    NOTICES_BURST,
    NOTICES_S,
    PAGES_BURST,
    PAGES_BYTES_S,
    RELAY_AFTER_S,
)
from sandpiper.common.p2p.keys import Keys
from sandpiper.common.p2p.packets import Card, Signed
from sandpiper.common.p2p.sealing import short
from sandpiper.peer.p2p.state.requests import Requests

NEVER = float("-inf")


class PeerState(Enum):
    """Whether a peer is there."""

    EXPECTED = "expected"
    PRESENT = "present"
    EVASIVE = "silent"
    GONE = "gone"
    LEFT = "left"


class Way(Enum):
    """How a packet came."""

    MESH = "direct"
    RELAY = "relay"
    HEARSAY = "via"


@dataclass(slots=True)
class LogDifference:
    """Since when a member's logs and ours differ, and when it is to be told again of `sums`, ours and its own."""

    since: float | None = None
    again_at: float = NEVER
    pause_s: float = 0.0
    sums: tuple[bytes, bytes] = (b"", b"")


@dataclass(slots=True, eq=False)
class Peer:
    """Another session of the room. Times are monotonic seconds; `at` are the other's own."""

    keys: Keys
    known_at: float
    short: bytes = b""
    fingerprint: str = ""
    state: PeerState = PeerState.EXPECTED
    card: Card | None = None
    carded: Signed | None = None
    heard: dict[Way, float] = field(default_factory=dict)
    hears_us_at: float = NEVER
    """When it last said that it hears us over the mesh."""
    subscribed_at: float = NEVER
    """When it last connected to us and asked to hear us."""
    beacon_at: float = 0.0
    beacon_heard: float = NEVER
    said: int = 0
    rtt_s: float | None = None
    address: str = ""
    link_up: bool = False
    fitful: bool = False
    """Whether our connections to it are made and do not last: it is heard over the mesh, and that is not relied on."""
    error: str = ""
    introduced_at: float = NEVER
    """When it was last told where others are."""
    announced: bool = False
    """Whether the user was told of it since it came in."""
    shown: bool = False
    """Whether the user was told last that it is here."""
    renaming: str = ""
    """The nick that it has taken, while it is too early to tell of another one."""
    notices: Bucket = field(default_factory=lambda: Bucket(1 / NOTICES_S, NOTICES_BURST))
    """What it may still have others told of itself."""
    proven: bool = True
    """Whether what we hear of it is of now: what a stranger may have recorded is no sign of life."""
    told: bool = False
    """Whether it is looked for only because another member says that it hears it, which may be a lie."""
    gone_at: float = NEVER
    deserted: bool = False
    """Whether nothing listens any more where it was."""
    tips: bytes = b""
    """The digest of the tips of its deeds, as its last beacon had it."""
    misses_at: float = NEVER
    """When it may be told again of wrong guesses."""
    apart: LogDifference = field(default_factory=LogDifference)
    sums: bool | None = None
    """Whether its beacons say where the logs stand that they do not name."""
    requests: Requests = field(default_factory=Requests)
    """What it has asked."""
    probes: dict[int, None] = field(default_factory=dict)
    """What it was asked of others, and has not answered."""
    beacon: Signed | None = None
    """Its last beacon, as it signed it."""
    pages: Bucket = field(default_factory=lambda: Bucket(PAGES_BYTES_S, PAGES_BURST))
    """Bytes of history that it may still be given."""

    def __post_init__(self) -> None:
        self.short = short(self.keys.session)
        self.fingerprint = fingerprint(self.keys.identity)

    @property
    def nick(self) -> str:
        """The peer's nick; the fingerprint's beginning while that is not known."""
        return self.card.nick if self.card is not None else self.fingerprint[:8]

    @property
    def quiet(self) -> bool:
        """Whether nobody is to be told of it."""
        return self.card is None or self.card.quiet

    @property
    def heard_at(self) -> float:
        """When it was last heard, by any way."""
        return max(self.heard.values(), default=NEVER)

    @property
    def here(self) -> bool:
        """Whether it counts as present."""
        return self.state in (PeerState.PRESENT, PeerState.EVASIVE)

    def hears(self, now: float) -> bool:
        """Whether we hear it over the mesh, and may count on that."""
        return not self.fitful and now - self.heard.get(Way.MESH, NEVER) < DIRECT_S

    def direct(self, now: float) -> bool:
        """Whether what goes over the mesh reaches it, and comes from it."""
        return self.reached(now) and self.hears(now)

    def reached(self, now: float) -> bool:
        """Whether what goes over the mesh reaches it."""
        return now - self.hears_us_at < DIRECT_S

    def wants_relay(self, now: float) -> bool:
        """Whether it has had its time to be reached over the mesh."""
        return not self.reached(now) and now - self.known_at >= RELAY_AFTER_S and self.state is not PeerState.LEFT

    def lost_link(self) -> None:
        """Takes that our connection to it is gone, and so most likely the one from it."""
        self.hears_us_at = self.subscribed_at = NEVER
        self.heard.pop(Way.MESH, None)

    def path(self, now: float) -> str:
        """In a word, for people: direct, lan, relay, via, or none."""
        if self.hears(now) and (self.reached(now) or now - self.known_at < RELAY_AFTER_S):
            return "lan" if _private(self.address) else "direct"
        if now - self.heard.get(Way.RELAY, NEVER) < DIRECT_S:
            return "relay"
        return "via" if now - self.heard_at < GONE_S else "none"

    def direct_until(self, now: float) -> float:
        """How long it is reached directly if nothing moves; `now` for who is not, which may change at any time."""
        if not self.hears(now):
            return now
        heard = self.heard[Way.MESH] + DIRECT_S
        if self.reached(now):
            return min(heard, self.hears_us_at + DIRECT_S)
        return max(min(heard, self.known_at + RELAY_AFTER_S), now)

    def next_state(self, now: float) -> PeerState:
        """The state that it has now, after its silence."""
        silent = now - self.heard_at
        if self.state is PeerState.EXPECTED:
            return PeerState.GONE if now - self.known_at > EXPECTED_S else PeerState.EXPECTED
        if self.state is PeerState.PRESENT and silent > EVASIVE_S:
            return PeerState.EVASIVE
        if self.state is PeerState.EVASIVE and silent > GONE_S:
            return PeerState.GONE
        return self.state


@lru_cache(maxsize=1024)
def _private(address: str) -> bool:
    """Whether an address is of a local network (but not of this machine)."""
    import ipaddress

    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return (ip.is_private or ip.is_link_local) and not ip.is_loopback
