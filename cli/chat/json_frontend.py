"""The front end for programs: the documented JSON objects, one a line, in and out."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sandpiper.cli.chat import objects
from sandpiper.cli.chat.loop import Go, too_long
from sandpiper.cli.stdio import Output, status
from sandpiper.common import codec, messages
from sandpiper.common.codec import UNDECODABLE
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import INPUT_LINE_BYTES, QUIT_S, WINDOW_MESSAGES
from sandpiper.common.lines import TooLong, encode_line
from sandpiper.common.nicks import chosen as valid_nick
from sandpiper.peer import Pending, Room
from sandpiper.peer.events import (
    CodeChanged,
    Delivered,
    Entered,
    Event,
    Failed,
    Held,
    PathChanged,
    Received,
    Resumed,
    Warned,
)

if TYPE_CHECKING:
    from sandpiper.peer.attach.doors import AttachReady


class _Type(msgspec.Struct):
    type: str = ""


_type = msgspec.json.Decoder(_Type)


class JsonFrontend:
    """The front end for a program: JSON objects in and out, over all its rooms."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._names: OrderedDict[str, str] = OrderedDict()  # the room's id of a publication -> the program's own

    async def take(self, room: Room, line: bytes | TooLong) -> Go | None:
        """Carries out a line of stdin; an `error` object answers what is wrong with it."""
        own: str | None = None
        await self._out.ready()  # who reads no answers is asked for no more questions
        try:
            if isinstance(line, TooLong):
                raise too_long(line, f"an object has at most {INPUT_LINE_BYTES:,} bytes")
            if not line.strip():
                return None
            decoder, handler = _known(line)
            request = _decode(decoder, line)
            own = getattr(request, "id", None)
            asked = getattr(request, "room", None)
            if asked is not None and asked != room.name:
                raise Refusal(Code.NOT_JOINED, f"not in that room; this program is in {room.name}")
            return await handler(self, room, request)
        except asyncio.TimeoutError:
            self._error(room, Code.CLOSING.value, "no answer; try again", own)
        except Refusal as refusal:
            self._error(room, refusal.code.value, refusal.text, own)
        return None

    async def hear(self, room: Room, event: Event) -> None:
        """Prints one event."""
        await self._out.ready()
        match event:
            case Received(message=message):
                self._say(message)
            case Delivered():
                self._say(messages.Ack(self._names.pop(event.id, event.id), room.name, event.seq))
            case Failed():
                self._error(room, event.code, event.text, self._names.pop(event.id, event.id))
            case Held():
                self._say(objects.JsonHeld(room.name, event.code, event.text, _now()))
            case Resumed():
                self._say(objects.JsonResumed(room.name, _now()))
            case Entered():
                self._say(await joined(room, event))
            case PathChanged():
                status(event.text)
            case Warned():
                self._say(objects.Caution(event.kind, event.text, _now()))
            case CodeChanged():
                self._say(objects.CodeNow(event.code, event.password))
            case _:
                self._say(event)

    def sent(self, pending: Pending, own: str | None) -> None:
        """The program calls this publication `own`, and is answered by that name."""
        if own is None:
            return
        self._names[pending.id] = own
        if len(self._names) > 2 * WINDOW_MESSAGES:  # their acknowledgements were not for us
            self._names.popitem(last=False)

    def ready(self, doors: AttachReady) -> None:
        """Says where tools come in."""
        self._say(doors)

    def answer(self, message: msgspec.Struct) -> None:
        """The answer to a request."""
        self._say(message)

    def _error(self, room: Room, code: str, text: str, own: str | None) -> None:
        self._say(messages.Error(text, _now(), code=code, id=own, room=room.name))

    def _say(self, message: Any) -> None:
        self._out.write(encode_line(message))


async def joined(room: Room, event: Entered) -> messages.Joined:
    """The object that says that one is in the room, with who else is; nobody if they cannot be asked now."""
    try:
        members = await asyncio.wait_for(room.members(), QUIT_S)
    except (Refusal, asyncio.TimeoutError):
        members = []
    return messages.Joined(event.room, event.nick, members, room.seq, room.run)


def _known(line: bytes) -> tuple[msgspec.json.Decoder[Any], _Handler]:
    try:
        word = _type.decode(line).type
    except msgspec.ValidationError:
        raise Refusal(Code.INVALID, "invalid message type") from None
    except UNDECODABLE:
        raise Refusal(Code.INVALID, "invalid json") from None
    if word not in _TABLE:
        raise Refusal(Code.INVALID, "invalid message type")
    return _TABLE[word]


def _decode(decoder: msgspec.json.Decoder[Any], line: bytes) -> Any:
    return codec.decode(decoder, line, "invalid message")


