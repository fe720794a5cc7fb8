"""Connections to services, which the mesh's flood guard looks after as well: a service may send without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from sandpiper.peer.p2p.mesh.flood_guard import Flow


class ServiceLink(Protocol):
    """A connection to a service."""

    @property
    def flow(self) -> Flow:
        """Its counters."""

    def cut(self) -> None:
        """Breaks it."""


class GuardedLinks:
    """The connections that are looked after. `watch` is told of each one's descriptor; the mesh sets it."""

    def __init__(self) -> None:
        self.watch: Callable[[int], None] = lambda fd: None
        self._links: set[ServiceLink] = set()

    def add(self, link: ServiceLink) -> None:
        """Looks after a connection, which has just been made."""
        self._links.add(link)
        self.watch(link.flow.fd)

    def remove(self, link: ServiceLink) -> None:
        """Lets go of a connection, which has ended."""
        self._links.discard(link)

    def flows(self) -> Iterator[Flow]:
        """The counters of all."""
        return (link.flow for link in self._links)

    def cut(self, found: set[int]) -> None:
        """Breaks those with these descriptors."""
        for link in [each for each in self._links if each.flow.fd in found]:
            link.cut()
