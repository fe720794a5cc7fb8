"""How one peer is connected over the mesh, as people are told."""

from __future__ import annotations

from typing import Final, NamedTuple

FITFUL: Final = (
    "connections are made and fall silent: large packets may get lost on the way; try a smaller MTU, such as 1280"
)


class Link(NamedTuple):
    """The connection to one peer: its address, the TCP round trip, or why there is none.

    `outward` is where we connect for our publications, if we cannot be reached. `fitful`: connections do not last.
    """

    address: str | None
    rtt_ms: float
    error: str
    outward: str | None
    outward_error: str
    fitful: bool = False
