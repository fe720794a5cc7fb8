from __future__ import annotations

import asyncio
import json

import pytest

from sandpiper.cli.commands.listen import MessageConsumer, Printer, Selection
from sandpiper.cli.filters import Filters
from sandpiper.cli.stdio import output
from sandpiper.common.messages import Found, Lost
from sandpiper.peer.events import WRITING_WAITS, Event, PathChanged, Received
from tests.cli.scripted import ScriptedRoom, msg

BUS = PathChanged("bus", "straight from the broker")


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([BUS], []),
        ([Received(msg("one")), BUS, PathChanged("one-port", "by the one port")], []),
        ([PathChanged("connecting", "reaching"), PathChanged("direct", "connected"), BUS], ["reaching", "connected"]),
        ([PathChanged("connecting", "looking" + WRITING_WAITS)], ["looking"]),
        ([BUS, PathChanged("offline", "gone"), PathChanged("offline", "full"), BUS, BUS], ["gone", "full", BUS.text]),
    ],
)
def test_of_the_connection_it_says_only_why_nothing_comes(
    events: list[Event], said: list[str], as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async def play() -> None:
        async with output() as out:
            listener: MessageConsumer = Printer(out, Selection(Filters(()), None, None, as_json))
            for event in events:
                await listener.take(ScriptedRoom(), event)  # type: ignore[arg-type]

    asyncio.run(play())
    assert capsys.readouterr().err == "".join(f"sandpiper: {line}\n" for line in said)


def test_who_reads_objects_can_tell_which_messages_had_been_lost(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    events: list[Event] = [
        Lost("lobby", "f" * 24, 2),
        Received(msg("three", seq=3)),
        Found("lobby", "f" * 24, 1),
        Received(msg("two", seq=2), late=True),
    ]

    async def play() -> None:
        async with output() as out:
            listener: MessageConsumer = Printer(out, Selection(Filters(()), None, None, True))
            for event in events:
                await listener.take(ScriptedRoom(), event)  # type: ignore[arg-type]

    asyncio.run(play())
    printed = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [(each["type"], each.get("count") or each["seq"]) for each in printed] == [
        ("lost", 2),
        ("msg", 3),
        ("found", 1),
        ("msg", 2),
    ]
