"""A bot that knows all events: `mypy --strict` over it finds nothing, however Sandpiper is installed."""

import asyncio
import sys

from sandpiper.peer import (
    CodeChanged,
    Data,
    Delivered,
    Entered,
    Event,
    Failed,
    Found,
    Held,
    Lost,
    Me,
    Msg,
    Notice,
    PathChanged,
    PeerJoined,
    PeerLeft,
    Pending,
    Profile,
    Received,
    Refusal,
    Resumed,
    Room,
    RoomClosed,
    RoomCreated,
    SandpiperError,
    Trimmed,
    UsageError,
    Warned,
    Whisper,
    connect,
    join,
)


def told(event: Event) -> str:
    """One event in a few words."""
    match event:
        case Received(message=Msg(nick=who, text=text)):
            return f"{who}: {text}"
        case Received(message=Me(nick=who, text=text)):
            return f"* {who} {text}"
        case Received(message=Data(nick=who, value=value)):
            return f"{who} measured {value}"
        case Notice(text=text) | Held(text=text) | Warned(text=text) | Failed(text=text):
            return text
        case Whisper(nick=who, text=text):
            return f"{who} whispers: {text}"
        case Lost(count=count):
            return f"{count} messages are lost"
        case Found(count=count):
            return f"{count} lost messages are here after all"
        case PeerJoined(peer=peer):
            return f"{peer.nick} is here"
        case PeerLeft(nick=nick):
            return f"{nick} has left"
        case PathChanged(path=path, text=text):
            return f"{path}: {text}"
        case Entered() | Delivered() | Resumed() | RoomCreated() | CodeChanged() | Trimmed():
            return type(event).__name__
        case _:
            return "something new"


async def serve(room: Room) -> None:
    """Says hello, and prints what happens."""
    async with room:
        pending: Pending = await room.post("hello")
        async for event in room:
            sys.stdout.write(f"{told(event)}\n")
            if isinstance(event, Delivered) and event.id == pending.id:
                members = [member.nick for member in await room.members()]
                await room.send(f"I see {', '.join(members)}")


def main(where: str) -> None:
    """A broker's room, or a code."""
    profile = Profile.ephemeral()
    try:
        room = connect(where, nick="bot", profile=profile) if "/" in where else join(where, nick="bot", profile=profile)
        asyncio.run(serve(room))
    except (RoomClosed, UsageError) as error:
        sys.exit(f"this program is wrong: {error}")
    except (SandpiperError, Refusal) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1])
