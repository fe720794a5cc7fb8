"""Restoring: what the log knows of rooms, nicks and recent messages becomes the state of a broker that starts."""

from __future__ import annotations

from contextlib import suppress

from sandpiper.broker.dedup import Dedup
from sandpiper.broker.log import RoomLogs
from sandpiper.broker.room import HostedRoom
from sandpiper.common import batch
from sandpiper.common.errors import Refusal
from sandpiper.common.keys import publisher
from sandpiper.common.limits import DEDUP_IDS, DEDUP_S
from sandpiper.common.messages import Message, Notice


def restore(log: RoomLogs, rooms: dict[str, HostedRoom], dedup: Dedup, now: float, wall: float) -> None:
    """Fills `rooms` and `dedup` with what the log holds. Raises StoreError."""
    loaded = log.load()
    for kept in loaded.rooms:
        rooms[kept.name] = HostedRoom(kept.name, kept.next_seq - 1, kept.run_start, dict(kept.last))
    for (key, name), number in loaded.publishers.items():
        rooms[name].published[key] = number
    for owned in loaded.nicks:
        rooms[owned.room].book.reserve(owned.identity, owned.nick, now)
    numbering = {publisher(key) for key, _ in loaded.publishers}
    for _, block in log.recent(int(wall - DEDUP_S), DEDUP_IDS):
        with suppress(Refusal):  # what cannot be read cannot be repeated
            for message in batch.decode(block):
                if not isinstance(message, Notice):
                    _remember(dedup, message, numbering)


def _remember(dedup: Dedup, message: Message, numbering: set[str]) -> None:
    name, _, number = message.id.rpartition("-")
    if name in numbering and number.isdecimal():
        dedup.add_numbers(message.room, name, int(number), message.seq, 1)
    else:
        # A log does not say whether a tool or a guest it was.
        for sender in [message.from_] if message.from_ else [f"~{message.nick}", f"!{message.nick}"]:
            dedup.add(message.room, sender, message.id, message.seq)
