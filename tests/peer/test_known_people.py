"""Whom one met before: kept in a file, and said so when it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandpiper.peer import known_people as module
from sandpiper.peer.known_people import KnownPeople
from sandpiper.peer.profile import Profile


def test_another_key_under_a_known_name_is_noticed_later(tmp_path: Path) -> None:
    profile = Profile.at(tmp_path)
    first = KnownPeople(profile)
    first.meet("Bob", "b" * 24)
    assert first.news() == ""
    again = KnownPeople(profile)
    assert again.other("bob", "c" * 24) == "b" * 24
    assert again.other("bob", "b" * 24) is None


def test_what_cannot_be_written_is_said_once_and_kept_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandpiper.common.io import files

    write = files.write_private

    def fails(path: Path, data: bytes, **more: bool) -> None:
        raise OSError(28, "No space left on device")

    profile = Profile.at(tmp_path)
    people = KnownPeople(profile)
    monkeypatch.setattr(files, "write_private", fails)
    people.meet("bob", "b" * 24)
    people.meet("carol", "c" * 24)
    assert "No space left" in people.news()
    assert people.news() == ""
    monkeypatch.setattr(files, "write_private", write)
    people.meet("dave", "d" * 24)
    assert people.news() == "whom you meet is remembered again"
    assert (people.news(), KnownPeople(profile).other("carol", "x")) == ("", "c" * 24)


def test_a_file_that_cannot_be_read_is_said_and_left_as_it_is(tmp_path: Path) -> None:
    profile = Profile.at(tmp_path)
    file = tmp_path / module._FILE
    file.write_bytes(b"\xff\xfe not text")
    people = KnownPeople(profile)
    assert "is UTF-16" in people.news()
    people.meet("bob", "b" * 24)
    assert file.read_bytes() == b"\xff\xfe not text"
