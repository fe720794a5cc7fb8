"""Which rooms anybody subscribes to: what nobody wants need not be sent, nor even made."""

from __future__ import annotations

from collections.abc import Callable

_TOPICS_MOST = 4096


class SubscriptionIndex:
    """The prefixes that subscribers of one XPUB want, for one form of frames.

    `topic_of` gives a room's topic, or the prefix that its topics share.

    Only ever grows. Unsubscriptions count for nothing: libzmq shows one also of a connection that had no subscription,
    so whoever counted topics down by them would let any stranger silence a room.
    """

    def __init__(self, topic_of: Callable[[str], bytes]) -> None:
        self._topic_of = topic_of
        self._topics: set[bytes] = set()
        self._known: dict[str, bool] = {}
        self._all = False

    def add(self, prefix: bytes) -> None:
        """Adds a subscription to what begins with `prefix`."""
        if prefix in self._topics or self._all:
            return
        self._topics.add(prefix)
        self._known.clear()
        self._all = len(self._topics) > _TOPICS_MOST

    def wants(self, room: str) -> bool:
        """Whether anybody may hear the room."""
        known = self._known.get(room)
        if known is None:
            name = self._topic_of(room)
            known = any(name.startswith(prefix) or prefix.startswith(name) for prefix in self._topics)
            self._known[room] = known
        return known or self._all
