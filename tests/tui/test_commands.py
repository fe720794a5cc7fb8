from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandpiper.chat.commands import COMMANDS, find
from sandpiper.common.errors import Refusal
from sandpiper.common.legacy import RoomCreated
from sandpiper.common.messages import Member, Notice
from sandpiper.peer.events import Warned
from sandpiper.tui.port import RoomRequest
from tests.tui.fake import OWN, START, FakeRoom, House, key
from tests.tui.stage import Stage, play

LINK = f"sandpiper://connect/localhost:5000/lobby#{'b' * 24}"


def test_there_is_a_row_for_each_command() -> None:
    wanted = (
        "help nick who msg me join create leave rooms code verify path ignore kick readmit owner search export notify "
        "clear"
    )
    assert [command.name for command in COMMANDS] == [*wanted.split(), "theme", "quit"]
    assert all(command.help for command in COMMANDS)


def test_help_lists_every_row_and_the_keys() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/help")
        await stage.shows(*(f"/{command.name}" for command in COMMANDS), "//text", "Alt+Enter", "Ctrl+C")
        await stage.enters("/help kick")
        await stage.shows("/kick NICK [--with-admitted]: remove a person for good")

    play(scene, size=(120, 60))


def test_an_unknown_command_names_the_nearest() -> None:
    with pytest.raises(Refusal, match="did you mean /nick"):
        find("nik", has_screen=True)

    async def scene(stage: Stage) -> None:
        await stage.enters("/nik bob")
        await stage.shows("no command /nik; did you mean /nick?")
        await stage.enters("//nik")
        await stage.shows("/nik ✓")

    play(scene)


def test_nick() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/nick")
        await stage.shows("you are anna; /nick NAME takes another")
        await stage.enters("/nick a/b")
        await stage.shows("invalid nick: none of")
        await stage.enters("/nick bob")
        await stage.shows("bob is taken; choose another")
        await stage.enters("/nick hanna")
        await stage.shows("you are hanna now")
        stage.room.says("bob", "hanna: see?")
        await stage.shows("@10:00")

    play(scene)


def test_who_and_path() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.joins("bob", "lan", 0.4)
        stage.room.joins("b0b", "relay", 41.0, verified=False)
        await stage.enters("/who")
        await stage.shows("bob", "LAN", "0.4 ms", "~b0b", "relay", "41.0 ms", "looks like bob", "no key")
        await stage.enters("/path bob")
        await stage.shows("0.4 ms")
        await stage.enters("/path eve")
        await stage.shows("nobody here is called eve")

    play(scene)


def test_msg() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.joins("bob")
        stage.room.joins("two words")
        await stage.shows("two words")
        await stage.enters("/msg bob psst")
        await stage.shows("you whisper to @bob", "psst")
        await stage.enters('/msg "two words" hush')
        await stage.shows("hush")
        await stage.enters("/msg eve psst")
        await stage.shows("nobody here is called eve")
        await stage.enters("/msg bob")
        await stage.shows("/msg NICK TEXT whispers to one person")
        assert stage.room.asked == [("whisper", "bob", "psst"), ("whisper", "two words", "hush")]

    play(scene)


def test_me() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/me waves")
        await stage.shows("* anna waves ✓")
        await stage.enters("/me")
        await stage.shows("what do you do?")

    play(scene)


