"""Logging of a service: a file that rotates, and stderr."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandpiper.cli.log_lines import LogFormatter, Stderr
from sandpiper.cli.stdio import status
from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.files import private_folder
from sandpiper.common.limits import LOG_BYTES, LOG_FILES


class LogFile(logging.handlers.RotatingFileHandler):
    """A file of a service that goes on when it cannot be written (a full disk): that is said once on stderr."""

    def __init__(self, file: Path) -> None:
        """Raises OSError."""
        super().__init__(file, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
        self._failed = self._said = False

    def emit(self, record: logging.LogRecord) -> None:
        """See Handler."""
        self._failed = False
        super().emit(record)
        self._said = self._said and self._failed

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the standard library's name
        """See Handler, which would print thirty lines for each that is not written."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._failed = True
        if not self._said:
            self._said = True
            why = error.strerror or error
            status(f"cannot write the log file {self.baseFilename}: {why}; going on without until it can be")

    def close(self) -> None:
        """See Handler. What could not be written is lost now; that is no reason to end badly."""
        with suppress(OSError):
            super().close()


@contextmanager
def logging_to(file: Path, level: str, *, stderr: bool) -> Iterator[None]:
    """Sends what `sandpiper.*` logs to `file`, and to stderr too where asked. Raises SandpiperError."""
    handlers: list[logging.Handler] = []
    try:
        private_folder(file.parent)
        handlers.append(LogFile(file))
    except OSError as error:
        raise SandpiperError(
            f"cannot write the log file {file}: {error.strerror or error}; name another with --log-file"
        ) from None
    if stderr:
        handlers.append(Stderr())
    logger = logging.getLogger("sandpiper")
    logger.setLevel(level.upper())
    form = LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in handlers:
        handler.setFormatter(form)
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()
