"""Probes of the machine that they run on: cores, scheduler, memory, messages, locks, disk."""
