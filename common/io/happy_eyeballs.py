"""The race between a host's addresses (RFC 8305, "happy eyeballs"): who answers first is who is talked to.

The families take turns, and each attempt has a moment before the next one begins beside it; one that fails makes way
at once. An address that refuses, or that swallows every packet, then costs a moment and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any, TypeVar

from sandpiper.common.io.tasks import end

Result = TypeVar("Result")


class AllFailed(Exception):
    """Error: no attempt succeeded. `errors` says why, in the order of the attempts."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors


def interleave(hosts: Iterable[str]) -> list[str]:
    """Numeric addresses, none twice, in turns of the two families; the family of the first one begins."""
    found = list(dict.fromkeys(hosts))
    first = [host for host in found if (":" in host) == (":" in found[0])]
    second = [host for host in found if host not in first]
    pairs = zip_longest(first, second)
    return [host for host in chain.from_iterable(pairs) if host is not None]


async def race(attempts: Sequence[Callable[[], Coroutine[Any, Any, Result]]], stagger_s: float) -> Result:
    """Returns the result of the first attempt that succeeds; the others are cancelled, and have ended by then.

    The next attempt begins when one has failed, or stagger_s after the last began. Raises AllFailed, also for none.
    """
    waiting = list(enumerate(attempts))[::-1]
    running: dict[asyncio.Task[Result], int] = {}
    errors: dict[int, Exception] = {}
    try:
        while waiting or running:
            if waiting:
                number, attempt = waiting.pop()
                running[asyncio.ensure_future(attempt())] = number
            patience = stagger_s if waiting else None
            done, _ = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=running.__getitem__):
                number = running.pop(task)
                try:
                    return task.result()
                except Exception as error:
                    errors[number] = error
    finally:
        await end(*running)
    raise AllFailed([errors[number] for number in sorted(errors)])
