"""An experiment whose systems are brokers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from bench.harness import Experiment
from bench.peers.base import Peer


class BrokerExperiment(Experiment):
    """Names its peers once; they know what they lack."""

    def __init__(self) -> None:
        self._peers = {peer.name: peer for peer in self.peers()}

    @abstractmethod
    def peers(self) -> Sequence[Peer]:
        """The systems, ready to be started."""

    def systems(self) -> Sequence[str]:
        return list(self._peers)

    def missing(self, system: str) -> str | None:
        return self._peers[system].missing()

    def peer(self, system: str) -> Peer:
        """The system of that name."""
        return self._peers[system]
