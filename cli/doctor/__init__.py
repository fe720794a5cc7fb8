"""The checks of `sandpiper doctor`, and how it tells what it found."""
