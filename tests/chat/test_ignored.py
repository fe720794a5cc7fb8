from __future__ import annotations

from sandpiper.chat.ignored import Ignored

BOB, OTHER = "b" * 24, "c" * 24


def test_a_person_is_ignored_whatever_their_nick() -> None:
    ignored = Ignored()
    assert not ignored.hides("bob", BOB)
    ignored.ignore("Bob", {BOB})
    assert ignored.hides("roberta", BOB)
    assert not ignored.hides("bob", OTHER)
    assert not ignored.hides("bob", None)
    assert ignored.nicks == ["Bob"]
    assert ignored.forgive("bob")
    assert not ignored.forgive("bob")
    assert not ignored.hides("bob", BOB)


def test_a_nick_without_a_key_is_ignored_by_name() -> None:
    ignored = Ignored()
    ignored.ignore("thermo", {None})
    assert ignored.hides("THERMO", None)
    assert not ignored.hides("thermo", BOB)


def test_all_of_one_nick_are_ignored_and_forgiven_together() -> None:
    ignored = Ignored()
    ignored.ignore("bob", [BOB, OTHER, None])
    assert ignored.hides("x", BOB)
    assert ignored.hides("y", OTHER)
    assert ignored.hides("bob", None)
    assert ignored.nicks == ["bob"]
    assert ignored.forgive("bob")
    assert ignored.nicks == []


def test_each_change_is_told() -> None:
    told: list[str] = []
    ignored = Ignored(lambda: told.append("changed"))
    ignored.forgive("bob")
    assert told == []
    ignored.ignore("bob", {BOB})
    ignored.forgive("bob")
    assert told == ["changed", "changed"]
