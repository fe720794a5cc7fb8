"""What the core wants done; the service carries it out in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sandpiper.bridge.port import Guest
from sandpiper.broker.fanout import Fanout
from sandpiper.broker.session import ClientSession
from sandpiper.common.control import Event, Reply
from sandpiper.common.items import Item


@dataclass(frozen=True, slots=True)
class ToBus:
    """What is said in a room, for every subscriber of the bus."""

    fanout: Fanout


@dataclass(frozen=True, slots=True)
class ToTools:
    """What only those at the plain doors are told: nothing else reaches them."""

    fanout: Fanout


@dataclass(frozen=True, slots=True)
class ToGuest:
    """Items for one JSON-lines client, one write."""

    guest: Guest
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class ToSession:
    """A reply or an event for one keyed session. Sessions that are told the same share one object."""

    session: ClientSession
    message: Reply | Event


Output: TypeAlias = ToBus | ToTools | ToGuest | ToSession
