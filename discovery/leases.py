"""Leases: who has a room at a nameplate, in groups that know each other by a registration key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sandpiper.common.connection_limits import household
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import (
    DISCOVERY_LOOPBACK,
    GROUPS_PER_NAMEPLATE,
    LEASE_S,
    LEASES,
    LEASES_PER_ADDRESS,
    LEASES_PER_CONNECTION,
    LEASES_PER_GROUP,
)
from sandpiper.common.rendezvous import Changed, PeerCard
from sandpiper.discovery.chance import Chance
from sandpiper.discovery.mailboxes import Holder
from sandpiper.discovery.nameplates import Nameplates

Tell = Callable[[Holder, Changed], None]


@dataclass(slots=True, eq=False)
class Lease:
    """A member's lease in a group. `home` is the household that it counts for."""

    holder: Holder
    home: str
    blob: bytes
    signature: bytes
    until: float

    @property
    def card(self) -> PeerCard:
        """The lease as the others of the group get it."""
        return PeerCard(self.holder.mailbox, self.blob, self.holder.address)


@dataclass(slots=True, eq=False)
class Group:
    """The members at one nameplate who have one registration key. `version` steps with each change."""

    nameplate: int
    key: bytes
    version: int
    leases: dict[bytes, Lease] = field(default_factory=dict)  # by CURVE key

    def others(self, own: bytes) -> list[PeerCard]:
        """The cards of all but this member."""
        return [lease.card for key, lease in self.leases.items() if key != own]


class Leases:
    """The leases of all groups. `tell` is called for each member of a group that changes, but for who changed it."""

    def __init__(self, nameplates: Nameplates, chance: Chance, tell: Tell) -> None:
        self._nameplates = nameplates
        self._chance = chance
        self._tell = tell
        self._plates: dict[int, dict[bytes, Group]] = {}
        self._by_home: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._by_home.total()

    def groups(self, nameplate: int) -> list[Group]:
        """The groups at a nameplate, the oldest first."""
        return list(self._plates.get(nameplate, {}).values())

    def find(self, nameplate: int, group: bytes, key: bytes) -> tuple[Group, Lease] | None:
        """The lease of this member in this group."""
        found = self._plates.get(nameplate, {}).get(group)
        lease = found.leases.get(key) if found else None
        return (found, lease) if found and lease else None

    def version(self, nameplate: int, group: bytes) -> int:
        """Where a group stands, 0 for one that is not there."""
        found = self._plates.get(nameplate, {}).get(group)
        return found.version if found else 0

    def of(self, holder: Holder) -> list[tuple[Group, Lease]]:
        """All leases of a member."""
        found = (self.find(nameplate, group, holder.key) for nameplate, group in sorted(holder.leases))
        return [each for each in found if each is not None]

    def check_fresh(self, nameplate: int, group: bytes) -> None:
        """Raises Refusal where somebody else has a room."""
        if self._plates.get(nameplate, {}).keys() - {group}:
            raise Refusal(Code.TAKEN, "there is a room at this nameplate already")

    def put(self, holder: Holder, nameplate: int, key: bytes, blob: bytes, signature: bytes, now: float) -> Group:
        """Takes a lease, or changes it. Raises Refusal."""
        found = self.find(nameplate, key, holder.key)
        if found is not None:
            group, lease = found
            changed = lease.blob != blob
            lease.blob, lease.signature = blob, signature
        else:
            group, lease = self._take(holder, nameplate, key, blob, signature)
            changed = True
        lease.until = now + LEASE_S
        if changed:
            self.announce(group, lease)
        return group

    def _take(self, holder: Holder, nameplate: int, key: bytes, blob: bytes, signature: bytes) -> tuple[Group, Lease]:
        home = household(holder.address)
        groups = self._plates.get(nameplate, {})
        group = groups.get(key)
        self._check_room(holder, home)
        if group is None and len(groups) >= GROUPS_PER_NAMEPLATE:
            raise Refusal(Code.TOO_MANY, f"this nameplate is crowded: at most {GROUPS_PER_NAMEPLATE} groups")
        if group is None:
            # Somewhere in the middle, so that no member takes it for a version that it knew before a restart.
            group = Group(nameplate, key, self._chance.randrange(1, 1 << 48))
            self._plates.setdefault(nameplate, {})[key] = group
            self._nameplates.hold(nameplate)
        elif len(group.leases) >= LEASES_PER_GROUP:
            raise Refusal(Code.TOO_MANY, f"the room is crowded: at most {LEASES_PER_GROUP} leases")
        lease = group.leases[holder.key] = Lease(holder, home, blob, signature, 0.0)
        holder.leases.add((nameplate, key))
        self._by_home[home] += 1
        return group, lease

    def _check_room(self, holder: Holder, home: str) -> None:
        most = LEASES_PER_ADDRESS * (DISCOVERY_LOOPBACK if home == "loopback" else 1)
        if len(holder.leases) >= LEASES_PER_CONNECTION:
            raise Refusal(Code.TOO_MANY, f"at most {LEASES_PER_CONNECTION} leases a connection")
        if self._by_home[home] >= most:
            raise Refusal(Code.TOO_MANY, f"too many leases from your address: at most {most:.0f}")
        if len(self) >= LEASES:
            raise Refusal(Code.TOO_MANY, "this service is full; try again later, or another one")

    def announce(self, group: Group, lease: Lease) -> None:
        """The others of the group are told this card."""
        self._step(group, lease.holder, cards=[lease.card])

    def drop(self, group: Group, lease: Lease, now: float, *, reserve: bool) -> None:
        """Ends a lease; `reserve` when its holder did not say so."""
        holder = lease.holder
        del group.leases[holder.key]
        holder.leases.discard((group.nameplate, group.key))
        self._by_home[lease.home] -= 1
        if not self._by_home[lease.home]:
            del self._by_home[lease.home]
        if group.leases:
            self._step(group, holder, gone=[holder.mailbox])
            return
        groups = self._plates[group.nameplate]
        del groups[group.key]
        if not groups:
            del self._plates[group.nameplate]
            self._nameplates.let_go(group.nameplate, now, reserve=reserve)

    def get_timer(self) -> float | None:
        """When `expire` has something to end."""
        every = (group for groups in self._plates.values() for group in groups.values())
        return min((lease.until for group in every for lease in group.leases.values()), default=None)

    def expire(self, now: float) -> list[Holder]:
        """Ends what was not renewed; whose it was."""
        late = [
            (group, lease)
            for groups in self._plates.values()
            for group in groups.values()
            for lease in group.leases.values()
            if lease.until <= now
        ]
        for group, lease in late:
            self.drop(group, lease, now, reserve=True)
        return [lease.holder for _, lease in late]

    def _step(
        self, group: Group, by: Holder, *, cards: list[PeerCard] | None = None, gone: list[bytes] | None = None
    ) -> None:
        group.version += 1
        event = Changed(
            nameplate=group.nameplate, group=group.key, version=group.version, cards=cards or [], gone=gone or []
        )
        for lease in group.leases.values():
            if lease.holder is not by and lease.holder.route is not None:
                self._tell(lease.holder, event)
