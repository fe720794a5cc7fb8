"""The secrets of which a room's key is mixed, each known by the deed that made it."""

from __future__ import annotations

from collections.abc import Collection

from sandpiper.common.limits import SUPERSEDED_S


class Secrets:
    """Holds secrets by deed id. Those that are superseded are kept for a while, for who is late."""

    def __init__(self) -> None:
        self._held: dict[bytes, bytes] = {}
        self._superseded: dict[bytes, float] = {}

    def hold(self, deed: bytes, secret: bytes) -> None:
        """Keeps the secret of a deed."""
        self._held[deed] = secret

    def get(self, deed: bytes) -> bytes | None:
        """The secret of a deed, if it is here."""
        return self._held.get(deed)

    def follow(self, heads: Collection[bytes], now: float) -> None:
        """Takes which secrets the key is mixed of now: the others are superseded."""
        for deed in self._held:
            if deed in heads:
                self._superseded.pop(deed, None)
            else:
                self._superseded.setdefault(deed, now)

    def forget_old(self, now: float) -> None:
        """Lets go of secrets that were superseded long ago."""
        for deed in [deed for deed, at in self._superseded.items() if now - at >= SUPERSEDED_S]:
            del self._held[deed], self._superseded[deed]
