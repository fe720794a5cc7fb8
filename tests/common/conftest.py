from __future__ import annotations

from hypothesis import settings

# A shared machine stalls for longer than any deadline worth setting, and the examples found belong in the tests.
settings.register_profile("sandpiper", deadline=None, database=None)
settings.load_profile("sandpiper")
