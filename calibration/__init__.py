"""How parameters come from reality.

Host probes, live measurements, readers of other tools' results, the fit, and validation.
"""
