from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sandpiper.common.sanitise import printable
from sandpiper.tui.wrap import breaks


@given(st.text(max_size=200), st.integers(4, 40))
def test_breaks_keep_every_character(text: str, width: int) -> None:
    line = printable(text)
    cuts = breaks(line, width)
    parts = [line[start:end] for start, end in zip([0, *cuts], [*cuts, len(line)], strict=True)]
    assert "".join(parts) == line
    assert all(cell_len(part.rstrip(" ")) <= width for part in parts)
