"""Floor 4: one file a verb, and the engine that performs what the scheduler decides."""
