"""The cheapest configuration that serves a load: cores, instances and memory of the entry service."""

from simulator.plan.answer import Wanted, plan

__all__ = ["Wanted", "plan"]
