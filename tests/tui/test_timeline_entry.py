from __future__ import annotations

from sandpiper.common.messages import Data, Me, Msg, Whisper
from sandpiper.tui.timeline_entry import message_entry, message_key, whisper_entry

KEY = "k" * 24


def test_messages_and_whispers_become_entries() -> None:
    msg = Msg("bob", "hi", 7, "lobby", 3, 0, "run", "id", KEY, True)
    entry = message_entry(msg, own=True, old=False)
    assert (entry.kind, entry.text, entry.nick, entry.mark, entry.message) == ("msg", "hi", "bob", "✓", msg)
    assert message_entry(msg, own=True, old=True).mark == ""
    assert (
        message_entry(Me("bob", "waves", 7, "lobby", 3, 0, "run", "id", KEY, True), own=False, old=False).kind == "me"
    )
    data = message_entry(Data("bob", {"t": 1}, 7, "lobby", 3, 0, "run", "id", KEY, True), own=False, old=False)
    assert (data.kind, data.text) == ("data", '{"t":1}')
    assert message_key(msg) == ("run", 3, KEY)
    whisper = Whisper("bob", "anna", "psst", 7, "lobby", "w", KEY, True)
    assert [whisper_entry(whisper, sent=sent).kind for sent in (False, True)] == ["whisper", "whispered"]


def test_size_is_bounded_by_what_the_text_takes() -> None:
    entry = message_entry(Msg("bob", "é" * 100, 7, "lobby", 3, 0, "run", "id", KEY, True), own=False, old=False)
    assert entry.size == 600
