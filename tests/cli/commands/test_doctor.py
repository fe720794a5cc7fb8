from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import click
import pytest

from sandpiper.cli.app import app
from sandpiper.cli.commands.doctor import Doctor
from sandpiper.cli.doctor import checks
from sandpiper.cli.doctor.findings import Finding, Report, lines, paths
from sandpiper.cli.main import main
from sandpiper.cli.options import settings
from sandpiper.cli.options.common import Caller
from sandpiper.cli.options.network import Network
from sandpiper.common.codes import parse_code
from sandpiper.common.errors import Code
from sandpiper.common.io.files import write_private
from sandpiper.common.sanitise import printable
from sandpiper.peer import probe
from sandpiper.peer.status import PathInfo

KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
WIDE_OPEN = 0o644


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("SANDPIPER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SANDPIPER_HOME", str(tmp_path))
    settings.folders.cache_clear()
    return tmp_path


@pytest.fixture
def context() -> click.Context:
    return app.make_context("sandpiper", ["doctor"], auto_envvar_prefix="SANDPIPER")


def of(found: Any, state: str) -> list[Finding]:
    return [each for each in found if each.state == state]


@pytest.mark.parametrize(("now", "state"), [(1_790_000_000, "ok"), (0, "wrong"), (1e11, "wrong"), (1e300, "wrong")])
def test_a_clock_that_cannot_be_right(now: float, state: str) -> None:
    assert checks.clock(now).state == state


def test_a_clock_that_differs() -> None:
    assert checks.skew(120.0, "here:5000").text == "this clock is 120 s behind that of here:5000"
    assert "ahead of" in checks.skew(-120.0, "here:5000").text


def test_versions_and_a_libzmq_that_cannot_encrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each.state for each in checks.versions()] == ["ok", "ok"]
    monkeypatch.setattr("zmq.has", lambda feature: False)
    assert "no CURVE" in of(checks.versions(), "wrong")[0].text


def test_settings_that_are_in_order(home: Path, context: click.Context) -> None:
    assert "not there" in next(iter(checks.settings(context))).text
    write_private(home / "config.toml", b'nick = "anna"\npassword = "hush"\n')
    assert [each.state for each in checks.settings(context)] == ["ok"]


