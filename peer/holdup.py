"""A hold-up: the broker turns messages away for now, or they get lost on the way, until something is stored again.

The messages are kept and sent again all the while. The user is told once for each reason, and once when it is over.
"""

from __future__ import annotations

from sandpiper.common.errors import Code
from sandpiper.common.limits import HELD_S
from sandpiper.peer.events import Held, Resumed

_REASONS = frozenset(code.value for code in Code)
_PATH = "path"
CHOKED = "large packets seem to get lost on the way, small ones arrive; try a smaller MTU on this machine, such as 1280"


class Holdup:
    """The state of a room's hold-up. `text` is why messages are turned away, `choked` why they get lost, if so."""

    def __init__(self) -> None:
        self.text = ""
        self.choked = ""
        self._since: float | None = None
        self._told: set[str] = set()

    def refused(self, code: str, text: str, now: float) -> Held | None:
        """A message was turned away. Returns what to tell, if anything: pacing, over at once, is not told."""
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

    def lost(self) -> Held | None:
        """Large messages do not seem to arrive. Returns what to tell, if anything."""
        self.choked = CHOKED
        if _PATH in self._told:
            return None
        self._told.add(_PATH)
        return Held(_PATH, self.choked)

    def stored(self) -> Resumed | None:
        """A message was stored. Returns what to tell, if anything."""
        self.text, self.choked, self._since = "", "", None
        if not self._told:
            return None
        self._told.clear()
        return Resumed()
