"""Notifications: the terminal's bell, and a desktop notification where the terminal has one."""

from __future__ import annotations

from typing import Final

from sandpiper.common.limits import NOTIFY_EVERY_S
from sandpiper.common.sanitise import clip, printable
from sandpiper.tui.port import ScreenSettings

LEVELS: Final = ("all", "mentions", "none")
_NINE: Final = frozenset(("iterm.app", "wezterm", "ghostty"))  # OSC 9, a body alone
_SEVENS: Final = ("foot", "rxvt")  # OSC 777, title and body
_COLUMNS: Final = 120


def is_notified(level: str, *, mentioned: bool) -> bool:
    """Whether a room at this level rings for what came."""
    return level == "all" or (level == "mentions" and mentioned)


def desktop(term: str, program: str, title: str, body: str, *, multiplexer: bool = False) -> str | None:
    """The sequence for a desktop notification; None where the terminal is not known to have them.

    What it says is others': it is printable, so nothing in it ends the sequence or begins another.
    """
    if multiplexer:
        return None
    title = clip(printable(title), _COLUMNS // 2).replace(";", ",")
    body = clip(printable(body), _COLUMNS).replace(";", ",")
    if program.lower() in _NINE or term == "xterm-kitty":
        return f"\x1b]9;{title}: {body}\x1b\\"
    if term.startswith(_SEVENS):
        return f"\x1b]777;notify;{title};{body}\x1b\\"
    return None


class Notifier:
    """Rings for rooms, each of them only now and then."""

    def __init__(self, settings: ScreenSettings) -> None:
        self._settings = settings
        self._rang: dict[str, float] = {}

    def sequences(self, room: str, nick: str, text: str, now: float) -> str | None:
        """Returns what to write to the terminal; None while the room has just rung."""
        if now - self._rang.get(room, -NOTIFY_EVERY_S) < NOTIFY_EVERY_S:
            return None
        self._rang[room] = now
        settings = self._settings
        said = desktop(
            settings.term,
            settings.term_program,
            f"{nick} in {room}",
            text[: 2 * _COLUMNS],
            multiplexer=settings.multiplexer,
        )
        return ("\a" if settings.bell else "") + (said or "")
