"""The rendezvous of P2P rooms: nameplates, leases and mailboxes; it is told no word of a code."""
