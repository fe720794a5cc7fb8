"""What the front ends say of a room between peers, and what its options mean."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click
import pytest

from sandpiper.cli.chat.chat_options import Invitation
from sandpiper.cli.chat.dial import Dialer
from sandpiper.cli.chat.json_frontend import JsonFrontend
from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.cli.chat.loop import Go, Visit
from sandpiper.cli.chat.tee import Tee
from sandpiper.cli.chat.text_frontend import TextFrontend
from sandpiper.cli.options.common import Caller
from sandpiper.cli.options.network import Network, join_line, network_options
from sandpiper.common.codes import RoomCode, parse_code
from sandpiper.common.errors import PasswordNeeded, UsageError
from sandpiper.common.legacy import Peer, PeerJoined, PeerLeft, RoomCreated
from sandpiper.common.messages import Member, Whisper
from sandpiper.peer import create
from sandpiper.peer.events import CodeChanged, Event, Received, Warned
from tests.cli.chat.test_json_frontend import Written
from tests.cli.chat.test_text_frontend import Shown, visit
from tests.cli.scripted import OWN, ScriptedRoom, Typed, msg

CODE = "pine-ocean-42"


def answers(room: Any, *lines: bytes) -> list[dict[str, Any]]:
    out: Any = Written()

    async def run() -> None:
        await asyncio.wait_for(Visit(room, JsonFrontend(out), Typed(*lines)).run(), 10)

    asyncio.run(run())
    return [json.loads(line) for line in out.data.splitlines()]


def network(*words: str) -> Network:
    found: list[Network] = []

    @click.command()
    @network_options
    def command(network: Network) -> None:
        found.append(network)

    command.main(list(words), standalone_mode=False)
    return found[0]


# JSON ------------------------------------------------------------------------------------------------------------


def test_every_event_is_an_object() -> None:
    events: tuple[Event, ...] = (
        RoomCreated(CODE, 1735898745),
        PeerJoined(CODE, Peer("bob", "192.168.1.101", 6002)),
        PeerJoined(CODE, Peer("eve", None, None)),
        PeerLeft(CODE, "bob"),
        Warned("guess", "somebody has guessed"),
        CodeChanged("river-stone-42"),
        CodeChanged("river-stone-42", "new"),
    )
    got = answers(ScriptedRoom(*events, code=CODE), b'{"type":"ping"}')
    by_type = {entry["type"]: entry for entry in reversed(got)}
    assert by_type["joined"]["room"] == CODE
    assert by_type["room_created"] == {"type": "room_created", "code": CODE, "expires_at": 1735898745}
    joined = [entry["peer"] for entry in got if entry["type"] == "peer_joined"]
    assert joined == [
        {"nick": "bob", "host": "192.168.1.101", "port": 6002},
        {"nick": "eve", "host": None, "port": None},
    ]
    assert by_type["peer_left"] == {"type": "peer_left", "code": CODE, "nick": "bob"}
    assert (by_type["warning"]["kind"], by_type["warning"]["text"]) == ("guess", "somebody has guessed")
    assert [entry for entry in got if entry["type"] == "code_changed"] == [
        {"type": "code_changed", "code": "river-stone-42"},
        {"type": "code_changed", "code": "river-stone-42", "password": "new"},
    ]


def test_requests_between_peers_are_answered() -> None:
    room = ScriptedRoom(code=CODE)
    got = answers(
        room,
        b'{"type":"verify","nick":"bob"}',
        b'{"type":"verify","nick":"%s","same":true}' % (b"b" * 24),
        b'{"type":"paths"}',
        b'{"type":"code"}',
        b'{"type":"kick","nick":"bob"}',
        b'{"type":"owner","nick":"bob"}',
        b'{"type":"code","new":true}',
        b'{"type":"verify"}',
    )
    found = {entry["type"]: entry for entry in got}
    assert found["verified"]["persons"] == [
        {"nick": "bob", "fingerprint": "b" * 24, "phrase": "pine ocean river", "shown": True}
    ]
    assert room.compared == ("b" * 24,)
    assert found["paths"]["paths"][0] == {
        "nick": "bob", "from": "b" * 24, "path": "relay", "rtt_ms": 20.0, "error": "refused",
    }  # fmt: skip
    assert [entry["code"] for entry in got if entry["type"] == "code"] == [CODE, "river-stone-42"]
    assert [entry["request"] for entry in got if entry["type"] == "done"] == ["verify", "kick", "owner"]
    assert room.asked == [("kick", "bob"), ("owner", "bob")]
    assert found["error"]["text"].startswith("invalid message: ")


def test_a_broker_s_room_has_none_of_it() -> None:
    got = answers(ScriptedRoom(), b'{"type":"verify","nick":"bob"}', b'{"type":"code"}', b'{"type":"code","new":true}')
    assert [entry["type"] for entry in got] == ["joined", "error", "code", "error"]
    assert got[2]["code"] is None


# Text ------------------------------------------------------------------------------------------------------------


def test_a_warning_and_another_code_are_shown() -> None:
    _, view = visit(ScriptedRoom(Warned("key", "bob has another key"), CodeChanged("river-stone-42", "new"), code=CODE))
    assert "!! bob has another key" in view.lines
    assert any("river-stone-42" in line for line in view.beside)
    assert any("password is now new" in line for line in view.beside)
    red = LineRenderer(colours=True).event(Warned("key", "bob\x1b[2J"))
    assert red is not None
    assert red.startswith("\x1b[1;31m")
    assert "\x1b[2J" not in red


def test_who_comes_and_goes_is_said_once_by_the_notices() -> None:
    _, view = visit(ScriptedRoom(PeerJoined(CODE, Peer("bob", None, None)), PeerLeft(CODE, "bob"), code=CODE))
    assert view.lines == []


def test_commands_between_peers() -> None:
    room = ScriptedRoom(code=CODE)
    _, view = visit(room, b"/verify bob", b"/path", b"/kick bob", b"/owner bob")
    assert "--   pine ocean river" in view.lines
    assert f"--   key {'b' * 24}" in view.lines
    assert room.compared == (), "only a person can know whether they were the same"
    assert "-- bob  relay  20.0 ms  refused" in view.lines
    assert room.asked == [("kick", "bob"), ("owner", "bob")]
    assert visit(ScriptedRoom(code=CODE), b"/join Ocean Pine 77")[0] == Go("ocean-pine-77")
    assert "word list" in visit(ScriptedRoom(code=CODE), b"/join qwxz-stone-77")[1].beside[-1]
    for line in (b"/verify", b"/kick", b"/owner", b"/code old"):
        _, view = visit(ScriptedRoom(code=CODE), line)
        assert "/" in view.beside[-1]


def test_ignoring_is_by_person_and_ends() -> None:
    room = ScriptedRoom(code=CODE)
    room.people = [Member("anna", OWN, True, "self"), Member("bob", "b" * 24, True, "direct")]
    _, view = visit(room, b"/ignore", b"/ignore bob", b"/ignore", b"/ignore bob", b"/ignore anna")
    assert view.lines == [
        "-- you ignore nobody",
        "-- bob is ignored, whatever their nick",
        "-- you ignore bob; /ignore NICK again ends it",
        "-- bob is heard again",
    ]
    assert "that is you" in view.beside[-1]


def test_what_an_ignored_person_says_is_not_shown() -> None:
    bob = msg("hi", 1, nick="bob", run="b" * 32)
    tool = msg("tool", nick="bob/thermo", verified=False)
    renamed = Whisper("roberta", "anna", "psst", 0, CODE, "w", OWN, True)
    own = Received(bob, own=True)
    text = TextFrontend(Shown(), LineRenderer())
    assert not text._hides(Received(bob))
    text.ignored.ignore("Bob", {OWN})
    assert [text._hides(event) for event in (Received(bob), Received(tool), own, renamed)] == [True, True, False, True]


# Options ---------------------------------------------------------------------------------------------------------


def test_addresses_come_from_flags_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDPIPER_DISCOVERY", "a.example:1, b.example,c.example:3  a.example:1")
    monkeypatch.setenv("SANDPIPER_BROKER", "r.example")
    found = network()
    assert found.discovery == ("a.example:1", "b.example:8000", "c.example:3")
    assert (found.broker, found.lan, found.given) == (("r.example:5000",), True, ())
    found = network(
        "--discovery", "[::1]:9", "--discovery", "d.example", "--no-lan", "--advertise", "10.0.0.1 10.0.0.2"
    )
    assert found.discovery == ("[::1]:9", "d.example:8000")
    assert found.advertise == ("10.0.0.1", "10.0.0.2")
    assert (found.lan, found.wish()["lan"], found.given) == (False, False, ("discovery", "no_lan", "advertise"))
    for words in (["--discovery", "a/b"], ["--broker", "a:99999"], ["--listen", "7000"], ["--listen", "0.0.0.0:99999"]):
        with pytest.raises(UsageError):
            network(*words)


def test_the_join_line_has_all_that_the_others_need() -> None:
    assert join_line(Network(), CODE, False) == f"sandpiper join {CODE}"
    found = Network(("d.example:8000",), ("r.example:5000",), path="relay", listen="0.0.0.0:7")
    assert join_line(found, CODE, True) == (
        f"sandpiper join {CODE} --discovery d.example:8000 --broker r.example:5000 --password"
    )
    here = Network(("localhost:8000",), local=True)
    assert join_line(here, CODE, False) == f"sandpiper join {CODE} --discovery localhost:8000 --local"
    assert join_line(Network(), CODE, False, template="make chat CODE={code}") == f"make chat CODE={CODE}"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--discovery", "203.0.113.9:8000"], "the discovery service 203.0.113.9:8000"),
        (["--discovery", "localhost", "--discovery", "d.example"], "the discovery service d.example:8000"),
        (["--broker", "[2001:db8::1]"], "the broker [2001:db8::1]:5000"),
        (["--listen", "0.0.0.0:7000"], "--listen 0.0.0.0:7000"),
    ],
)
def test_local_goes_with_nothing_that_is_elsewhere(
    words: list[str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="--local stays on this machine") as raised:
        network("--local", *words)
    assert named in str(raised.value)
    if words[0] == "--discovery":
        monkeypatch.setenv("SANDPIPER_DISCOVERY", words[-1])
        with pytest.raises(UsageError, match="--local stays on this machine"):
            network("--local")
    with pytest.raises(UsageError, match="--local stays on this machine"):  # an invite link may name one
        Network(local=True).found_by(["d.example:8000"], [])


def test_local_goes_with_what_is_on_this_machine() -> None:
    words = ["--discovery", "localhost", "--broker", "127.0.0.1:5000", "--discovery", "[::1]:8001"]
    for listen in ("[::1]:7000", "[::1]", "::1", "127.0.0.1", "127.0.0.1:0", "localhost:7000"):
        assert network("--local", *words, "--listen", listen).listen == listen


def test_a_program_that_stays_here_names_nothing_elsewhere() -> None:
    with pytest.raises(UsageError, match=r"the discovery service d\.example:8000 is not on it"):
        create(local=True, discovery="d.example")


def test_an_invite_link_says_less_than_the_options() -> None:
    said = Network(discovery=("mine:1",)).found_by(["theirs:2"], ["relay:3"])
    assert (said.discovery, said.broker) == (("mine:1",), ("relay:3",))


def test_what_is_for_codes_is_refused_for_a_broker() -> None:
    network().refuse_for_broker()
    with pytest.raises(UsageError, match="--no-lan, --local"):
        network("--local", "--no-lan").refuse_for_broker()


# Tools before a terminal -------------------------------------------------------------------------------------------


class Slow:
    """A Frontend that hears when it is let."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.let = asyncio.Event()
        self.told = 0

    async def take(self, room: Any, line: Any) -> Go | None:
        return None

    async def hear(self, room: Any, event: Event) -> None:
        await self.let.wait()
        self.heard.append(event)

    def ready(self, doors: Any) -> None:
        self.told += 1


