"""The commands of a chat, as rows; `/help` writes itself from them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandpiper.cli.chat.loop import Go
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.nicks import chosen as valid_nick
from sandpiper.common.nicks import fold
from sandpiper.common.rooms import room_name
from sandpiper.peer import Room
from sandpiper.tui.wording import counted, unknown_command

if TYPE_CHECKING:
    from sandpiper.cli.chat.text import Text


@dataclass(frozen=True, slots=True)
class Command:
    """`/name arguments`. The handler gets the chat, the room and the rest of the line; it may raise Refusal."""

    name: str
    arguments: str
    help: str
    handler: Callable[[Text, Room, str], Awaitable[Go | None]]


def find(word: str) -> Command:
    """The command of that name. Raises Refusal, which names the nearest."""
    word = word.lower()
    for command in COMMANDS:
        if command.name == word:
            return command
    raise Refusal(Code.INVALID, unknown_command(word, [command.name for command in COMMANDS]))


async def _nick(chat: Text, room: Room, rest: str) -> None:
    if not rest:
        raise Refusal(Code.INVALID, f"you are {room.nick}; /nick NAME takes another")
    await room.claim(valid_nick(rest))


async def _who(chat: Text, room: Room, rest: str) -> None:
    members = await room.members()
    chat.nicks.update(member.nick for member in members)
    for member in members:
        await chat.view.show("-- " + chat.renderer.member(member))


async def _me(chat: Text, room: Room, rest: str) -> None:
    if not rest:
        raise Refusal(Code.INVALID, "what do you do? such as /me waves")
    await chat.post(room, rest, kind="me")


async def _msg(chat: Text, room: Room, rest: str) -> None:
    to, _, text = rest.partition(" ")
    if rest.startswith('"'):  # a nick may have spaces
        to, _, text = rest[1:].partition('"')
    if not to or not text.strip():
        raise Refusal(Code.INVALID, "/msg NICK TEXT whispers to one person")
    await room.whisper(to, text.strip())
    await chat.view.show(chat.renderer.whispered(to, text.strip(), time.time()))


async def _rooms(chat: Text, room: Room, rest: str) -> None:
    for info in await room.rooms():
        here = ", you are here" if info.room == room.name else ""
        size = f"{counted(info.members, 'member')}, {counted(info.seq, 'message')}"
        await chat.view.show(f"-- {chat.renderer.plain(info.room)}: {size}{here}")


async def _join(chat: Text, room: Room, rest: str) -> Go | None:
    if room.code is not None:
        from sandpiper.common.codes import parse_code

        code = str(parse_code(rest))
        return None if code == room.code else Go(code)
    from sandpiper.common.codes import is_code_like

    if is_code_like(rest):  # what is nearly a secret is not told to a broker
        raise Refusal(
            Code.INVALID,
            "that reads like a room code: `sandpiper join` takes it; a room here that is called so is /join /ROOM",
        )
    name = room_name(rest.removeprefix("/"))
    return None if name == room.name else Go(name)


async def _verify(chat: Text, room: Room, rest: str) -> None:
    found = await room.verify(_named(rest, "/verify NICK shows the words that you both compare"))
    for each in found:
        await chat.view.show(f"-- {chat.renderer.plain(each.nick)}  {each.fingerprint}  {each.phrase}")
    await chat.view.show("-- read the words to each other: the same on both sides, and nobody is in between")


async def _path(chat: Text, room: Room, rest: str) -> None:
    for each in await room.paths():
        rtt = "" if each.rtt_ms is None else f"{each.rtt_ms:.1f} ms"
        line = f"-- {chat.renderer.plain(each.nick)}  {chat.renderer.plain(each.path)}  {rtt}".rstrip()
        why = f"  ({chat.renderer.plain(each.error)})" if each.error else ""
        await chat.view.show(line + why)


async def _kick(chat: Text, room: Room, rest: str) -> None:
    await room.kick(_named(rest, "/kick NICK removes a person; the room then has another code"))


async def _owner(chat: Text, room: Room, rest: str) -> None:
    nick = _named(rest, "/owner NICK lets another person remove people too")
    await room.name_owner(nick)
    await chat.view.show(f"-- {chat.renderer.plain(nick)} may remove people now")


async def _code(chat: Text, room: Room, rest: str) -> None:
    if rest not in ("", "new", "link", "qr"):
        raise Refusal(
            Code.INVALID, "/code shows the room's code; /code link invites, /code qr draws; /code new is another"
        )
    if rest == "new":
        await room.rotate()  # the room says what it is
    elif rest:
        from sandpiper.tui.links import way_in  # loads the word list

        link = way_in(room) if room.code is None else chat.link(room, room.code)
        if rest == "qr":
            chat.draw(link)
        else:
            chat.view.paste(link)
    elif room.code is None:
        there = f"{room.where}/{room.name}"
        raise Refusal(Code.INVALID, f"this room has no code: others come by `sandpiper connect {there}`")
    else:
        chat.share(room, room.code)


async def _ignore(chat: Text, room: Room, rest: str) -> None:
    if not rest:
        nicks = ", ".join(map(chat.renderer.plain, chat.ignored.nicks)) or "nobody"
        await chat.view.show(f"-- ignored: {nicks}; /ignore NICK ignores a person, and once more ends it")
        return
    if chat.ignored.heed(rest):
        await chat.view.show(f"-- {chat.renderer.plain(rest)} is shown again")
        return
    persons = {member.from_ for member in await room.members() if member.from_ and fold(member.nick) == fold(rest)}
    if room.fingerprint in persons:
        raise Refusal(Code.INVALID, "that is yourself")
    chat.ignored.ignore(rest, persons)
    shown = chat.renderer.plain(rest)
    await chat.view.show(f"-- {shown} is not shown any more; /ignore {shown} ends that")


async def _clear(chat: Text, room: Room, rest: str) -> None:
    chat.view.clear()


def _named(rest: str, usage: str) -> str:
    if not rest:
        raise Refusal(Code.INVALID, usage)
    return rest


async def _help(chat: Text, room: Room, rest: str) -> None:
    wide = max(len(f"{command.name} {command.arguments}") for command in COMMANDS)
    for command in COMMANDS:
        await chat.view.show(f"-- /{f'{command.name} {command.arguments}':{wide}}  {command.help}")
    await chat.view.show(f"-- {'//text':{wide + 1}}  sends a line that begins with a slash")


async def _quit(chat: Text, room: Room, rest: str) -> Go:
    return Go()


COMMANDS = (
    Command("nick", "NAME", "take another nick", _nick),
    Command("who", "", "who is here, by which path and how far", _who),
    Command("me", "TEXT", "say it in the third person", _me),
    Command("msg", "NICK TEXT", "whisper to one person", _msg),
    Command("verify", "NICK", "words to compare out loud: is it really that person?", _verify),
    Command("path", "", "how each member is reached, and why not better", _path),
    Command("rooms", "", "the rooms that there are here", _rooms),
    Command("join", "ROOM", "leave for another room, or by a code", _join),
    Command("code", "[new|link|qr]", "what others join by; new: another code", _code),
    Command("kick", "NICK", "remove a person for good", _kick),
    Command("owner", "NICK", "let another person remove people too", _owner),
    Command("ignore", "[NICK]", "do not show a person, or again", _ignore),
    Command("clear", "", "an empty screen", _clear),
    Command("help", "", "this list", _help),
    Command("quit", "", "leave, once all is delivered", _quit),
)
