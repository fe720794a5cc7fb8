"""A chat from the command line: on a screen, in lines, or in JSON lines."""
