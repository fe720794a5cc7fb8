"""The commands about rooms: which there are, how to come in, and how to leave."""

from __future__ import annotations

from sandpiper.chat.port import Chat
from sandpiper.chat.table import Row, columns
from sandpiper.chat.wording import counted
from sandpiper.common.errors import Code, Refusal


async def rooms(chat: Chat, rest: str) -> None:
    """Lists the rooms that can be joined here."""
    room, opened = chat.room, chat.open_rooms
    rows: list[Row] = []
    for info in await room.rooms():
        here = "you are here" if info.room == room.name else "open" if info.room in opened else ""
        members, messages = counted(info.members, "member"), counted(info.seq, "message")
        rows.append([(info.room, "accent"), (members, ""), (messages, "soft"), (here, "soft")])
    if rows:
        await chat.table(columns(rows))
    else:
        await chat.note("there are no others" + ("; /create opens a new one" if chat.has_screen else ""))


async def join(chat: Chat, rest: str) -> None:
    """Goes to another room."""
    chat.join(rest)


async def code(chat: Chat, rest: str) -> None:
    """Shows the room's code or link, or gives the room another code."""
    room = chat.room
    if rest == "new":
        await room.rotate()  # the room tells everybody, this chat too
    elif rest in ("link", "qr"):
        link = _broker_link(chat) if room.code is None else chat.link(room.code)
        chat.paste([link] if rest == "link" else chat.draw(link))
    elif rest:
        raise Refusal(
            Code.INVALID, "/code shows the room's code; /code link invites, /code qr draws; /code new is another"
        )
    elif room.code is None:
        await chat.note(f"this room has no code: others come by `sandpiper connect {room.where}/{room.name}`")
    else:
        await chat.note("others join with this line; /code new makes it useless")
        chat.paste([chat.join_line(room.code)])


def _broker_link(chat: Chat) -> str:
    from sandpiper.chat.links import way_in  # loads the word list

    return way_in(chat.room)


async def leave(chat: Chat, rest: str) -> None:
    """Leaves this room."""
    chat.leave()


async def quit_all(chat: Chat, rest: str) -> None:
    """Leaves all rooms."""
    chat.leave(everything=True)


async def clear(chat: Chat, rest: str) -> None:
    """Empties the screen."""
    chat.clear()
