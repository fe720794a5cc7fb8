"""Governance: carries out what everybody's deeds mean for this member, and writes deeds for its user.

Codes, new keys and removals follow from the ledger. Here they take effect: members are met and parted from, a key is
taken, the code changes, and it is said what a joiner must know.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from sandpiper.common.codes import RoomCode, derive_words
from sandpiper.common.errors import Code, Refusal, Removed
from sandpiper.common.limits import GUESSES
from sandpiper.common.p2p.admission import Application
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.membership import AnyDeed, Miss, Own, Rekey, Rotate
from sandpiper.common.p2p.sealing import derive
from sandpiper.peer.events import CodeChanged
from sandpiper.peer.p2p.admission.sponsor import CodeState
from sandpiper.peer.p2p.membership.rekeying import Rekeying
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.presence.persons import Persons
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.replication.track import FOR_EVER
from sandpiper.peer.p2p.state.context import Context

_PASSWORD_WORDS = 3
# What a person reads last of the room, so they end with what is left to do.
_FULL = (
    "the room is full: {} sessions, as its creator chose; "
    "ask somebody to leave, or for another room, opened with a larger --capacity"
)
_REMOVED = (
    "you have been removed from this room by one of its owners, for good; "
    "ask them, or open another with `sandpiper create`"
)


class Governance:
    """Keeps a member in step with the ledger. `write` puts a deed into the member's own log; `password` is current."""

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        replica: Replica,
        presence: Presence,
        names: Names,
        persons: Persons,
        rekeying: Rekeying,
        write: Callable[[AnyDeed], None],
        password: str | None,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._replica = replica
        self._presence = presence
        self._names = names
        self._persons = persons
        self._rekeying = rekeying
        self._write = write
        self.password = password
        self._code_of = (ledger.state.epoch, ledger.state.generation)
        self._floors: dict[bytes, int] = {}

    # The code ----------------------------------------------------------------------------------------------

    def code_state(self) -> CodeState:
        """The code as the sponsor is to ask for it now."""
        code, state = self._context.code, self._ledger.state
        spent = self._ledger.spent(self._context.session)
        return CodeState(code.nameplate, state.generation, code.secret, self.password, state.rotations, spent)

    def full(self) -> str:
        """Why nobody can come in, if so."""
        capacity = self._ledger.founding.capacity
        here = 1 + sum(peer.here for peer in self._presence.peers.values())
        return _FULL.format(capacity) if here >= capacity else ""

    def check_application(self, application: Application) -> None:
        """Raises Refusal for a session that knows the code but is not to come in."""
        keyring, keys = self._context.keyring, application.keys
        if not keys.holds(keyring.room):
            raise Refusal(Code.INVALID, "the identity does not vouch for the session")
        if keys.identity in self._ledger.state.banned:
            raise Refusal(Code.NOT_JOINED, _REMOVED)
        if full := self.full():
            raise Refusal(Code.TOO_MANY, full)
        if application.card.session != keys.session or keys.session == self._context.session:
            raise Refusal(Code.INVALID, "another session's card")
        keyring.read(application.card)  # which only the holder of the session's key can sign
        keyring.shared(keys)

    def rotate(self) -> str:
        """Changes the code; returns the new one."""
        self._write(Rotate(self._ledger.state.generation + 1))
        return self._context.room_name

    def _change_code(self) -> None:
        """Derives the words from the key and the generation, so that all members have the same."""
        context, founding, state = self._context, self._ledger.founding, self._ledger.state
        self._code_of = (state.epoch, state.generation)
        key = context.keyring.epoch.key
        words = derive_words(derive(key, "words"), state.generation, founding.words)
        context.code = RoomCode(words, context.code.nameplate)
        if founding.password and state.rekeys:
            self.password = "-".join(derive_words(derive(key, "password"), 0, _PASSWORD_WORDS))
        context.events.append(CodeChanged(context.room_name, self.password if state.rekeys else None))

    # Deeds -------------------------------------------------------------------------------------------------

    def learnt(self, writer: bytes, deed: AnyDeed | None) -> None:
        """Does what follows from the ledger, in which a deed was entered, or (None) which a fork has changed."""
        context = self._context
        if isinstance(deed, Miss):
            state, at = self._ledger.state, self._names.nick_of(writer)
            left = f"{state.missed} of {GUESSES}" if state.generation == deed.generation else "the last one"
            context.warn("guess", f"somebody tried a wrong code at {at} ({left} before it changes)")
        self.sync()
        if context.broken is not None:
            return
        self._rekeying.follow()
        if not self._rekeying.current:
            return
        if isinstance(deed, Rekey):
            self._rekeying.remove_again()
        state = self._ledger.state
        if (state.epoch, state.generation) != self._code_of:
            self._change_code()
            if isinstance(deed, Miss):
                context.warn("code", f"the room has another code now, after too many wrong guesses: {context.code}")
            elif writer != context.session:  # who changed it has the CodeChanged
                context.warn("code", f"the room has another code now, by {self._names.nick_of(writer)}: {context.code}")

    def receive_key(self, key: bytes) -> None:
        """Takes the key of a new epoch, which another member has given. Raises Refusal."""
        if self._rekeying.receive(key):
            self._change_code()

    def sync(self, present: Container[bytes] | None = None) -> None:
        """Meets members who have come in, parts from those who are out. On entering, these are `present`."""
        context, ledger, presence, replica = self._context, self._ledger, self._presence, self._replica
        admitted, anew = ledger.news()
        since = self._since(ledger.founding.history) if admitted else None
        for keys in admitted:
            here = present is None or keys.session in present
            if presence.meet(keys, here=here) and since is not None:
                self._floors[keys.session] = since
        if not anew:
            return
        state = ledger.state
        for session in state.members:
            replica.resume(session)
        for session in presence.parted(state.members):
            presence.part(session)
            self._floors.pop(session, None)
            replica.end(session, 0, FOR_EVER)  # who came in by one who is out leaves no log that others would want
        for session, (talk, deeds) in state.gone.items():
            replica.open(session)  # whom it had let in, and what it had said, still count
            replica.end(session, talk, deeds)
        if context.session in state.gone:
            context.broken = context.broken or Removed(_REMOVED)

    def _since(self, history: str) -> int | None:
        """The moment since which a newcomer may read; None for all."""
        if history == "all":
            return None
        return self._rekeying.began if history == "epoch" else self._replica.moment()

    def floor(self, session: bytes, log: bytes, stream: int) -> int:
        """The seq up to which a session may not read a log's talk."""
        since = self._floors.get(session)
        return 0 if since is None or stream != TALK else self._replica.head_at((log, stream), since)

    # Persons -----------------------------------------------------------------------------------------------

    def kick(self, nick: str, *, dry_run: bool = False) -> None:
        """Removes a person, by nick or the fingerprint's beginning; `dry_run` only asks if it can. Raises Refusal."""
        if not self._ledger.is_owner(self._context.session):
            raise Refusal(
                Code.INVALID, "only the room's owners may remove somebody: who created it, and whom they named"
            )
        person = self._persons.member(nick)
        if person == self._ledger.founding.keys.identity:
            raise Refusal(Code.INVALID, "who created the room cannot be removed from it")
        if not dry_run:
            self._rekeying.remove({person})

    def name_owner(self, nick: str) -> None:
        """Makes a person an owner too. Raises Refusal."""
        if not self._ledger.is_owner(self._context.session):
            raise Refusal(Code.INVALID, "only an owner names others")
        self._write(Own(self._persons.member(nick)))
