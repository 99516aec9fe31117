"""The same two services in other simulators. Run by `benchmarks.peers`, with the Python that has the simulator.

    python benchmarks/peers_models.py NAME CUSTOMERS [REPEATS]

prints a line for each repeat: customers served, mean response time [s], seconds that the simulation took. Loading,
compiling and a first short run are not counted. Needs nothing but the simulator itself.

M/M/1: 700 customers/s arrive, a service takes 1 ms on average, both exponential: a mean response of 1/300 s.
Two servers: AsyncFlow's own example of a load balancer, with its first server twice, so that each simulator can say it:
40 requests/s, in turn to one of two servers; 2 ms on its only core, 64 of its 1024 MB until it answers, 12 ms of I/O;
exponential delays of 3, 2 and 2 ms on the way there and 3 ms on the way back.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import Any

ARRIVALS_PER_S, SERVICES_PER_S = 700.0, 1000.0
REQUESTS_PER_S, CPU_S, IO_S, RAM_MB, SERVER_MB = 40.0, 0.002, 0.012, 64, 1024
THERE_S, BACK_S = (0.003, 0.002, 0.002), 0.003

Served = tuple[int, float]


def simpy_mm1(customers: int) -> Served:
    """A process for each customer and a resource."""
    import simpy

    environment = simpy.Environment()
    server = simpy.Resource(environment, capacity=1)
    draw = random.Random(1)
    responses: list[float] = []

    def customer() -> Any:
        began = environment.now
        with server.request() as turn:
            yield turn
            yield environment.timeout(draw.expovariate(SERVICES_PER_S))
        responses.append(environment.now - began)

    def arrivals() -> Any:
        for _ in range(customers):
            yield environment.timeout(draw.expovariate(ARRIVALS_PER_S))
            environment.process(customer())

    environment.process(arrivals())
    environment.run()
    return len(responses), sum(responses) / len(responses)


def ciw_mm1(customers: int) -> Served:
    """A network of one node."""
    import ciw

    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=ARRIVALS_PER_S)],
        service_distributions=[ciw.dists.Exponential(rate=SERVICES_PER_S)],
        number_of_servers=[1],
    )
    ciw.seed(1)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(customers / ARRIVALS_PER_S)
    records = simulation.get_all_records()
    return len(records), sum(one.exit_date - one.arrival_date for one in records) / len(records)


def salabim_mm1(customers: int) -> Served:
    """A component for each customer and a resource."""
    import salabim

    salabim.yieldless(False)
    environment = salabim.Environment(trace=False, random_seed=1)
    server = salabim.Resource(capacity=1)
    draw = random.Random(1)
    responses: list[float] = []

    class Customer(salabim.Component):
        def process(self) -> Any:
            began = environment.now()
            yield self.request(server)
            yield self.hold(draw.expovariate(SERVICES_PER_S))
            self.release(server)
            responses.append(environment.now() - began)

    class Arrivals(salabim.Component):
        def process(self) -> Any:
            for _ in range(customers):
                yield self.hold(draw.expovariate(ARRIVALS_PER_S))
                Customer()

    Arrivals()
    environment.run()
    return len(responses), sum(responses) / len(responses)


def happysim_mm1(customers: int) -> Served:
    """A source, a server and a sink."""
    from happysimulator import Instant, Server, Simulation, Sink, Source
    from happysimulator.distributions import ExponentialLatency

    sink = Sink()
    server = Server("server", service_time=ExponentialLatency(1 / SERVICES_PER_S), downstream=sink)
    source = Source.poisson(rate=ARRIVALS_PER_S, target=server)
    end = Instant.from_seconds(customers / ARRIVALS_PER_S)
    Simulation(sources=[source], entities=[server, sink], end_time=end).run()
    return sink.events_received, sink.average_latency()


def simpy_two_servers(requests: int) -> Served:
    """A process for each request, resources and containers."""
    import simpy

    environment = simpy.Environment()
    cores = [simpy.Resource(environment, capacity=1) for _ in range(2)]
    memories = [simpy.Container(environment, SERVER_MB, SERVER_MB) for _ in range(2)]
    draw = random.Random(1)
    responses: list[float] = []

    def request(number: int) -> Any:
        began = environment.now
        for delay_s in THERE_S:
            yield environment.timeout(draw.expovariate(1 / delay_s))
        yield memories[number % 2].get(RAM_MB)
        with cores[number % 2].request() as turn:
            yield turn
            yield environment.timeout(CPU_S)
        yield environment.timeout(IO_S)
        yield memories[number % 2].put(RAM_MB)
        yield environment.timeout(draw.expovariate(1 / BACK_S))
        responses.append(environment.now - began)

    def arrivals() -> Any:
        for number in range(requests):
            yield environment.timeout(draw.expovariate(REQUESTS_PER_S))
            environment.process(request(number))

    environment.process(arrivals())
    environment.run()
    return len(responses), sum(responses) / len(responses)


def asyncflow_two_servers(requests: int) -> Served:
    """AsyncFlow's builder. It samples nothing over time, which its example does: that would take longer."""
    import simpy
    from asyncflow.builder.asyncflow_builder import AsyncFlow
    from asyncflow.config.constants import LatencyKey
    from asyncflow.runtime.simulation_runner import SimulationRunner
    from asyncflow.schemas.settings.simulation import SimulationSettings
    from asyncflow.schemas.topology.edges import Edge
    from asyncflow.schemas.topology.endpoint import Endpoint
    from asyncflow.schemas.topology.nodes import Client, LoadBalancer, Server
    from asyncflow.schemas.workload.rqs_generator import RqsGenerator

    steps = [
        {"kind": "ram", "step_operation": {"necessary_ram": RAM_MB}},
        {"kind": "initial_parsing", "step_operation": {"cpu_time": CPU_S}},
        {"kind": "io_wait", "step_operation": {"io_waiting_time": IO_S}},
    ]
    names = ("one", "two")
    servers = [
        Server(
            id=name,
            server_resources={"cpu_cores": 1, "ram_mb": SERVER_MB},
            endpoints=[Endpoint(endpoint_name="/api", steps=steps)],
        )
        for name in names
    ]
    ways = [("source", "client", THERE_S[0]), ("client", "balancer", THERE_S[1])]
    ways += [("balancer", name, THERE_S[2]) for name in names] + [(name, "client", BACK_S) for name in names]
    edges = [
        Edge(id=f"{start}-{end}", source=start, target=end, latency={"mean": mean, "distribution": "exponential"})
        for start, end, mean in ways
    ]
    settings = SimulationSettings(
        total_simulation_time=max(int(requests / REQUESTS_PER_S), 5),
        sample_period_s=0.1,
        enabled_sample_metrics=[],
        enabled_event_metrics=["rqs_clock"],
    )
    users = {"mean": REQUESTS_PER_S * 60 / 20}
    generator = RqsGenerator(
        id="source", avg_active_users=users, avg_request_per_minute_per_user={"mean": 20}, user_sampling_window=60
    )
    flow = AsyncFlow().add_generator(generator).add_client(Client(id="client")).add_servers(*servers)
    flow = flow.add_load_balancer(LoadBalancer(id="balancer", algorithms="round_robin", server_covered=set(names)))
    payload = flow.add_edges(*edges).add_simulation_settings(settings).build_payload()
    statistics = SimulationRunner(env=simpy.Environment(), simulation_input=payload).run().get_latency_stats()
    return int(statistics[LatencyKey.TOTAL_REQUESTS]), float(statistics[LatencyKey.MEAN])


MODELS: dict[str, Callable[[int], Served]] = {
    "simpy_mm1": simpy_mm1,
    "ciw_mm1": ciw_mm1,
    "salabim_mm1": salabim_mm1,
    "happysim_mm1": happysim_mm1,
    "simpy_two_servers": simpy_two_servers,
    "asyncflow_two_servers": asyncflow_two_servers,
}


def main() -> None:
    """Run one model and print what it did."""
    repeat(MODELS[sys.argv[1]])


def repeat(model: Callable[[int], Served]) -> None:
    """Run a model as often as the command line says."""
    customers = int(sys.argv[2])
    model(max(customers // 20, 100))
    for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 1):
        began = time.perf_counter()
        served, mean_s = model(customers)
        print(served, mean_s, time.perf_counter() - began)


if __name__ == "__main__":
    main()