def test_join_and_leave_and_rooms() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/rooms")
        await stage.shows("lobby", "2 members", "7 messages", "ops", "1 member ", "you are here")
        await stage.until(lambda: any(row.endswith("1 message") for row in stage.rows))
        await stage.enters("/join ops")
        await stage.shows("in ops as anna")
        assert stage.house.requests[-1].target == "localhost:5000/ops"
        assert [tab.name for tab in stage.app.tabs] == ["lobby", "ops"]
        await stage.enters("/join #lobby")
        await stage.until(lambda: stage.app.current.name == "lobby")
        await stage.enters("/join pine-ocean-42")
        await stage.until(lambda: len(stage.house.requests) == 3)
        assert stage.house.requests[-1].target == "pine-ocean-42"
        await stage.until(lambda: stage.app.current.state == "open")
        await stage.enters("/leave")
        await stage.until(lambda: [tab.name for tab in stage.app.tabs] == ["lobby", "ops"])
        assert stage.house.entered[-1].closed
        await stage.shows("pine-ocean-42 is left, and goes on without you", "/join localhost:5000/pine-ocean-42")
        await stage.enters("/join a b")
        await stage.shows("invalid room name")
        await stage.enters("/join")
        await stage.shows("where to?")

    play(scene)


@pytest.mark.parametrize("alone", [False, True])
def test_what_becomes_of_a_room_that_is_left_is_said_in_the_next_one(alone: bool) -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/create")
        await stage.shows("in pine-ocean-42 as anna")
        stage.house.entered[-1].alone = alone
        await stage.enters("/leave")
        lives_on = ("pine-ocean-42 lives on while others are in it", "/join pine-ocean-42")
        await stage.shows(*("nobody else was in pine-ocean-42: what was said",) if alone else lives_on)
        assert stage.app.current.name == "lobby"

    play(scene)


def test_other_windows_of_the_same_person_are_told_apart() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.people += [Member("anna", OWN, True, "bus", 0.4), Member("builds", OWN, True, "bus", 0.4)]
        stage.app.current.members_due = 0.0
        await stage.enters("/who")
        await stage.shows("you, another window", "also you")
        assert stage.text.count("you, another window") == stage.text.count("also you") == 2

    play(scene)


def test_leaving_the_last_room_leaves_the_screen() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/leave")
        await stage.until(lambda: stage.room.closed)

    assert play(scene).exit_status == 0


def test_create_code_and_verify() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/code")
        await stage.shows("this room has no code", "sandpiper connect", "localhost:5000/lobby")
        await stage.enters("/code new")
        await stage.shows("a broker's room has no codes")
        await stage.enters("/verify bob")
        await stage.shows("that is for rooms between peers")
        await stage.enters("/create")
        await stage.shows("in pine-ocean-42 as anna")
        assert stage.house.requests[-1].create
        await stage.enters("/code")
        await stage.shows("sandpiper join pine-ocean-42")
        await stage.enters("/code new")
        await stage.shows("another code now: maple-river-7")
        await stage.enters("/verify")
        await stage.shows("whom?")
        await stage.enters("/verify bob")
        await stage.shows("amber canoe velvet", "Are bob's words the same?")
        await stage.press("enter")
        await stage.shows("bob is who they say, in this session")
        await stage.enters("/verify bob")
        await stage.shows("compared words with this person")
        await stage.press("escape")
        stage.house.entered[-1].joins("bob", "direct")
        await stage.shows("bob joined")
        await stage.enters("/who")
        await stage.shows("words compared")
        stage.house.entered[-1].shown = False
        await stage.enters("/verify bob")
        await stage.shows("No answer from bob's program")
        await stage.press("escape")

    play(scene)


def test_code_link_and_qr_of_a_broker_s_room() -> None:
    drawn: list[str] = []

    def draw(text: str, columns: int, rows: int | None) -> list[str]:
        drawn.append(text)
        return ["█▀▄"]

    async def scene(stage: Stage) -> None:
        await stage.enters("/code link")
        await stage.shows(LINK)
        await stage.enters("/code qr")
        await stage.shows("█▀▄")
        assert drawn == [LINK]
        await stage.enters("/code old")
        await stage.shows("/code link invites")

    play(scene, draw=draw, size=(140, 30))


def test_code_link_and_qr_between_peers() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/code link")
        await stage.shows("join#pine-ocean-42")
        await stage.enters("/code qr")
        await stage.shows("too narrow for a QR code")

    room = FakeRoom("pine-ocean-42", code="pine-ocean-42")
    play(scene, house=House(room), request=RoomRequest("pine-ocean-42"), link=lambda code, password: f"join#{code}")


