"""Running a service: a broker, or a discovery service, until somebody says stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


class RunningService(Protocol[R_co]):
    """A service as it is run."""

    async def open(self) -> None:
        """Opens its doors. Raises SandpiperError."""

    def ready(self) -> R_co:
        """Where its doors are."""

    async def close(self) -> None:
        """Ends it, and gives everything back, also what a failed `open` left."""


async def run_service(service: RunningService[R], ready: Callable[[R], None], stop: asyncio.Event) -> None:
    """Runs a service until `stop` is set. Raises SandpiperError when it cannot start."""
    try:
        await service.open()
        ready(service.ready())
        await stop.wait()
    finally:
        await service.close()
