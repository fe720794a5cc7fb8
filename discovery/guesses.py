"""Guess limits: what one address, and one nameplate, may ask in a while."""

from __future__ import annotations

from sandpiper.common.buckets import Bucket
from sandpiper.common.connection_limits import household
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import (
    CLAIMS_BURST,
    CLAIMS_PER_S_AND_ADDRESS,
    CREATES_BURST,
    CREATES_PER_S_AND_ADDRESS,
    DISCOVERY_LOOPBACK,
    LETTER_BYTES_PER_S_AND_ADDRESS,
    LETTERS_BURST_S,
    LETTERS_OWN_BURST,
    LETTERS_OWN_PER_S,
    LETTERS_PER_S_AND_ADDRESS,
    LOOKUPS_BURST,
    LOOKUPS_NAMEPLATE_BURST,
    LOOKUPS_OWN_BURST,
    LOOKUPS_OWN_PER_S,
    LOOKUPS_PER_S_AND_ADDRESS,
    LOOKUPS_PER_S_AND_NAMEPLATE,
)
from sandpiper.common.rate_limits import RateLimits


class Guesses:
    """The rates of what strangers may try, by address.

    Every method takes what is asked from the address's share. Raises Refusal: RATE.
    """

    def __init__(self) -> None:
        self._lookups = _by_address(LOOKUPS_PER_S_AND_ADDRESS, LOOKUPS_BURST)
        self._nameplates = RateLimits(LOOKUPS_PER_S_AND_NAMEPLATE, LOOKUPS_NAMEPLATE_BURST)
        self._own_lookups = RateLimits(LOOKUPS_OWN_PER_S, LOOKUPS_OWN_BURST)
        self._own_letters = RateLimits(LETTERS_OWN_PER_S, LETTERS_OWN_BURST)
        self._claims = _by_address(CLAIMS_PER_S_AND_ADDRESS, CLAIMS_BURST)
        self._creates = _by_address(CREATES_PER_S_AND_ADDRESS, CREATES_BURST)
        self._letters = _by_address(LETTERS_PER_S_AND_ADDRESS, LETTERS_PER_S_AND_ADDRESS * LETTERS_BURST_S)
        self._bytes = _by_address(LETTER_BYTES_PER_S_AND_ADDRESS, LETTER_BYTES_PER_S_AND_ADDRESS * LETTERS_BURST_S)

    def lookup(self, address: str, nameplate: int, now: float) -> None:
        """Accounts one look-up of a nameplate."""
        slow_down(self._lookups.take(address, 1.0, now), "too many look-ups from your address")
        if self._own_lookups.take(f"{household(address)} {nameplate}", 1.0, now):
            slow_down(self._nameplates.take(str(nameplate), 1.0, now), "too many look-ups of this nameplate")

    def claim(self, address: str, now: float, *, fresh: bool) -> None:
        """Accounts one claim that changes something."""
        slow_down(self._claims.take(address, 1.0, now), "too many claims from your address")
        if fresh:
            slow_down(self._creates.take(address, 1.0, now), "too many new rooms from your address")

    def letter(self, address: str, size: int, now: float) -> None:
        """Accounts one letter of `size` bytes."""
        slow_down(self._letters.take(address, 1.0, now), "too many letters from your address")
        slow_down(self._bytes.take(address, float(size), now), "too many letters from your address")

    def letter_to(self, address: str, mailbox: bytes, receives: Bucket, now: float) -> None:
        """Accounts one letter to a mailbox: of the address's own share of it, else of what all share."""
        if self._own_letters.take(f"{household(address)} {mailbox.hex()}", 1.0, now):
            slow_down(receives.take(1.0, now), "too many letters for this mailbox")


def slow_down(wait: float, text: str) -> None:
    """Raises Refusal unless the wait is none."""
    if wait:
        raise Refusal(Code.RATE, text, retry_ms=int(wait * 1000) + 1)


def _by_address(rate: float, burst: float) -> RateLimits:
    return RateLimits(rate, burst, loopback=DISCOVERY_LOOPBACK)