class Deaf:
    """A Desk that counts."""

    def __init__(self) -> None:
        self.heard = 0

    def hear(self, event: Event) -> None:
        self.heard += 1


def test_tools_do_not_wait_for_who_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.cli.chat.tee.UNPRINTED_EVENTS", 3)

    async def run() -> None:
        room: Any = ScriptedRoom(code=CODE)
        slow, desk = Slow(), Deaf()
        tee = Tee(room, desk, slow, lambda: slow.ready(None))  # type: ignore[arg-type]
        entered = await room.queue.get()
        entering = asyncio.create_task(tee.hear(room, entered))
        await asyncio.sleep(0)
        assert desk.heard == 1
        assert slow.told == 0  # that one is in the room is printed first
        slow.let.set()
        await asyncio.wait_for(entering, 10)
        assert slow.told == 1

        slow.let.clear()
        for number in range(10):
            await asyncio.wait_for(tee.hear(room, Received(msg(f"{number}"))), 10)
        assert desk.heard == 11
        slow.let.set()
        await asyncio.wait_for(tee.close(), 10)
        assert len([event for event in slow.heard if isinstance(event, Received)]) == 3
        (warned,) = [event for event in slow.heard if isinstance(event, Warned)]
        assert "7 events" in warned.text

    asyncio.run(run())


