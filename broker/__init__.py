"""Server mode: the core (rooms, log, rights) and its shells (bus, control, doors, store)."""
