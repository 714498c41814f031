"""Floor 3: one format a file. `base` finds them; nothing else needs to be told of a new one."""
