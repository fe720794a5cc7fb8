"""Rekeying: how a room comes to another key, of which those who are removed know nothing.

The room's key is mixed of secrets, each made by a deed. A secret is sealed for those who are here and for some who are
away. Whom it is for and who lacks it asks the others; if nobody gives it, or if those who are out know every secret
between them, an owner makes a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

import msgspec

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import (
    BEACON_S,
    DEED_BYTES,
    DEED_TIPS,
    KEY_WAIT_S,
    REKEY_AWAY,
    REKEY_COPIES,
    REKEY_GONE,
    REKEY_NAMES,
    WANTS_AT_ONCE,
    WANTS_HEADS,
)
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.deeds import COPY_BYTES, AnyDeedSaid, Deed, Rekey, TalkHead, commitment
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.keys import Keys
from sandpiper.common.p2p.sealing import KEY_BYTES, SHORT_BYTES
from sandpiper.peer.p2p.membership.level import PLAIN
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.outputs import NewEpoch
from sandpiper.peer.p2p.state.peer import Peer

_BESIDES_BYTES: Final = 512 + DEED_TIPS * 34
"""Of a deed, besides what is counted: its head, its tips and its signature."""


class Rekeying:
    """Makes new keys, by `write`, and gets those that others have made. `taken` is called when there is another one.

    `began` is the moment at which the current key began here (see Replica.moment). `waits`: the room has a key that is
    not for this member.
    """

    def __init__(
        self,
        context: Context,
        roster: Roster,
        replica: Replica,
        presence: Presence,
        names: Names,
        write: Callable[[AnyDeedSaid], None],
        taken: Callable[[float], None],
    ) -> None:
        self._context = context
        self._roster = roster
        self._replica = replica
        self._presence = presence
        self._names = names
        self._write = write
        self._taken = taken
        self.began = 0
        self.waits = False
        self._made: dict[bytes, bytes] = {}  # secrets by their commitments, until their deed is entered
        self._lacked: dict[bytes, float] = {}  # deeds whose secret is for us: for how long it was asked for in vain
        self._ask_at = float("inf")
        self._due_s = 0.0
        self._asked = 0  # how many peers were asked, so that they are in turn
        self._kept_out = False  # whether somebody whom this owner is senior to has made a key without it
        self._kept_out_until = 0.0

    # Getting a key -----------------------------------------------------------------------------------------

    def learn(self, deed: Deed) -> None:
        """Takes the secret of a deed that has made one, if it is sealed for this session, or was made here."""
        made, keyring = deed.said, self._context.keyring
        if not isinstance(made, Rekey):
            return
        own = self._made.pop(made.commitment, None) if deed.writer == keyring.person else None
        if own is not None:
            keyring.secrets.hold(deed.id, own)
            return
        copy = made.copies.get(keyring.short)
        if copy is not None:
            try:
                keyring.secrets.hold(deed.id, keyring.open_copy(made.box, copy, made.commitment))
            except Refusal:
                return  # whoever made it did not mean it

    def follow(self) -> None:
        """Takes the key that is mixed of all present secrets, or begins to ask the others for what is lacking."""
        context, heads = self._context, self._roster.heads()
        if context.keyring.mix(heads, context.now):
            self.began = self._replica.moment()
            context.commands.append(NewEpoch(cut=self._roster.put_out()))
            self._taken(context.now)
        lacking = [head for head in heads if context.keyring.secrets.get(head) is None]
        mine = [head for head in lacking if self._roster.key.is_for(context.keyring.person, head)]
        self._wait([head for head in lacking if head not in mine])
        self._lacked = {head: self._lacked.get(head, 0.0) for head in mine}
        due = bool(mine) or self._kept_out or self._roster.key.is_due()
        if not due:
            self._ask_at, self._due_s = float("inf"), 0.0
        elif self._ask_at == float("inf"):
            self._ask_at = context.now

    def _wait(self, without: list[bytes]) -> None:
        """Takes which secrets are not for this member. An owner for whom a junior's is not makes another key."""
        roster, person = self._roster, self._context.keyring.person
        writers = {node.deed.writer for head in without if (node := roster.graph.node(head)) is not None}
        juniors = {each for each in writers if roster.is_owner(person) and not roster.is_senior(each, person)}
        was, self.waits, self._kept_out = self.waits, bool(without), bool(juniors)
        if not self.waits or was:
            return
        who = self._names.nick_of_person(min(juniors or writers))
        if juniors:
            text = (
                f"{who} made a key that is not for you, and you make another now; if that was on purpose, /kick {who}"
            )
        else:
            text = (
                f"the room has a new key by {who} that is not for you: they had not heard of you, or want you out. "
                "Nobody hears you until a member lets you in again (/readmit); or join again, with the code that the "
                "room has now"
            )
        self._context.warn("waiting", text)

    def receive(self, key: packets.Key) -> None:
        """Takes another member's answer to Want."""
        made = self._roster.commitment(key.deed)
        if key.deed in self._lacked and made is not None and commitment(key.secret) == made:
            self._context.keyring.secrets.hold(key.deed, key.secret)

    def give(self, peer: Peer, want: packets.Want) -> None:
        """Answers a member that lacks a secret, if it is for it."""
        secret = self._context.keyring.secrets.get(want.deed)
        if secret is not None and self._roster.key.is_for(peer.keys.identity, want.deed):
            self._context.send_to(peer, packets.Key(want.deed, secret))

    # Time --------------------------------------------------------------------------------------------------

    def get_timers(self) -> list[float]:
        """When `handle_timer` is to be called."""
        return [self._ask_at] if self._context.broken is None else []

    def handle_timer(self, now: float) -> None:
        """Asks for secrets that were not sealed for this session, and makes a new key where one is due."""
        context, peers = self._context, self._presence.peers
        if context.broken is not None or now < self._ask_at:
            return
        self._ask_at = now + BEACON_S
        heard = any(peer.here for peer in peers.values())
        self._ask(heard=heard)
        if self._kept_out and now >= self._kept_out_until:
            self._kept_out_until = now + KEY_WAIT_S
            self._try_to_make()
        elif self._roster.key.is_due() or any(waited > KEY_WAIT_S for waited in self._lacked.values()):
            self._due_s += BEACON_S * heard
            turn = self._turn()
            if turn is not None and heard and self._due_s > turn * KEY_WAIT_S:
                self._due_s = 0.0
                self._try_to_make()
        self.follow()

    def _ask(self, *, heard: bool) -> None:
        """Asks for some secrets, those first that were asked for longest: of all peers, or of some in turn."""
        order = list(self._presence.peers.values())
        for head in sorted(self._lacked, key=lambda each: -self._lacked[each])[:WANTS_HEADS]:
            # While the process is stopped, or its cable out, nobody can have answered.
            self._lacked[head] += BEACON_S * heard
            for _ in range(min(len(order), max(1, WANTS_AT_ONCE // min(len(self._lacked), WANTS_HEADS)))):
                self._asked += 1
                self._context.send_to(order[self._asked % len(order)], packets.Want(head))

    def _try_to_make(self) -> None:
        """Makes a new key that removes nobody; what stands in the way may be gone the next time."""
        try:
            self.make(set())
        except Refusal as refusal:
            self._context.warn("key", f"no new key could be made: {refusal.text}")

    def _turn(self) -> int | None:
        """How many owners here are senior to this member, who are to act first; None for who is no owner."""
        person = self._context.keyring.person
        if not self._roster.is_owner(person):
            return None
        here = {peer.keys.identity for peer in self._presence.peers.values() if peer.here}
        return sum(self._roster.is_senior(each, person) for each in here)

    # Making one --------------------------------------------------------------------------------------------

    def make(self, out: set[bytes]) -> None:
        """Writes the deed that removes these persons, who may be none: a new secret, sealed for everybody else."""
        context, roster, replica = self._context, self._roster, self._replica
        secret = context.entropy(KEY_BYTES)
        made = commitment(secret)
        gone = [TalkHead(session, replica.head(session, TALK)) for session in roster.sessions_of(out)]
        gone.sort(key=lambda each: -each.seq)  # of whom nothing is listed nothing counts
        names = self._named(roster.key.holders(context.keyring.person) - out)
        said = Rekey(sorted(out), sorted(names), {}, bytes(KEY_BYTES), made, gone[:REKEY_GONE])
        # Whose copy does not fit asks the others for the secret.
        fit = (DEED_BYTES - _BESIDES_BYTES - len(msgspec.msgpack.encode(said))) // (COPY_BYTES + SHORT_BYTES + 4)
        recipients = islice(self._recipients(set(names)), max(fit, 0))
        box, copies = context.keyring.seal_copies(recipients, secret, made)
        self._made[made] = secret
        self._write(msgspec.structs.replace(said, copies=copies, box=box))

    def _named(self, holders: set[bytes]) -> list[bytes]:
        """For whom of these a new secret is, if there are too many for one deed: oneself, those here, the last of
        those who fell silent, and only then owners and others of whom nothing was heard, who may have been invented.
        """
        presence, members = self._presence, self._roster.graph.members
        here = [peer.keys.identity for peer in sorted(presence.peers.values(), key=lambda peer: not peer.here)]
        owners = sorted((person for person in holders if members[person] < PLAIN), key=members.__getitem__)
        silent = [row.keys.identity for row in presence.away.latest() if row.said]
        order = dict.fromkeys([self._context.keyring.person, *here, *silent, *owners, *sorted(holders)])
        return [person for person in order if person in holders][:REKEY_NAMES]

    def _recipients(self, persons: set[bytes]) -> Iterable[Keys]:
        """The sessions for which a new secret is sealed: those here first, then the last of those who fell silent."""
        presence = self._presence
        here = [peer.keys for peer in sorted(presence.peers.values(), key=lambda peer: not peer.here)]
        silent = [row.keys for row in islice(presence.away.latest(), REKEY_AWAY)]
        return [keys for keys in here + silent if keys.identity in persons][:REKEY_COPIES]
