"""The commands, as rows. /help, completion and docs/screen.md are made of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandpiper.common.errors import Code, Refusal, UsageError
from sandpiper.common.messages import Member, Whisper
from sandpiper.common.nicks import chosen as valid_nick
from sandpiper.common.nicks import fold
from sandpiper.common.rooms import room_name
from sandpiper.peer.view import RoomView
from sandpiper.tui.code import Span
from sandpiper.tui.export import ENDINGS, export
from sandpiper.tui.links import way_in
from sandpiper.tui.notify import LEVELS
from sandpiper.tui.people import own_place, path_words
from sandpiper.tui.port import RoomRequest
from sandpiper.tui.themes import PALETTES
from sandpiper.tui.wording import counted, unknown_command

if TYPE_CHECKING:
    from sandpiper.tui.tab import Tab
    from sandpiper.tui.workspace import Desk

_CODE: Final = re.compile(
    r"[a-z]+(?:[ -]+[a-z]+)*[ -]+\d+", re.IGNORECASE
)  # words and a number, as on the command line


@dataclass(frozen=True, slots=True)
class Command:
    """`/name arguments`. The handler gets the screen, the room that is looked at and the rest; it may raise Refusal.

    In `arguments` NICK, ROOM, CODE, COMMAND, FILE and lower-case words are what Tab completes.
    """

    name: str
    arguments: str
    help: str
    handler: Callable[[Desk, Tab, str], Awaitable[None]]


def find(word: str) -> Command:
    """The command of that name. Raises Refusal, which names the nearest."""
    word = word.lower()
    for command in COMMANDS:
        if command.name == word:
            return command
    raise Refusal(Code.INVALID, unknown_command(word, [command.name for command in COMMANDS]))


# Asking and answering --------------------------------------------------------------------------------------


def _room(tab: Tab) -> RoomView:
    if tab.room is None:
        raise Refusal(Code.INVALID, f"not in {tab.name} now; Enter on an empty line tries again")
    return tab.room


def _named(tab: Tab, nick: str) -> Member:
    for member in tab.members:
        if fold(member.nick) == fold(nick):
            return member
    raise Refusal(Code.NOT_HERE, f"nobody here is called {nick}; /who lists who is")


def _first_word(rest: str) -> tuple[str, str]:
    """A nick, in quotes if it has spaces, and what follows."""
    if rest.startswith('"'):
        word, _, rest = rest[1:].partition('"')
    else:
        word, _, rest = rest.partition(" ")
    return word.removeprefix("@").rstrip(":,"), rest.strip()


def _whole(rest: str) -> str:
    return rest.strip('"').removeprefix("@").rstrip(":, ")


def columns(rows: list[list[Span]]) -> list[list[Span]]:
    """Cells padded so that they stand in columns."""
    from rich.cells import cell_len  # with Textual it is there already

    from sandpiper.common.sanitise import clip, printable

    cleaned = [[(clip(printable(text), 200), key) for text, key in row] for row in rows]
    count = max((len(row) for row in cleaned), default=0)
    wide = [max((cell_len(row[n][0]) for row in cleaned if n < len(row)), default=0) for n in range(count)]
    laid = []
    for row in cleaned:
        while row and not row[-1][0]:
            del row[-1]
        ends = len(row) - 1
        laid.append([
            (text + " " * (wide[n] - cell_len(text) + 2) if n < ends else text, key)
            for n, (text, key) in enumerate(row)
            if wide[n]
        ])  # fmt: skip
    return laid


# The handlers ----------------------------------------------------------------------------------------------


async def _help(screen: Desk, tab: Tab, rest: str) -> None:
    if rest:
        command = find(rest.removeprefix("/"))
        screen.note(tab, f"/{command.name} {command.arguments}".rstrip() + f": {command.help}")
        return
    rows: list[list[Span]] = [
        [(f"/{command.name} {command.arguments}", "accent"), (command.help, "")] for command in COMMANDS
    ]
    rows.append([("//text", "accent"), ("sends a line that begins with a slash", "")])
    screen.modes.read([*columns(rows), [("", "")], *columns([[(key, "accent"), (what, "")] for key, what in KEYS])])


async def _nick(screen: Desk, tab: Tab, rest: str) -> None:
    room = _room(tab)
    if not rest:
        raise Refusal(Code.INVALID, f"you are {room.nick}; /nick NAME takes another")
    await room.claim(valid_nick(rest))
    tab.record.called(room.nick)
    screen.note(tab, f"you are {room.nick} now")


async def _who(screen: Desk, tab: Tab, rest: str) -> None:
    room = _room(tab)
    await screen.ask_members(tab)
    rows: list[list[Span]] = []
    place = own_place(tab.members, room.fingerprint, room.nick)
    for index, member in enumerate(tab.members):
        own = "you" if index == place else "you, another window"
        alike = screen.faces.alike(member.nick) if member.from_ != room.fingerprint else ""
        rows.append([
            (("" if member.verified else "~") + member.nick, f"nick {member.nick}"),
            (path_words(member.path), "soft"),
            ("" if member.rtt_ms is None else f"{member.rtt_ms:.1f} ms", "soft"),
            (
                own if member.from_ == room.fingerprint else f"looks like {alike}" if alike else "",
                "alarm" if alike else "soft",
            ),
            (member.from_ or "no key", "faint"),
        ])  # fmt: skip
    screen.table(tab, columns(rows))


async def _msg(screen: Desk, tab: Tab, rest: str) -> None:
    to, text = _first_word(rest)
    if not to or not text:
        raise Refusal(Code.INVALID, '/msg NICK TEXT whispers to one person; a nick with spaces goes in "quotes"')
    room = _room(tab)
    await room.whisper(to, text)
    said = Whisper(room.nick, to, text, int(screen.now()), room.name, "", room.fingerprint, True)
    tab.record.whisper(said, sent=True)
    screen.changed()


async def _me(screen: Desk, tab: Tab, rest: str) -> None:
    if not rest:
        raise Refusal(Code.INVALID, "what do you do? such as /me waves")
    tab.say(rest, "me")


async def _join(screen: Desk, tab: Tab, rest: str) -> None:
    if not rest:
        if tab.state in ("failed", "left"):
            screen.retry(tab)
            return
        raise Refusal(Code.INVALID, "where to? a room here, a CODE such as pine-ocean-42, or HOST[:PORT][/ROOM]")
    screen.open(RoomRequest(target(rest, tab), nick=tab.nick or None))


def target(text: str, tab: Tab) -> str:
    """What `text` means, said in this room: a room of the same broker if it can be one, else a TARGET or a code."""
    room = tab.room
    if room is None or room.where == "p2p":
        return text
    if text[:1] in "/#":
        return f"{room.where}/{room_name(text[1:])}"
    if any(mark in text for mark in ":/.[") or text.lower() == "localhost" or _CODE.fullmatch(text):
        return text
    return f"{room.where}/{room_name(text)}"


async def _create(screen: Desk, tab: Tab, rest: str) -> None:
    screen.open(RoomRequest(create=True, nick=tab.nick or None))


async def _leave(screen: Desk, tab: Tab, rest: str) -> None:
    screen.close_tab(tab)


async def _rooms(screen: Desk, tab: Tab, rest: str) -> None:
    rows: list[list[Span]] = []
    opened = {each.name for each in screen.tabs if each.room is not None}
    for info in await _room(tab).rooms():
        members = counted(info.members, "member")
        here = "you are here" if info.room == tab.name else "open" if info.room in opened else ""
        rows.append([(info.room, "accent"), (members, ""), (counted(info.seq, "message"), "soft"), (here, "soft")])
    if rows:
        screen.table(tab, columns(rows))
    else:
        screen.note(tab, "there are no others; /create opens a new one")


async def _code(screen: Desk, tab: Tab, rest: str) -> None:
    room = _room(tab)
    if rest == "new":
        await room.rotate()
        return  # the room says so itself
    if rest in ("link", "qr"):
        _invite(screen, tab, room, drawn=rest == "qr")
        return
    if rest:
        raise Refusal(
            Code.INVALID, "/code shows the room's code; /code link invites, /code qr draws; /code new is another"
        )
    if room.code is None:
        screen.note(tab, f"this room has no code: others come by `sandpiper connect {room.where}/{room.name}`")
    else:
        screen.note(tab, "others join with this line; /code new makes it useless")
        screen.note(tab, screen.join_line(room.code, room.password_needed))


def _link(screen: Desk, room: RoomView) -> str:
    if room.code is None:
        return way_in(room)
    if screen.settings.link is None:
        raise Refusal(Code.INVALID, "this room has no invite link")
    return screen.settings.link(room.code, room.password_needed)


def _invite(screen: Desk, tab: Tab, room: RoomView, *, drawn: bool) -> None:
    settings, link = screen.settings, _link(screen, room)
    if not drawn:
        screen.note(tab, link)
        return
    lines = settings.draw(link, screen.timeline.size.width - 4, None) if settings.draw is not None else None
    if lines is None:
        raise Refusal(Code.INVALID, "the screen is too narrow for a QR code; /code link shows the link")
    screen.table(tab, [[(line, "")] for line in lines])


async def _verify(screen: Desk, tab: Tab, rest: str) -> None:
    nick = _whole(rest)
    if not nick:
        raise Refusal(Code.INVALID, "whom? /verify NICK gives words to compare out loud")
    found = await _room(tab).verify(nick)
    rows: list[list[Span]] = [[(f"Read these words to {nick}, by voice. They must see the same:", "")]]
    for each in found:
        rows.append([("  ", ""), (each.phrase, "accent bold")])
        rows.append([("  key ", "faint"), (each.fingerprint, "faint")])
    rows.append([("Others on their screen? Then somebody is in between: /kick, and meet elsewhere.", "soft")])
    screen.table(tab, rows)


async def _path(screen: Desk, tab: Tab, rest: str) -> None:
    nick = _whole(rest)
    rows: list[list[Span]] = []
    for info in await _room(tab).paths():
        if nick and fold(info.nick) != fold(nick):
            continue
        rows.append([
            (info.nick, f"nick {info.nick}"),
            (path_words(info.path), ""),
            ("" if info.rtt_ms is None else f"{info.rtt_ms:.1f} ms", "soft"),
            (info.error, "warn"),
        ])  # fmt: skip
    if not rows:
        raise Refusal(Code.NOT_HERE, f"nobody here is called {nick}" if nick else "nobody else is here")
    screen.table(tab, columns(rows))


async def _ignore(screen: Desk, tab: Tab, rest: str) -> None:
    nick, ignored = _whole(rest), tab.record.ignored
    if not nick:
        names = ", ".join(ignored.nicks())
        screen.note(tab, f"you ignore {names}; /ignore NICK again ends it" if names else "you ignore nobody")
        return
    if ignored.forgive(nick):
        on = False
    else:
        member = _named(tab, nick)
        if tab.room is not None and member.from_ == tab.room.fingerprint:
            raise Refusal(Code.INVALID, "that is you")
        on = ignored.toggle(member)
    tab.record.again()
    screen.note(tab, f"{nick} is {'ignored, whatever their nick' if on else 'heard again'}")


async def _kick(screen: Desk, tab: Tab, rest: str) -> None:
    nick = _whole(rest)
    if not nick:
        raise Refusal(Code.INVALID, "whom? /kick NICK removes a person for good")
    room = _room(tab)

    async def kick() -> None:
        await room.kick(nick)
        screen.note(tab, f"{nick} is removed; the room has new keys and another code")

    if room.code is None:
        await kick()  # a broker's room refuses, and says why: there is nothing to ask before that
        return
    screen.modes.ask(f"Remove {nick} for good, and give the room another code?", lambda: screen.later(tab, kick()))


async def _owner(screen: Desk, tab: Tab, rest: str) -> None:
    nick = _whole(rest)
    if not nick:
        raise Refusal(Code.INVALID, "whom? /owner NICK lets another person remove people too")
    await _room(tab).name_owner(nick)
    screen.note(tab, f"{nick} may remove people now")


async def _search(screen: Desk, tab: Tab, rest: str) -> None:
    screen.modes.search(rest)


async def _export(screen: Desk, tab: Tab, rest: str) -> None:
    form, _, path = rest.partition(" ")
    if form not in ENDINGS:
        form, path = "text", rest
    messages = [entry.message for entry in tab.record if entry.message and not isinstance(entry.message, Whisper)]
    if not messages:
        raise Refusal(Code.INVALID, "there is nothing to export yet")
    file, count = await asyncio.to_thread(export, messages, form, path.strip(), tab.name, screen.now())
    screen.note(tab, f"{counted(count, 'message')} written to {file}")


async def _notify(screen: Desk, tab: Tab, rest: str) -> None:
    if rest and rest not in LEVELS:
        raise Refusal(Code.INVALID, f"one of {', '.join(LEVELS)}")
    if rest:
        tab.notify = rest
        if screen.history is not None and tab.key:
            screen.history.note(f"notify {tab.key}", rest)
    words = {"all": "every message rings", "mentions": "what mentions you rings", "none": "nothing rings"}
    screen.note(tab, f"{tab.name}: {words[tab.notify]}")


async def _clear(screen: Desk, tab: Tab, rest: str) -> None:
    tab.record.clear()
    screen.timeline.newest()


async def _theme(screen: Desk, tab: Tab, rest: str) -> None:
    names = list(PALETTES)
    if rest and rest not in names:
        raise Refusal(Code.INVALID, f"one of {', '.join(names)}")
    if screen.settings.no_color and rest != "terminal":
        raise Refusal(Code.INVALID, "NO_COLOR is set; unset it to choose a theme")
    screen.wear(rest or names[(names.index(screen.palette.name) + 1) % len(names)])


async def _quit(screen: Desk, tab: Tab, rest: str) -> None:
    screen.quit(0)


COMMANDS: Final = (
    Command("help", "[COMMAND]", "this list", _help),
    Command("nick", "NAME", "take another nick", _nick),
    Command("who", "", "who is here, by which path and how far", _who),
    Command("msg", "NICK TEXT", "whisper to one person", _msg),
    Command("me", "TEXT", "say it in the third person", _me),
    Command("join", "[ROOM|CODE|TARGET]", "one more room: here, by code, or anywhere", _join),
    Command("create", "", "open a new room with its own code", _create),
    Command("leave", "", "leave this room", _leave),
    Command("rooms", "", "the rooms that one can join here", _rooms),
    Command("code", "[new|link|qr]", "what others join by; `new` makes another", _code),
    Command("verify", "NICK", "words to compare, to be sure of a person", _verify),
    Command("path", "[NICK]", "how each member is reached, and why not better", _path),
    Command("ignore", "[NICK]", "hide a person, or show them again", _ignore),
    Command("kick", "NICK", "remove a person for good", _kick),
    Command("owner", "NICK", "let another person remove people too", _owner),
    Command("search", "TEXT", "find words in this room", _search),
    Command("export", "[text|markdown|jsonl] [FILE]", "write this room to a file", _export),
    Command("notify", "[all|mentions|none]", "what rings in this room", _notify),
    Command("clear", "", "empty the screen; nothing is deleted", _clear),
    Command("theme", "[dark|light|contrast|terminal]", "other colours", _theme),
    Command("quit", "", "leave all rooms, once all is delivered", _quit),
)

KEYS: Final = (
    ("Enter", "send"),
    ("Alt+Enter", "new line; Shift+Enter in some terminals, Ctrl+J in all"),
    ("Tab", "complete: commands, nicks, codes, files"),
    ("Up, Down", "what you sent before"),
    ("Ctrl+R", "search what you sent before"),
    ("Ctrl+F", "search the room"),
    ("PgUp, PgDn", "scroll; Ctrl+Home and Ctrl+End to either end"),
    ("Alt+M", "the last message that mentions you, and the one before"),
    ("Alt+C", "choose messages to copy; with the mouse, drag and Ctrl+C"),
    ("Alt+Up, Alt+Down", "the room before, the room after; Alt+1 to Alt+9"),
    ("Alt+A", "the next room with something new"),
    ("Ctrl+U, Ctrl+K, Ctrl+W", "cut the line before the cursor, behind it, a word; Ctrl+Y brings it back"),
    ("Ctrl+_", "undo what was typed"),
    ("Ctrl+X, Ctrl+V", "cut what is selected, put it back"),
    ("Ctrl+L", "draw the screen anew"),
    ("F1", "this list"),
    ("F2", "rooms and members, beside or away"),
    ("Esc", "back: out of a question, a search, to the newest"),
    ("Ctrl+Z", "to the shell; fg comes back"),
    ("Ctrl+C, Ctrl+D", "leave"),
)


async def obey(screen: Desk, tab: Tab, text: str) -> None:
    """Does what `/command arguments` says. Raises Refusal, SandpiperError."""
    word, _, rest = text[1:].partition(" ")
    try:
        await find(word.strip()).handler(screen, tab, rest.strip())
    except UsageError as error:
        raise Refusal(Code.INVALID, str(error)) from None
