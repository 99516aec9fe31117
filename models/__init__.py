"""What the studied system is: scenario, units, distributions, draws, clock, records and the SimPy components."""
