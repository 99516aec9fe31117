"""A scenario that is run in a moment."""

COUNTER = """
schema_version = 1
name = "counter"
[run]
warmup = "100ms"
duration = "2s"
replications = 3
[[workloads]]
name = "people"
kind = "closed"
procs = 4
think_time = { distribution = "exponential", mean = "10ms" }
[services.desk]
cores = 2
discipline = "fifo"
[[operations]]
name = "ask"
stages = [{ kind = "cpu", demand = { distribution = "exponential", mean = "2ms" } }]
"""
