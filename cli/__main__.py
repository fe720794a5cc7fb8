"""`python -m sandpiper.cli`: the command, where its script is not on the path."""

from __future__ import annotations

from sandpiper.cli.main import script

script()