async def _msg(frontend: JsonFrontend, room: Room, request: messages.LineMsg) -> None:
    frontend.sent(await room.post(request.text), request.id)


async def _me(frontend: JsonFrontend, room: Room, request: messages.LineMe) -> None:
    frontend.sent(await room.post(request.text, kind="me"), request.id)


async def _data(frontend: JsonFrontend, room: Room, request: messages.LineData) -> None:
    frontend.sent(await room.post_data(request.value), request.id)


async def _whisper(frontend: JsonFrontend, room: Room, request: messages.LineWhisper) -> None:
    await asyncio.wait_for(room.whisper(request.to, request.text), QUIT_S)
    if request.id is not None:
        frontend.answer(messages.Ack(request.id, room.name, None))


async def _nick(frontend: JsonFrontend, room: Room, request: messages.Nick) -> None:
    await asyncio.wait_for(room.claim(valid_nick(request.nick)), QUIT_S)
    frontend.answer(messages.NickSet(f"nick set to {room.nick}", _now()))


async def _who(frontend: JsonFrontend, room: Room, request: messages.Who) -> None:
    frontend.answer(messages.Members(room.name, await asyncio.wait_for(room.members(), QUIT_S)))


async def _rooms(frontend: JsonFrontend, room: Room, request: messages.ListRooms) -> None:
    frontend.answer(messages.Rooms(await asyncio.wait_for(room.rooms(), QUIT_S)))


async def _verify(frontend: JsonFrontend, room: Room, request: objects.Verify) -> None:
    found = await asyncio.wait_for(room.verify(request.nick, same=request.same), QUIT_S)
    frontend.answer(objects.JsonDone("verify", room.name) if request.same else objects.Verified(room.name, found))


async def _kick(frontend: JsonFrontend, room: Room, request: objects.Kick) -> None:
    await asyncio.wait_for(room.kick(request.nick, with_admitted=request.with_admitted), QUIT_S)
    frontend.answer(objects.JsonDone("kick", room.name))


async def _readmit(frontend: JsonFrontend, room: Room, request: objects.Readmit) -> None:
    await asyncio.wait_for(room.readmit(request.nicks), QUIT_S)
    frontend.answer(objects.JsonDone("readmit", room.name))


async def _owner(frontend: JsonFrontend, room: Room, request: objects.Owner) -> None:
    await asyncio.wait_for(room.name_owner(request.nick), QUIT_S)
    frontend.answer(objects.JsonDone("owner", room.name))


async def _code(frontend: JsonFrontend, room: Room, request: objects.AskCode) -> None:
    code = await asyncio.wait_for(room.rotate(), QUIT_S) if request.new else room.code
    frontend.answer(objects.TheCode(code))


async def _paths(frontend: JsonFrontend, room: Room, request: objects.AskPaths) -> None:
    frontend.answer(objects.Paths(room.name, await asyncio.wait_for(room.paths(), QUIT_S)))


async def _ping(frontend: JsonFrontend, room: Room, request: messages.Ping) -> None:
    frontend.answer(messages.Pong(_now()))


async def _leave(frontend: JsonFrontend, room: Room, request: messages.Leave) -> Go:
    return Go()


_Handler = Callable[[JsonFrontend, Room, Any], Awaitable["Go | None"]]
_TABLE: Final[dict[str, tuple[msgspec.json.Decoder[Any], _Handler]]] = {
    "msg": (msgspec.json.Decoder(messages.LineMsg), _msg),
    "me": (msgspec.json.Decoder(messages.LineMe), _me),
    "data": (msgspec.json.Decoder(messages.LineData), _data),
    "whisper": (msgspec.json.Decoder(messages.LineWhisper), _whisper),
    "nick": (msgspec.json.Decoder(messages.Nick), _nick),
    "who": (msgspec.json.Decoder(messages.Who), _who),
    "rooms": (msgspec.json.Decoder(messages.ListRooms), _rooms),
    "verify": (msgspec.json.Decoder(objects.Verify), _verify),
    "kick": (msgspec.json.Decoder(objects.Kick), _kick),
    "readmit": (msgspec.json.Decoder(objects.Readmit), _readmit),
    "owner": (msgspec.json.Decoder(objects.Owner), _owner),
    "code": (msgspec.json.Decoder(objects.AskCode), _code),
    "paths": (msgspec.json.Decoder(objects.AskPaths), _paths),
    "ping": (msgspec.json.Decoder(messages.Ping), _ping),
    "leave": (msgspec.json.Decoder(messages.Leave), _leave),
}


def _now() -> int:
    return int(time.time())
