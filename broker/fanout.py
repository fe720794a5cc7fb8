"""A fanout: what one flush says in one room, in every form that somebody wants, each made once and only if wanted."""

from __future__ import annotations

from functools import cached_property

import msgspec

from sandpiper.common import batch
from sandpiper.common.control import Push
from sandpiper.common.frame import topic
from sandpiper.common.items import Item, Items
from sandpiper.common.limits import BATCH_BYTES


class Encoded(msgspec.Struct, gc=False):
    """A message or notice and its encoding, a msgpack map."""

    kind: str
    message: msgspec.Struct
    body: bytes


class Fanout:
    """The messages of one flush in a room, in each form.

    `blocks` are the bodies of its batches, if the store has them.
    """

    def __init__(self, room: str, said: list[Encoded], blocks: list[bytes] | None = None) -> None:
        self.room = room
        self._said = said
        self._blocks = blocks

    @cached_property
    def batches(self) -> list[bytes]:
        """Bus frames that hold many messages each."""
        blocks = self._blocks
        if blocks is None:
            return batch.frames(self.room, [said.body for said in self._said])
        name = batch.topic(self.room) + b"\0"
        return [name + block for block in blocks]

    @cached_property
    def singles(self) -> list[bytes]:
        """Bus frames of one message each."""
        prefixes = {kind: topic(self.room, kind) + b"\0" for kind in {said.kind for said in self._said}}
        return [prefixes[said.kind] + said.body for said in self._said]

    @cached_property
    def items(self) -> Items:
        """The messages for JSON-lines clients."""
        return Items(Item(said.message) for said in self._said)

    @cached_property
    def pushes(self) -> list[Push]:
        """The messages for sessions that subscribed by control: a batch or a few small ones each."""
        pushes: list[Push] = []
        size = BATCH_BYTES
        for frame in self.batches:
            size += len(frame)
            if size > BATCH_BYTES:
                pushes.append(Push(frames=[]))
                size = len(frame)
            pushes[-1].frames.append(frame)
        return pushes
