"""The life of the screen: it runs, is told to end, leaves its rooms, and keeps what was being typed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any, Final

from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.exit_deadline import deadline, heeding
from sandpiper.common.limits import ENDING_S, QUIT_S, SCREEN_CLOSING_S
from sandpiper.tui.actions import Actions
from sandpiper.tui.history import History
from sandpiper.tui.port import OpenRoom, RoomRequest, ScreenSettings

_HANGUP: Final = 1
"""SIGHUP, which not every system has."""


def _patience(number: int) -> float:
    """Returns how long the screen waits for what is unsent when that signal ends it."""
    return SCREEN_CLOSING_S if number == _HANGUP else QUIT_S


class Lifecycle(Actions):
    """A screen that can be run and left."""

    def __init__(
        self, open_room: OpenRoom, first: RoomRequest, settings: ScreenSettings, history: History | None, **more: Any
    ) -> None:
        super().__init__(open_room, first, settings, history, **more)
        self.exit_status = 0
        self._lives = False  # in a process of its own
        self.failure: SandpiperError | None = None
        """Why no room is open, if that is how it ended."""

    async def live(self) -> int:
        """Runs it; the exit status. Raises SandpiperError if it ends with no room that could be entered."""
        self._lives = True
        with heeding(self._signalled, lambda number: _patience(number) + ENDING_S, lambda number: 128 + number):
            try:
                status = await self.run_async()
            finally:
                await self._let_go()
        if self.failure is not None:
            raise self.failure
        return self.exit_status if status is None else status

    def hung_up(self) -> None:
        """The terminal is gone, as the one who reads from it has noticed."""
        deadline.by(SCREEN_CLOSING_S + ENDING_S, 128 + _HANGUP)
        self._signalled(_HANGUP)

    def _signalled(self, number: int) -> None:
        self._leave(128 + number, _patience(number))

    async def _let_go(self) -> None:
        self._put_draft_by()
        for tab in self.tabs:
            tab.abandon()
        for tab in self.tabs:
            await tab.gone()
        if self.history is not None:
            self._keep_drafts()
            self.history.note("typed", self.sent.lines)
            await asyncio.to_thread(self.history.close)

    def _put_draft_by(self) -> None:
        if not self.leaving and hasattr(self, "composer"):
            self.current.draft = self.modes.draft

    def _keep_drafts(self) -> None:
        assert self.history is not None
        for tab in self.tabs:
            if tab.key:
                draft = "\n".join([*tab.unsent, *([tab.draft] if tab.draft else [])])
                self.history.note(f"draft {tab.key}", draft or None)

    # Leaving -----------------------------------------------------------------------------------------------

    def quit(self, status: int) -> None:
        """Leaves all rooms, once all is delivered; the second time at once."""
        self._leave(status, QUIT_S)

    def _leave(self, status: int, patience_s: float) -> None:
        if self.leaving:
            self._finish(status)
            return
        self._put_draft_by()
        errors = [tab.error for tab in self.tabs if tab.error is not None]
        failure = errors[0] if status == 0 and errors and len(errors) == len(self.tabs) else None
        unsent = sum(len(tab.unsent) for tab in self.tabs)
        more = "1 more is" if unsent == 1 else f"{unsent} more are"
        self.leaving = f"leaving once {more} delivered; Ctrl+C does not wait" if unsent else "leaving"
        self._jobs.start(self._leave_rooms(status, failure, patience_s))

    async def _leave_rooms(self, status: int, failure: SandpiperError | None, patience_s: float) -> None:
        self.changed()
        for tab in self.tabs:
            tab.leave()
        leaving: list[Awaitable[None]] = [tab.gone() for tab in self.tabs if tab.state != "connecting"]
        if leaving:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.gather(*leaving), patience_s)
        self._finish(status if failure is None else failure.exit_code, failure)

    def _finish(self, status: int, failure: SandpiperError | None = None) -> None:
        if self.ended:
            return  # a second Ctrl+C was faster
        self.exit_status, self.failure = status, failure
        self.ended = True
        if self._lives:
            deadline.by(ENDING_S, self.exit_status)
        self.exit(status)
