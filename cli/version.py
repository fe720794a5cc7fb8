"""The program's version: a constant, because asking the package's metadata takes three times as long as starting."""

from typing import Final

VERSION: Final = "0.1.0"
