"""The log file of a service, on a disk that takes it and on one that does not."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sandpiper.cli.logs import LogFile, logging_to

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_a_full_disk_is_said_once_and_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(FULL, "info", stderr=False):
        for each in range(5):
            logging.getLogger("sandpiper.test").info("line %d", each)
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert said.startswith("sandpiper: cannot write the log file /dev/full: No space left on device; going on")


def test_it_is_said_again_after_it_could_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = LogFile(tmp_path / "log")
    record = logging.LogRecord("sandpiper", logging.INFO, __file__, 1, "words", None, None)
    tell = handler.flush

    def fails() -> None:
        raise OSError(28, "No space left on device")

    for flush in (fails, fails, tell, tell, fails):
        handler.flush = flush  # type: ignore[method-assign]
        handler.emit(record)
    handler.close()
    assert capsys.readouterr().err.count("cannot write the log file") == 2
    assert (tmp_path / "log").read_text().count("words") == 5
