"""The log of a broker: one SQLite database, its folder, and what may go wrong with them."""
