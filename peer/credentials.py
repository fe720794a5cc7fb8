"""What a session shows a broker: the identity's signature, and the proof of the access code."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING

from nacl.signing import SigningKey

from sandpiper.common.control import Enrol, Pake
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.keys import publisher, sign_enrolment
from sandpiper.common.messages import Welcome

if TYPE_CHECKING:
    from sandpiper.common.spake2 import Spake2

CAPS = ["msg", "me", "data", "whisper"]


class Credentials:
    """The proofs of one session key (CURVE, 32 bytes). `broker_key` and `ticket` are of the present connection."""

    def __init__(
        self,
        identity: SigningKey,
        session_key: bytes,
        access_code: str | None,
        entropy: Callable[[int], bytes],
        caps: list[str] = CAPS,
    ) -> None:
        self._identity = identity
        self._session_key = session_key
        self.access_code = access_code
        self._entropy = entropy
        self._caps = caps
        self._spake: Spake2 | None = None
        self._expected = b""
        self.publisher = publisher(session_key)
        self.broker_key = b""
        self.ticket = ""
        self.asked = False

    def set_broker(self, broker_key: bytes, welcome: Welcome) -> None:
        """Takes what the broker answered to hello, at the beginning of a connection."""
        self.broker_key, self.ticket, self.asked = broker_key, welcome.ticket, welcome.access

    def prove(self, version: int) -> Pake | None:
        """Makes the first half of SPAKE2; None where the broker asks for no code."""
        self._expected = b""
        if not self.asked or self.access_code is None:
            return None
        from sandpiper.common.pake import prover  # most rooms are open

        self._spake = prover(
            self.access_code,
            client=True,
            client_key=self._session_key,
            broker_key=self.broker_key,
            entropy=self._entropy,
        )
        return Pake(r=0, v=version, message=self._spake.message, ticket=self.ticket)

    def confirm(self, message: bytes) -> bytes:
        """Makes our confirmation from the broker's half of SPAKE2. Raises Refusal."""
        if self._spake is None:
            raise Refusal(Code.ACCESS, "the broker answers a proof that was not begun")
        agreed = self._spake.finish(message)
        self._expected = agreed.confirmation_b
        return agreed.confirmation_a

    def enrol(self, version: int, confirm: bytes) -> Enrol:
        """Makes the enrolment request."""
        return Enrol(
            r=0,
            v=version,
            identity=bytes(self._identity.verify_key),
            signature=sign_enrolment(self._identity, self.broker_key, self._session_key),
            caps=self._caps,
            ticket=self.ticket,
            confirm=confirm,
        )

    def broker_proved(self, confirm: bytes) -> bool:
        """Whether the broker's confirmation is right; true where it asked for no code."""
        return hmac.compare_digest(self._expected, confirm)
