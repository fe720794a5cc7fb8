"""The screen as text, compared with a file: what stands where, and below it how it looks.

SNAPSHOTS=write writes the files anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
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
    path = FOLDER / f"{name}.txt"
    if os.environ.get("SNAPSHOTS") == "write":
        await stage.pilot.pause(0.5)
        path.write_text(picture(stage), "utf-8")
    wanted = path.read_text("utf-8")
    for _ in range(100):
        if picture(stage) == wanted:
            return
        await stage.pilot.pause(0.02)
    assert picture(stage) == wanted, f"{path.name} has changed; look, then SNAPSHOTS=write"
