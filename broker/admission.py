"""Admission: who may have a session, and who may use the bus.

A client enrols over control: its identity vouches for the connection's CURVE key, and where the broker asks for an
access code, both sides prove it by SPAKE2. Enrolled keys are kept in the store, so that after a restart the bus lets
them in at once.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from sandpiper.broker.log import EnrolledKeys, StoreError
from sandpiper.broker.session import ClientSession
from sandpiper.common.buckets import Bucket, Meter
from sandpiper.common.control import Enrol, Enrolled, Pake, PakeReply
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.keys import enrolment_holds, fingerprint, publisher
from sandpiper.common.limits import (
    ACCESS_CODE_CHARS,
    ACCESS_FAILURES,
    ACCESS_FAILURES_ALL,
    ACCESS_WINDOW_S,
    ENROLLED_MOST,
    PAKE_PER_S,
    PAKE_PER_S_AND_ADDRESS,
    UNFINISHED_S,
    VERSION,
)
from sandpiper.common.pake import prover
from sandpiper.common.rate_limits import RateLimits
from sandpiper.common.spake2 import Agreement
from sandpiper.common.tickets import Tickets

CAPS = ["msg", "me", "data", "whisper", "replay", "sealed"]
RELAY_CAPS = ["sealed"]
"""Of a session that only relays: the bus stays closed to it, and nothing of it is written down."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    agreed: Agreement
    address: str
    until: float


