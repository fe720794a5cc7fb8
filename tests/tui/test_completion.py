from __future__ import annotations

from pathlib import Path

import pytest

from sandpiper.chat.commands import COMMANDS
from sandpiper.tui.completion import Candidates, offers

KNOWN = Candidates(COMMANDS, ["Anna", "anton", "two words"], ["lobby", "ops"], ["pine", "pilot", "ocean"])


def texts(before: str, *, first_line: bool = True) -> list[str]:
    return [offer.text for offer in offers(before, KNOWN, first_line=first_line)]


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ("/n", ["/nick ", "/notify "]),
        ("/N", ["/nick ", "/notify "]),
        ("/verify an", ["Anna ", "anton "]),
        ("/msg two", ['"two words" ']),
        ("/msg Anna hello an", ["Anna ", "anton "]),
        ("/join lo", ["lobby "]),
        ("/join pi", ["pine-", "pilot-"]),
        ("/join pine-oc", ["ocean-"]),
        ("/notify m", ["mentions "]),
        ("/theme ", ["dark ", "light ", "contrast ", "terminal "]),
        ("/code n", ["new "]),
        ("/help th", ["theme "]),
        ("AN", ["Anna: ", "anton: "]),
        ("hi @an", ["@Anna ", "@anton "]),
        ("hi an", ["Anna ", "anton "]),
        ("", []),
        ("/xyz an", ["Anna ", "anton "]),
        ("//n", []),
    ],
)
def test_what_is_offered(before: str, wanted: list[str]) -> None:
    assert texts(before) == wanted


def test_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "nested").mkdir()
    (tmp_path / ".hidden").touch()
    (tmp_path / "n\x1b[31mevil").touch()
    assert texts(f"/export text {tmp_path}/n") == ["nested/", "notes.txt "]
    assert texts(f"see {tmp_path}/") == ["nested/", "notes.txt "]
    assert texts(f"see {tmp_path}/none/x") == []


def test_a_second_line_has_no_commands() -> None:
    assert texts("/nick", first_line=False) == []
