"""A publication under way."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any


class Pending:
    """A publication under way. Awaiting it gives its seq once it is stored, or raises Refusal."""

    __slots__ = ("_future", "error", "id", "seq")

    def __init__(self, name: str) -> None:
        self.id = name
        self.seq: int | None = None
        self.error: Exception | None = None
        self._future: asyncio.Future[int] | None = None

    @property
    def done(self) -> bool:
        """Whether it is decided."""
        return self.seq is not None or self.error is not None

    def __await__(self) -> Generator[Any, None, int]:
        if self.error is not None:
            raise self.error
        if self.seq is not None:
            return self.seq
        if self._future is None:
            self._future = asyncio.get_running_loop().create_future()
        return (yield from asyncio.shield(self._future).__await__())

    def settle(self, seq: int | None, error: Exception | None) -> None:
        """Decides it. For the room only."""
        self.seq, self.error = seq, error
        if self._future is not None and not self._future.done():
            if error is not None:
                self._future.set_exception(error)
                self._future.exception()  # whoever awaits gets it; nobody need
            else:
                self._future.set_result(seq or 0)
