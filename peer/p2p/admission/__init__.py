"""How a joiner is let in: the handshake on the code, its two sides, and what the sponsor hands over."""