def test_settings_that_are_not(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "config.toml"
    file.write_text('nik = "anna"\n[join]\npassword = "hush"\nbacklog = "many"\n')
    file.chmod(WIDE_OPEN)
    monkeypatch.setenv("SANDPIPER_SAY_ME", "maybe")
    context = app.make_context("sandpiper", ["doctor"], auto_envvar_prefix="SANDPIPER")
    context.invoke(app.callback)  # type: ignore[arg-type]  # reads the file
    found = list(checks.settings(context))
    assert [each.text for each in of(found, "note")] == ["nik in config.toml is no option of any command"]
    readable, *invalid = (each.text for each in of(found, "wrong"))
    assert readable.startswith("others may read")
    assert [text.partition(":")[0] for text in invalid] == ["join.backlog by config.toml", "say.me by SANDPIPER_SAY_ME"]
    assert not any("hush" in text for text in (readable, *invalid))
    file.chmod(0o666)
    assert "others may write" in of(checks.settings(context), "wrong")[0].text
    file.write_text("nick = ")
    assert [each.state for each in checks.settings(context)] == ["wrong"]


def test_key_files(home: Path) -> None:
    folder = home / "data"
    assert [each.state for each in checks.key_files(folder)] == ["ok"]
    (folder / "broker").mkdir(parents=True)
    assert "not there" in next(iter(checks.key_files(folder))).text
    write_private(folder / "identity.key", b"ab" * 32 + b"\n")
    write_private(folder / "broker" / "broker.key", b"cd" * 32 + b"\n")
    (folder / "known_brokers").write_text(f"a:5000 {KEY}\n")
    found = list(checks.key_files(folder))
    assert [each.state for each in found] == ["ok"] * 3
    assert found[-1].text.endswith("1 service known")
    assert not any("abab" in each.text for each in found)


def test_key_files_that_are_wrong(home: Path) -> None:
    (home / "broker").mkdir()
    (home / "identity.key").write_text("ab" * 32)
    (home / "identity.key").chmod(WIDE_OPEN)
    (home / "broker" / "broker.key").write_text("hello")
    (home / "broker" / "other.key").write_bytes(b"\xff")
    (home / "known_brokers").write_bytes(b"\xff")
    found = list(checks.key_files(home))
    assert [each.state for each in found] == ["wrong"] * 4
    assert "others may read" in found[0].text
    assert all(each.advice for each in found)


@pytest.mark.parametrize(
    ("what", "state", "text"),
    [
        (probe.Multicast(True, 400.0, ""), "ok", "heard itself after 400 ms"),
        (probe.Multicast(False, 0.0, "multicast is forbidden"), "note", "multicast is forbidden"),
        (probe.Multicast(False, 2500.0, ""), "note", "multicast is sent, and not heard"),
    ],
)
def test_multicast(what: probe.Multicast, state: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def multicast() -> probe.Multicast:
        return what

    monkeypatch.setattr(probe, "multicast", multicast)
    (found,) = asyncio.run(checks._multicast(Network()))
    assert (found.state, found.text.endswith(text)) == (state, True)
    assert bool(found.advice) == (state != "ok")


def test_no_lan_is_not_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--local"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["type"], report["ok"], report["reachable"]) == ("doctor", True, None)
    (lan,) = (each for each in report["findings"] if each["about"] == "LAN")
    assert "keep away" in lan["text"]
    assert {each["about"] for each in report["findings"]} == {
        "versions",
        "clock",
        "settings",
        "keys",
        "ports",
        "addresses",
        "LAN",
        "discovery",
        "broker",
    }


def test_a_report_is_aligned_and_shows_no_escapes() -> None:
    report = Report(
        False,
        None,
        [
            Finding("clock", "ok", "now"),
            Finding("ports", "wrong", "a\x1b[2Jb", "Open it."),
            Finding("ports", "ok", "c"),
        ],
    )
    assert list(lines(report)) == [
        "clock  ok     now",
        f"ports  wrong  {printable('a' + chr(27) + '[2Jb')}",
        "              Open it.",
        "       ok     c",
        "",
        "one thing is wrong",
    ]
    assert "\x1b[2J" not in "".join(lines(report, colours=True))


def test_ways_to_members() -> None:
    found = paths([PathInfo("bob", "f", "direct", 1.25, ""), PathInfo("eve", "e", "none", None, "no answer")])
    assert [each.text for each in found] == ["bob: direct, 1.2 ms", "eve: none; no answer"]
    assert [each.state for each in found] == ["ok", "wrong"]
    assert paths([])[0].state == "note"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["localhost", "--join"], "give a room code"),
        (["--join"], "give a room code"),
        (["pine-ocaen-42"], "did you mean"),
    ],
)
def test_usage(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_door_that_cannot_be_opened() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert probe.may_listen(["127.0.0.1"], port) == "Address already in use"
        assert checks._no_door(Network(listen=f"127.0.0.1:{port}")) == "Address already in use"
        assert checks._no_door(Network(listen=f"127.0.0.1:{port - 1}")) != "" or port == 1
    assert probe.may_listen(["192.0.2.77"]) == "no address to listen on"
    assert checks._no_door(Network()) == ""


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([probe.LookupReport("a", code=Code.NO_ROOM)], 5),
        ([probe.LookupReport("a", code=Code.NOT_YET)], 3),
        ([probe.LookupReport("a", code=Code.NO_ROOM), probe.LookupReport("b", unreachable=True)], 3),
        ([probe.LookupReport("a", code=Code.NO_ROOM), probe.LookupReport("b", here=True)], 0),
    ],
)
def test_a_room_that_nobody_is_in_is_no_such_room(
    answers: list[probe.LookupReport], code: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = list(answers)

    async def lookup(*words: Any, **options: Any) -> probe.LookupReport:
        return left.pop(0)

    monkeypatch.setattr(probe, "lookup", lookup)
    doctor = Doctor(Caller("anna", None, home), Network(discovery=tuple(each.address for each in answers)))
    asyncio.run(doctor._code(parse_code("pine-ocean-42")))
    assert doctor.failed == code
