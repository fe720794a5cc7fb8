"""Waits for the answers to one's whispers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from sandpiper.common.errors import Code, Refusal
from sandpiper.peer.p2p.state.outputs import Answer


class WhisperAnswers:
    """The futures of those who wait until their whisper has arrived. Made on a running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def expect(self, name: str) -> asyncio.Future[None]:
        """A future of how the whisper `name` ends."""
        waiting = self._waiting[name] = self._loop.create_future()
        return waiting

    def take(self, answers: Iterable[Answer]) -> None:
        """Tells those who wait how their whispers have ended."""
        for name, refusal in answers:
            waiting = self._waiting.pop(name, None)
            if waiting is None or waiting.done():
                continue
            if refusal is None:
                waiting.set_result(None)
            else:
                waiting.set_exception(refusal)

    def close(self) -> None:
        """Tells all who still wait that the room was closed."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Refusal(Code.CLOSING, "the room was closed before the whisper had arrived"))
