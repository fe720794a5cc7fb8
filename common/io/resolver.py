"""Looking a host's name up: once for each connection, and in a thread that nobody has to wait for.

The system's resolver blocks, half a minute where its servers are silent. In the loop's own pool of threads it would
hold the process up that long at its end, so it has a daemon thread, one for each name that is being looked up: who asks
again meanwhile, having lost patience once, waits for the same answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar

from sandpiper.common.io.happy_eyeballs import interleave
from sandpiper.common.limits import LOOKUP_ADDRESSES, LOOKUP_SLOW_S, NAME_S

log = logging.getLogger("sandpiper.lookup")


def _log(text: str) -> None:
    log.warning("%s", text)


_teller: ContextVar[Callable[[str], None]] = ContextVar("teller", default=_log)
_under_way: dict[str, Future[list[str]]] = {}
_lock = threading.Lock()


class Late(OSError):
    """Error: the resolver has not answered within NAME_S."""


@contextmanager
def telling(tell: Callable[[str], None]) -> Iterator[None]:
    """Has `tell` hear of look-ups that take long, rather than the log."""
    token = _teller.set(tell)
    try:
        yield
    finally:
        _teller.reset(token)


async def numeric(host: str, slow: Callable[[str], None] | None = None) -> list[str]:
    """The numeric addresses of `host`, in the order in which they are to be tried; a numeric one is its own.

    When it takes long `slow` is told in a line, or whoever `telling` has named. Raises OSError; Late when too long.
    """
    if is_numeric(host):
        return [host]
    answer = asyncio.wrap_future(_ask(host))
    done, _ = await _patiently(answer, LOOKUP_SLOW_S)
    if not done:
        (slow or _teller.get())(f"looking up {host} takes long: its DNS server is slow")
        done, _ = await _patiently(answer, NAME_S - LOOKUP_SLOW_S)
    if not done:
        answer.cancel()
        raise Late(f"no DNS server has answered for {host} within {NAME_S:g} s")
    return answer.result()


def is_numeric(host: str) -> bool:
    """Whether `host` is an address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _patiently(answer: asyncio.Future[list[str]], seconds: float) -> tuple[set[object], set[object]]:
    try:
        done, pending = await asyncio.wait({answer}, timeout=seconds)
    except asyncio.CancelledError:
        answer.cancel()
        raise
    return set(done), set(pending)


def _ask(host: str) -> Future[list[str]]:
    with _lock:
        answer = _under_way.get(host)
        if answer is None:
            answer = _under_way[host] = Future()
            answer.set_running_or_notify_cancel()  # whoever gives up waiting does not take it from the others
            try:
                threading.Thread(target=_look_up, args=(host, answer), name="lookup", daemon=True).start()
            except RuntimeError:
                del _under_way[host]
                raise OSError("no more threads can be started") from None
    return answer


def _look_up(host: str, answer: Future[list[str]]) -> None:
    error: OSError | None = None
    hosts: list[str] = []
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        hosts = interleave(str(address[0]) for *_, address in found)[:LOOKUP_ADDRESSES]
    except OSError as raised:
        error = raised
    except UnicodeError:
        error = OSError("no host can have this name")
    if error is None and not hosts:
        error = OSError("the name has no address")
    with _lock:
        del _under_way[host]
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(hosts)
