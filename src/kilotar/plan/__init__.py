"""Floor 2: what to do, decided without doing it. Pure functions and one state machine; no disk, no clock."""
