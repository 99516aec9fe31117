"""Load from real processes: started behind one barrier, paced, recorded, observed and ended."""
