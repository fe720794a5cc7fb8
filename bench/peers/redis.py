"""Redis pub/sub (Debian redis-server) with redis-py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench import process
from bench.board import LOOK_S, Load, Pace, Tally
from bench.peers.base import Peer, lacks, program_path

CHANNEL = "lobby"


class Redis(Peer):
    """redis-server without persistence: pub/sub has none anyway."""

    module = "bench.peers.redis"

    def missing(self) -> str | None:
        return lacks(programs=("redis-server",), modules=("redis",))

    def start(self, folder: Path) -> None:
        port = process.free_port()
        self.where = {"port": port}
        log = folder / "broker.log"
        options = f"--port {port} --bind 127.0.0.1 --appendonly no --dir {folder} --save".split()
        self.broker = process.start([program_path("redis-server") or "redis-server", *options, ""], log)
        process.wait_for_port(port, self.broker, log)


def publish(where: dict[str, Any], load: Load) -> None:
    """redis-py, a pipeline a step: one by one it would wait for every answer."""
    import redis

    with redis.Redis(port=where["port"]) as client:
        pace = Pace(load)
        pace.ready()
        while (count := pace.allowance()) >= 0:
            if count == 0:
                time.sleep(pace.nap())
                continue
            with client.pipeline(transaction=False) as pipeline:
                for _ in range(count):
                    pipeline.publish(CHANNEL, pace.payload())
                pipeline.execute()
            pace.sent(count)
        pace.done()


def subscribe(where: dict[str, Any], load: Load) -> None:
    """redis-py's blocking client."""
    import redis

    tally = Tally(load)
    with redis.Redis(port=where["port"]) as client, client.pubsub() as channel:
        channel.subscribe(CHANNEL)
        while (message := channel.get_message(timeout=LOOK_S)) is None or message["type"] != "subscribe":
            continue
        tally.ready()
        while not tally.over:
            message = channel.get_message(timeout=LOOK_S)
            if message is not None:
                tally.take(message["data"])
        tally.finish()
