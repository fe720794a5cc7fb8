from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from sandpiper.common.io.happy_eyeballs import AllFailed, interleave, race

DEADLINE_S = 20.0
LONG_S = 3600.0
"""A stagger that nobody waits for."""

Attempt = Callable[[], Coroutine[Any, Any, str]]


@pytest.mark.parametrize(
    ("found", "order"),
    [
        ([], []),
        (["127.0.0.1"], ["127.0.0.1"]),
        (["::1", "127.0.0.1"], ["::1", "127.0.0.1"]),
        (["127.0.0.1", "::1"], ["127.0.0.1", "::1"]),
        (["::1", "::2", "::3", "10.0.0.1"], ["::1", "10.0.0.1", "::2", "::3"]),
        (["10.0.0.1", "10.0.0.2", "::1", "10.0.0.1", "::2"], ["10.0.0.1", "::1", "10.0.0.2", "::2"]),
    ],
)
def test_the_families_take_turns(found: list[str], order: list[str]) -> None:
    assert interleave(found) == order


class Field:
    """Attempts that end when told, and what became of each."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.started: dict[str, asyncio.Event] = {}

    async def answers(self, name: str) -> str:
        self.said.append(f"{name} starts")
        return name

    async def fails(self, name: str) -> str:
        self.said.append(f"{name} starts")
        raise OSError(name)

    async def hangs(self, name: str) -> str:
        self.said.append(f"{name} starts")
        self.started.setdefault(name, asyncio.Event()).set()
        try:
            await asyncio.sleep(LONG_S)
        finally:
            self.said.append(f"{name} ends")
        raise AssertionError("it was to be cancelled")


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(main, DEADLINE_S))


def test_the_first_that_answers_wins_and_no_other_is_begun() -> None:
    field = Field()
    attempts: list[Attempt] = [partial(field.answers, "a"), partial(field.answers, "b")]
    assert run(race(attempts, LONG_S)) == "a"
    assert field.said == ["a starts"]


def test_one_that_fails_makes_way_at_once() -> None:
    field = Field()
    assert run(race([partial(field.fails, "a"), partial(field.answers, "b")], LONG_S)) == "b"


def test_one_that_hangs_is_overtaken_and_has_ended_by_then() -> None:
    field = Field()
    assert run(race([partial(field.hangs, "a"), partial(field.answers, "b")], 0.0)) == "b"
    assert field.said == ["a starts", "b starts", "a ends"]


def test_when_all_have_failed_each_says_why_in_order() -> None:
    field = Field()
    with pytest.raises(AllFailed) as raised:
        run(race([partial(field.fails, name) for name in "abc"], LONG_S))
    assert [str(error) for error in raised.value.errors] == ["a", "b", "c"]
    with pytest.raises(AllFailed):
        run(race(list[Attempt](), LONG_S))


def test_a_race_that_is_cancelled_takes_its_attempts_with_it() -> None:
    async def main() -> list[str]:
        field, before = Field(), asyncio.all_tasks()
        task = asyncio.ensure_future(race([partial(field.hangs, "a"), partial(field.hangs, "b")], 0.0))
        for name in "ab":
            await field.started.setdefault(name, asyncio.Event()).wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == before
        return field.said

    assert sorted(run(main())) == ["a ends", "a starts", "b ends", "b starts"]
