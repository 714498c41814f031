"""Floor 0: the values that everything speaks in. Standard library only; no disk, no clock, no randomness."""
