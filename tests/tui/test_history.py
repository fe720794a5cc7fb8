from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from sandpiper.common.errors import SandpiperError
from sandpiper.common.limits import HISTORY_AGAIN_S, HISTORY_BATCH
from sandpiper.common.messages import Data, Message
from sandpiper.tui import history as module
from sandpiper.tui.history import FILE, KEY, History
from tests.tui.fake import FakeRoom


def messages(count: int, text: str = "secret words") -> list[Message]:
    room = FakeRoom("secret-room")
    return [room.message("secretive", f"{text} {number}") for number in range(count)]


def recent(history: History, room: str, limit: int = 100) -> list[Message]:
    async def ask() -> list[Message]:
        await history.caught_up()
        return await history.recent(room, limit)

    return asyncio.run(ask())


def test_what_is_kept_comes_back_in_order(tmp_path: Path) -> None:
    kept = [*messages(20), Data("bob", {"t": 1, b"k": [None]}, 5, "r", 99, 0, "run", "d", None, False)]
    history = History(tmp_path)
    for message in kept:
        history.add("here", message)
    assert recent(history, "here") == kept
    assert recent(history, "here", 5) == kept[-5:]
    assert recent(history, "elsewhere") == []
    history.close()
    again = History(tmp_path)
    for message in kept:
        again.add("here", message)
    assert recent(again, "here") == kept
    again.close()


def test_the_files_say_nothing_and_are_for_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    history = History(folder)
    for message in messages(50):
        history.add("secret-room", message)
    history.note("draft secret-room", "secret draft")
    history.close()
    everything = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"secret" not in everything
    if os.name == "posix":
        assert {path.stat().st_mode & 0o077 for path in (folder / FILE, folder / KEY)} == {0}
        assert folder.stat().st_mode & 0o077 == 0


def test_rows_cannot_be_moved_to_another_room(tmp_path: Path) -> None:
    history = History(tmp_path)
    for room, message in zip(("one", "two"), messages(2), strict=True):
        history.add(room, message)
    recent(history, "one")
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute("UPDATE message SET room = (SELECT room FROM message ORDER BY id LIMIT 1)")
    file.close()
    assert len(recent(history, "one")) == 1
    history.close()


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY_MESSAGES", 1000)
    history = History(tmp_path)
    kept = messages(4000)
    for message in kept:
        history.add("here", message)
    found = recent(history, "here", 10_000)
    assert 1000 <= len(found) <= 1500
    assert found[-1] == kept[-1]
    history.close()


def test_notes(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.note("draft x", "half a thought")
    history.note("typed", ["a", "b"])
    history.note("gone", 1)
    history.note("gone", None)
    history.close()
    again = History(tmp_path)
    assert (again.recall("draft x"), again.recall("typed"), again.recall("gone")) == (
        "half a thought",
        ["a", "b"],
        None,
    )
    again.close()


def test_another_key_finds_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add("here", messages(1)[0])
    history.note("draft", "x")
    history.close()
    (tmp_path / KEY).write_text("00" * 32 + "\n")
    other = History(tmp_path)
    assert recent(other, "here") == []
    assert other.recall("draft") is None
    other.close()


@pytest.mark.parametrize("content", [b"", b"zz", b"00" * 31, b"\xff\xfe"])
def test_a_damaged_key_is_an_error_that_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY).write_bytes(content)
    with pytest.raises(SandpiperError, match="move it away"):
        History(tmp_path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(SandpiperError, match="--no-history"):
        History(tmp_path)


def test_a_full_disk_says_so_and_keeps_the_rest_once_there_is_space(tmp_path: Path) -> None:
    now = [0.0]
    history = History(tmp_path, clock=lambda: now[0])
    first, *later, last = messages(HISTORY_BATCH + 12, "x" * 5000)
    history.add("here", first)
    assert recent(history, "here") == [first]
    (most,) = history._file.execute("PRAGMA max_page_count = 1").fetchone()  # no more than it has
    history.add("here", later[0])
    assert recent(history, "here") == [first]
    assert "full" in history.fault, "the true reason, not what came of undoing"
    history.note("draft", "kept too")
    for message in later[1:]:
        history.add("here", message)
    assert not history.behind, "nobody waits for a full disk"
    now[0] += HISTORY_AGAIN_S
    history.add("here", last)
    assert recent(history, "here") == [first]
    assert "full" in history.fault
    history._file.execute("PRAGMA max_page_count = 100000")
    assert most
    now[0] += HISTORY_AGAIN_S
    history.note("draft", "another")
    found = recent(history, "here", 10_000)
    assert history.fault == ""
    assert found == [first, *[*later, last][-HISTORY_BATCH:]]
    assert history.missed == len(later) + 1 - HISTORY_BATCH
    history.close()
    again = History(tmp_path)
    assert again.recall("draft") == "another"
    again.close()


def test_what_goes_wrong_later_is_said_once_and_ends_nothing(tmp_path: Path) -> None:
    history = History(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute("DROP TABLE message")
    file.close()
    history.add("here", messages(1)[0])
    assert recent(history, "here") == []
    assert "history cannot be" in history.fault
    history.add("here", messages(1)[0])
    history.close()
