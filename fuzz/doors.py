"""Whatever comes in at whichever door of a real broker, everybody else is served as before, and the broker ends well.

Run as `python fuzz/doors.py --seconds 5 --seed N`; it prints the seed. Random bytes, and valid traffic with wounds, go
to every port of the block and to both sides of CURVE. Afterwards, and now and then meanwhile, a bystander by JSON lines
and one by the library must get through to each other, the memory must be bounded, and nothing may have been complained
about but in the log's own words.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from sandpiper.common import control  # noqa: E402  # the tests' helpers lie beside this folder
from sandpiper.common.io.sockets import CurveKeys  # noqa: E402
from tests.sockets.attack import (  # noqa: E402
    CURVE_GREETING,
    MIB,
    NULL_GREETING,
    Caller,
    RawCurve,
    Wire,
    bystander,
    modest,
    null_ready,
    plain_end,
    plain_port,
    unruffled,
    zmtp,
)
from tests.sockets.running import RunningBroker, running  # noqa: E402

VECTORS = ROOT / "tests" / "vectors"
PORTS = ("door", "xsub", "xpub", "plain_xsub", "plain_xpub")
KINDS = ("PUB", "SUB", "XPUB", "XSUB", "DEALER", "REQ", "PAIR", "STREAM")
TOPICS = (b"lobby/msg\0", b"lobby/data\0", b"quiet/me\0", b"/\0", b"\1", b"\0", b"\1lobby/", b"\1*/lobby/")
HELLO = b'{"type":"hello","v":1,"room":"lobby"}\n'
PLAIN = (("plain_xsub", "PUB"), ("plain_xpub", "SUB"), ("plain_xsub", "XPUB"), ("plain_xpub", "XSUB"))
CHECK_EVERY = 200


def corpus() -> list[bytes]:
    """Well-formed lines, frames and requests."""
    found = [
        b'{"type":"hello","v":1,"room":"lobby"}\n',
        b'{"type":"msg","text":"x"}\n',
        b'{"type":"nick","nick":"f"}\n',
    ]
    for name in ("bus.json", "control.json"):
        found += [bytes.fromhex(each["frame"]) for each in json.loads((VECTORS / name).read_text("utf-8"))]
    found += [each["line"].encode() + b"\n" for each in json.loads((VECTORS / "lines.json").read_text("utf-8"))]
    requests: list[control.Request] = [
        control.Join(r=1, room="lobby", nick="f", next_n=7, after=3),
        control.Replay(r=2, room="lobby", after=0, limit=10),
        control.Publish(r=3, frames=[b"lobby/msg\0" + msgspec.msgpack.encode({"type": "msg", "text": "x", "n": 1})]),
        control.Subscribe(r=4, room="lobby"),
        control.Claim(r=5, room="lobby", nick="g"),
        control.SendWhisper(r=6, room="lobby", to="f", text="x", id="1"),
        control.Leave(r=7, room="lobby"),
        control.Ping(r=8, rtt_ms=1.0),
    ]
    return found + [control.encode(request) for request in requests]


def wound(dice: random.Random, raw: bytes) -> bytes:
    """With a few bytes changed, lost, repeated or come from nowhere."""
    made = bytearray(raw)
    for _ in range(dice.randrange(5)):
        at = dice.randint(0, len(made))
        end = at + dice.randrange(5)
        made[at:end] = dice.choice([b"", dice.randbytes(1), dice.randbytes(8), bytes(made[at : at + 20]), b"\xff" * 8])
    return bytes(made)


def body(dice: random.Random, seeds: list[bytes]) -> bytes:
    """Something to put into a frame."""
    if dice.random() < 0.2:
        return dice.randbytes(dice.randrange(2000))
    return dice.choice([b"", *TOPICS]) + wound(dice, dice.choice(seeds))


def frames(dice: random.Random, seeds: list[bytes]) -> bytes:
    """ZMTP frames, mostly whole."""
    return b"".join(
        wound(dice, frame) if dice.random() < 0.2 else frame
        for frame in (
            zmtp(body(dice, seeds), more=dice.random() < 0.2, command=dice.random() < 0.1)
            for _ in range(dice.randrange(1, 8))
        )
    )


def raw(dice: random.Random, seeds: list[bytes], broker: RunningBroker) -> None:
    """Bytes from the start: noise, lines, or greetings with wounds."""
    greeting = dice.choice([NULL_GREETING, CURVE_GREETING])
    opening = dice.choice(
        [
            dice.randbytes(dice.randrange(1, 500)),
            wound(dice, greeting),
            wound(dice, greeting + null_ready(dice.choice(KINDS))),
            greeting + null_ready(dice.choice(KINDS), Identity=dice.randbytes(dice.randrange(20))),
            b"".join(wound(dice, line) for line in dice.choices(seeds, k=5)),
            b'{"type":"hello","v":1,"room":"lobby"}\n'
            + b"".join(wound(dice, line) for line in dice.choices(seeds, k=9)),
        ]
    )
    with Wire(broker.host, plain_port(broker, dice.choice(PORTS)), opening) as wire:
        wire.send(frames(dice, seeds))
        if dice.random() < 0.5:
            wire.end()
            wire.some(b"", 0.0)


def plain(dice: random.Random, seeds: list[bytes], broker: RunningBroker) -> None:
    """Frames at the plain pair, after a good handshake."""
    port, kind = dice.choice(PLAIN)
    with plain_end(broker, port, kind) as wire:
        wire.send(frames(dice, seeds))


def keyed(dice: random.Random, seeds: list[bytes], broker: RunningBroker, keys: list[CurveKeys], server: bytes) -> None:
    """Frames inside CURVE: at the bus as an enrolled member, and at control as anybody. The first two are enrolled."""
    port, kind = dice.choice([("xsub", "PUB"), ("xpub", "SUB"), ("door", "DEALER"), ("door", "REQ")])
    own = dice.choice(keys if port == "door" else keys[:2])  # the bus keeps a key that is not enrolled waiting
    try:
        end = RawCurve(
            broker.host,
            plain_port(broker, port),
            own,
            server,
            kind,
            properties={"Identity": dice.randbytes(dice.randrange(9))},
        )
    except TimeoutError:
        return  # what was sent before may have ended its session, and the bus keeps such a key waiting for longer
    try:
        for _ in range(dice.randrange(1, 8)):
            message = end.message(body(dice, seeds), flags=dice.choice([0, 0, 0, 1, 2, 255]))
            end.wire.send(wound(dice, message) if dice.random() < 0.1 else message)
    finally:
        end.wire.close()


def run(seconds: float, seed: int) -> int:
    """How many connections were made. Raises AssertionError when the sentence above is broken."""
    dice, seeds, count = random.Random(seed), corpus(), 0
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as broker:
        with Caller(broker) as one, Caller(broker) as two, bystander(broker) as others, modest(broker, 200 * MIB):
            for member in (one, two):
                member.enrol().join("lobby")
            keys, until = [one.keys, two.keys, CurveKeys.make()], time.monotonic() + seconds
            while time.monotonic() < until:
                way = dice.randrange(4)
                if way == 0:
                    plain(dice, seeds, broker)
                elif way == 1:
                    keyed(dice, seeds, broker, keys, one.server_key)
                else:
                    raw(dice, seeds, broker)
                count += 1
                if count % CHECK_EVERY == 0:
                    others.round_trip()
        unruffled(broker)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    sys.stdout.write(f"seed {seed}\n")
    sys.stdout.flush()
    sys.stdout.write(f"{run(options.seconds, seed)} connections, {len(PORTS)} ports, nothing broke\n")


if __name__ == "__main__":
    main()
