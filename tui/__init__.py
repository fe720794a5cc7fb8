"""The screen: several rooms in one terminal. Textual is loaded when one is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandpiper.tui.port import OpenRoom, RoomRequest, ScreenSettings

if TYPE_CHECKING:
    from sandpiper.tui.history import History

__all__ = ["OpenRoom", "RoomRequest", "ScreenSettings", "run"]


async def run(
    open_room: OpenRoom,
    first: str | RoomRequest,
    *,
    settings: ScreenSettings | None = None,
    history: History | None = None,
) -> int:
    """Opens a screen with the room `first`, until one leaves; the exit status.

    The first frame is there before anything is connected. `history` is closed with it. Raises SandpiperError, when the
    terminal is itself again, if no room could be entered.
    """
    from sandpiper.tui.app import ChatApp  # 300 ms of Textual

    request = RoomRequest(first) if isinstance(first, str) else first
    return await ChatApp(open_room, request, settings or ScreenSettings(), history).live()
