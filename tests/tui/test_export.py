from __future__ import annotations

from pathlib import Path

import pytest

from sandpiper.common.errors import Refusal
from sandpiper.common.messages import Msg
from sandpiper.tui.export import ENDINGS, export

HOSTILE = Msg("bob", "\x1b[2J\nnext", 1_741_082_400, "lobby", 1, 0, "run", "id", None, False)


@pytest.mark.parametrize("form", list(ENDINGS))
def test_nothing_raw_is_written_and_nothing_overwritten(form: str, tmp_path: Path) -> None:
    file, count = export([HOSTILE], form, str(tmp_path), "a/../room", 1_741_082_400.0)
    assert count == 1
    assert file.parent == tmp_path
    assert file.suffix == f".{ENDINGS[form]}"
    assert "\x1b" not in file.read_text("utf-8")
    with pytest.raises(Refusal, match="is there already"):
        export([HOSTILE], form, str(file), "room", 0.0)
