"""Exact results of queueing theory: what a simulation is checked against, and quick answers where they apply.

One module per kind of system. Every function names the author and the year of its formula. Times are in
seconds, rates per second, populations and servers counts; a share is a number from 0 to 1.
"""
