"""Imports point one way, and the pure part touches nothing outside: CONTRIBUTING.md, "The source tree"."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT: Final = Path(__file__).parents[1]

MAY_IMPORT: Final = {
    "common": {"common"},
    "bridge": {"bridge", "common"},
    "broker": {"broker", "bridge", "common"},
    "discovery": {"discovery", "common"},
    "peer": {"peer", "bridge", "common"},
    "chat": {"chat", "peer", "common"},
    "tui": {"tui", "chat", "peer", "bridge", "common"},
    "cli": {"cli", "tui", "chat", "broker", "discovery", "peer", "bridge", "common"},
}
"""Each folder and the folders it may import from."""

COMPOSES: Final = {"peer/p2p/api.py": {"sandpiper.discovery.embed.embed"}}
"""What a file may import besides. Peer and discovery meet on the wire only, but somebody has to put a service into a
peer that finds none: for commands that could be `cli`, for programs it is the library's front, so it is for both."""

SHELLS: Final = {
    "bridge/client.py",
    "bridge/plain_bus.py",
    "broker/access.py",
    "broker/bus.py",
    "broker/control.py",
    "broker/housekeeping.py",
    "broker/memory_guard.py",
    "broker/ports.py",
    "broker/service.py",
    "broker/store/*.py",
    "cli/*.py",
    "cli/*/*.py",
    "common/io/*.py",
    "discovery/embed.py",
    "discovery/line_client.py",
    "discovery/service.py",
    "peer/attach/doors.py",
    "peer/broker_connection.py",
    "peer/broker_engine.py",
    "peer/broker_link.py",
    "peer/dealer_client.py",
    "peer/engine.py",
    "peer/hello.py",
    "peer/known_people.py",
    "peer/p2p/admission/driver.py",
    "peer/p2p/arrivals.py",
    "peer/p2p/engine.py",
    "peer/p2p/entering.py",
    "peer/p2p/mesh/*.py",
    "peer/p2p/relay/client.py",
    "peer/p2p/relay/pool.py",
    "peer/p2p/rendezvous/client.py",
    "peer/p2p/rendezvous/connections.py",
    "peer/p2p/rendezvous/lookup.py",
    "peer/p2p/rendezvous/services.py",
    "peer/p2p/runner.py",
    "peer/p2p/transport.py",
    "peer/p2p/upkeep.py",
    "peer/p2p/whisper_answers.py",
    "peer/probe.py",
    "peer/profile.py",
    "peer/publishing.py",
    "peer/reconnect.py",
    "peer/room.py",
    "tui/actions.py",
    "tui/app.py",
    "tui/commands.py",
    "tui/completion.py",
    "tui/completion_popup.py",
    "tui/driver.py",
    "tui/history.py",
    "tui/jobs.py",
    "tui/lifecycle.py",
    "tui/modes.py",
    "tui/pasting.py",
    "tui/screen_chat.py",
    "tui/secret_prompt.py",
    "tui/tab.py",
    "tui/terminal_attributes.py",
    "tui/timeline.py",
    "tui/workspace.py",
    "tui/writer.py",
}
"""What may touch the outside world. All else is pure: bytes and `now` in, events and frames out."""

PURE: Final = {
    "common/p2p",
    "peer/p2p/membership",
    "peer/p2p/presence",
    "peer/p2p/replication",
    "peer/p2p/state",
}
"""The folders in which no file may be a shell."""

FRONTS: Final = {"peer/__init__.py", "peer/p2p/api.py", "tui/__init__.py"}
"""What programs import: they touch nothing themselves, and lead to shells."""

IMPORTS_PURE: Final = {"bridge", "broker", "chat", "common", "discovery", "peer", "tui"}
"""The folders in which what is pure imports only what is pure, so that it can be built without any shell."""

OUTSIDE: Final = {
    "asyncio",
    "os",
    "random",
    "secrets",
    "select",
    "selectors",
    "signal",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
    "uuid",
    "zmq",
}


def installed_packages() -> list[str]:
    """The packages of pyproject.toml, as folders: `common`, `common/io`, …"""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return list(project["tool"]["setuptools"]["package-dir"].values())


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports name their package in full"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT).as_posix()}:{line}"


def is_shell(path: Path) -> bool:
    return any(path.relative_to(ROOT).match(pattern) for pattern in SHELLS)


def all_sources() -> list[Path]:
    return [path for folder in MAY_IMPORT for path in sources(folder)]


def test_every_installed_folder_has_a_rule() -> None:
    assert {package.partition("/")[0] for package in installed_packages()} == set(MAY_IMPORT)


def test_every_folder_with_code_is_installed() -> None:
    found = {path.parent.relative_to(ROOT).as_posix() for path in all_sources()}
    assert found == set(installed_packages())
    assert all((ROOT / folder / "py.typed").exists() for folder in found)


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_imports_point_one_way(folder: str) -> None:
    wrong = [
        f"{where(path, line)} imports {name}"
        for path in sources(folder)
        for line, name in imports(path)
        if name.startswith("sandpiper.") and name.split(".")[1] not in MAY_IMPORT[folder]
        if name not in COMPOSES.get(path.relative_to(ROOT).as_posix(), ())
    ]
    assert wrong == []


def test_what_is_composed_is_so_still() -> None:
    for file, names in COMPOSES.items():
        assert names <= {name for _, name in imports(ROOT / file)}


def test_the_pure_part_of_common_never_imports_its_shells() -> None:
    wrong = [
        f"{where(path, line)} imports {name}"
        for path in sources("common")
        if path.parent.name != "io"
        for line, name in imports(path)
        if f"{name}.".startswith("sandpiper.common.io.")
    ]
    assert wrong == []


def test_what_is_no_shell_is_pure() -> None:
    wrong = [
        f"{where(path, line)} imports {name}"
        for path in all_sources()
        if not is_shell(path)
        for line, name in imports(path)
        if name.partition(".")[0] in OUTSIDE
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", sorted(IMPORTS_PURE))
def test_pure_imports_pure(folder: str) -> None:
    wrong = [
        f"{where(path, line)} imports {name}"
        for path in sources(folder)
        if not is_shell(path) and path.relative_to(ROOT).as_posix() not in FRONTS
        for line, name in imports(path)
        for module in (name, name.rpartition(".")[0])
        for file in [(ROOT / module.removeprefix("sandpiper.").replace(".", "/")).with_suffix(".py")]
        if module.startswith("sandpiper.") and file.exists() and is_shell(file)
    ]
    assert wrong == []


def test_every_named_shell_exists() -> None:
    files = [path.relative_to(ROOT) for path in all_sources()]
    assert [pattern for pattern in SHELLS if not any(path.match(pattern) for path in files)] == []


@pytest.mark.parametrize("folder", sorted(PURE))
def test_a_pure_folder_has_no_shell(folder: str) -> None:
    assert [where(path, 1) for path in sources(folder) if is_shell(path)] == []
