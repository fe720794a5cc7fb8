"""The parts of a person's chat that the full screen and the line mode share: commands, words, whom one ignores."""
