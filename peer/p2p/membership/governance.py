"""The rule of a room: what its members' deeds mean for this one, and what it may itself decide.

Codes, new keys and removals follow from the ledger; here they are carried out: who is met and who parted from, which
key is taken, what a joiner must know.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from itertools import islice
from typing import TYPE_CHECKING

from sandpiper.common.codes import RoomCode, derive_words, phrase
from sandpiper.common.errors import Code, Refusal, Rejected
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import (
    BEACON_S,
    FINGERPRINT_LEAST,
    GUESSES,
    KEY_WAIT_S,
    REKEY_AWAY,
    REKEY_COPIES,
    REKEY_GONE,
)
from sandpiper.common.nicks import fold
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.admission import Application
from sandpiper.common.p2p.envelope import DEEDS, TALK
from sandpiper.common.p2p.membership import AnyDeed, Gone, Keys, Miss, Own, Rekey, Rotate
from sandpiper.common.p2p.sealing import Epoch, derive, digest, short
from sandpiper.peer.events import CodeChanged, Warned
from sandpiper.peer.p2p.admission.sponsor import Form
from sandpiper.peer.status import Verification

if TYPE_CHECKING:
    from sandpiper.peer.p2p.member import Member

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


class Rule:
    """One member's. `code` and `password` are the current ones."""

    def __init__(self, member: Member, code: RoomCode, password: str | None, entropy: Callable[[int], bytes]) -> None:
        self._member = member
        self._entropy = entropy
        self.code = code
        self.password = password
        self._form = (member.ledger.state.epoch, member.ledger.state.generation)
        self._made: dict[bytes, Epoch] = {}
        self._floors: dict[bytes, int] = {}
        self._epoch_began = 0
        self._lacking: tuple[bytes, int] | None = None  # the epoch, and how often somebody who is here was asked
        self._ask_at = 0.0

    # The code ----------------------------------------------------------------------------------------------

    def form(self) -> Form:
        """What a joiner must know now."""
        ledger = self._member.ledger
        spent = ledger.spent(self._member.session)
        return Form(ledger.state.generation, self.code.secret, self.password, ledger.state.rotations, spent)

    def full(self) -> str:
        """Why nobody can come in, if so."""
        capacity = self._member.ledger.founding.capacity
        here = 1 + sum(peer.here for peer in self._member.peers.values())
        return _FULL.format(capacity) if here >= capacity else ""

    def may_enter(self, application: Application) -> None:
        """Raises Refusal for who knows the code but is not to come in."""
        member, keys = self._member, application.keys
        if not keys.holds(member.keyring.room):
            raise Refusal(Code.INVALID, "the identity does not vouch for the session")
        if keys.identity in member.ledger.state.banned:
            raise Refusal(Code.NOT_JOINED, _REMOVED)
        if full := self.full():
            raise Refusal(Code.TOO_MANY, full)
        if application.card.session != keys.session or keys.session == member.session:
            raise Refusal(Code.INVALID, "another session's card")
        member.keyring.read(application.card)  # which only the holder of the session's key can sign
        member.keyring.shared(keys)

    def settle_at(self, code: RoomCode) -> None:
        """The founder has got its nameplate."""
        self.code = code
        self._member.sponsor.nameplate = code.nameplate

    def rotate(self) -> str:
        """Another code from now on; it."""
        self._member.chronicle.write(Rotate(self._member.ledger.state.generation + 1))
        return str(self.code)

    def _turn_code(self) -> None:
        """The words follow from the key and the generation, so that all members have the same."""
        member = self._member
        founding = member.ledger.founding
        generation = member.ledger.state.generation
        self._form = (member.ledger.state.epoch, generation)
        key = member.keyring.epoch.key
        words = derive_words(derive(key, "words"), generation, founding.words)
        self.code = RoomCode(words, self.code.nameplate)
        if founding.password and member.ledger.state.rekeys:
            self.password = "-".join(derive_words(derive(key, "password"), 0, _PASSWORD_WORDS))
        member.events.append(CodeChanged(str(self.code), self.password if member.ledger.state.rekeys else None))

    # Deeds -------------------------------------------------------------------------------------------------

    def learnt(self, writer: bytes, deed: AnyDeed) -> None:
        """A deed has entered the ledger."""
        member = self._member
        state = member.ledger.state
        if isinstance(deed, Miss):
            at = member.presence.nick_of(writer)
            left = f"{state.missed} of {GUESSES}" if state.generation == deed.generation else "the last one"
            member.events.append(Warned("guess", f"somebody tried a wrong code at {at} ({left} before it changes)"))
        self.follow(writer, deed)

    def follow(self, writer: bytes, deed: AnyDeed | None) -> None:
        """Does what follows from the ledger as it is now."""
        member = self._member
        state = member.ledger.state
        self.sync()
        if member.broken is not None:
            return
        if state.epoch != member.keyring.epoch.id:
            self._adopt()
        if state.epoch != member.keyring.epoch.id:
            return
        if isinstance(deed, Rekey):
            self._remove_again()
            state = member.ledger.state
        if (state.epoch, state.generation) != self._form:
            forced = isinstance(deed, Miss)
            self._turn_code()
            why = "after too many wrong guesses" if forced else f"by {member.presence.nick_of(writer)}"
            member.events.append(Warned("code", f"the room has another code now, {why}: {self.code}"))

    def sync(self, present: Container[bytes] | None = None) -> None:
        """Meets who has come in, parts from who is out. On entering, these are `present`."""
        member = self._member
        ledger, presence = member.ledger, member.presence
        admitted, anew = ledger.news()
        since = self._since(member.ledger.founding.history) if admitted else None
        for keys in admitted:
            here = present is None or keys.session in present
            if presence.meet(keys, here=here) and since is not None:
                self._floors[keys.session] = since
        if not anew:
            return
        state = ledger.state
        for session in state.members:
            member.replica.resume(session)
        for session in presence.parted(state.members):
            presence.part(session)
            self._floors.pop(session, None)
        for session, (talk, deeds) in state.gone.items():
            member.replica.open(session)  # whom it had let in, and what it had said, still count
            member.replica.end(session, talk, deeds)
        if member.session in state.gone:
            member.broken = member.broken or Rejected(_REMOVED)

    def _since(self, history: str) -> int | None:
        """Since when a newcomer may read; None for all."""
        if history == "all":
            return None
        return self._epoch_began if history == "epoch" else self._member.replica.moment()

    def floor(self, session: bytes, log: bytes, stream: int) -> int:
        """Up to which seq of a log's talk a session may not read."""
        since = self._floors.get(session)
        return 0 if since is None or stream != TALK else self._member.replica.head_at((log, stream), since)

    # Keys --------------------------------------------------------------------------------------------------

    def _adopt(self) -> None:
        epoch = self._key()
        if epoch is not None:
            self._take(epoch)
        elif self._lacking is None or self._lacking[0] != self._member.ledger.state.epoch:
            self._lacking = (self._member.ledger.state.epoch, 0)
            self._ask_at = self._member.now

    def _key(self) -> Epoch | None:
        """The current epoch's: made or known here, or sealed for us."""
        member = self._member
        name = member.ledger.state.epoch
        known = self._made.get(name) or member.keyring.epochs.get(name)
        found = member.ledger.current_rekey()
        if known is not None or found is None:
            return known
        rekey, writer = found
        keys = member.ledger.known.get(writer)
        if keys is None or writer == member.session:
            return None
        try:
            return member.keyring.unseal_epoch(keys, rekey.copies.get(member.keyring.short, b""), name)
        except Refusal:
            return None  # whoever made it did not know of us

    def _take(self, epoch: Epoch) -> None:
        member = self._member
        found = member.ledger.current_rekey()
        self._lacking = None
        member.keyring.take(epoch)
        self._epoch_began = member.replica.moment()
        member.epoch_taken(cut=found is not None and bool(found[0].gone))

    def given(self, key: bytes) -> None:
        """Another member's answer to Want. Raises Refusal."""
        epoch = Epoch(key)
        if self._lacking is None or epoch.id != self._member.ledger.state.epoch:
            return
        self._take(epoch)
        self._turn_code()

    def get_timers(self) -> list[float]:
        """When `handle_timer` is to be called."""
        return [self._ask_at] if self._lacking is not None and self._member.broken is None else []

    def handle_timer(self, now: float) -> None:
        """Asks for a key that was not sealed for us, until somebody gives it."""
        member = self._member
        if self._lacking is None or member.broken is not None or now < self._ask_at:
            return
        name, asked = self._lacking
        if asked * BEACON_S > KEY_WAIT_S:
            member.broken = Rejected("the room has a new key that this session did not get; join again")
            return
        # While the process is stopped, or its cable out, nobody can have answered.
        self._lacking = (name, asked + any(peer.here for peer in member.peers.values()))
        self._ask_at = now + BEACON_S
        for peer in member.peers.values():
            member.say_to(peer, packets.Want(name))

    def _remove_again(self) -> None:
        """Of two removals at once one key counts, and both removals: any owner that is here sees to it."""
        ledger = self._member.ledger
        again = {person for lost in ledger.lost_rekeys() for person in lost.persons}
        again -= ledger.state.banned | {ledger.founding.keys.identity}
        if again and ledger.is_owner(self._member.session):
            self._remove(again)

    def kick(self, nick: str) -> None:
        """Removes a person, by nick or by the fingerprint's beginning. Raises Refusal."""
        member = self._member
        if not member.ledger.is_owner(member.session):
            raise Refusal(
                Code.INVALID, "only the room's owners may remove somebody: who created it, and whom they named"
            )
        person = self.person(nick)
        if person == member.ledger.founding.keys.identity:
            raise Refusal(Code.INVALID, "who created the room cannot be removed from it")
        self._remove({person})

    def name_owner(self, nick: str) -> None:
        """Makes a person an owner too. Raises Refusal."""
        member = self._member
        if not member.ledger.is_owner(member.session):
            raise Refusal(Code.INVALID, "only an owner names others")
        member.chronicle.write(Own(self.person(nick)))

    def person(self, nick: str) -> bytes:
        """The identity of the one person so called, or whose fingerprint begins so. Raises Refusal."""
        found = {
            keys.identity
            for session, keys in self._member.ledger.state.members.items()
            if session != self._member.session and self._named(session, keys, nick)
        }
        found.discard(bytes(self._member.keyring.keys.identity.verify_key))
        if not found:
            raise Refusal(Code.NOT_HERE, f"nobody else here is called {nick}")
        if len(found) > 1:
            names = ", ".join(sorted(fingerprint(each) for each in found))
            raise Refusal(Code.INVALID, f"several persons are called {nick}: say which by the fingerprint: {names}")
        return found.pop()

    def _named(self, session: bytes, keys: Keys, nick: str) -> bool:
        if fold(self._member.presence.nick_of(session)) == fold(nick):
            return True
        return len(nick) >= FINGERPRINT_LEAST and fingerprint(keys.identity).startswith(nick.lower())

    def _remove(self, persons: set[bytes]) -> None:
        member = self._member
        ledger, replica = member.ledger, member.replica
        epoch = Epoch(self._entropy(32))
        self._made[epoch.id] = epoch
        gone, stay = [], []
        for session, keys in ledger.state.members.items():
            if keys.identity in persons:
                gone.append(Gone(session, replica.head(session, TALK), replica.head(session, DEEDS)))
            elif session != member.session:
                stay.append(session)
        gone.sort(key=lambda each: -max(each.talk, each.deeds))  # of whom nothing is listed nothing counts
        gone = gone[:REKEY_GONE]
        here = [peer.keys for peer in sorted(member.peers.values(), key=lambda peer: not peer.here)]
        silent = [row.keys for row in islice(member.presence.away.latest(), REKEY_AWAY)]
        copied = [keys for keys in here + silent if keys.identity not in persons][:REKEY_COPIES]
        sealed = {short(keys.session): member.keyring.seal_epoch(keys, epoch) for keys in copied}
        copies = {name: copy for name, copy in sealed.items() if copy}
        roster = digest(epoch.id, *sorted([*stay, member.session]))
        generation = ledger.state.generation + 1
        member.chronicle.write(Rekey(ledger.state.epoch, epoch.id, sorted(persons), gone, roster, copies, generation))

    # Persons -----------------------------------------------------------------------------------------------

    def verify(self, nick: str) -> list[Verification]:
        """The words to compare with each person so called. Raises Refusal."""
        member = self._member
        found = [peer for peer in member.peers.values() if self._named(peer.keys.session, peer.keys, nick)]
        if not found:
            raise Refusal(Code.NOT_HERE, f"nobody else here is called {nick}")
        mine = bytes(member.keyring.keys.identity.verify_key) + member.session
        root = member.ledger.founder
        return [
            Verification(
                peer.nick,
                peer.fingerprint,
                " ".join(
                    phrase(
                        digest(
                            b"verify",
                            member.keyring.room,
                            root,
                            *sorted((mine, peer.keys.identity + peer.keys.session)),
                        )
                    )
                ),
            )
            for peer in found
        ]
