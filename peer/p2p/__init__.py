"""A member of a P2P room: the pure core, and the shells that carry its packets."""
