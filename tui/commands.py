"""The commands that only the screen has: rows of chat.commands without a handler."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from sandpiper.chat.wording import counted
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.messages import Whisper
from sandpiper.tui.export import ENDINGS, export
from sandpiper.tui.notify import LEVELS
from sandpiper.tui.port import RoomRequest
from sandpiper.tui.tab import Tab
from sandpiper.tui.themes import PALETTES
from sandpiper.tui.workspace import Workspace

Handler: TypeAlias = Callable[[Workspace, Tab, str], Awaitable[None]]


async def _create(screen: Workspace, tab: Tab, rest: str) -> None:
    screen.open(RoomRequest(create=True, nick=tab.nick or None))


async def _search(screen: Workspace, tab: Tab, rest: str) -> None:
    screen.modes.search(rest)


async def _export(screen: Workspace, tab: Tab, rest: str) -> None:
    form, _, path = rest.partition(" ")
    if form not in ENDINGS:
        form, path = "text", rest
    messages = [entry.message for entry in tab.model if entry.message and not isinstance(entry.message, Whisper)]
    if not messages:
        raise Refusal(Code.INVALID, "there is nothing to export yet")
    file, count = await asyncio.to_thread(export, messages, form, path.strip(), tab.name, screen.now())
    screen.note(tab, f"{counted(count, 'message')} written to {file}")


async def _notify(screen: Workspace, tab: Tab, rest: str) -> None:
    if rest and rest not in LEVELS:
        raise Refusal(Code.INVALID, f"one of {', '.join(LEVELS)}")
    if rest:
        tab.notify = rest
        if screen.history is not None and tab.key:
            screen.history.note(f"notify {tab.key}", rest)
    words = {"all": "every message rings", "mentions": "what mentions you rings", "none": "nothing rings"}
    screen.note(tab, f"{tab.name}: {words[tab.notify]}")


async def _theme(screen: Workspace, tab: Tab, rest: str) -> None:
    names = list(PALETTES)
    if rest and rest not in names:
        raise Refusal(Code.INVALID, f"one of {', '.join(names)}")
    if screen.settings.no_color and rest != "terminal":
        raise Refusal(Code.INVALID, "NO_COLOR is set; unset it to choose a theme")
    screen.set_theme(rest or names[(names.index(screen.palette.name) + 1) % len(names)])


HANDLERS: Final[dict[str, Handler]] = {
    "create": _create,
    "search": _search,
    "export": _export,
    "notify": _notify,
    "theme": _theme,
}
