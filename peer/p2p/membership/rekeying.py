"""Rekeying: how a room comes to another key, of which those who are removed know nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from sandpiper.common.errors import Refusal, Rejected
from sandpiper.common.limits import BEACON_S, KEY_WAIT_S, REKEY_AWAY, REKEY_COPIES, REKEY_GONE
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.envelope import DEEDS, TALK
from sandpiper.common.p2p.membership import AnyDeed, Gone, Rekey
from sandpiper.common.p2p.sealing import Epoch, digest, short
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.outputs import NewEpoch


class Rekeying:
    """Makes new keys, by `write`, and gets those that others have made. `taken` is called when there is another one.

    `began` is the moment at which the current epoch began here (see Replica.moment).
    """

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        replica: Replica,
        presence: Presence,
        write: Callable[[AnyDeed], None],
        taken: Callable[[float], None],
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._replica = replica
        self._presence = presence
        self._write = write
        self._taken = taken
        self.began = 0
        self._made: dict[bytes, Epoch] = {}
        self._lacking: tuple[bytes, int] | None = None  # the epoch, and how often somebody who is here was asked
        self._ask_at = 0.0

    @property
    def current(self) -> bool:
        """Whether the key of the ledger's epoch is here."""
        return self._ledger.state.epoch == self._context.keyring.epoch.id

    # Getting a key -----------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Takes the key of the ledger's epoch, or begins to ask the others for it."""
        if self.current:
            return
        name = self._ledger.state.epoch
        epoch = self._find(name)
        if epoch is not None:
            self._take(epoch)
        elif self._lacking is None or self._lacking[0] != name:
            self._lacking = (name, 0)
            self._ask_at = self._context.now

    def _find(self, name: bytes) -> Epoch | None:
        """The epoch's key: made or known here, or sealed for us."""
        keyring = self._context.keyring
        known = self._made.get(name) or keyring.epochs.get(name)
        found = self._ledger.current_rekey()
        if known is not None or found is None:
            return known
        rekey, writer = found
        keys = self._ledger.known.get(writer)
        if keys is None or writer == self._context.session:
            return None
        try:
            return keyring.unseal_epoch(keys, rekey.copies.get(keyring.short, b""), name)
        except Refusal:
            return None  # whoever made it did not know of us

    def _take(self, epoch: Epoch) -> None:
        found = self._ledger.current_rekey()
        self._lacking = None
        self._context.keyring.take(epoch)
        self.began = self._replica.moment()
        self._context.commands.append(NewEpoch(found is not None and bool(found[0].gone)))
        self._taken(self._context.now)

    def receive(self, key: bytes) -> bool:
        """Takes another member's answer to Want; whether it is the key that is lacking. Raises Refusal."""
        epoch = Epoch(key)
        if self._lacking is None or epoch.id != self._ledger.state.epoch:
            return False
        self._take(epoch)
        return True

    def get_timers(self) -> list[float]:
        """When `handle_timer` is to be called."""
        return [self._ask_at] if self._lacking is not None and self._context.broken is None else []

    def handle_timer(self, now: float) -> None:
        """Asks for a key that was not sealed for us, until somebody gives it."""
        context, peers = self._context, self._presence.peers
        if self._lacking is None or context.broken is not None or now < self._ask_at:
            return
        name, asked = self._lacking
        if asked * BEACON_S > KEY_WAIT_S:
            context.broken = Rejected("the room has a new key that this session did not get; join again")
            return
        # While the process is stopped, or its cable out, nobody can have answered.
        self._lacking = (name, asked + any(peer.here for peer in peers.values()))
        self._ask_at = now + BEACON_S
        for peer in peers.values():
            context.send_to(peer, packets.Want(name))

    # Making one --------------------------------------------------------------------------------------------

    def remove(self, persons: set[bytes]) -> None:
        """Writes the deed that removes these persons: a new key, sealed for everybody else."""
        context, ledger, replica, presence = self._context, self._ledger, self._replica, self._presence
        epoch = Epoch(context.entropy(32))
        self._made[epoch.id] = epoch
        gone, stay = [], []
        for session, keys in ledger.state.members.items():
            if keys.identity in persons:
                gone.append(Gone(session, replica.head(session, TALK), replica.head(session, DEEDS)))
            elif session != context.session:
                stay.append(session)
        gone.sort(key=lambda each: -max(each.talk, each.deeds))  # of whom nothing is listed nothing counts
        gone = gone[:REKEY_GONE]
        here = [peer.keys for peer in sorted(presence.peers.values(), key=lambda peer: not peer.here)]
        silent = [row.keys for row in islice(presence.away.latest(), REKEY_AWAY)]
        copied = [keys for keys in here + silent if keys.identity not in persons][:REKEY_COPIES]
        sealed = {short(keys.session): context.keyring.seal_epoch(keys, epoch) for keys in copied}
        copies = {name: copy for name, copy in sealed.items() if copy}
        roster = digest(epoch.id, *sorted([*stay, context.session]))
        generation = ledger.state.generation + 1
        self._write(Rekey(ledger.state.epoch, epoch.id, sorted(persons), gone, roster, copies, generation))

    def remove_again(self) -> None:
        """Repeats, as an owner, a removal that lost: of two made at once the key of one counts, but both removals."""
        ledger = self._ledger
        again = {person for lost in ledger.lost_rekeys() for person in lost.persons}
        again -= ledger.state.banned | {ledger.founding.keys.identity}
        if again and ledger.is_owner(self._context.session):
            self.remove(again)
