"""mosquitto (Debian) with paho-mqtt, QoS 0."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from bench import process
from bench.board import LOOK_S, Load, Pace, Tally
from bench.peers.base import Peer, lacks, program_path

TOPIC = "lobby/msg"


class Mosquitto(Peer):
    """mosquitto without persistence and without limits on its queues."""

    module = "bench.peers.mosquitto"

    def missing(self) -> str | None:
        return lacks(programs=("mosquitto",), modules=("paho.mqtt",))

    def start(self, folder: Path) -> None:
        port = process.free_port()
        self.where = {"port": port}
        configuration, log = folder / "mosquitto.conf", folder / "broker.log"
        configuration.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
            "set_tcp_nodelay true\nlog_type error\nuser root\n"
        )
        self.broker = process.start([program_path("mosquitto") or "mosquitto", "-c", configuration], log)
        process.wait_for_port(port, self.broker, log)


def _client(where: dict[str, Any]) -> Any:
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", where["port"])
    return client


def publish(where: dict[str, Any], load: Load) -> None:
    """paho's threaded client, as its documentation does it."""
    client = _client(where)
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.loop_start()
    connected.wait(5)
    pace = Pace(load)
    pace.ready()
    while (count := pace.allowance()) >= 0:
        for _ in range(count):
            client.publish(TOPIC, pace.payload())
        pace.sent(count)
        if count == 0:
            time.sleep(pace.nap())
    pace.done()
    client.disconnect()
    client.loop_stop()


def subscribe(where: dict[str, Any], load: Load) -> None:
    """paho's loop in the main thread."""
    tally = Tally(load)
    client = _client(where)
    client.on_connect = lambda *_: client.subscribe(TOPIC)
    client.on_subscribe = lambda *_: tally.ready()
    client.on_message = lambda _client, _data, message: tally.take(message.payload)
    while not tally.over:
        client.loop(LOOK_S)
    tally.finish()
    client.disconnect()