def test_the_lines_for_others_ask_for_a_password_where_there_is_one() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.happens(RoomCreated("pine-ocean-42", 0))
        await stage.shows("join pine-ocean-42 True")
        await stage.enters("/code")
        await stage.shows("/code new makes it useless", "join pine-ocean-42 True")
        await stage.enters("/code link")
        await stage.shows("link True")

    room = FakeRoom("pine-ocean-42", code="pine-ocean-42")
    room.password_needed = True
    play(
        scene, house=House(room), request=RoomRequest("pine-ocean-42"),
        join_line=lambda code, password: f"join {code} {password}", link=lambda code, password: f"link {password}",
    )  # fmt: skip


def test_ignore_hides_what_has_been_said_and_what_comes() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.joins("troll")
        stage.room.says("troll", "first insult")
        await stage.shows("first insult")
        stage.time += 5  # members are asked again some time after somebody came
        await stage.until(lambda: stage.app.current.members[-1:] and stage.app.current.members[-1].nick == "troll")
        await stage.enters("/ignore troll")
        await stage.hides("first insult")
        stage.room.says("troll", "second insult, anna")
        stage.room.says("bob", "sorry about that")
        await stage.shows("sorry about that")
        assert "second insult" not in stage.text
        await stage.enters("/ignore")
        await stage.shows("you ignore troll")
        await stage.enters("/ignore troll")
        await stage.shows("first insult", "second insult")
        await stage.enters("/ignore anna")
        await stage.shows("that is you")
        await stage.enters("/ignore eve")
        await stage.shows("nobody here is called eve")

    play(scene)


def test_kick_asks_first() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/kick bob")
        await stage.shows("Remove bob for good")
        await stage.press("escape")
        await stage.hides("Remove bob")
        await stage.enters("/kick bob")
        await stage.shows("Remove bob for good")
        await stage.press("enter")
        await stage.shows("bob is removed")
        assert stage.room.asked == [("kick", "bob")]
        await stage.enters("/kick bob --with-admitted")
        await stage.shows("Remove bob, mole for good")
        await stage.press("enter")
        await stage.shows("bob, mole are removed")
        await stage.enters('/readmit bob "the mole"')
        await stage.shows("bob, the mole are let in again")
        assert stage.room.asked[2:] == [("readmit", "bob"), ("readmit", "the mole")]
        await stage.enters("/readmit")
        await stage.shows("whom?")
        await stage.enters("/kick")
        await stage.shows("whom?")
        await stage.enters("/kick nobody")
        await stage.shows("nobody else here is called nobody")

    play(scene, FakeRoom(code="pine-ocean-42"))


def test_a_broker_s_room_does_not_ask_before_it_refuses_to_kick() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/kick bob")
        await stage.shows("who runs it says who may come in")
        assert not stage.app.modes

    play(scene)


def test_search() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(200):
            stage.room.says("bob", f"line {number}{' needle' if number in (20, 120) else ''}")
        await stage.shows("line 199")
        await stage.types("a draft")
        await stage.press("ctrl+f")
        await stage.types("needle")
        await stage.shows("line 120 needle", "Search:")
        await stage.press("enter")
        await stage.shows("line 20 needle")
        await stage.press("up")
        await stage.shows("nothing older found")
        await stage.press("down")
        await stage.shows("line 120 needle")
        await stage.press("escape")
        assert stage.app.composer.text == "a draft"
        await stage.press("escape")
        await stage.shows("line 199")
        stage.app.composer.set_text("")
        await stage.enters("/search nothing like it")
        await stage.shows("nothing found")

    play(scene)


