"""Members that are not here: a row each, found by name, that nobody looks at until there is a sign of life.

Whoever was admitted is a member until it is removed, and most will never come again: they must cost nothing but this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sandpiper.common.buckets import Bucket
from sandpiper.common.limits import CARDS_AWAY, NOTICES_BURST, NOTICES_S
from sandpiper.common.p2p.keys import Keys
from sandpiper.common.p2p.packets import Card, Signed
from sandpiper.peer.p2p.state.requests import Requests


@dataclass(slots=True)
class AwayMember:
    """A member that is not here. `said` is the number of what it last said of itself; `left`: it said goodbye.

    Until `told_until` it is not looked for again because another member says to hear it.
    """

    keys: Keys
    said: int = 0
    nick: str = ""
    card: Card | None = None
    carded: Signed | None = None
    announced: bool = False
    left: bool = False
    told_until: float = float("-inf")
    requests: Requests = field(default_factory=Requests)
    notices: Bucket = field(default_factory=lambda: Bucket(1 / NOTICES_S, NOTICES_BURST))


class Away:
    """The members that are not here, by session, in the order in which they went."""

    def __init__(self) -> None:
        self._rows: dict[bytes, AwayMember] = {}
        self._carded: dict[bytes, None] = {}

    def __contains__(self, session: bytes) -> bool:
        return session in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[AwayMember]:
        return iter(self._rows.values())

    def get(self, session: bytes) -> AwayMember | None:
        """The row of a session, if it is away."""
        return self._rows.get(session)

    def add(self, row: AwayMember) -> None:
        """Adds a member that is not here from now on."""
        self._rows[row.keys.session] = row
        self.keep_card(row, row.card, row.carded)

    def keep_card(self, row: AwayMember, card: Card | None, carded: Signed | None) -> None:
        """Keeps how a member is reached, but not of those that went long ago."""
        session = row.keys.session
        self._carded.pop(session, None)
        row.card, row.carded = (None, None) if row.left else (card, carded)
        if row.card is None:
            return
        row.nick = row.card.nick
        self._carded[session] = None
        if len(self._carded) > CARDS_AWAY:
            oldest = next(iter(self._carded))
            self._rows[oldest].card = self._rows[oldest].carded = None
            del self._carded[oldest]

    def remove(self, session: bytes) -> AwayMember | None:
        """Removes a member that is here again, or no member any more."""
        self._carded.pop(session, None)
        return self._rows.pop(session, None)

    def latest(self) -> Iterator[AwayMember]:
        """The members that fell silent, the latest first."""
        return (row for row in reversed(self._rows.values()) if not row.left)

    def at_relay(self, address: bytes) -> list[bytes]:
        """The sessions that a relay knows by this address."""
        return [
            session
            for session in self._carded
            if (card := self._rows[session].card) is not None and address in card.relays.values()
        ]
