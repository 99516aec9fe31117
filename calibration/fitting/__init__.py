"""Parameters of a scenario from few measured levels, and what they predict for the others."""
