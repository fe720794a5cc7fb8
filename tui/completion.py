"""Completion by Tab: commands, nicks, rooms and the words of their codes, choices, and files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sandpiper.common.nicks import fold

_MOST = 50


class CommandRow(Protocol):
    """A command, as far as it matters here."""

    @property
    def name(self) -> str:
        """Without the slash."""

    @property
    def arguments(self) -> str:
        """Words that say what they are."""

    @property
    def help(self) -> str:
        """A few words."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The words that completion chooses from."""

    commands: Sequence[CommandRow] = ()
    nicks: Sequence[str] = ()
    rooms: Sequence[str] = ()
    words: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """`text` in place of the last `count` characters."""

    text: str
    count: int
    label: str
    help: str = ""


def offers(before: str, known: Candidates, *, first_line: bool = True) -> list[Offer]:
    """Returns what the words before the cursor may become, the likeliest first."""
    if first_line and before.startswith("/") and " " not in before:
        return [
            Offer(f"/{row.name} ", len(before), f"/{row.name} {row.arguments}".rstrip(), row.help)
            for row in known.commands
            if row.name.startswith(before[1:].lower())
        ]
    if first_line and before.startswith("/") and not before.startswith("//"):
        name, _, rest = before[1:].partition(" ")
        row = next((row for row in known.commands if row.name == name.lower()), None)
        if row is not None and (found := _arguments(row, rest, known)) is not None:
            return found[:_MOST]
    word = before.rpartition(" ")[2]
    if word.startswith(("./", "../", "~/", "/")) and (word != before or not first_line):
        return _files(word)
    return _nicks(word, known.nicks, ": " if word == before and first_line else " ") if word else []


def _arguments(row: CommandRow, rest: str, known: Candidates) -> list[Offer] | None:
    kinds = row.arguments.replace("[", "").replace("]", "").split()
    words = rest.split(" ")
    kind = kinds[min(len(words), len(kinds)) - 1] if kinds else ""
    word = words[-1]
    if kind == "TEXT":
        return None
    if kind == "NICK":
        return _nicks(rest if kinds == ["NICK"] else word, known.nicks, " ", quoted=kinds != ["NICK"])
    found: list[Offer] = []
    for choice in kind.split("|"):
        if choice == "ROOM":
            found += _starting(word, known.rooms)
        elif choice == "CODE":
            stem = word.rpartition("-")[2]
            found += _starting(stem, known.words, "-") if stem else []
        elif choice == "COMMAND":
            found += _starting(word, [each.name for each in known.commands])
        elif choice == "FILE":
            found += _files(word)
        elif choice.islower():
            found += _starting(word, [choice])
    return found


def _starting(word: str, among: Iterable[str], ending: str = " ") -> list[Offer]:
    low = word.lower()
    found = []
    for each in among:
        if each.lower().startswith(low):
            found.append(Offer(each + ending, len(word), each))
            if len(found) == _MOST:
                break
    return found


def _nicks(word: str, nicks: Iterable[str], ending: str, *, quoted: bool = False) -> list[Offer]:
    at = "@" if word.startswith("@") else ""
    stem = fold(word[len(at) :].removeprefix('"'))
    found = []
    for nick in nicks:
        if fold(nick).startswith(stem):
            name = f'"{nick}"' if quoted and " " in nick else nick
            found.append(Offer(at + name + ending, len(word), nick))
    return found[:_MOST]


def _files(word: str) -> list[Offer]:
    folder, _, stem = word.rpartition("/")
    place = os.path.expanduser(folder + "/") if "/" in word else "."
    found = []
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                name = entry.name
                if not name.startswith(stem) or (name.startswith(".") and not stem) or not name.isprintable():
                    continue
                found.append(Offer(name + ("/" if entry.is_dir() else " "), len(stem), name))
                if len(found) == _MOST:
                    break
    except OSError:
        return []
    return sorted(found, key=lambda offer: offer.label)
