"""Events as lines for people, as StyledLines: others' words are harmless in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sandpiper.chat.look_alikes import LookAlikes
from sandpiper.chat.table import Row
from sandpiper.chat.timestamps import clock
from sandpiper.chat.wording import counted, found
from sandpiper.cli.styled import StyledLine, in_style, one_line
from sandpiper.common.limits import DATA_COLUMNS, NAMES_SEEN
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Data, Found, Lost, Me, Member, Message, Notice, Trimmed, Whisper
from sandpiper.common.nicks import colour
from sandpiper.common.sanitise import clip, printable
from sandpiper.peer.events import Event, Received, Warned

_DIM: Final = "2"
_RED: Final = "31"
_BOLD_RED: Final = "1;31"
# Of the 256 colours twelve that can be read on black and on white.
_NICKS: Final = (160, 166, 136, 70, 35, 37, 32, 63, 99, 134, 168, 102)


class LineRenderer:
    """Lines for one reader. Each event is one line, so that nothing in a text can pose as another message."""

    def __init__(self, *, colours: bool = False) -> None:
        self._colours = colours
        self.look_alikes = LookAlikes()
        self._nicks: dict[str, StyledLine] = {}  # each as it is shown, with its mark
        self._minute = -1.0
        self._clock = ""

    def know(self, nicks: Iterable[str]) -> None:
        """These are here, so that who comes with a similar one is marked and not they."""
        for nick in nicks:
            self.look_alikes.alike(nick)

    def event(self, event: Event) -> StyledLine | None:
        """Returns the line for an event in the room; None for nothing."""
        match event:
            case Received(message=message):
                line = self._message(message)
                return self.dim(line) if event.backlog or event.late else line
            case Notice():
                return self.dim(f"{clock(event.ts)} -- {event.text}")
            case Whisper():
                who = self.nick(event.nick, verified=event.verified)
                return one_line(f"{clock(event.ts)} @", who, f" whispers to you: {event.text}")  # in no nick is an @
            case Lost():
                return self.error(f"-- {counted(event.count, 'message')} lost: nobody has them any more")
            case Found():
                return self.dim(f"-- {found(event)}")
            case Warned():
                return self._styled(_BOLD_RED, f"!! {event.text}")
            case Trimmed():
                return self.dim(f"-- the log begins at {event.start}: what was older has been removed")
        return None

    def whispered(self, to: str, text: str, ts: float) -> StyledLine:
        """Returns the line for what the reader has whispered."""
        return one_line(f"{clock(ts)} you whisper to @", self.nick(to, verified=True), f": {text}")

    def pending(self, nick: str, text: str, ts: float) -> StyledLine:
        """Returns the line for an own message that is under way."""
        return one_line(f"{clock(ts)} {nick}: {text} …")

    def member(self, member: Member) -> StyledLine:
        """Returns a line of `sandpiper who`: nick, fingerprint, path, round trip."""
        who = self.nick(member.nick, verified=member.verified)
        rtt = "" if member.rtt_ms is None else f"{member.rtt_ms:.1f} ms"
        return one_line(who, f"  {member.from_ or '-'}  {member.path}  {rtt}".rstrip())

    def nick(self, nick: str, *, verified: bool) -> StyledLine:
        """A nick: `~` for one that no key owns, and what it looks like if that is another's."""
        shown = self._nicks.get(nick)
        if shown is None:
            alike = self.look_alikes.alike(nick)
            mark = self.error(f" [looks like {alike}]") if alike else ""
            shown = one_line(self._coloured(nick, nick), mark)
            if len(self._nicks) >= NAMES_SEEN:
                self._nicks.clear()
            self._nicks[nick] = shown
        return shown if verified else one_line("~", shown)

    def row(self, row: Row) -> StyledLine:
        """Returns the line for a row of a table that a command answers with."""
        return one_line(*(self._piece(text, style) for text, style in row))

    def _piece(self, text: str, style: str) -> StyledLine:
        kind, _, nick = style.partition(" ")
        if kind == "nick":
            return self._coloured(nick, text)
        return self.error(text) if kind == "alarm" else one_line(text)

    def _coloured(self, nick: str, text: str) -> StyledLine:
        return self._styled(f"38;5;{_NICKS[colour(nick) % len(_NICKS)]}", text)

    def dim(self, text: str) -> StyledLine:
        """Makes a text faint."""
        return self._styled(_DIM, text)

    def error(self, text: str) -> StyledLine:
        """Returns the line for an error."""
        return self._styled(_RED, text)

    def _message(self, message: Message) -> StyledLine:
        who = self.nick(message.nick, verified=message.verified)
        if isinstance(message, Data):
            value = encode_line(message.value).decode().rstrip("\n")
            return one_line(f"{self._time(message.ts)} ", who, f": [data] {clip(printable(value), DATA_COLUMNS)}")
        if isinstance(message, Me):
            return one_line(f"{self._time(message.ts)} * ", who, f" {message.text}")
        return one_line(f"{self._time(message.ts)} ", who, f": {message.text}")

    def _time(self, ts: float) -> str:
        """The time of day, worked out once a minute: most messages are of now."""
        if ts // 60 != self._minute:
            self._minute, self._clock = ts // 60, clock(ts)
        return self._clock

    def _styled(self, codes: str, text: str) -> StyledLine:
        return in_style(codes, text) if self._colours else one_line(text)
