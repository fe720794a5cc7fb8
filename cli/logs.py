"""Logging of a service: a file that rotates, and stderr."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.files import private_folder
from sandpiper.common.limits import LOG_BYTES, LOG_FILES


@contextmanager
def logging_to(file: Path, level: str, *, stderr: bool) -> Iterator[None]:
    """Sends what `sandpiper.*` logs to `file`, and to stderr too where asked. Raises SandpiperError."""
    handlers: list[logging.Handler] = []
    try:
        private_folder(file.parent)
        handlers.append(
            logging.handlers.RotatingFileHandler(file, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
        )
    except OSError as error:
        raise SandpiperError(
            f"cannot write the log file {file}: {error.strerror or error}; name another with --log-file"
        ) from None
    if stderr:
        handlers.append(logging.StreamHandler(sys.stderr))
    logger = logging.getLogger("sandpiper")
    logger.setLevel(level.upper())
    form = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in handlers:
        handler.setFormatter(form)
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()
