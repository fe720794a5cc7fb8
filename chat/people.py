"""The commands about people: who they are, and what to say to them or do about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sandpiper.chat.members import own_place, path_words
from sandpiper.chat.port import Chat
from sandpiper.chat.table import Row, columns
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.nicks import chosen as valid_nick
from sandpiper.common.nicks import fold

_WITH_ADMITTED: Final = "--with-admitted"


def first_word(rest: str) -> tuple[str, str]:
    """Parts a nick, in quotes if it has spaces, from what follows."""
    if rest.startswith('"'):
        word, _, rest = rest[1:].partition('"')
    else:
        word, _, rest = rest.partition(" ")
    return word.removeprefix("@").rstrip(":,"), rest.strip()


def whole_nick(rest: str) -> str:
    """Returns the nick where nothing else follows, with or without quotes."""
    return rest.strip('"').removeprefix("@").rstrip(":, ")


def _named(rest: str, usage: str) -> str:
    nick = whole_nick(rest)
    if not nick:
        raise Refusal(Code.INVALID, f"whom? {usage}")
    return nick


def _nobody(nick: str) -> Refusal:
    return Refusal(Code.NOT_HERE, f"nobody here is called {nick}; /who lists who is")


async def nick(chat: Chat, rest: str) -> None:
    """Takes another nick."""
    room = chat.room
    if not rest:
        raise Refusal(Code.INVALID, f"you are {room.nick}; /nick NAME takes another")
    await room.claim(valid_nick(whole_nick(rest)))
    await chat.note(f"you are {room.nick} now")


async def who(chat: Chat, rest: str) -> None:
    """Lists the members, with their paths and keys."""
    room = chat.room
    members = await chat.members()
    place = own_place(members, room.fingerprint, room.nick)
    rows: list[Row] = []
    for index, member in enumerate(members):
        own = member.from_ == room.fingerprint
        alike = "" if own else chat.look_alike(member.nick)
        window = "you" if index == place else "you, another window"
        compared = member.from_ in room.compared
        rows.append([
            (("" if member.verified else "~") + member.nick, f"nick {member.nick}"),
            (path_words(member.path), "soft"),
            (_milliseconds(member.rtt_ms), "soft"),
            (window if own else _recognised(alike, compared), "alarm" if alike else "soft"),
            (member.from_ or "no key", "faint"),
        ])  # fmt: skip
    await chat.table(columns(rows))


def _recognised(alike: str, compared: bool) -> str:
    return f"looks like {alike}" if alike else "words compared" if compared else ""


async def path(chat: Chat, rest: str) -> None:
    """Lists how each member is reached."""
    nick = whole_nick(rest)
    rows: list[Row] = []
    for info in await chat.room.paths():
        if nick and fold(info.nick) != fold(nick):
            continue
        rows.append([
            (info.nick, f"nick {info.nick}"),
            (path_words(info.path), ""),
            (_milliseconds(info.rtt_ms), "soft"),
            (info.error, "warn"),
        ])  # fmt: skip
    if not rows:
        raise _nobody(nick) if nick else Refusal(Code.NOT_HERE, "nobody else is here")
    await chat.table(columns(rows))


def _milliseconds(rtt_ms: float | None) -> str:
    return "" if rtt_ms is None else f"{rtt_ms:.1f} ms"


async def me(chat: Chat, rest: str) -> None:
    """Sends a message in the third person."""
    if not rest:
        raise Refusal(Code.INVALID, "what do you do? such as /me waves")
    await chat.post(rest, "me")


async def msg(chat: Chat, rest: str) -> None:
    """Whispers to one person."""
    to, text = first_word(rest)
    if not to or not text:
        raise Refusal(Code.INVALID, '/msg NICK TEXT whispers to one person; a nick with spaces goes in "quotes"')
    await chat.room.whisper(to, text)
    await chat.whispered(to, text)


async def verify(chat: Chat, rest: str) -> None:
    """Shows the words to compare with a person, and asks whether they were the same."""
    nick, room = _named(rest, "/verify NICK gives words to compare out loud"), chat.room
    found = await room.verify(nick)
    person, shown = found[0].fingerprint, found[0].shown
    first = f"Read these words to {nick}, by voice. They must see the same:"
    if not shown:
        first = f"No answer from {nick}'s program: they type /verify too. Read these to each other, by voice:"
    rows: list[Row] = [[(first, "")]]
    rows += [[("  ", ""), (each.phrase, "accent bold")] for each in found]
    rows.append([("  key ", "faint"), (person, "faint")])
    if person in room.compared:
        rows.append([("You have compared words with this person before, in this session.", "soft")])
    rows.append([("Others on their screen? Then somebody is in between: /kick, and meet elsewhere.", "soft")])
    await chat.table(rows)

    async def confirm() -> None:
        await room.verify(person, same=True)
        await chat.note(f"{nick} is who they say, in this session")

    await chat.ask(f"Are {nick}'s words the same?", confirm, of_person=True)


async def ignore(chat: Chat, rest: str) -> None:
    """Ignores a person or no longer, or lists who is ignored."""
    nick, ignored = whole_nick(rest), chat.ignored
    if not nick:
        names = ", ".join(ignored.nicks)
        await chat.note(f"you ignore {names}; /ignore NICK again ends it" if names else "you ignore nobody")
        return
    if ignored.forgive(nick):
        await chat.note(f"{nick} is heard again")
        return
    keys = {member.from_ for member in await chat.members() if fold(member.nick) == fold(nick)}
    if chat.room.fingerprint in keys:
        raise Refusal(Code.INVALID, "that is you")
    if not keys and not chat.has_heard(nick):
        raise _nobody(nick)
    ignored.ignore(nick, keys or {None})
    await chat.note(f"{nick} is ignored, whatever their nick" if any(keys) else f"{nick} is ignored")


async def kick(chat: Chat, rest: str) -> None:
    """Removes a person for good, or also whom they let in."""
    words, room = rest.removeprefix(_WITH_ADMITTED).removesuffix(_WITH_ADMITTED).strip(), chat.room
    nick = _named(words, f"/kick NICK removes a person for good; {_WITH_ADMITTED} also whom they let in")
    with_admitted = words != rest

    async def remove() -> None:
        removed = await room.kick(nick, with_admitted=with_admitted)
        await chat.note(f"{_listed(removed)} removed; the room has new keys and another code")

    names = await room.kick(nick, with_admitted=with_admitted, dry_run=True)  # what is refused is not asked for
    await chat.ask(f"Remove {', '.join(names)} for good, and give the room another code?", remove)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"


async def readmit(chat: Chat, rest: str) -> None:
    """Lets persons in again that were removed, or that wait for the room's key."""
    nicks: list[str] = []
    while rest:
        nick, rest = first_word(rest)
        nicks.append(nick)
    if not nicks:
        raise Refusal(Code.INVALID, "whom? /readmit NICK lets a person in again, by nick or by the key")
    names = await chat.room.readmit(nicks)
    await chat.note(f"{_listed(names)} let in again: who was removed comes back with the code that the room has now")


async def owner(chat: Chat, rest: str) -> None:
    """Lets another person remove people too."""
    nick = _named(rest, "/owner NICK lets another person remove people too")
    await chat.room.name_owner(nick)
    await chat.note(f"{nick} may remove people now")
