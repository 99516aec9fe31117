"""Safe operating limits: how far a configuration can be loaded, what binds there, and whether it recovers."""

from simulator.limits.answer import Asked, limits

__all__ = ["Asked", "limits"]
