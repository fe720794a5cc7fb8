"""The room's key: which secrets it is mixed of, for whom each is, and when a new one is due (docs/membership.md).

The heads are the deeds that made a secret, that count, and that no later such deed knew. The room's key is the hash of
the secrets of all of them: whoever is excluded by one is out of the mix.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sandpiper.common.limits import SECRETS_ASKED
from sandpiper.common.p2p.deeds import Admit, Found, Own, Readmit, Rekey, persons
from sandpiper.peer.p2p.membership.graph import DeedGraph, tips_of
from sandpiper.peer.p2p.membership.node import DeedNode


class SecretHolders:
    """Who has, or may have, the secret that one deed made. `handed` are a person's counting grants along with which it
    was given the secret; `leaked` its grants, counting or not, along with which somebody may have given it. `later` are
    the first new keys whose makers knew it.
    """

    def __init__(self, graph: DeedGraph, made: DeedNode) -> None:
        said = made.deed.said
        self.handed: dict[bytes, list[DeedNode]] = defaultdict(list)
        self.handing: set[int] = set()  # the same grants, by number
        self.leaked: dict[bytes, list[DeedNode]] = defaultdict(list)
        self.later: list[DeedNode] = []
        self.sealed = {made.deed.writer, *(said.names if isinstance(said, Rekey) else ())}
        self._graph = graph
        self.made = made
        self._next = made.at + 1

    def follow(self) -> None:
        """Takes in what the graph has that was not there the last time."""
        nodes = self._graph.nodes()
        for node in nodes[self._next :]:
            if not isinstance(node.deed.said, (Admit, Own, Readmit, Rekey)) or not node.knows(self.made):
                continue
            if not isinstance(node.deed.said, Rekey):
                self._follow(node)
            elif node.level is not None and not any(node.knows(each) for each in self.later):
                self.later.append(node)
        self._next = len(nodes)

    def _follow(self, grant: DeedNode) -> None:
        writer = grant.deed.writer
        sealed = writer in self.sealed
        if grant.level is not None and (sealed or any(grant.knows(each) for each in self.handed.get(writer, ()))):
            self.handing.add(grant.at)
            for person in persons(grant.deed.said):
                self.handed[person].append(grant)
        if self._could_count(grant) and (sealed or any(grant.knows(each) for each in self.leaked.get(writer, ()))):
            for person in persons(grant.deed.said):
                if not self._was_known_out(person, grant):
                    self.leaked[person].append(grant)

    def _could_count(self, grant: DeedNode) -> bool:
        """Whether a grant counts, or would if nothing had been removed: a plain member's naming gives nothing."""
        if grant.level is not None or isinstance(grant.deed.said, Admit):
            return True
        places = self._graph.people[grant.deed.writer].places
        owner = (each for each in places if isinstance(each.deed.said, (Found, Own)) and each.level is not None)
        return any(grant.knows(each) for each in owner)

    def _was_known_out(self, person: bytes, grant: DeedNode) -> bool:
        """Whether who wrote a grant knew that the person was out, and so gives it nothing."""
        known = [each for each in self._graph.removals(person) if grant.knows(each)]
        if not known:
            return False
        before = [each for each in self._graph.grants(person) if each is not grant and grant.knows(each)]
        again = [grant, *reversed(before)]  # the last mostly forgives all
        return any(not any(self._graph.forgives(each, removal) for each in again) for removal in known)


