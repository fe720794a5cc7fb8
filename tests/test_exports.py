"""What others may rely on: the library's front, and that a command's start stays light."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_layers import installed_packages

HEAVY = ["asyncio", "msgspec", "nacl", "prometheus_client", "rich", "sqlite3", "textual", "zmq"]
"""What `sandpiper --version` must not wait for: product.md's 200 ms."""


def modules() -> list[str]:
    """All of them but what runs when imported."""
    names = set()
    for package in (f"sandpiper.{folder.replace('/', '.')}" for folder in installed_packages()):
        names.add(package)
        folder = importlib.import_module(package).__path__
        names |= {f"{package}.{module.name}" for module in pkgutil.iter_modules(folder)}
    return sorted(name for name in names if not name.endswith(".__main__"))


@pytest.mark.parametrize("name", modules())
def test_every_module_imports_and_keeps_its_promises(name: str) -> None:
    module = importlib.import_module(name)
    exported: list[str] = getattr(module, "__all__", [])
    assert exported == sorted(exported)
    assert [export for export in exported if not hasattr(module, export)] == []


def test_the_front_of_the_library_is_as_documented() -> None:
    from sandpiper.peer import connect

    documented = {"target", "nick", "access_code", "one_port", "backlog", "after", "member", "profile"}
    assert documented <= set(inspect.signature(connect).parameters)


def test_a_program_gets_every_event_and_error_from_one_module() -> None:
    from sandpiper import peer
    from sandpiper.common import errors
    from sandpiper.peer import events

    kinds = {
        name for name, kind in vars(errors).items() if inspect.isclass(kind) and kind.__module__ == errors.__name__
    }
    missing = (kinds | set(events.__all__)) - set(peer.__all__)
    assert missing == set()
    assert set(peer.__all__) <= set(dir(peer))
    with pytest.raises(AttributeError, match="has no attribute 'Rooms'"):
        _ = peer.Rooms


def test_every_error_has_its_documented_exit_code() -> None:
    from sandpiper.common import errors

    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind)]
    codes = {kind.__name__: kind.exit_code for kind in kinds if issubclass(kind, errors.SandpiperError)}
    del codes["SandpiperError"]
    assert codes == {
        "AccessDenied": 4,
        "NoSuchRoom": 5,
        "PasswordNeeded": 4,
        "Rejected": 6,
        "Removed": 6,
        "RoomClosed": 1,
        "SocketError": 1,
        "TrustError": 1,
        "Unreachable": 3,
        "UsageError": 2,
    }


def test_the_version_is_the_same_everywhere() -> None:
    from sandpiper.cli.version import VERSION

    pyproject = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{VERSION}"\n' in pyproject


def loads(statement: str, names: list[str]) -> list[str]:
    """Which of them a process has loaded after that."""
    script = f"import sys\n{statement}\nprint(*(name for name in {names!r} if name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    return loaded.stdout.split()


def test_the_command_starts_light() -> None:
    assert loads("import sandpiper.cli.main", HEAVY) == []


def test_the_library_starts_without_what_only_some_rooms_need() -> None:
    unneeded = ["sandpiper.common.spake2", "sandpiper.common.words", "sandpiper.discovery"]
    assert loads("import sandpiper.peer", unneeded) == []
    assert loads("from sandpiper.peer import create, join", ["sandpiper.discovery"]) == []
    assert loads("from sandpiper.peer import Received, Unreachable", ["asyncio", "nacl", "zmq"]) == []


@pytest.mark.parametrize("module", ["core", "ingress", "sequencer", "admission", "request_handlers", "line_port"])
def test_the_broker_s_core_stands_without_its_database(module: str) -> None:
    assert loads(f"import sandpiper.broker.{module}", ["sqlite3", "asyncio", "zmq"]) == []
