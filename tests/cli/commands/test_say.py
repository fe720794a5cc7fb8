from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandpiper.cli.commands import say
from sandpiper.common.pieces import PieceReader
from tests.cli.scripted import ScriptedRoom


class Piped:
    """An Input of these octets."""

    def __init__(self, pieces: PieceReader) -> None:
        self._pieces = list(pieces.feed(b"one\n\n  \n \t\n two\n"))

    async def read(self) -> Any:
        return self._pieces.pop(0) if self._pieces else None


def test_blank_lines_are_no_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(say, "Input", Piped)
    room: Any = ScriptedRoom()

    class Receipts(say.Receipts):
        def add(self, pending: Any) -> None:
            pass

    asyncio.run(say._lines("split", room, "msg", Receipts(room, None)))
    assert room.posted == [("msg", "one"), ("msg", " two")]
