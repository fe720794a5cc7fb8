"""A broker's endpoints, as seen from here."""

from __future__ import annotations

from typing import Final

from sandpiper.common.errors import Unreachable
from sandpiper.common.host_port import joined, parted
from sandpiper.common.sanitise import clip, printable

_QUOTED_COLUMNS: Final = 40


def at_host(endpoint: str, host: str) -> str:
    """`endpoint` (tcp://HOST:PORT) at the host that we know the broker by: what it binds says nothing about that.

    The endpoint comes from a welcome, which nobody has signed. Raises Unreachable where it has no port.
    """
    _, port = parted(endpoint.removeprefix("tcp://"))
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        said = clip(printable(endpoint), _QUOTED_COLUMNS)
        raise Unreachable(f"the broker at {host} names no port for its bus, but {said!r}; somebody may be in between")
    return f"tcp://{joined(host, port)}"
