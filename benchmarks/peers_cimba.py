"""The M/M/1 in Cimba for Python, run as `peers_models.py` is: python benchmarks/peers_cimba.py mm1 CUSTOMERS.

The model is the queue of Cimba's own page, with the rates of the others: processes that count customers. The mean
response follows from the mean queue by Little's law. It is compiled by the first short run, which is not counted.
"""

import cimba
import numpy as np
from cimba import inputs
from peers_models import ARRIVALS_PER_S, SERVICES_PER_S, Served, repeat


class MM1(cimba.Model):
    """Customers are counted in a container."""

    interarrival: cimba.Input[float] = inputs.dist.exponential(mean=1 / ARRIVALS_PER_S)
    service_time: cimba.Input[float] = inputs.dist.exponential(mean=1 / SERVICES_PER_S)
    queue: cimba.Container
    mean_queue: cimba.Output[float]

    @cimba.process
    def arrivals(self):
        while True:
            cimba.hold(self.interarrival.next())
            self.queue.put(1)

    @cimba.process
    def server(self):
        while True:
            self.queue.get(1)
            cimba.hold(self.service_time.next())

    @cimba.on_end
    def measure(self):
        self.mean_queue = self.queue.mean_level()


MODEL = MM1()


def cimba_mm1(customers: int) -> Served:
    """One replication, thus one thread."""
    window = cimba.Window(warmup=0, duration=customers / ARRIVALS_PER_S)
    results = cimba.Experiment(MODEL, replications=1, window=window, seed=1).run()
    return customers, float(np.asarray(results[MODEL].mean_queue).ravel()[0]) / ARRIVALS_PER_S + 1 / SERVICES_PER_S


if __name__ == "__main__":
    repeat(cimba_mm1)
