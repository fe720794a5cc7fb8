"""A discovery service inside another program, such as a peer where no other service answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.tasks import to_its_end

if TYPE_CHECKING:
    from sandpiper.discovery.service import DiscoveryService

_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104  # told apart, and listened on only where the peer asks for it


async def embed(host: str, port: int) -> EmbeddedService:
    """Starts a service on the running loop, at exactly this port; its key and all it knows go with it.

    `0.0.0.0` is every address, IPv6 too where there is any. Raises OSError, EADDRINUSE where somebody is there already.
    """
    try:
        return await _open(host, port, ipv6=True)
    except OSError:
        if host != _EVERYWHERE:
            raise
        return await _open(host, port, ipv6=False)  # IPv6 is what is taken; or it says so again


class EmbeddedService:
    """A service that runs in this process, at `port`."""

    def __init__(self, service: DiscoveryService) -> None:
        self.port = service.port
        self._service = service

    async def close(self) -> None:
        """Ends it. Its clients are told, and look for another."""
        await self._service.close()


async def _open(host: str, port: int, *, ipv6: bool) -> EmbeddedService:
    from sandpiper.discovery.service import (  # only who gets as far as this needs all of it
        DiscoveryConfig,
        DiscoveryService,
    )

    service = DiscoveryService(DiscoveryConfig(host, port, ipv6=ipv6))
    try:
        await service.open()
    except BaseException as error:
        await to_its_end(service.close())
        if isinstance(error, SandpiperError) and isinstance(error.__cause__, OSError):
            raise error.__cause__ from None  # who may be there is the peer's to find out, not the person's
        raise
    return EmbeddedService(service)
