"""Events as lines for people. Everything from others goes through the sanitiser here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sandpiper.chat.look_alikes import LookAlikes
from sandpiper.chat.table import Row
from sandpiper.chat.timestamps import clock
from sandpiper.chat.wording import counted
from sandpiper.common.limits import DATA_COLUMNS, NAMES_SEEN
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Data, Lost, Me, Member, Message, Notice, Trimmed, Whisper
from sandpiper.common.nicks import colour
from sandpiper.common.sanitise import clip, printable
from sandpiper.peer.events import Event, Received, Warned

_RESET: Final = "\x1b[0m"
_DIM: Final = "\x1b[2m"
_RED: Final = "\x1b[31m"
_BOLD_RED: Final = "\x1b[1;31m"
# Of the 256 colours twelve that can be read on black and on white.
_NICKS: Final = (160, 166, 136, 70, 35, 37, 32, 63, 99, 134, 168, 102)


class LineRenderer:
    """Lines for one reader. Each event is one line, so that nothing in a text can pose as another message."""

    def __init__(self, *, colours: bool = False) -> None:
        self._colours = colours
        self.look_alikes = LookAlikes()
        self._nicks: dict[str, str] = {}  # each as it is shown, with its mark
        self._minute = -1.0
        self._clock = ""

    def know(self, nicks: Iterable[str]) -> None:
        """These are here, so that who comes with a similar one is marked and not they."""
        for nick in nicks:
            self.look_alikes.alike(nick)

    def event(self, event: Event) -> str | None:
        """Returns the line for an event in the room; None for nothing."""
        match event:
            case Received(message=message):
                line = self._message(message)
                return self.dim(line) if event.backlog else line
            case Notice():
                return self.dim(f"{clock(event.ts)} -- {printable(event.text)}")
            case Whisper():
                who = self.nick(event.nick, verified=event.verified)
                return f"{clock(event.ts)} @{who} whispers to you: {printable(event.text)}"  # in no nick is an @
            case Lost():
                return self._red(f"-- {counted(event.count, 'message')} lost: nobody has them any more")
            case Warned():
                return self.warning(event.text)
            case Trimmed():
                return self.dim(f"-- the log begins at {event.start}: what was older has been removed")
        return None

    def whispered(self, to: str, text: str, ts: float) -> str:
        """Returns the line for what the reader has whispered."""
        return f"{clock(ts)} you whisper to @{self.nick(to, verified=True)}: {printable(text)}"

    def pending(self, nick: str, text: str, ts: float) -> str:
        """Returns the line for an own message that is under way."""
        return f"{clock(ts)} {printable(nick)}: {printable(text)} …"

    def member(self, member: Member) -> str:
        """Returns a line of `sandpiper who`: nick, fingerprint, path, round trip."""
        who = self.nick(member.nick, verified=member.verified)
        rtt = "" if member.rtt_ms is None else f"{member.rtt_ms:.1f} ms"
        return f"{who}  {member.from_ or '-'}  {printable(member.path)}  {rtt}".rstrip()

    def nick(self, nick: str, *, verified: bool) -> str:
        """A nick: `~` for one that no key owns, and what it looks like if that is another's."""
        shown = self._nicks.get(nick)
        if shown is None:
            alike = self.look_alikes.alike(nick)
            mark = self._red(f" [looks like {printable(alike)}]") if alike else ""
            shown = self._coloured(nick, printable(nick)) + mark
            if len(self._nicks) >= NAMES_SEEN:
                self._nicks.clear()
            self._nicks[nick] = shown
        return shown if verified else "~" + shown

    def row(self, row: Row) -> str:
        """Returns the line for a row of a table that a command answers with."""
        return "".join(self._piece(text, style) for text, style in row)

    def _piece(self, text: str, style: str) -> str:
        kind, _, nick = style.partition(" ")
        if kind == "nick":
            return self._coloured(nick, printable(text))
        return self._red(printable(text)) if kind == "alarm" else printable(text)

    def _coloured(self, nick: str, text: str) -> str:
        return f"\x1b[38;5;{_NICKS[colour(nick) % len(_NICKS)]}m{text}{_RESET}" if self._colours else text

    def dim(self, text: str) -> str:
        """Makes a text faint."""
        return f"{_DIM}{text.replace(_RESET, _RESET + _DIM)}{_RESET}" if self._colours else text

    def plain(self, text: str) -> str:
        """Makes another person's words harmless to a terminal."""
        return printable(text)

    def warning(self, text: str) -> str:
        """Returns the line for a warning."""
        return f"{_BOLD_RED}!! {printable(text)}{_RESET}" if self._colours else f"!! {printable(text)}"

    def error(self, text: str) -> str:
        """Returns the line for an error."""
        return self._red(printable(text))

    def _message(self, message: Message) -> str:
        who = self.nick(message.nick, verified=message.verified)
        if isinstance(message, Data):
            value = encode_line(message.value).decode().rstrip("\n")
            return f"{self._time(message.ts)} {who}: [data] {clip(printable(value), DATA_COLUMNS)}"
        if isinstance(message, Me):
            return f"{self._time(message.ts)} * {who} {printable(message.text)}"
        return f"{self._time(message.ts)} {who}: {printable(message.text)}"

    def _time(self, ts: float) -> str:
        """The time of day, worked out once a minute: most messages are of now."""
        if ts // 60 != self._minute:
            self._minute, self._clock = ts // 60, clock(ts)
        return self._clock

    def _red(self, text: str) -> str:
        return f"{_RED}{text}{_RESET}" if self._colours else text
