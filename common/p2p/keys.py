"""A session's keys, and how the person that it is of, and it itself, answer for them."""

from __future__ import annotations

from typing import Final

import msgspec

from sandpiper.common.p2p.sealing import verified

_VOUCH: Final = b"sandpiper member v1\0"
_BOND: Final = b"sandpiper session v1\0"


class Keys(msgspec.Struct, frozen=True):
    """A session's keys: `identity` and `session` are Ed25519, `box` X25519, `curve` the mesh's.

    `vouch` is the identity's signature over the room and the three others, `bond` the session's over the room and its
    three: so nobody can say that another's session is theirs.
    """

    identity: bytes
    session: bytes
    box: bytes
    curve: bytes
    vouch: bytes
    bond: bytes

    def holds(self, room: bytes) -> bool:
        """Whether the identity vouches for the session, and the session for it, in this room."""
        sizes = (len(self.identity), len(self.session), len(self.box), len(self.curve))
        return (
            sizes == (32, 32, 32, 32)
            and verified(self.identity, vouch_text(room, self.session, self.box, self.curve), self.vouch)
            and verified(self.session, bond_text(room, self.identity, self.box, self.curve), self.bond)
        )


def vouch_text(room: bytes, session: bytes, box: bytes, curve: bytes) -> bytes:
    """Returns the text that an identity signs for one of its sessions."""
    return _VOUCH + room + session + box + curve


def bond_text(room: bytes, identity: bytes, box: bytes, curve: bytes) -> bytes:
    """Returns the text that a session signs of itself."""
    return _BOND + room + identity + box + curve
