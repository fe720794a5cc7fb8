"""The screen compared with files: as text (what stands where, and below it how it looks), and as the SVG of it.

SNAPSHOTS=write writes the files anew; look at the difference before you commit it. How Rich draws an SVG is its own
affair, so the pictures are compared under the versions that made them only; the text under every one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from rich.style import Style

from tests.tui.stage import Stage

FOLDER: Final = Path(__file__).parent / "snapshots"


def picture(stage: Stage) -> str:
    """Rows as they are seen; then for each the runs of columns that are not plain, with their style."""
    app = stage.app
    strips = app.screen._compositor.render_strips(app.size)
    rows, looks = [], []
    for number, strip in enumerate(strips):
        rows.append("".join(segment.text for segment in strip).rstrip())
        at = 0
        runs: list[tuple[int, int, str]] = []
        for segment in strip:
            end = at + segment.cell_length
            look = _look(segment.style)
            if look and segment.text.strip():
                if runs and runs[-1][1:] == (at, look):
                    runs[-1] = (runs[-1][0], end, look)
                else:
                    runs.append((at, end, look))
            at = end
        looks += [f"{number:2} {start:3}-{stop:<3} {look}" for start, stop, look in runs]
    return "\n".join([*rows, "-" * 20, *looks]) + "\n"


def _look(style: Style | None) -> str:
    if style is None:
        return ""
    words = [name for name in ("bold", "dim", "italic", "underline", "reverse") if getattr(style, name)]
    if style.color is not None:
        words.append(style.color.name)
    if style.link:
        words.append(f"-> {style.link}")
    return " ".join(words)


async def compare(stage: Stage, name: str) -> None:
    """Fails where the picture does not become the file's."""
    if os.environ.get("SNAPSHOTS") == "write":
        await stage.pilot.pause(0.5)
        (FOLDER / f"{name}.txt").write_text(picture(stage), "utf-8")
        (FOLDER / f"{name}.svg").write_text(f"{_drawn_by()}{drawing(stage)}", "utf-8")
    await _becomes(stage, picture, (FOLDER / f"{name}.txt").read_text("utf-8"), name)
    wanted = (FOLDER / f"{name}.svg").read_text("utf-8")
    if wanted.startswith(_drawn_by()):
        await _becomes(stage, drawing, wanted.removeprefix(_drawn_by()), name)


async def _becomes(stage: Stage, look: Callable[[Stage], str], wanted: str, name: str) -> None:
    for _ in range(100):
        if look(stage) == wanted:
            return
        await stage.pilot.pause(0.02)
    assert look(stage) == wanted, f"{name} has changed; look, then SNAPSHOTS=write"


def drawing(stage: Stage) -> str:
    """The screen as an SVG."""
    return stage.app.export_screenshot(title="sandpiper")


def _drawn_by() -> str:
    return f"<!-- textual {version('textual')}, rich {version('rich')} -->\n"
