"""The load test of the orchestrator hub, end to end: what it implies, what predicts it, where it contradicts itself."""
