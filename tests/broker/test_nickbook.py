from __future__ import annotations

import pytest

from sandpiper.broker.nickbook import NickBook
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import NICK_GRACE_S


def taken(book: NickBook, owner: str, name: str) -> bool:
    try:
        book.claim(owner, name)
    except Refusal as refusal:
        return refusal.code is Code.NICK_TAKEN
    return False


def test_the_first_who_takes_it_has_it() -> None:
    book = NickBook()
    assert book.claim("a", "alice") == "alice"
    assert book.owner("alice") == "a"
    assert taken(book, "b", "alice")
    assert book.owner("bob") is None


@pytest.mark.parametrize("same", ["Alice", "ALICE", "\uff41lice"])
def test_what_folds_alike_is_one_nick(same: str) -> None:
    book = NickBook()
    book.claim("a", "alice")
    assert taken(book, "b", same)
    assert book.owner(same) == "a"


def test_anon_is_everybodys() -> None:
    book = NickBook()
    assert [book.claim(owner, name) for owner, name in [("a", "anon"), ("b", "Anon")]] == ["anon", "anon"]
    assert book.owner("anon") is None
    book.release("anon", keep_until=None)
    assert book.claim("c", "anon") == "anon"


@pytest.mark.parametrize("bad", ["", " ", "a/b", "x" * 33, "a\nb", "a\u200bb"])
def test_what_is_no_nick_is_refused(bad: str) -> None:
    with pytest.raises(Refusal) as caught:
        NickBook().claim("a", bad)
    assert caught.value.code is Code.INVALID


def test_it_is_kept_until_the_last_holder_lets_go() -> None:
    book = NickBook()
    book.claim("a", "alice")
    book.claim("a", "Alice")
    book.release("alice", keep_until=None)
    assert taken(book, "b", "alice")
    book.release("Alice", keep_until=None)
    assert not taken(book, "b", "alice")


def test_grace_keeps_it_for_its_owner() -> None:
    book = NickBook()
    book.claim("a", "alice")
    book.release("alice", keep_until=60.0)
    assert book.expire(59.9) == []
    assert taken(book, "b", "alice")
    assert book.expire(60.0) == ["alice"]
    assert not taken(book, "b", "alice")


def test_coming_back_ends_the_grace() -> None:
    book = NickBook()
    book.claim("a", "alice")
    book.release("alice", keep_until=60.0)
    book.claim("a", "alice")
    assert book.expire(100.0) == []
    assert taken(book, "b", "alice")


def test_what_the_store_remembers_has_the_grace_from_now() -> None:
    book = NickBook()
    book.reserve("a", "alice", 10.0)
    assert taken(book, "b", "alice")
    assert book.expire(10.0 + NICK_GRACE_S) == ["alice"]


def test_releasing_what_nobody_has_is_nothing() -> None:
    NickBook().release("alice", keep_until=None)
