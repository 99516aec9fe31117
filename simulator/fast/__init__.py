"""The fast engine: one compiled event loop over flat tables, the same answers as the reference engine."""

from simulator.fast.engine import Replication, simulate

__all__ = ["Replication", "simulate"]
