"""Leases: who has a room at a nameplate, in groups that know each other by a registration key.

Where there is no place left, who would be shown last goes, or is refused: of the groups at a nameplate the last in
order (seniority.py), of all leases the youngest of the household that has most. So nobody crowds out who came before,
from however many addresses; and who has a lease at a nameplate can always move it to a group under another key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from sandpiper.common.connection_limits import household, site
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import (
    DISCOVERY_LOOPBACK,
    GROUPS_PER_HOME,
    GROUPS_PER_NAMEPLATE,
    LEASE_S,
    LEASES,
    LEASES_PER_ADDRESS,
    LEASES_PER_CONNECTION,
    LEASES_PER_GROUP,
    LEASES_PER_MOVE,
)
from sandpiper.common.rendezvous import Changed, PeerCard
from sandpiper.discovery.chance import Chance
from sandpiper.discovery.mailboxes import Holder
from sandpiper.discovery.nameplates import Nameplates
from sandpiper.discovery.seniority import Arrival, Seniority, ordered

Tell = Callable[[Holder, Changed], None]


@dataclass(slots=True, eq=False)
class Lease:
    """A member's lease in a group. `home` is the household that it counts for, `site` the network around that."""

    holder: Holder
    home: str
    site: str
    seniority: Seniority
    blob: bytes
    signature: bytes
    until: float = 0.0

    @property
    def card(self) -> PeerCard:
        """The lease as the others of the group get it."""
        return PeerCard(self.holder.mailbox, self.blob, self.holder.address)


@dataclass(slots=True, eq=False)
class Group:
    """The members at one nameplate who have one registration key. `version` steps with each change.

    `senior` is the lease that gives it its place.
    """

    nameplate: int
    key: bytes
    version: int
    senior: Lease
    leases: dict[bytes, Lease] = field(default_factory=dict)  # by CURVE key
    made: int = field(default_factory=count().__next__)  # which is newer

    @property
    def seniority(self) -> Seniority:
        """See Placed."""
        return self.senior.seniority

    @property
    def home(self) -> str:
        """See Placed."""
        return self.senior.site

    def add(self, lease: Lease) -> None:
        """Takes a member in."""
        self.leases[lease.holder.key] = lease
        self.senior = min(self.senior, lease, key=lambda each: each.seniority.rank)

    def remove(self, lease: Lease) -> None:
        """Lets a member go."""
        del self.leases[lease.holder.key]
        if lease is self.senior and self.leases:
            self.senior = min(self.leases.values(), key=lambda each: each.seniority.rank)

    def others(self, own: bytes) -> list[PeerCard]:
        """The cards of all but this member."""
        return [lease.card for key, lease in self.leases.items() if key != own]


