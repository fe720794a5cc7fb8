"""A look-up at several services at once: what all answers mean together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandpiper.common.errors import Code, Refusal, Rejected, Unreachable
from sandpiper.common.rendezvous import Found
from sandpiper.peer.p2p.rendezvous.lookup import ask_all, judge


class Service:
    """A client of a service that answers so."""

    def __init__(self, answer: Found | Exception) -> None:
        self.answer = answer

    async def lookup(self, nameplate: int) -> Found:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def ask(*services: Any) -> tuple[list[list[tuple[object, bytes]]], list[Refusal]]:
    return asyncio.run(ask_all(services, 42))


def test_each_mailbox_comes_with_its_service_and_refusals_apart() -> None:
    full, empty = Service(Found(r=1, groups=[[b"a", b"b"], [b"c"]])), Service(Found(r=1, groups=[[]]))
    refusing = Service(Refusal(Code.NO_ROOM, "no such room"))
    groups, refusals = ask(full, empty, refusing)
    assert groups == [[(full, b"a"), (full, b"b")], [(full, b"c")]]
    assert [refusal.code for refusal in refusals] == [Code.NO_ROOM]


def test_what_is_no_refusal_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        ask(Service(Found(r=1, groups=[])), Service(ZeroDivisionError()))


def test_where_all_refuse_for_our_pace_it_is_said_when_to_try_again() -> None:
    rate = Refusal(Code.RATE, "slow down", retry_ms=7900)
    with pytest.raises(Rejected, match="try again in 7 s"):
        judge([rate, rate], named=False)
    judge([rate, Refusal(Code.NO_ROOM, "no such room")], named=True)
    judge([], named=True)


def test_where_all_that_were_named_have_gone_they_are_unreachable() -> None:
    gone = [Refusal(Code.CLOSING, "it hung up")]
    with pytest.raises(Unreachable, match="went away: it hung up"):
        judge(gone, named=True)
    judge(gone, named=False)