def test_what_goes_wrong_in_printing_is_not_kept_quiet() -> None:
    class Broken(Slow):
        async def hear(self, room: Any, event: Event) -> None:
            raise OSError("gone")

    async def run() -> None:
        room: Any = ScriptedRoom(code=CODE)
        tee = Tee(room, Deaf(), Broken(), lambda: None)  # type: ignore[arg-type]
        with pytest.raises(OSError, match="gone"):
            await asyncio.wait_for(tee.hear(room, await room.queue.get()), 10)
        with pytest.raises(OSError, match="gone"):
            await tee.close()

    asyncio.run(run())


def test_a_terminal_too_narrow_for_a_qr_code_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.cli.chat.line_chat.columns", lambda: 10)
    share = Invitation(
        lambda code, password: f"join {code}", lambda code, password: f"sandpiper://join#{code}", qr=True
    )
    view = Shown()

    async def run() -> Go:
        text = TextFrontend(view, LineRenderer(), share=share)
        room: Any = ScriptedRoom(RoomCreated(CODE, 0), code=CODE)
        return await asyncio.wait_for(Visit(room, text, Typed(b"hello")).run(), 10)

    assert asyncio.run(run()) == Go()
    assert f"    join {CODE}" in view.beside or f"join {CODE}" in view.beside
    assert any("too narrow" in line for line in view.beside)


