from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from sandpiper.common.io import resolver as lookup

DEADLINE_S = 20.0


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(main, DEADLINE_S))


class Resolver:
    """In the place of the system's: answers when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
        self.hosts = hosts
        self.asked = 0
        self.threads: list[threading.Thread] = []
        self.go = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: str, port: object, **how: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        self.threads.append(threading.current_thread())
        assert self.go.wait(DEADLINE_S)
        if not self.hosts:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, 0, 0, "", (each, 0)) for each in self.hosts]


def test_an_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch)
    for host in ("127.0.0.1", "::1", "fe80::1%eth0"):
        assert run(lookup.numeric(host)) == [host]
    assert resolver.asked == 0


def test_a_name_is_looked_up_once_for_all_who_ask_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, "::1", "::2", "10.0.0.1")

    async def main() -> list[list[str]]:
        asking = [asyncio.ensure_future(lookup.numeric("srv.test")) for _ in range(3)]
        await asyncio.sleep(0)
        asking[0].cancel()  # who gives up takes the answer from nobody
        await asyncio.wait({asking[0]})
        resolver.go.set()
        return await asyncio.gather(*asking[1:])

    assert run(main()) == [["::1", "10.0.0.1", "::2"]] * 2
    assert resolver.asked == 1
    assert resolver.threads[0].daemon, "a look-up would hold the process's end up"
    assert run(lookup.numeric("srv.test"))
    assert resolver.asked == 2, "each connection looks anew"


def test_a_slow_look_up_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, "10.0.0.1")
    monkeypatch.setattr(lookup, "LOOKUP_SLOW_S", 0.0)
    said: list[str] = []

    def told(text: str) -> None:
        said.append(text)
        resolver.go.set()

    assert run(lookup.numeric("srv.test", told)) == ["10.0.0.1"]

    async def main() -> None:
        resolver.go.clear()
        with lookup.telling(told):
            await lookup.numeric("srv.test")

    run(main())
    assert said == ["looking up srv.test takes long: its DNS server is slow"] * 2


def test_a_look_up_without_an_answer_has_its_own_word_and_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, "10.0.0.1")
    monkeypatch.setattr(lookup, "LOOKUP_SLOW_S", 0.0)
    monkeypatch.setattr(lookup, "NAME_S", 0.0)
    with pytest.raises(lookup.Late, match=r"no DNS server has answered for srv\.test"):
        run(lookup.numeric("srv.test"))
    assert lookup._under_way, "it goes on, for whoever asks again"
    resolver.go.set()
    resolver.threads[0].join(DEADLINE_S)
    assert not lookup._under_way


@pytest.mark.parametrize(("host", "words"), [("no.such.host", "not known"), ("a" * 70, "no host can have this name")])
def test_a_name_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch, host: str, words: str) -> None:
    resolver = Resolver(monkeypatch)
    resolver.go.set()
    if "can" in words:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *what, **how: host.encode("idna"))
    with pytest.raises(OSError, match=words):
        run(lookup.numeric(host))