@pytest.mark.parametrize("form", ["text", "markdown", "jsonl"])
def test_export(form: str, tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.room.says("bob", "hello\n\x1b[31m<b>*you*")
        stage.room.says("bob", "waves", kind="me")
        stage.room.data("bob", {"t": 1})
        await stage.shows("waves")
        await stage.enters(f"/export {form} {tmp_path / 'out'}")
        await stage.shows("3 messages written")
        await stage.enters(f"/export {form} {tmp_path / 'out'}")
        await stage.shows("is there already")
        await stage.enters(f"/export {form} {tmp_path / 'no' / 'out'}")
        await stage.shows("cannot write")

    play(scene, size=(160, 30))
    text = (tmp_path / "out").read_text("utf-8")
    assert "\x1b" not in text
    if form == "text":
        assert text.startswith("2025-03-04 10:00:00 bob: hello\n    | ␛[31m<b>*you*\n")
        assert "2025-03-04 10:00:00 * bob waves\n" in text
    elif form == "markdown":
        assert text.startswith("## Tuesday 4 March 2025\n\n- 10:00")
        assert "- 10:00 **bob**: hello\n  ␛[31m&lt;b&gt;*you*\n" in text
    else:
        lines = [json.loads(line) for line in text.splitlines()]
        assert [line["type"] for line in lines] == ["msg", "me", "data"]


def test_export_without_a_name_goes_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def scene(stage: Stage) -> None:
        await stage.enters("/export")
        await stage.shows("nothing to export yet")
        stage.room.says("bob", "hello")
        await stage.shows("hello")
        await stage.enters("/export")
        await stage.shows("1 message written to", "sandpiper-lobby-20250304-110000.txt")

    play(scene)
    assert (tmp_path / "sandpiper-lobby-20250304-110000.txt").exists()


def test_notify() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/notify")
        await stage.shows("lobby: what mentions you rings")
        await stage.enters("/notify all")
        await stage.shows("lobby: every message rings")
        await stage.enters("/notify never")
        await stage.shows("one of all, mentions, none")
        await stage.enters("/notify none")
        await stage.shows("nothing rings")

    play(scene)


def test_clear_deletes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.room.says("bob", "a needle")
        stage.room.says("bob", "some hay")
        await stage.shows("some hay")
        await stage.enters("/clear")
        await stage.hides("needle")
        stage.room.says("bob", "new news")
        await stage.shows("new news")
        await stage.press("pageup", "ctrl+home")
        assert "needle" not in stage.text
        await stage.enters(f"/export {tmp_path / 'out'}")
        await stage.shows("3 messages written")
        await stage.press("ctrl+f")
        await stage.types("news")
        await stage.settle()
        assert "hay" not in stage.text
        stage.app.composer.set_text("")
        await stage.types("needle")
        await stage.shows("▎a needle", "some hay", "new news")
        assert stage.text.count("4 March 2025") == 1
        await stage.press("escape")
        await stage.shows("a needle")

    play(scene)
    assert [line[20:] for line in (tmp_path / "out").read_text().splitlines()] == [
        "bob: a needle",
        "bob: some hay",
        "bob: new news",
    ]


def test_clear_empties_the_screen_only() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.says("bob", "old news")
        await stage.shows("old news")
        await stage.enters("/clear")
        await stage.hides("old news")
        stage.room.says("bob", "new news")
        await stage.shows("new news")

    play(scene)


def test_theme() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/theme light")
        await stage.until(lambda: stage.app.palette.name == "light")
        await stage.enters("/theme")
        await stage.until(lambda: stage.app.palette.name == "contrast")
        await stage.enters("/theme pink")
        await stage.shows("one of dark, light, contrast, terminal")

    play(scene)


def test_no_color_keeps_to_the_terminals_own() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/theme light")
        await stage.shows("NO_COLOR is set")
        assert stage.app.palette.name == "terminal"

    play(scene, no_color=True)


def test_quit_delivers_first() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        room.hold = True
        await stage.enters("last words")
        await stage.shows("last words …", "1 to send")
        await stage.enters("/quit")
        await stage.shows("leaving once 1 more is delivered")
        assert not room.closed
        room.store()
        await stage.until(lambda: room.closed)

    assert play(scene, room).exit_status == 0


def test_alarms_are_shown_where_one_looks() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.happens(Warned("key", "bob has another key than before. Compare words with /verify bob"))
        await stage.shows("✗ bob has another key than before")

    play(scene, house=House(FakeRoom()))


@pytest.mark.parametrize("pressed", ["escape", "f1", "enter", "ctrl+c", "x"])
def test_help_goes_away_and_leaves_the_conversation_as_it_was(pressed: str) -> None:
    async def scene(stage: Stage) -> None:
        for number in range(60):
            stage.room.says("bob", f"line {number}.")
        await stage.shows("line 59.")
        await stage.press("pageup")
        await stage.settle()
        rows, count = [row[27:] for row in stage.rows[:-3]], len(stage.app.current.model)
        await stage.press("f1")
        await stage.shows("/help [COMMAND]")
        await stage.press("pagedown", "up", "down")
        stage.room.says("bob", "meanwhile")
        await stage.until(lambda: len(stage.app.current.model) == count + 1)
        await stage.press(pressed)
        await stage.hides("/help [COMMAND]")
        await stage.settle()
        assert [row[27:] for row in stage.rows[:-3]] == rows
        assert stage.app.composer.text == ("x" if pressed == "x" else "")
        assert not stage.app.leaving

    play(scene)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/part", "here that is /leave"),
        ("/close", "here that is /leave"),
        ("/j ops", "here that is /join"),
        ("/names", "here that is /who"),
        ("/whois bob", "here that is /who"),
        ("/query bob", "here that is /msg"),
        ("/op bob", "here that is /owner"),
        ("/topic", "a room has no topic"),
        ("/window 2", "Alt+Up and Alt+Down"),
        ("/set", "sandpiper config"),
        ("/nik", "did you mean /nick?"),
        ("/zzzzzz", "/help lists them"),
    ],
)
def test_commands_of_other_programs_are_answered_with_ours(typed: str, answer: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters(typed)
        await stage.shows(f"no command {typed.split()[0]}; ", answer)

    play(scene, size=(120, 30))


def test_owner() -> None:
    room = FakeRoom("pine-ocean-42", code="pine-ocean-42")

    async def scene(stage: Stage) -> None:
        await stage.enters("/owner")
        await stage.shows("whom? /owner NICK")
        await stage.enters("/owner bob")
        await stage.shows("bob may remove people now")
        assert room.asked == [("owner", "bob")]

    play(scene, house=House(room), request=RoomRequest("pine-ocean-42", nick="anna"))


def test_who_was_there_before_is_here_and_of_oneself_nothing_is_said() -> None:
    async def scene(stage: Stage) -> None:
        for nick, how in (("bob", "is here"), ("cleo", "is here"), ("dan", "joined")):
            stage.room.happens(Notice(f"{nick} {how}", START, "lobby", "join", nick, None, key(nick)))
        stage.room.happens(Notice("eve was removed", START, "lobby", "leave", "eve", None, key("eve")))
        stage.room.happens(Notice("anna left", START, "lobby", "leave", "anna", None, OWN))
        stage.room.happens(Notice("anna joined", START, "lobby", "join", "anna", None, OWN))
        stage.room.says("bob", "hello")
        await stage.shows("bob, cleo are here · dan joined · eve was removed", "hello")
        assert "anna left" not in stage.text
        assert "anna joined" not in stage.text

    play(scene)


def test_a_nick_is_what_it_looks_like() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/nick Rene\u0301")
        await stage.shows("you are Ren\u00e9 now")

    play(scene)


def test_help_that_is_longer_than_the_screen_is_shown_from_its_start() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("/help")
        await stage.shows("/help [COMMAND]", "any other key goes back")
        await stage.press("ctrl+end")
        await stage.shows("Ctrl+C, Ctrl+D")

    play(scene, size=(80, 24))