class Leases:
    """The leases of all groups. `tell` is called for each member of a group that changes, but for who changed it.

    `ended` are the holders of leases that have gone for want of a place, to be taken after each `put`.
    """

    def __init__(self, nameplates: Nameplates, chance: Chance, tell: Tell) -> None:
        self._nameplates = nameplates
        self._chance = chance
        self._tell = tell
        self._plates: dict[int, dict[bytes, Group]] = {}
        self._by_home: dict[str, dict[Lease, Group]] = {}  # the youngest last
        self._count = 0
        self.ended: list[Holder] = []

    def __len__(self) -> int:
        return self._count

    def groups(self, nameplate: int) -> list[Group]:
        """The groups at a nameplate, as they are to be shown: the senior first."""
        return ordered(self._plates.get(nameplate, {}).values())

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

    # Taking ------------------------------------------------------------------------------------------------

    def put(
        self,
        holder: Holder,
        nameplate: int,
        key: bytes,
        blob: bytes,
        signature: bytes,
        now: float,
        arrival: Callable[[], Arrival],
    ) -> tuple[Group, Lease]:
        """Takes a lease, or changes it. `arrival` says what counts for the seniority of a new one. Raises Refusal."""
        found = self.find(nameplate, key, holder.key)
        if found is not None:
            group, lease = found
            changed = lease.blob != blob
            lease.blob, lease.signature = blob, signature
        else:
            home, at = household(holder.address), site(holder.address)
            seniority = self._seniority(holder, nameplate, key, arrival())
            new = Lease(holder, home, at, seniority, blob, signature)
            group, lease = self._take(holder, nameplate, key, new, now), new
            changed = True
        lease.until = now + LEASE_S
        if changed:
            self.announce(group, lease)
        return group, lease

    def _seniority(self, holder: Holder, nameplate: int, key: bytes, arrival: Arrival) -> Seniority:
        """The seniority of a new lease: of what its holder can show, of its group, and of the group that it leaves."""
        shown, moment = arrival.shown, arrival.moment
        groups = self._plates.get(nameplate, {})
        opened = max((group.seniority.opened for group in groups.values()), default=0)
        if arrival.settled and self._nameplates.is_free(nameplate):
            opened = moment
        if shown is None or shown.opened < opened:
            shown = Seniority(opened, moment, moment)
        held = [lease.seniority for group, lease in self.of(holder) if group.nameplate == nameplate]
        mine = [shown, *(each for each in held if each.opened == shown.opened)]
        group = groups.get(key)
        same = [group.seniority.group] if group is not None and group.seniority.opened == shown.opened else []
        return Seniority(shown.opened, min([each.group for each in mine] + same), min(each.own for each in mine))

    def _take(self, holder: Holder, nameplate: int, key: bytes, lease: Lease, now: float) -> Group:
        """Takes a new lease. A holder that has leases here under other keys moves, which needs no room of its own."""
        others = [each for each in self.of(holder) if each[0].nameplate == nameplate]
        groups = self._plates.get(nameplate, {})
        group = groups.get(key)
        if group is not None and len(group.leases) >= LEASES_PER_GROUP:
            raise Refusal(Code.TOO_MANY, f"the room is crowded: at most {LEASES_PER_GROUP} leases")
        # Somewhere in the middle, so that no member takes it for a version that it knew before a restart.
        made = group or Group(nameplate, key, self._chance.randrange(1, 1 << 48), lease)
        crowded_out = _last_in_crowd([*groups.values(), made], made) if group is None else None
        replaced = self._check_room(holder, lease.home) if not others else None
        for lost in list(crowded_out.leases.values()) if crowded_out is not None else []:
            self._end(lost, now)
        if replaced is not None:
            self._end(replaced, now)
        for left in sorted(others, key=lambda each: each[0].made)[: len(others) + 1 - LEASES_PER_MOVE]:
            self._end(left[1], now)
        self._add(made, lease)
        return made

    def _end(self, lease: Lease, now: float) -> None:
        """Ends a lease for want of a place, unless it has ended."""
        group = self._by_home.get(lease.home, {}).get(lease)
        if group is not None:
            self.ended.append(lease.holder)
            self.drop(group, lease, now, reserve=False)

    def _check_room(self, holder: Holder, home: str) -> Lease | None:
        """Whose lease has to go for one more of this holder, if one has to. Raises Refusal."""
        most = LEASES_PER_ADDRESS * _width(home)
        if len(holder.leases) >= LEASES_PER_CONNECTION:
            raise Refusal(Code.TOO_MANY, f"at most {LEASES_PER_CONNECTION} leases a connection")
        if len(self._by_home.get(home, {})) >= most:
            raise Refusal(Code.TOO_MANY, f"too many leases from your address: at most {most:.0f}")
        if self._count < LEASES:
            return None
        crowded = max(self._by_home, key=self._share)
        if self._share(crowded) <= self._share(home) + 1:
            raise Refusal(Code.TOO_MANY, "this service is full; try again later, or another one")
        return next(reversed(self._by_home[crowded]))

    def _share(self, home: str) -> float:
        return len(self._by_home.get(home, {})) / _width(home)

    def _add(self, group: Group, lease: Lease) -> None:
        group.add(lease)
        self._plates.setdefault(group.nameplate, {})[group.key] = group
        self._nameplates.hold(group.nameplate)
        lease.holder.leases.add((group.nameplate, group.key))
        self._by_home.setdefault(lease.home, {})[lease] = group
        self._count += 1

    # Changing and ending -----------------------------------------------------------------------------------

    def announce(self, group: Group, lease: Lease) -> None:
        """The others of the group are told this card."""
        self._step(group, lease.holder, cards=[lease.card])

    def drop(self, group: Group, lease: Lease, now: float, *, reserve: bool) -> None:
        """Ends a lease; `reserve` when its holder did not say so."""
        holder = lease.holder
        group.remove(lease)
        holder.leases.discard((group.nameplate, group.key))
        self._count -= 1
        del self._by_home[lease.home][lease]
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


def _last_in_crowd(groups: list[Group], made: Group) -> Group | None:
    """The group that has to go when `made` is one of these, if one has to. Raises Refusal if that is the new one."""
    order = ordered(groups)
    house = [group for group in order if group.home == made.home]
    crowd = house if len(house) > GROUPS_PER_HOME * _width(made.home) else order
    if crowd is order and len(order) <= GROUPS_PER_NAMEPLATE:
        return None
    if crowd[-1] is made:
        raise Refusal(Code.TOO_MANY, "this nameplate is crowded, and others have been here for longer")
    return crowd[-1]


def _width(home: str) -> float:
    """How much wider the bounds by household are: behind loopback sit a tunnel's many clients."""
    return DISCOVERY_LOOPBACK if home == "loopback" else 1.0