class Admission:
    """Admission to a broker. `key` is its CURVE public key, 32 bytes."""

    def __init__(
        self,
        store: EnrolledKeys,
        key: bytes,
        access_code: str | None,
        secret: bytes,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self.key = key
        self._code = access_code
        self.tickets = Tickets(secret)
        self._entropy = entropy
        self._attempts: dict[bytes, _Attempt] = {}
        self._guesses = RateLimits(ACCESS_FAILURES / ACCESS_WINDOW_S, ACCESS_FAILURES)
        self._all_guesses = Bucket(ACCESS_FAILURES_ALL / ACCESS_WINDOW_S, ACCESS_FAILURES_ALL)
        self._paces = RateLimits(PAKE_PER_S_AND_ADDRESS, PAKE_PER_S_AND_ADDRESS)
        self._pace = Bucket(PAKE_PER_S, PAKE_PER_S)
        self.enrolled: dict[bytes, bytes] = dict(store.load().enrolled)
        self.denied = 0

    @property
    def closed(self) -> bool:
        """Whether an access code is asked."""
        return self._code is not None

    # The access code ---------------------------------------------------------------------------------------

    def admit_in_clear(self, code: str | None, address: str, now: float) -> None:
        """A JSON-lines client's code. Raises Refusal: ACCESS, RATE."""
        if self._code is None:
            return
        if code is None:
            raise Refusal(Code.ACCESS, 'this broker needs an access code: {"type":"hello","access_code":"…"}')
        self._take_guess(address, now)
        if not hmac.compare_digest(code[:ACCESS_CODE_CHARS].encode(), self._code.encode()):
            self._deny()
        self._give_back(address, now)

    def pake(self, session_key: bytes, request: Pake, address: str, now: float) -> PakeReply:
        """The broker's half of SPAKE2. A guess is spent as soon as this is given out. Raises Refusal."""
        _check_version(request.v)
        if self._code is None:
            raise Refusal(Code.INVALID, "this broker asks for no access code")
        wait = self._paces.take(address, 1.0, now) or self._pace.take(1.0, now)
        if wait:
            raise Refusal(Code.RATE, "too many are connecting", retry_ms=int(wait * 1000) + 1)
        spake = prover(self._code, client=False, client_key=session_key, broker_key=self.key, entropy=self._entropy)
        self._take_guess(address, now)
        try:
            agreed = spake.finish(request.message)
        except Refusal:
            self._give_back(address, now)  # nothing was given out for it
            raise
        self._attempts[session_key] = _Attempt(agreed, address, now + UNFINISHED_S)
        return PakeReply(r=request.r, message=spake.message)

    def _take_guess(self, address: str, now: float) -> None:
        """Counts a guess before it is judged, so that of many at once none comes free. Raises Refusal."""
        wait, whose = self._guesses.take(address, 1.0, now), "from your address"
        if not wait:
            wait, whose = self._all_guesses.take(1.0, now), "from everywhere"
            if wait:
                self._guesses.give_back(address, 1.0, now)
        if wait:
            raise Refusal(Code.RATE, f"too many access codes are tried {whose}", retry_ms=int(wait * 1000) + 1)

    def _give_back(self, address: str, now: float) -> None:
        """It was no guess."""
        self._guesses.give_back(address, 1.0, now)
        self._all_guesses.charge(-1.0, now)

    def _deny(self) -> NoReturn:
        self.denied += 1
        raise Refusal(Code.ACCESS, "wrong access code")

    def nonce(self) -> bytes:
        """32 bytes that nobody can guess."""
        return self._entropy(32)

    # Enrolment ---------------------------------------------------------------------------------------------

    def enrol(
        self, session_key: bytes, request: Enrol, address: str, meter: Meter, now: float, wall: float
    ) -> tuple[ClientSession, bytes]:
        """A session for this key, and the broker's own confirmation. Raises Refusal."""
        _check_version(request.v)
        if not enrolment_holds(request.identity, request.signature, self.key, session_key):
            raise Refusal(Code.INVALID, "the identity did not sign this connection's key")
        confirm = b""
        known = self.enrolled.get(session_key) == request.identity and not request.confirm
        if self._code is not None and not known:
            confirm = self._proved(session_key, request.confirm, now)
        if request.caps != RELAY_CAPS:
            self._remember(session_key, request.identity, wall)
        session = ClientSession(
            meter,
            key=session_key,
            identity=request.identity,
            fingerprint=fingerprint(request.identity),
            publisher=publisher(session_key),
            heard=now,
        )
        return session, confirm

    def _remember(self, session_key: bytes, identity: bytes, wall: float) -> None:
        with suppress(StoreError):  # a full disk keeps nobody out: the key is only not remembered
            self._store.enrol(session_key, identity, wall)
        self.enrolled[session_key] = identity
        if len(self.enrolled) > ENROLLED_MOST:
            self.forget(next(iter(self.enrolled)))

    def _proved(self, session_key: bytes, confirm: bytes, now: float) -> bytes:
        attempt = self._attempts.pop(session_key, None)
        if attempt is None:
            raise Refusal(Code.ACCESS, "this broker needs an access code")
        if attempt.until < now or not attempt.agreed.holds(confirm, of_a=True):
            self._deny()
        self._give_back(attempt.address, now)
        return attempt.agreed.confirmation_b

    def forget(self, session_key: bytes) -> None:
        """The session said goodbye: its key opens nothing any more."""
        if self.enrolled.pop(session_key, None) is not None:
            with suppress(StoreError):
                self._store.unenrol(session_key)

    def expire(self, keys: Iterable[bytes]) -> None:
        """The store has let these keys go."""
        for key in keys:
            self.enrolled.pop(key, None)

    def tick(self, now: float) -> None:
        """Drops attempts that were never confirmed. Their guesses stay spent."""
        for key in [key for key, attempt in self._attempts.items() if attempt.until < now]:
            del self._attempts[key]


def _check_version(version: int) -> None:
    if version != VERSION:
        raise Refusal(Code.VERSION, f"this broker speaks version {VERSION} of the protocol, you speak {version}")


def enrolled_reply(
    request: Enrol, session: ClientSession, run: str, rates: tuple[float, float], confirm: bytes
) -> Enrolled:
    """The answer to a good enrolment."""
    return Enrolled(
        r=request.r,
        fingerprint=session.fingerprint or "",
        run=run,
        messages_per_s=rates[0],
        bytes_per_s=rates[1],
        caps=CAPS,
        confirm=confirm,
    )
