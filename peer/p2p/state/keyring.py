"""The keyring: a session's own keys, the room's keys that it knows, and what it shares with each other session."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from nacl.signing import SigningKey

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import SUPERSEDED_S
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.deeds import commitment, mix
from sandpiper.common.p2p.keys import Keys, bond_text, vouch_text
from sandpiper.common.p2p.packets import AnyOwn, AnyPair, AnySaid, Signed
from sandpiper.common.p2p.sealing import (
    KEY_BYTES,
    NONCE_BYTES,
    Epoch,
    box_pair,
    pair_key,
    seal,
    short,
    unseal,
    verified,
)
from sandpiper.peer.p2p.state.secrets import Secrets

_COPY = b"secret"


@dataclass(frozen=True)
class SessionKeys:
    """A session's secrets. `curve` is the mesh's public key, whose secret the sockets hold."""

    identity: SigningKey
    signing: SigningKey
    box_public: bytes
    box_secret: bytes
    curve: bytes

    def __repr__(self) -> str:
        return "SessionKeys(…)"

    @classmethod
    def make(cls, identity: SigningKey, curve: bytes, entropy: Callable[[int], bytes]) -> SessionKeys:
        """Makes new keys for this process."""
        public, secret = box_pair(entropy(32))
        return cls(identity, SigningKey(entropy(32)), public, secret, curve)

    @property
    def session(self) -> bytes:
        """The session's name: its Ed25519 key."""
        return bytes(self.signing.verify_key)

    def vouched(self, room: bytes) -> Keys:
        """The public halves, vouched for by the identity in this room."""
        identity = bytes(self.identity.verify_key)
        text = vouch_text(room, self.session, self.box_public, self.curve)
        bond = bond_text(room, identity, self.box_public, self.curve)
        return Keys(
            identity,
            self.session,
            self.box_public,
            self.curve,
            self.identity.sign(text).signature,
            self.signing.sign(bond).signature,
        )


class Keyring:
    """The keys of a session in one room.

    `secrets` are those of which the room's key is mixed. `epoch` is the current key; older ones are kept for a while,
    for packets still under way.
    """

    def __init__(self, keys: SessionKeys, room: bytes, entropy: Callable[[int], bytes]) -> None:
        self.keys = keys
        self.room = room
        self.secrets = Secrets()
        self.epochs: dict[bytes, Epoch] = {}
        self.session = keys.session
        self.person = bytes(keys.identity.verify_key)
        self.short = short(self.session)
        self.fingerprint = fingerprint(self.person)
        self._entropy = entropy
        self._epoch: Epoch | None = None
        self._retired: dict[bytes, float] = {}
        self._pairs: dict[bytes, tuple[bytes, bytes]] = {}
        self._n = 0

    # Others ------------------------------------------------------------------------------------------------

    def meet(self, other: Keys) -> None:
        """Prepares to exchange packets with a session. Raises Refusal for a key that is none."""
        self._pairs[short(other.session)] = (other.session, self.shared(other))

    def shared(self, other: Keys) -> bytes:
        """The secret that is shared with a session, met or not. Raises Refusal for a key that is none."""
        _, shared = self._pairs.get(short(other.session), (b"", b""))
        return shared or pair_key(self.keys.box_secret, other.box, self.session, other.session)

    def part(self, session: bytes) -> None:
        """Ends the exchange of packets with a session."""
        self._pairs.pop(short(session), None)

    # Packets -----------------------------------------------------------------------------------------------

    def to_room(self, said: AnySaid) -> bytes:
        """Seals a packet for everyone."""
        return packets.to_room(self.epoch, self._entropy(NONCE_BYTES), said)

    def to_one(self, session: bytes, said: AnyPair) -> bytes:
        """Seals a packet for one session that has been met."""
        _, shared = self._pairs[short(session)]
        return packets.to_one(shared, self.short, session, self._entropy(NONCE_BYTES), said)

    def open(self, packet: bytes) -> tuple[bytes | None, AnySaid | AnyPair]:
        """Opens a packet: what it says, and from which session, if it is for us alone.

        Raises Refusal: NOT_HERE for an unknown key.
        """
        epoch_id = packets.for_room(packet)
        if epoch_id is not None:
            epoch = self.epochs.get(epoch_id)
            if epoch is None:
                raise Refusal(Code.NOT_HERE, "another epoch's")
            return None, packets.open_room(epoch, packet)
        session, shared = self._pairs.get(packets.sender(packet), (b"", b""))
        if not shared:
            raise Refusal(Code.NOT_HERE, "from a stranger")
        return session, packets.open_one(shared, self.session, packet)

    def next_n(self) -> int:
        """The next number for what the session says of itself."""
        self._n += 1
        return self._n

    def signed(self, own: AnyOwn) -> Signed:
        """Signs something that the session says of itself."""
        body = packets.encode(own)
        return Signed(self.session, body, self.keys.signing.sign(packets.own_text(self.room, body)).signature)

    def read(self, signed: Signed) -> AnyOwn:
        """Reads what a session says of itself. Raises Refusal if the session has not signed it."""
        if not verified(signed.session, packets.own_text(self.room, signed.body), signed.signature):
            raise Refusal(Code.INVALID, "not signed by that session")
        return packets.decode_own(signed.body)

    # The room's key ----------------------------------------------------------------------------------------

    @property
    def epoch(self) -> Epoch:
        """The room's key, once there is one."""
        assert self._epoch is not None
        return self._epoch

    def mix(self, heads: Collection[bytes], now: float) -> bool:
        """Makes the key that is mixed of these deeds' secrets the current one, if all are here; whether it was not."""
        found = [self.secrets.get(deed) for deed in heads]
        held = [secret for secret in found if secret is not None]
        if len(held) < len(found):
            return False
        epoch = Epoch(mix(held))
        self.secrets.follow(heads, now)
        if self._epoch is not None and epoch.id == self._epoch.id:
            return False
        if self._epoch is not None:
            self._retired[self._epoch.id] = now
        self._retired.pop(epoch.id, None)
        self._epoch = self.epochs[epoch.id] = epoch
        return True

    def forget_old(self, now: float) -> None:
        """Lets go of keys and secrets that were superseded long ago."""
        self.secrets.forget_old(now)
        for name in [name for name, at in self._retired.items() if now - at >= SUPERSEDED_S]:
            del self._retired[name], self.epochs[name]

    def seal_copies(self, others: Iterable[Keys], secret: bytes, commitment: bytes) -> tuple[bytes, dict[bytes, bytes]]:
        """Seals a new secret for sessions, here or not; returns the key made for that, and the copies by short name.

        A session that has no proper key gets none.
        """
        public, once = box_pair(self._entropy(KEY_BYTES))
        copies: dict[bytes, bytes] = {}
        for other in others:
            try:
                shared = pair_key(once, other.box, public, other.session)
            except Refusal:
                continue
            sealed = seal(shared, self._entropy(NONCE_BYTES), secret, _COPY + commitment + other.session)
            copies[short(other.session)] = sealed
        return public, copies

    def open_copy(self, public: bytes, copy: bytes, commitment_: bytes) -> bytes:
        """The new secret that was sealed for this session. Raises Refusal."""
        shared = pair_key(self.keys.box_secret, public, public, self.session)
        secret = unseal(shared, copy, _COPY + commitment_ + self.session)
        if commitment(secret) != commitment_:
            raise Refusal(Code.INVALID, "another secret than it says")
        return secret
