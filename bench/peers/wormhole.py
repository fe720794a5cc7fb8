"""Magic Wormhole: a text from one to another by a code, with a mailbox server of its own on loopback."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from bench import process
from bench.peers.base import lacks
from bench.peers.pair import SAID, Pair, Ways


class Wormhole(Pair):
    """`wormhole send --text` and `wormhole receive`, as they are installed from PyPI."""

    module = ""

    def missing(self) -> str | None:
        return lacks(modules=("wormhole", "wormhole_mailbox_server"))

    def start(self, folder: Path) -> None:
        port, log = process.free_port(), folder / "mailbox.log"
        database = f"--channel-db={folder / 'channels'}"
        words = ["wormhole-mailbox", f"--port=tcp:{port}:interface=127.0.0.1", database]
        self.broker = process.start([_beside("twist"), *words], log)
        process.wait_for_port(port, self.broker, log)
        self.where = {"relay": f"ws://127.0.0.1:{port}/v1", "home": str(folder)}

    def ways(self) -> Ways:
        command = [_beside("wormhole"), "--relay-url", self.where["relay"], "--transit-helper", ""]
        return Ways(
            first=[*command, "send", "--text", SAID],
            second=[*command, "receive"],
            code=re.compile(rb"Wormhole code is: (\S+)\n"),
            environment={**os.environ, "HOME": self.where["home"], "PYTHONUNBUFFERED": "1"},
        )


def _beside(name: str) -> str:
    return str(Path(sys.executable).parent / name)
