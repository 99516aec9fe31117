"""The reference engine: the SimPy components of `models`, wired up. Readable; the specification that runs."""

from simulator.reference.engine import simulate

__all__ = ["simulate"]
