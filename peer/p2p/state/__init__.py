"""What the parts of a member share: keys, peers, options, outputs."""
