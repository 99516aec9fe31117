"""CPU cores: tasks, bursts, quotas, pauses and the four disciplines."""
