"""A hold-up: what one sends is turned away for now, and why, until something is stored again.

It is kept and sent again all the while. Whoever waits is told once for each reason, and once when it is over.
"""

from __future__ import annotations

from sandpiper.common.errors import Code
from sandpiper.common.limits import HELD_S
from sandpiper.peer.events import Held, Resumed

_REASONS = frozenset(code.value for code in Code)


class Holdup:
    """One room's. `text` is the last reason; empty while nothing is held up."""

    def __init__(self) -> None:
        self.text = ""
        self._since: float | None = None
        self._told: set[str] = set()

    def refused(self, code: str, text: str, now: float) -> Held | None:
        """Something was turned away. What to tell, if anything: pacing, which is over at once, is none of it."""
        if self._since is None:
            self._since = now
        if code != Code.STORE.value and now - self._since < HELD_S:
            return None
        if code == Code.GAP.value and self.text:  # what follows from the other refusal
            return None
        self.text = text
        if code in self._told or code not in _REASONS:
            return None
        self._told.add(code)
        return Held(code, text)

    def stored(self) -> Resumed | None:
        """Something was stored."""
        self.text, self._since = "", None
        if not self._told:
            return None
        self._told.clear()
        return Resumed()
