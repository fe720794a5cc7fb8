"""Removals: what owners do about persons: put out, let in again, name another owner.

A removal is written in contact and up to date, so that it touches nobody whom the removed had let in before. Until then
it stays a wish; but not for long while others are heard, for they may have what never comes here. What it costs others
all the same, because somebody had not heard of it, the owners are told, and whom it would let in again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import READMIT_PERSONS, REMOVAL_WAIT_S
from sandpiper.common.p2p.deeds import Admit, Own, Readmit
from sandpiper.peer.p2p.membership.deed_gossip import DeedGossip
from sandpiper.peer.p2p.membership.rekeying import Rekeying
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.presence.persons import Persons
from sandpiper.peer.p2p.state.context import Context

_NO_OWNER = "only the room's owners {}: who created it, and whom they named"
_TOLD_MOST = 8


class Removals:
    """Carries out what the user says about persons."""

    def __init__(
        self,
        context: Context,
        roster: Roster,
        names: Names,
        persons: Persons,
        rekeying: Rekeying,
        deeds: DeedGossip,
    ) -> None:
        self._context = context
        self._roster = roster
        self._names = names
        self._persons = persons
        self._rekeying = rekeying
        self._deeds = deeds
        self._wished: dict[bytes, bool] = {}  # whom to remove, and whether with those that they let in
        self._heard_since: float | None = None  # since when others were heard while something was wished for
        self._banned = roster.banned()

    # Removing ------------------------------------------------------------------------------------------------

    def kick(self, nick: str, *, with_admitted: bool = False, dry_run: bool = False) -> list[str]:
        """Removes a person, by nick or the fingerprint's beginning; `with_admitted` also whom they let in, and so on.

        Returns the names of all whom that removes; `dry_run` only asks. Raises Refusal.
        """
        self._require_owner("may remove somebody")
        person = self._persons.member(nick)
        senior = self._roster.is_senior(person, self._context.keyring.person)
        if person == self._roster.founder:
            raise Refusal(Code.INVALID, "who created the room cannot be removed from it")
        if senior:
            raise Refusal(Code.INVALID, f"{nick} has been an owner for longer: only a more senior one can remove them")
        names = sorted(map(self._names.nick_of_person, self._whom({person: with_admitted})))
        if not dry_run:
            self._wished[person] = with_admitted or self._wished.get(person, False)
            self.carry_out()
            if person in self._wished:
                self._tell_wish(names)
        return names

    def _whom(self, wished: Mapping[bytes, bool]) -> set[bytes]:
        """Returns whom this removes as things stand now: those who were let in since it was wished for too."""
        by_them = [self._roster.branches.only_by(person) for person, with_admitted in wished.items() if with_admitted]
        return set(wished).union(*by_them)

    def _tell_wish(self, names: list[str]) -> None:
        who = _listed(names)
        if self._heard_since is None:
            text = f"nobody else is heard: {who} will be removed as soon as somebody is"
        else:
            text = f"others know of people of whom nothing has come yet: {who} will be removed when it has, or soon"
        self._context.warn("kick", text)

    def carry_out(self) -> None:
        """Writes the removals that are wished for, once that is up to date; or others are heard for long enough."""
        roster, me = self._roster, self._context.keyring.person
        self._wished = {
            each: with_admitted
            for each, with_admitted in self._wished.items()
            if roster.is_member(each) and not roster.is_senior(each, me)
        }
        if not self._wished or not self._deeds.is_heard():
            self._heard_since = None
            return
        if self._heard_since is None:
            self._heard_since = self._context.now
        out = self._whom(self._wished)
        waited = self._context.now >= self._heard_since + REMOVAL_WAIT_S
        if roster.is_owner(me) and (waited or self._deeds.up_to_date(out)):
            order = [*self._wished, *sorted(out - set(self._wished))]
            self._wished, self._heard_since = {}, None
            for at in range(0, len(order), READMIT_PERSONS):
                self._remove(set(order[at : at + READMIT_PERSONS]))

    def _remove(self, out: set[bytes]) -> None:
        """Writes one removal. What stands in its way is told, for it may come up long after it was wished for."""
        try:
            self._rekeying.make(out)
        except Refusal as refusal:
            names = sorted(map(self._names.nick_of_person, out))
            self._context.warn("kick", f"{_listed(names)} could not be removed: {refusal.text}; try /kick again")

    # Letting in again, and naming ------------------------------------------------------------------------------

    def readmit(self, nicks: Iterable[str]) -> list[str]:
        """Lets persons in again that were removed, which owners do; or that wait, which any member does.

        Returns their names. Raises Refusal.
        """
        found = [self._persons.outside(nick) for nick in nicks]
        names = [self._names.nick_of_person(each) for each in found]
        waiting = [each for each in found if self._roster.is_member(each)]
        removed = [each for each in found if not self._roster.is_member(each)]
        if self._rekeying.waits and waiting:
            raise Refusal(Code.INVALID, "you wait yourself: the room's key is not for you")
        if removed:
            self._require_owner("may let somebody in again")
        for each, name in zip(found, names, strict=True):
            if each in removed and not self._roster.may_forgive(self._context.keyring.person, each):
                raise Refusal(
                    Code.INVALID, f"{name} was removed by a more senior owner: only one as senior forgives it"
                )
        if removed:
            self._deeds.write(Readmit(sorted(set(removed))))
        for each in waiting:
            for session in self._roster.sessions_of([each]):
                self._deeds.write(Admit(self._roster.members[session], "member"))
        return names

    def name_owner(self, nick: str) -> None:
        """Makes a person an owner too. Raises Refusal."""
        self._require_owner("name others")
        person = self._persons.member(nick)
        self._deeds.write(Own(person, self._roster.next_number(self._context.keyring.person)))

    def change_code(self) -> str:
        """Makes a new key that removes nobody, and so another code; returns it. Raises Refusal."""
        self._require_owner("may change the code")
        self._rekeying.make(set())
        return self._context.room_name

    def _require_owner(self, what: str) -> None:
        if not self._roster.is_owner(self._context.keyring.person):
            raise Refusal(Code.INVALID, _NO_OWNER.format(what))

    # What it costs -------------------------------------------------------------------------------------------

    def weigh(self, parted: set[bytes]) -> None:
        """Tells an owner which of these persons are out without having been removed, and who is in though removed."""
        roster = self._roster
        banned = roster.banned()
        out = {each for each in parted if not roster.is_member(each)} - banned
        back = {each for each in self._banned if roster.is_member(each)}
        forgiven = {each for each in back if roster.graph.removals(each)}  # else nothing counts that removed them
        self._banned = banned
        if not roster.is_owner(self._context.keyring.person):
            return
        if out:
            names = sorted(map(self._names.nick_of_person, out))
            self._context.warn(
                "kick",
                f"{_listed(names)} went out with a removal that had not heard of them: "
                f"/readmit {' '.join(map(_quoted, names[:READMIT_PERSONS]))} lets them in again",
            )
        for each in sorted(back - forgiven)[:_TOLD_MOST]:
            name = self._names.nick_of_person(each)
            self._context.warn(
                "kick", f"{name} is in again: whoever had removed them was removed; /kick {name} repeats it"
            )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _TOLD_MOST} more" if len(names) > _TOLD_MOST else ""
    return ", ".join(names[:_TOLD_MOST]) + more


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
