"""The golden vectors against our codecs and against the msgpack library, which knows nothing of ours.

In the files a frame is hex, and bytes inside a body are `{"hex": …}`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import msgpack  # type: ignore[import-untyped]
import msgspec
import pytest

from sandpiper.common import batch, control, frame
from sandpiper.common.items import Item

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name: str) -> list[Any]:
    vectors = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def meant(value: Any) -> Any:
    """The value that a vector's JSON stands for."""
    if isinstance(value, dict):
        return (
            bytes.fromhex(value["hex"])
            if value.keys() == {"hex"}
            else {key: meant(item) for key, item in value.items()}
        )
    return [meant(item) for item in value] if isinstance(value, list) else value


def plain(message: Any) -> Any:
    return msgspec.to_builtins(message, builtin_types=(bytes,))


@pytest.mark.parametrize("vector", load("bus.json"))
def test_bus_frames(vector: dict[str, Any]) -> None:
    raw, body = bytes.fromhex(vector["frame"]), meant(vector["body"])
    room, _, kind = vector["topic"].rpartition("/")
    name, packed = frame.split(raw)
    assert name.decode() == vector["topic"]
    assert msgpack.unpackb(packed) == body
    assert msgpack.packb(body) == packed
    if vector["way"] == "draft":
        assert frame.read_topic(name) == (room, kind)
        message: Any = frame.decode_draft(kind, packed)
    else:
        message = frame.decode(raw)
    assert plain(message) == body
    assert frame.encode(room, kind, message) == raw


@pytest.mark.parametrize("vector", load("control.json"))
def test_control_frames(vector: dict[str, Any]) -> None:
    raw, body = bytes.fromhex(vector["frame"]), meant(vector["body"])
    assert msgpack.unpackb(raw) == body
    assert msgpack.packb(body) == raw
    decode = control.decode_request if vector["way"] == "request" else control.decode_answer
    message: Any = decode(raw)
    assert plain(message) == body
    assert control.encode(message) == raw


@pytest.mark.parametrize("vector", load("lines.json"))
def test_lines(vector: dict[str, Any]) -> None:
    message = frame.decode(bytes.fromhex(vector["frame"]))
    assert message is not None
    item = Item(message)
    line = item.original if vector["way"] == "to an original client" else item.extended
    assert line.decode() == vector["line"] + "\n"


def test_every_control_message_has_a_vector() -> None:
    for way, family in (("request", control.AnyRequest), ("answer", control.AnyAnswer)):
        vectors = json.loads((VECTORS / "control.json").read_text(encoding="utf-8"))
        shown = {vector["body"]["type"] for vector in vectors if vector["way"] == way}
        assert shown == {kind.__struct_config__.tag for kind in get_args(family)}


@pytest.mark.parametrize("vector", load("batch.json"))
def test_batches(vector: dict[str, Any]) -> None:
    frame = bytes.fromhex(vector["frame"])
    topic, _, body = frame.partition(b"\0")
    assert topic.decode() == vector["topic"]
    assert msgpack.unpackb(body) == vector["items"]
    decode: Any = batch.decode_drafts if vector["way"] == "publish" else batch.decode
    bodies = [batch.encode_body(message) for message in decode(body)]
    assert batch.frames(batch.read_topic(topic), bodies) == [frame]
