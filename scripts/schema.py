"""docs/schema/sandpiper.json from the typed messages: `python scripts/schema.py`; `--check` only compares."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from sandpiper.broker import service as broker
from sandpiper.cli.chat import objects
from sandpiper.cli.commands import config, identity
from sandpiper.cli.doctor import findings
from sandpiper.common import legacy, messages
from sandpiper.discovery import service as discovery
from sandpiper.peer.attach.doors import AttachReady

FILE = Path(__file__).parents[1] / "docs" / "schema" / "sandpiper.json"

PRINTED: list[type[msgspec.Struct]] = [
    messages.Msg, messages.Me, messages.Data, messages.Notice, messages.Whisper, messages.Lost, messages.Found,
    messages.Trimmed,
    messages.Joined, messages.Members, messages.Rooms, messages.Ack, messages.Error, messages.NickSet, messages.Pong,
    objects.JsonHeld, objects.JsonResumed,
    objects.Caution, objects.CodeNow, objects.TheCode, objects.Verified, objects.JsonDone, objects.Paths,
    legacy.RoomCreated, legacy.PeerJoined, legacy.PeerLeft,
    AttachReady, broker.BrokerReady, discovery.DiscoveryReady, findings.Report, config.ConfigReport, identity.Identity,
]  # fmt: skip
"""What commands print with --json."""

READ: list[type[msgspec.Struct]] = [
    messages.LineMsg, messages.LineMe, messages.LineData, messages.LineWhisper, messages.Nick, messages.Who,
    messages.ListRooms, messages.Ping, messages.Leave,
    objects.Verify, objects.Kick, objects.Readmit, objects.Owner, objects.AskCode, objects.AskPaths,
]  # fmt: skip
"""What a chat with --json reads on stdin."""

BROKER: list[type[msgspec.Struct]] = [
    messages.Hello, messages.Replay, messages.Welcome, messages.Left, messages.Replayed,
]  # fmt: skip
"""What else there is at a broker's JSON-lines door."""


def schema() -> dict[str, Any]:
    """The document. An object may have more keys than it names: a newer version may add some."""
    types = [*PRINTED, *READ, *BROKER]
    found, parts = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    refs = dict(zip(types, found, strict=True))

    def any_of(kinds: list[type[msgspec.Struct]], text: str) -> dict[str, Any]:
        return {"description": text, "anyOf": [refs[kind] for kind in kinds]}

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The JSON objects of sandpiper, one a line",
        **any_of(PRINTED, "What a command prints with --json."),
        "$defs": {
            "read": any_of(READ, "What a chat with --json reads on stdin."),
            "door": any_of(BROKER, "What else there is at a broker's JSON-lines door."),
            **_dedented(parts),
        },
    }


def _dedented(part: Any) -> Any:
    """Docstrings without their indentation, which Python 3.13 leaves out and those before it leave in."""
    if not isinstance(part, dict):
        return part
    return {
        key: inspect.cleandoc(value) if key == "description" and isinstance(value, str) else _dedented(value)
        for key, value in part.items()
    }


def text() -> str:
    """The file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Writes the file, or with --check compares it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if the file would change")
    if parser.parse_args().check:
        if FILE.read_text("utf-8") != text():
            sys.stderr.write("docs/schema/sandpiper.json is not what the messages are; run python scripts/schema.py\n")
            return 1
        return 0
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