def test_the_line_for_others_asks_for_a_password_where_there_is_one() -> None:
    share = Invitation(lambda code, password: f"join {code} {password}", lambda code, password: f"link {password}")
    view = Shown()

    async def run() -> Go:
        text = TextFrontend(view, LineRenderer(), share=share)
        room: Any = ScriptedRoom(RoomCreated(CODE, 0), code=CODE)
        room.password_needed = True
        return await asyncio.wait_for(Visit(room, text, Typed(b"/code", b"/code link")).run(), 10)

    assert asyncio.run(run()) == Go()
    assert view.beside.count(f"join {CODE} True") == 2
    assert any("link True" in line for line in view.beside)


@pytest.mark.parametrize("asks", [True, False])
def test_a_terminal_is_asked_for_the_password_that_is_needed(
    monkeypatch: pytest.MonkeyPatch, asks: bool, tmp_path: Path
) -> None:
    tried: list[str | None] = []

    @contextlib.asynccontextmanager
    async def join(code: RoomCode, *, password: str | None, **rest: Any) -> AsyncIterator[Any]:
        tried.append(password)
        if password is None:
            raise PasswordNeeded
        yield ScriptedRoom(code=CODE)

    monkeypatch.setattr("sandpiper.peer.join", join)
    monkeypatch.setattr("sandpiper.cli.chat.dial.terminal", lambda: True)
    monkeypatch.setattr("sandpiper.cli.chat.dial.ask_password", lambda prompt: "open sesame")

    async def run() -> None:
        dialer = Dialer(Caller("anna", None, tmp_path), asks=asks)
        async with dialer.peers(parse_code(CODE)):
            pass

    if asks:
        asyncio.run(run())
        assert tried == [None, "open sesame"]
    else:  # a screen asks by itself
        with pytest.raises(PasswordNeeded):
            asyncio.run(run())
        assert tried == [None]
