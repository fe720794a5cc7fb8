"""Nothing from elsewhere is obeyed by the terminal, or forges a line, whatever event, status or error has it."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import pytest

from sandpiper.chat.commands import COMMANDS, obey
from sandpiper.chat.ignored import Ignored
from sandpiper.cli import main as entry
from sandpiper.cli.chat.chat import Pipe
from sandpiper.cli.chat.json_frontend import JsonFrontend
from sandpiper.cli.chat.line_chat import LineChat
from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.cli.chat.text_frontend import TextFrontend
from sandpiper.cli.commands.listen import Printer, Selection
from sandpiper.cli.commands.say import _tell
from sandpiper.cli.doctor import findings
from sandpiper.cli.filters import Filters
from sandpiper.cli.log_lines import LogFormatter, Stderr, catch_the_rest
from sandpiper.cli.logs import logging_to
from sandpiper.cli.printing import show_lines, show_object
from sandpiper.cli.stdio import output, status
from sandpiper.common import errors
from sandpiper.common.errors import Code, Refusal, SandpiperError
from sandpiper.common.messages import Member, RoomInfo
from sandpiper.peer.attach.doors import AttachReady
from sandpiper.peer.events import Event
from sandpiper.peer.status import PathInfo, Verification
from tests.cli.hostile import EVENTS, EVIL, complaints, events, hostile
from tests.cli.scripted import ScriptedRoom
from tests.test_layers import ROOT, all_sources

WRITERS: Final = {
    "cli/main.py",  # `--version`, errors
    "cli/printing.py",
    "cli/stdio.py",
    "cli/commands/completion.py",  # our own scripts
}
ECHOES: Final = {"cli/commands/config.py", "cli/commands/identity.py"}  # help texts, and a locked identity


class HostileRoom(ScriptedRoom):
    """A room at a hostile broker, or with hostile members: each word that it says is EVIL."""

    def __init__(self, code: str | None = None) -> None:
        super().__init__(nick=EVIL, code=code)
        self.name = self.where = self.broker = self.fingerprint = EVIL
        self.people = [hostile(Member), hostile(Member)]
        self.queue = asyncio.Queue()
        for event in events():
            self.queue.put_nowait(event)

    async def rooms(self) -> list[RoomInfo]:
        return [hostile(RoomInfo)]

    async def verify(self, nick: str, *, same: bool = False) -> list[Verification]:
        return [hostile(Verification)]

    async def paths(self) -> list[PathInfo]:
        return [hostile(PathInfo)]

    async def rotate(self) -> str:
        raise Refusal(Code.INVALID, EVIL)

    async def __anext__(self) -> Event:
        if self.queue.empty():
            raise SandpiperError(EVIL)
        return await self.queue.get()


def played(work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    """Has it work with stdout."""

    async def run() -> None:
        async with output() as out:
            await work(out)

    asyncio.run(asyncio.wait_for(run(), 20))


def judged(capfd: pytest.CaptureFixture[str], *, styled: bool = False) -> tuple[str, str]:
    """What was written, of which nothing is obeyed, and nothing begins a line of its own."""
    written = capfd.readouterr()
    for stream in written:
        assert not complaints(stream, styled=styled), stream
        assert not [line for line in stream.split("\n") if line.startswith("forged")], stream
    return written.out, written.err


def test_the_walk_meets_every_event() -> None:
    assert {type(event).__name__ for event in events()} >= {"Received", "Entered", "Warned", "Whisper", "Failed"}
    assert len(events()) > len(EVENTS)  # each kind of message
    assert complaints(EVIL)


@pytest.mark.parametrize("colours", [False, True])
def test_a_chat_in_lines(colours: bool, capfd: pytest.CaptureFixture[str]) -> None:
    async def work(out: Any) -> None:
        room: Any = HostileRoom()
        chat = TextFrontend(Pipe(out), LineRenderer(colours=colours))
        for event in events():
            await chat.hear(room, event)
        chat.ready(hostile(AttachReady))

    played(work)
    out, err = judged(capfd, styled=colours)
    assert "PWNED" in out
    assert "PWNED" in err


@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize("code", [None, "pine-ocean-42"])
def test_each_command_of_a_chat_in_lines(colours: bool, code: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    async def send(text: str, kind: str) -> None:
        raise Refusal(Code.INVALID, f"{kind}: {text}")

    async def work(out: Any) -> None:
        room: Any = HostileRoom(code)
        view, renderer = Pipe(out), LineRenderer(colours=colours)
        for each in COMMANDS:
            for rest in ("", f" {EVIL}", f" {EVIL} words"):
                chat = LineChat(room, view, renderer, Ignored(), set(), send)
                try:
                    await obey(chat, f"/{each.name}{rest}")
                except (Refusal, SandpiperError) as error:
                    view.status(renderer.error(str(error)))

    played(work)
    out, _ = judged(capfd, styled=colours)
    assert out.count("PWNED") > 10


def test_listening_and_saying(capfd: pytest.CaptureFixture[str]) -> None:
    async def work(out: Any) -> None:
        listener = Printer(out, Selection(Filters(()), None, None, as_json=False))
        for event in events():
            await listener.take(HostileRoom(), event)  # type: ignore[arg-type]  # as a room
        await _tell(HostileRoom())  # type: ignore[arg-type]

    played(work)
    out, err = judged(capfd)
    assert "PWNED" in out
    assert "PWNED" in err


def test_objects_say_the_same_in_escapes(capfd: pytest.CaptureFixture[str]) -> None:
    async def work(out: Any) -> None:
        listener = Printer(out, Selection(Filters(()), None, None, as_json=True))
        chat = JsonFrontend(out)
        room: Any = HostileRoom()
        for event in events():
            await listener.take(room, event)
            await chat.hear(room, event)
        for kind in ("who", "rooms", "paths", "code", "verify"):
            await chat.take(room, json.dumps({"type": kind, "nick": EVIL}).encode())
        await chat.take(room, json.dumps({"type": EVIL, "id": EVIL}).encode())
        chat.ready(hostile(AttachReady))

    played(work)
    out, _ = judged(capfd)
    objects = [json.loads(line) for line in out.splitlines()]
    assert any(each.get("text") == EVIL for each in objects)


ERRORS: Final[list[Exception]] = [
    *(
        each(EVIL)
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, SandpiperError) and each is not errors.PasswordNeeded
    ),
    Refusal(Code.RATE, EVIL),
    OSError(5, EVIL, EVIL),
    RuntimeError(EVIL),
]


@pytest.mark.parametrize("made", ERRORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("debug", ["", "1"])
def test_each_error_that_ends_a_command(
    made: Exception, debug: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from sandpiper.cli.app import app

    def fails(*_: object, **__: object) -> None:
        raise made

    monkeypatch.setattr(app, "main", fails)
    monkeypatch.setenv("SANDPIPER_DEBUG", debug)
    assert entry.main(["who", "somewhere"]) != 0
    _, err = judged(capfd)
    assert "PWNED" in err
    traced = debug and type(made) is RuntimeError
    assert err.count("\n") == 1 or traced


def test_the_doctor_and_what_is_printed_without_a_loop(capfd: pytest.CaptureFixture[str]) -> None:
    finding = findings.Finding(EVIL, "wrong", EVIL, EVIL)
    report = findings.Report(False, False, [finding, *findings.paths([hostile(PathInfo)])], [hostile(PathInfo)])
    show_lines(*findings.lines(report, colours=True))
    show_object(report)
    status(EVIL)
    judged(capfd, styled=True)


def test_a_log_in_its_file_and_on_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("sandpiper.test")
    with logging_to(tmp_path / "log", "info", stderr=True):
        log.warning("said %s", EVIL)
        try:
            raise ValueError(EVIL)
        except ValueError:
            log.exception("failed")
    written = (tmp_path / "log").read_text("utf-8")
    _, err = judged(capfd)
    assert not complaints(written)
    assert written == err
    assert written.splitlines()[0].count("PWNED") == 1
    assert "Traceback" in written


def test_what_no_handler_takes(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(logging, "lastResort", None)
    catch_the_rest()
    rest = logging.lastResort
    assert isinstance(rest, Stderr)
    assert isinstance(rest.formatter, LogFormatter)
    rest.handle(logging.LogRecord("asyncio", logging.ERROR, __file__, 1, EVIL, None, None))
    judged(capfd)


def test_nothing_else_writes_on_stdout_or_stderr() -> None:
    """So that a new line of output cannot go past the border."""
    found = {
        (path.relative_to(ROOT).as_posix(), ast.unparse(node.func))
        for path in all_sources()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    }
    streams = {f"sys.{stream}{rest}" for stream in ("stdout", "stderr") for rest in (".write", ".buffer.write")}
    assert {path for path, call in found if call in streams or call == "print"} <= WRITERS
    assert {path for path, call in found if call in ("click.echo", "click.secho")} <= ECHOES | WRITERS
