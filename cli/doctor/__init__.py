"""What `sandpiper doctor` checks, and how it tells what it found."""
