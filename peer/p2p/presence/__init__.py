"""Which sessions are here: beacons, cards, goodbyes, whispers."""
