"""The keyring: a session's own keys, the epochs it knows, and what it shares with each other session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nacl.signing import SigningKey

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.membership import Keys, bond_text, vouch_text
from sandpiper.common.p2p.packets import AnyOwn, AnyPair, AnySaid, Signed
from sandpiper.common.p2p.sealing import NONCE_BYTES, Epoch, box_pair, pair_key, seal, short, unseal, verified


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
    """The keys of a session in one room. `epoch` is current; older ones are kept, for packets still under way."""

    def __init__(self, keys: SessionKeys, room: bytes, epoch: Epoch, entropy: Callable[[int], bytes]) -> None:
        self.keys = keys
        self.room = room
        self.epoch = epoch
        self.epochs = {epoch.id: epoch}
        self.session = keys.session
        self.short = short(self.session)
        self.fingerprint = fingerprint(bytes(keys.identity.verify_key))
        self._entropy = entropy
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

    # Epochs ------------------------------------------------------------------------------------------------

    def seal_epoch(self, other: Keys, epoch: Epoch) -> bytes:
        """A copy of a new epoch's key for one session, here or not; empty for a key that is none."""
        try:
            shared = self.shared(other)
        except Refusal:
            return b""
        return seal(shared, self._entropy(NONCE_BYTES), epoch.key, b"epoch" + epoch.id + other.session)

    def unseal_epoch(self, writer: Keys, copy: bytes, epoch_id: bytes) -> Epoch:
        """The key that `writer` has sealed for us. Raises Refusal."""
        epoch = Epoch(unseal(self.shared(writer), copy, b"epoch" + epoch_id + self.session))
        if epoch.id != epoch_id:
            raise Refusal(Code.INVALID, "another key than it says")
        return epoch

    def take(self, epoch: Epoch) -> None:
        """Makes an epoch the current one."""
        self.epoch = epoch
        self.epochs[epoch.id] = epoch
