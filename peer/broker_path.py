"""The path between a session and its broker: how messages travel, and why they do not."""

from __future__ import annotations

from collections import deque

from sandpiper.common.limits import OUTAGE_REASONS
from sandpiper.peer.events import Event, PathChanged


class BrokerPath:
    """The path that a session has now, and what its user is told of it: each change, and each reason of an outage once.

    `name` is `bus`, `one-port` or `offline`; `outage` is why there is no way to the broker, empty while there is one.
    """

    def __init__(self, events: deque[Event]) -> None:
        self.name = "offline"
        self.outage = ""
        self._events = events
        self._told: set[str] = set()

    def opened(self, name: str, text: str) -> None:
        """Messages can travel now, by this path."""
        self.outage = ""
        self._change(name, text)

    def lost(self, text: str) -> None:
        """The connection has gone."""
        self.outage = text
        if self.name != "offline":
            self._told = {text}
            self._change("offline", text)

    def kept_out(self, text: str, *, tell: bool) -> None:
        """There is no way back yet. `tell`: the reason is news to a person."""
        self.outage = text
        if tell and self.name == "offline" and text not in self._told and len(self._told) < OUTAGE_REASONS:
            self._told.add(text)
            self._events.append(PathChanged("offline", text))

    def _change(self, name: str, text: str) -> None:
        if name != self.name:
            self.name = name
            self._events.append(PathChanged(name, text))
