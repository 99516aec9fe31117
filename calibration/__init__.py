"""How parameters come from reality: host probes, live measurements, readers of other tools' results, fit, validation."""