class RoomKey:
    """Answers for a graph. A deed's id names its secret."""

    def __init__(self, graph: DeedGraph) -> None:
        self._graph = graph
        self._heads: list[DeedNode] = []
        self._holders: dict[bytes, SecretHolders] = {}
        self._older: dict[bytes, SecretHolders] = {}
        self._asked = (0, -1)
        self._waiting: set[bytes] | None = None
        self._waits_by: dict[bytes, tuple[int, bool]] = {}
        self._due: bool | None = None

    def heads(self) -> list[DeedNode]:
        """Returns the deeds whose secrets are mixed to the room's key, by id."""
        self._follow()
        return self._heads

    def _follow(self) -> None:
        asked = (len(self._graph), self._graph.revision)
        if asked == self._asked:
            return
        before = self._holders if asked[1] == self._asked[1] else {}  # else what counted then may not now
        if asked[1] != self._asked[1]:
            self._older = {}
        self._asked, self._waiting, self._due = asked, None, None
        heads = tips_of(node for node in self._graph.rekeys if node.level is not None)
        self._heads = sorted(heads, key=lambda node: node.deed.id)
        names = [(node.deed.id, node) for node in heads]
        if before.keys() != {name for name, _ in names}:
            self._waits_by = {}
        self._holders = {name: before.get(name) or SecretHolders(self._graph, node) for name, node in names}
        for each in self._holders.values():
            each.follow()

    def is_for(self, person: bytes, head: bytes) -> bool:
        """Whether a secret is for a person: its maker, those it was made for, and whom one of these let in who knew it.
        Who of them lacks it asks any other and is given it. One that is superseded is for who came in before that.
        """
        made = self._graph.node(head)
        if made is None or made.level is None or not isinstance(made.deed.said, (Found, Rekey)):
            return False
        holders = self._holders_of(made)
        if person in holders.sealed:
            return True
        return any(not any(grant.knows(each) for each in holders.later) for grant in self._grants(person, holders))

    def _has(self, person: bytes, holders: SecretHolders) -> bool:
        return person in holders.sealed or next(self._grants(person, holders), None) is not None

    def _grants(self, person: bytes, holders: SecretHolders) -> Iterator[DeedNode]:
        """Returns the grants by which a person is in, and along with which it was given the secret."""
        if not holders.handed.get(person):
            return iter(())
        return (grant for grant in self._graph.standing(person) if grant.at in holders.handing)

    def waiting(self) -> set[bytes]:
        """Returns the members for whom the current key is not: somebody for whom it is must let them in again."""
        self._follow()
        if self._waiting is None:
            self._waiting = {person for person in self._graph.members if self._waits(person)}
        return self._waiting

    def _waits(self, person: bytes) -> bool:
        """As it was found the last time, where nothing has changed about the person since."""
        stamp = self._graph.people[person].stamp
        known = self._waits_by.get(person)
        if known is None or known[0] != stamp:
            known = stamp, not all(self._has(person, each) for each in self._holders.values())
            self._waits_by[person] = known
        return known[1]

    def is_due(self) -> bool:
        """Whether those who are out have, between them, every secret of the key: an owner is to make another."""
        self._follow()
        if self._due is None:
            members = self._graph.members
            self._due = all(
                any(person not in members for person in holders.sealed | holders.leaked.keys())
                for holders in self._holders.values()
            )
        return self._due

    def holders(self, writer: bytes) -> set[bytes]:
        """Returns the persons for whom a new key should be that this member makes: those for whom the present one is.

        If that is not for the writer, for an owner has made one for nobody: those who had the key before it, as far
        back as it was for the writer.
        """
        grants = [grant for grant in self._graph.grants(writer) if grant.level is not None]
        counting = [
            node
            for node in self._graph.rekeys
            if node.level is not None and (_names(node, writer) or any(grant.knows(node) for grant in grants))
        ]
        while True:
            heads = [self._holders_of(head) for head in tips_of(counting)]
            if not heads:
                return {writer}
            without = [each.made for each in heads if not self._has(writer, each)]
            if not without:
                return {person for person in self._graph.members if all(self._has(person, each) for each in heads)}
            counting = [node for node in counting if node not in without]

    def _holders_of(self, made: DeedNode) -> SecretHolders:
        self._follow()
        found = self._holders.get(made.deed.id) or self._older.get(made.deed.id)
        if found is None:
            found = self._older[made.deed.id] = SecretHolders(self._graph, made)
            if len(self._older) > SECRETS_ASKED:
                del self._older[next(iter(self._older))]
        found.follow()
        return found


def _names(made: DeedNode, person: bytes) -> bool:
    """Whether a secret was made by a person, or for it."""
    said = made.deed.said
    return made.deed.writer == person or (isinstance(said, Rekey) and person in said.names)
