"""The probes, one module each; every probe runs in fresh processes and returns plain numbers in SI units.

These modules import nothing but the standard library and `calibration.host.processes`, so that a fresh process is
there quickly and small.
"""
