"""The formulas of `simulator.theory` against known numbers, limits, and other ways to the same answer."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.linalg import expm

from simulator.theory import (
    balancing,
    batching,
    bounds,
    closed_networks,
    delays,
    load_dependence,
    markov_chain,
    multi_server,
    open_networks,
    percentiles,
    quota,
    single_server,
)
from simulator.theory.closed_networks import Station, server_multipliers

close = pytest.approx


def lindley_chain(arrivals: NDArray[np.float64], services: NDArray[np.float64]) -> NDArray[np.float64]:
    """Waiting times of a first-come single server by Lindley's recursion, through running minima."""
    steps = np.concatenate(([0.0], np.cumsum(services[:-1] - np.diff(arrivals))))
    return steps - np.minimum.accumulate(steps)


# Single server


def test_mm1_known_numbers() -> None:
    # Kleinrock's example numbers: rho = 0.5 doubles the service time, 0.9 makes it ten times.
    assert single_server.mm1_response_time_mean(500.0, 0.001) == close(0.002)
    assert single_server.mm1_response_time_mean(900.0, 0.001) == close(0.010)
    assert single_server.mm1_response_time_percentile(500.0, 0.001, 0.5) == close(0.002 * math.log(2))
    assert single_server.mm1_response_time_percentile(500.0, 0.001, 0.99) == close(0.002 * math.log(100))


def test_mm1_is_the_birth_death_process() -> None:
    probabilities = markov_chain.birth_death_probabilities([0.6] * 300, [1.0] * 300)
    inside = float(np.dot(np.arange(301), probabilities))
    assert single_server.mm1_response_time_mean(0.6, 1.0) == close(inside / 0.6, rel=1e-9)


@pytest.mark.parametrize(("cv", "factor"), [(0.0, 0.5), (1.0, 1.0), (2.0, 2.5)])
def test_pollaczek_khinchine_relative_to_mm1(cv: float, factor: float) -> None:
    mm1_waiting = single_server.mm1_response_time_mean(0.7, 1.0) - 1.0
    assert single_server.mg1_waiting_time_mean(0.7, 1.0, cv) == close(factor * mm1_waiting)


def test_pollaczek_khinchine_against_a_chain_of_stages() -> None:
    # M/E2/1: each operation is two exponential stages of rate 2; the chain is on the stages left.
    def transitions(stages: int) -> list[tuple[float, int]]:
        up = [(0.6, stages + 2)] if stages < 400 else []
        return up + ([(2.0, stages - 1)] if stages else [])

    stages_left = sum(s * p for s, p in markov_chain.chain_probabilities(0, transitions).items())
    # Poisson arrivals see time averages: the queueing delay is the mean work found.
    assert single_server.mg1_waiting_time_mean(0.6, 1.0, math.sqrt(0.5)) == close(stages_left / 2.0, rel=1e-9)


def test_breakdowns_against_the_chain() -> None:
    # Exponential repairs, of which the chain on (number inside, up or down) is exact; hardly any leave M/M/1.
    def transitions(state: tuple[int, int]) -> list[tuple[float, tuple[int, int]]]:
        inside, up = state
        moves = [(0.3, (inside + 1, up))] if inside < 150 else []
        if not up:
            return [*moves, (1.0 / 5.0, (inside, 1))]
        return [*moves, (1.0 / 20.0, (inside, 0)), (1.0 if inside else 0.0, (max(inside - 1, 0), 1))]

    chances = markov_chain.chain_probabilities((0, 1), transitions)
    exact = sum(inside * p for (inside, _), p in chances.items()) / 0.3
    assert single_server.mm1_breakdowns_response_time_mean(0.3, 1.0, 20.0, 5.0, 1.0) == close(exact, rel=1e-8)
    assert single_server.mm1_breakdowns_response_time_mean(0.5, 1.0, 1e9, 1.0, 0.0) == close(2.0)


def test_md1_distribution() -> None:
    rate, service_s = 0.5, 1.0

    def beyond(time_s: float) -> float:
        return 1.0 - single_server.md1_waiting_time_probability(rate, service_s, time_s)

    assert beyond(0.0) == close(0.5)
    mean, _ = quad(beyond, 0.0, 20.0, points=list(range(1, 20)), limit=200)
    assert mean == close(single_server.mg1_waiting_time_mean(rate, service_s, 0.0), rel=1e-6)
    generator = np.random.default_rng(1)
    waits = lindley_chain(np.cumsum(generator.exponential(2.0, 2_000_000)), np.ones(2_000_000))
    for share in (0.75, 0.9, 0.95, 0.99):
        exact = single_server.md1_response_time_percentile(rate, service_s, share)
        assert 1.0 + float(np.quantile(waits, share)) == close(exact, rel=0.01)


def test_gm1_with_known_roots() -> None:
    # E1 is the exponential: sigma = rho. E2/M/1: a cubic with the root 1, so sigma is that of a quadratic.
    assert single_server.erlang_m1_waiting_probability(0.7, 1, 1.0) == close(0.7)
    for rho in (0.1, 0.5, 0.9, 0.99):
        exact = (1.0 + 4.0 * rho - math.sqrt(1.0 + 8.0 * rho)) / 2.0
        assert single_server.erlang_m1_waiting_probability(rho, 2, 1.0) == close(exact, rel=1e-9)
        assert balancing.round_robin_waiting_probability(2.0 * rho, 1.0, 2) == close(exact, rel=1e-9)
    # Many stages approach the constant interarrival time, whose sigma at rho = 0.5 is known to be 0.20319.
    constant = single_server.constant_m1_waiting_probability(0.5, 1.0)
    assert constant == close(0.203188, rel=1e-5)
    assert single_server.erlang_m1_waiting_probability(0.5, 100_000, 1.0) == close(constant, rel=1e-4)
    assert single_server.gm1_response_time_mean(0.5, 0.001) == close(0.002)
    assert single_server.gm1_response_time_percentile(0.5, 0.001, 0.9) == close(0.002 * math.log(10))


def test_processor_sharing_mean_is_that_of_mm1() -> None:
    assert single_server.mg1_processor_sharing_response_time_mean(0.75, 1.0) == close(4.0)


# Several servers


def test_erlang_tables() -> None:
    # Erlang's tables: B(2 servers, 1 erlang) = 0.2, B(10, 5) = 0.018385; C(2, 1) = 1/3, C(3, 2) = 4/9.
    assert multi_server.erlang_b(1.0, 2) == close(0.2)
    assert multi_server.erlang_b(5.0, 10) == close(0.018385, rel=1e-4)
    assert multi_server.erlang_c(1.0, 2) == close(1.0 / 3.0)
    assert multi_server.erlang_c(2.0, 3) == close(4.0 / 9.0)
    direct = (8.0**10 / math.factorial(10)) / (1 - 0.8)
    assert multi_server.erlang_c(8.0, 10) == close(
        direct / (sum(8.0**n / math.factorial(n) for n in range(10)) + direct)
    )


@pytest.mark.parametrize("servers", [1, 2, 3, 8])
def test_mmc_against_birth_death(servers: int) -> None:
    rate = 0.7 * servers
    probabilities = markov_chain.birth_death_probabilities(
        [rate] * 600, [float(min(n, servers)) for n in range(1, 601)]
    )
    assert multi_server.erlang_c(rate, servers) == close(float(probabilities[servers:].sum()), rel=1e-9)
    inside = float(np.dot(np.arange(601), probabilities))
    assert multi_server.mmc_response_time_mean(rate, 1.0, servers) == close(inside / rate, rel=1e-9)


@pytest.mark.parametrize(("servers", "rate"), [(1, 0.6), (2, 1.0), (2, 1.3), (3, 2.2), (8, 5.6)])
def test_mmc_response_time_distribution_against_stages(servers: int, rate: float) -> None:
    # An arrival that finds n >= c inside waits for n - c + 1 departures at rate c, then its own service.
    found = markov_chain.birth_death_probabilities([rate] * 80, [float(min(n, servers)) for n in range(1, 81)])
    exact = multi_server.mmc_response_time_percentile(rate, 1.0, servers, 0.95)
    beyond = float(found[:servers].sum()) * math.exp(-exact)
    for count in range(servers, 80):
        stages = count - servers + 2
        generator = np.diag([-float(servers)] * (stages - 1) + [-1.0])
        generator += np.diag([float(servers)] * (stages - 1), 1)
        beyond += float(found[count]) * float(expm(generator * exact)[0].sum())
    assert beyond == close(0.05, rel=1e-6)
    if servers == 1:
        assert exact == close(single_server.mm1_response_time_percentile(rate, 1.0, 0.95))


def test_loss_queues() -> None:
    queue = multi_server.mmck(0.8, 1.0, 1, 5)
    assert queue.lost_share == close(multi_server.mm1k_lost_share(0.8, 5))
    assert multi_server.mm1k_lost_share(0.8, 5) == close(0.2 * 0.8**5 / (1 - 0.8**6))
    assert multi_server.mm1k_lost_share(1.0, 4) == close(0.2)
    assert queue.throughput_per_s == close(0.8 * (1 - queue.lost_share))
    assert queue.response_time_mean_s == close(queue.in_system_mean / queue.throughput_per_s)
    # Without waiting places it is Erlang B, and the time inside is the service time.
    pure_loss = multi_server.mmck(4.0, 1.0, 4, 4)
    assert pure_loss.lost_share == close(multi_server.erlang_b(4.0, 4))
    assert pure_loss.response_time_mean_s == close(1.0)
    # With many places it is M/M/c.
    assert multi_server.mmck(1.4, 1.0, 2, 500).response_time_mean_s == close(
        multi_server.mmc_response_time_mean(1.4, 1.0, 2)
    )


def test_multirate_loss() -> None:
    assert multi_server.multirate_lost_shares(4, [1], [3.0])[0] == close(multi_server.erlang_b(3.0, 4))
    # Two classes on 5 units of sizes 1 and 2: the product-form chain, enumerated.
    offered = (1.5, 0.8)
    weights = {
        (first, second): offered[0] ** first / math.factorial(first) * offered[1] ** second / math.factorial(second)
        for first, second in itertools.product(range(6), range(3))
        if first + 2 * second <= 5
    }
    total = sum(weights.values())
    exact = [
        sum(w for (first, second), w in weights.items() if first + 2 * second + size > 5) / total for size in (1, 2)
    ]
    assert multi_server.multirate_lost_shares(5, [1, 2], offered) == close(exact)


def test_exponential_timeout() -> None:
    # One server, timeouts as fast as services: deaths n + 1; and hardly any timeouts: M/M/1.
    queue = multi_server.mmc_exponential_timeout(1.0, 1.0, 1, 1.0)
    weights = np.array([1.0 / math.factorial(n + 1) for n in range(40)])
    exact = float(np.dot(np.arange(40), weights / weights.sum()))
    assert queue.lost_share == close(exact)
    patient = multi_server.mmc_exponential_timeout(0.5, 1.0, 1, 1e5)
    assert patient.in_system_mean == close(1.0, rel=1e-3)


@pytest.mark.parametrize("rate", [0.6, 1.0, 1.5])
def test_constant_timeout_against_the_work_process(rate: float) -> None:
    timeout_s = 3.0
    queue = multi_server.mm1_constant_timeout(rate, 1.0, timeout_s)
    generator = np.random.default_rng(7)
    gaps = generator.exponential(1.0 / rate, 400_000)
    services = generator.exponential(1.0, 400_000)
    work, lost, spent = 0.0, 0, 0.0
    for gap, service in zip(gaps, services, strict=True):
        work = max(0.0, work - gap)
        if work + service > timeout_s:
            lost += 1
            work = max(work, timeout_s)
        else:
            work += service
            spent += work
    assert lost / 400_000 == close(queue.timed_out_share, rel=0.02)
    assert spent / (400_000 - lost) == close(queue.response_time_mean_s, rel=0.01)


def test_constant_timeout_limits() -> None:
    # Hardly ever timed out it is M/M/1; at rho = 1 the formulas have a limit on both sides.
    patient = multi_server.mm1_constant_timeout(0.5, 1.0, 60.0)
    assert patient.timed_out_share < 1e-12
    assert patient.response_time_mean_s == close(2.0)
    assert patient.utilization == close(0.5)
    at_one = multi_server.mm1_constant_timeout(1.0, 1.0, 3.0)
    near_one = multi_server.mm1_constant_timeout(1.0 + 1e-6, 1.0, 3.0)
    assert at_one.timed_out_share == close(0.25)
    assert at_one.timed_out_share == close(near_one.timed_out_share, rel=1e-5)
    assert at_one.response_time_mean_s == close(near_one.response_time_mean_s, rel=1e-5)


def test_infinite_servers_are_poisson() -> None:
    probabilities = multi_server.infinite_server_in_system_probabilities(4.0, 60)
    assert float(np.dot(np.arange(61), probabilities)) == close(4.0)
    assert probabilities[0] == close(math.exp(-4.0))


# Load dependence


def test_multipliers() -> None:
    assert load_dependence.busy_core_multipliers(3, [1.0, 0.9], 5) == close([1.0, 1.8, 2.7, 2.7, 2.7])
    assert load_dependence.hyperthread_multipliers(1.3, 3) == [1.0, 1.3, 1.3]


def test_load_dependent_queue_of_equal_cores_is_mmc() -> None:
    multipliers = load_dependence.busy_core_multipliers(3, [1.0], 800)
    assert load_dependence.load_dependent_response_time_mean(2.0, 1.0, multipliers) == close(
        multi_server.mmc_response_time_mean(2.0, 1.0, 3)
    )


def test_hyperthreads_with_known_special_cases() -> None:
    # One physical core is a birth-death process; threads that do not slow each other are servers.
    one = load_dependence.HyperthreadedCores(1, 1.3, 1.0)
    multipliers = load_dependence.hyperthread_multipliers(1.3, 402)
    assert one.response_time_mean(0.8) == close(
        load_dependence.load_dependent_response_time_mean(0.8, 1.0, multipliers), rel=1e-9
    )
    double = load_dependence.HyperthreadedCores(2, 2.0, 1.0)
    assert double.response_time_mean(2.8) == close(multi_server.mmc_response_time_mean(2.8, 1.0, 4), rel=1e-9)
    lone = load_dependence.HyperthreadedCores(8, 1.3, 1.0)
    assert lone.response_time_mean(0.01) == close(1.0, rel=1e-6)


# Balancing


def test_shortest_of_two_queues() -> None:
    # Independent of the sorted chain: both lengths in order of the queues, and a dense matrix.
    rate, cut = 1.4, 40
    size = (cut + 1) ** 2
    jumps = np.zeros((size, size))
    for first, second in itertools.product(range(cut + 1), repeat=2):
        here = first * (cut + 1) + second
        if first <= second and first < cut:
            jumps[here, here + cut + 1] += rate * (1.0 if first < second else 0.5)
        if second <= first and second < cut:
            jumps[here, here + 1] += rate * (1.0 if second < first else 0.5)
        if first:
            jumps[here, here - cut - 1] += 1.0
        if second:
            jumps[here, here - 1] += 1.0
    steps = jumps / (rate + 2.0)
    steps[np.diag_indices(size)] += 1.0 - steps.sum(axis=1)
    probabilities = markov_chain.embedded_chain_probabilities(steps).reshape(cut + 1, cut + 1)
    inside = sum((i + j) * probabilities[i, j] for i, j in itertools.product(range(cut + 1), repeat=2))
    queues = balancing.sampled_shortest_queue(rate, 1.0, 2, 2, cut)
    assert queues.response_time_mean_s == close(float(inside) / rate, rel=1e-8)
    assert sum(queues.joined) == close(1.0)
    assert balancing.sampled_shortest_queue(rate, 1.0, 2, 2, 60).response_time_mean_s == close(
        queues.response_time_mean_s, rel=1e-8
    )


def test_balancing_is_ordered_between_random_and_one_queue() -> None:
    rate = 2.1
    shared = multi_server.mmc_response_time_mean(rate, 1.0, 3)
    shortest = balancing.sampled_shortest_queue(rate, 1.0, 3, 3, 30).response_time_mean_s
    two_choices = balancing.sampled_shortest_queue(rate, 1.0, 3, 2, 30).response_time_mean_s
    alone = single_server.mm1_response_time_mean(rate / 3, 1.0)
    assert shared < shortest < two_choices < alone
    blind = balancing.sampled_shortest_queue(1.0, 1.0, 2, 1, 60)
    assert blind.response_time_mean_s == close(2.0, rel=1e-6)
    assert blind.response_time_percentile_s(0.9) == close(2.0 * math.log(10), rel=1e-6)


# Batching


def test_natural_batches_of_one_are_md1() -> None:
    exact = single_server.mg1_response_time_mean(0.6, 1.0, 0.0)
    assert batching.natural_batch_response_time_mean(0.6, lambda _: 1.0, 1) == close(exact, rel=1e-9)


def test_natural_batches_against_simulated_cycles() -> None:
    rate, most = 3.0, 4
    generator = np.random.default_rng(3)
    arrivals = np.cumsum(generator.exponential(1.0 / rate, 300_000))
    now, position, total = 0.0, 0, 0.0
    while position < len(arrivals):
        now = max(now, arrivals[position])
        size = 1
        while size < most and position + size < len(arrivals) and arrivals[position + size] <= now:
            size += 1
        now += 0.5 + 0.1 * size
        total += size * now - arrivals[position : position + size].sum()
        position += size
    exact = batching.natural_batch_response_time_mean(rate, lambda k: 0.5 + 0.1 * k, most)
    assert total / len(arrivals) == close(exact, rel=0.01)


def test_natural_batches_refuse_overload() -> None:
    with pytest.raises(ValueError, match="no steady state"):
        batching.natural_batch_response_time_mean(4.5, lambda _: 1.0, 4)


def test_linger() -> None:
    # Never full: half the linger, but for the first member, who waits all of it.
    expected = (1.0 + 2.0 / 2.0) / (1.0 + 2.0)
    assert batching.linger_waiting_time_mean(2.0, 1.0, 200) == close(expected)
    assert batching.linger_batch_size_mean(2.0, 1.0, 200) == close(3.0)
    # Two at most: the first waits min(linger, exponential), the second nothing.
    first = (1.0 - math.exp(-2.0)) / 2.0
    size = 2.0 - math.exp(-2.0)
    assert batching.linger_batch_size_mean(2.0, 1.0, 2) == close(size)
    assert batching.linger_waiting_time_mean(2.0, 1.0, 2) == close(first / size)
    # A long linger: full batches of k, whose members wait (k - 1) / 2 interarrival times.
    assert batching.linger_waiting_time_mean(2.0, 1e3, 5) == close(1.0, rel=1e-6)
    assert batching.linger_waiting_time_percentile(2.0, 1.0, 0.5) == close(0.75)
    assert batching.linger_waiting_time_percentile(2.0, 1.0, 0.9) == close(1.0)


def test_linger_flush_time_counts_members() -> None:
    sizes = 1 + np.arange(80)
    chances = np.array([math.exp(-3.0) * 3.0**n / math.factorial(n) for n in range(80)])
    exact = 0.2 + 0.05 * float(np.dot(sizes**2, chances) / np.dot(sizes, chances))
    assert batching.linger_flush_time_mean(3.0, 1.0, 0.2, 0.05) == close(exact)


# Networks


def test_closed_network_of_two_stations_by_hand() -> None:
    # Demands 1 and 2, three operations: G(N) = 1 + 2 + ... + 2^N, so X(3) = G(2) / G(3) = 7 / 15.
    stations = [Station("a", (1.0,)), Station("b", (2.0,))]
    for network in (
        closed_networks.exact_mva(stations, [3], [0.0]),
        closed_networks.single_class_network(stations, 3, 0.0),
    ):
        assert network.throughput_per_s[0] == close(7.0 / 15.0)
        assert network.response_time_s[0] == close(3.0 * 15.0 / 7.0)
        assert network.queue_length["a"][0] + network.queue_length["b"][0] == close(3.0)
        assert network.queue_length["a"][0] == close((1 * 4 + 2 * 2 + 3 * 1) / 15.0)


def test_mva_and_convolution_agree_with_load_dependent_stations() -> None:
    stations = [
        Station("cores", (0.004,), server_multipliers(3)),
        Station("disk", (0.001,)),
        Station("threads", (0.0008,), (1.0, 1.3)),
        Station("network", (0.003,), delay=True),
    ]
    for population in (1, 2, 5, 12):
        by_mva = closed_networks.exact_mva(stations, [population], [0.01])
        by_convolution = closed_networks.single_class_network(stations, population, 0.01)
        assert by_mva.throughput_per_s == close(by_convolution.throughput_per_s, rel=1e-9)
        assert by_mva.response_time_s == close(by_convolution.response_time_s, rel=1e-9)
        for name in ("cores", "disk", "threads", "network"):
            assert by_mva.residence_time_s[name] == close(by_convolution.residence_time_s[name], rel=1e-8)


def test_machine_repairman_against_birth_death() -> None:
    users, think_s, service_s, servers = 20, 0.1, 0.01, 2
    probabilities = markov_chain.birth_death_probabilities(
        [(users - n) / think_s for n in range(users)],
        [min(n, servers) / service_s for n in range(1, users + 1)],
    )
    throughput = sum(min(n, servers) / service_s * float(p) for n, p in enumerate(probabilities))
    network = closed_networks.machine_repairman(users, think_s, service_s, servers)
    assert network.throughput_per_s[0] == close(throughput)
    assert network.response_time_s[0] == close(users / throughput - think_s)


def test_machine_repairman_percentile() -> None:
    # The mixture's mean is the mean response time; one user alone has an exponential response time.
    alone = closed_networks.machine_repairman_response_time_percentile(1, 0.1, 0.01, 0.9)
    assert alone == close(0.01 * math.log(10))
    mean, _ = quad(
        lambda share: closed_networks.machine_repairman_response_time_percentile(8, 0.1, 0.02, share),
        0.0,
        1.0,
        limit=200,
        epsrel=1e-4,
    )
    assert mean == close(closed_networks.machine_repairman(8, 0.1, 0.02, 1).response_time_s[0], rel=1e-3)


def test_large_closed_network_reaches_its_bottleneck() -> None:
    stations = [Station("cores", (0.008,), server_multipliers(8)), Station("disk", (0.0005,))]
    network = closed_networks.single_class_network(stations, 400, 0.05)
    assert network.throughput_per_s[0] == close(1000.0, rel=1e-6)
    assert network.response_time_s[0] == close(0.4 - 0.05, rel=1e-5)


def test_two_classes_against_the_chain() -> None:
    # Processor sharing at two stations: the chain on the numbers of each class at each place.
    demands = {"web": (0.2, 0.5), "disk": (0.4, 0.1)}
    think = (1.0, 2.0)
    users = (2, 3)

    def transitions(state: tuple[int, ...]) -> list[tuple[float, tuple[int, ...]]]:
        # (class 1 at web, class 1 at disk, class 2 at web, class 2 at disk); the others think.
        moves: list[tuple[float, tuple[int, ...]]] = []
        for kind in (0, 1):
            at_web, at_disk = state[2 * kind], state[2 * kind + 1]

            def moved(web: int, disk: int, kind: int = kind) -> tuple[int, ...]:
                changed = list(state)
                changed[2 * kind] += web
                changed[2 * kind + 1] += disk
                return tuple(changed)

            thinking = users[kind] - at_web - at_disk
            if thinking:
                moves.append((thinking / think[kind], moved(1, 0)))
            if at_web:
                moves.append((at_web / (state[0] + state[2]) / demands["web"][kind], moved(-1, 1)))
            if at_disk:
                moves.append((at_disk / (state[1] + state[3]) / demands["disk"][kind], moved(0, -1)))
        return moves

    empty: tuple[int, ...] = (0, 0, 0, 0)
    probabilities = markov_chain.chain_probabilities(empty, transitions)
    stations = [Station("web", demands["web"]), Station("disk", demands["disk"])]
    network = closed_networks.exact_mva(stations, users, think)
    for kind in (0, 1):
        thinking = sum((users[kind] - s[2 * kind] - s[2 * kind + 1]) * p for s, p in probabilities.items())
        assert network.throughput_per_s[kind] == close(thinking / think[kind], rel=1e-9)
        at_web = sum(s[2 * kind] * p for s, p in probabilities.items())
        assert network.queue_length["web"][kind] == close(at_web, rel=1e-9)


def test_two_classes_on_several_cores() -> None:
    # Both classes alike: the same as one class with all the users.
    pair = closed_networks.exact_mva([Station("cores", (0.3, 0.3), server_multipliers(2))], [2, 3], [1.0, 1.0])
    one = closed_networks.machine_repairman(5, 1.0, 0.3, 2)
    assert sum(pair.throughput_per_s) == close(one.throughput_per_s[0])
    assert pair.response_time_s == close((one.response_time_s[0],) * 2)


def test_mva_refuses_a_missing_demand() -> None:
    with pytest.raises(ValueError, match="station web has 1 demands for 2 classes"):
        closed_networks.exact_mva([Station("web", (0.1,))], [1, 1], [0.0, 0.0])


def test_mixed_network_limits() -> None:
    stations = [Station("web", (0.01,)), Station("disk", (0.02,))]
    alone = open_networks.mixed_network(stations, [4], [0.1], [1e-9], [(0.005,), (0.0,)])
    assert alone.closed.throughput_per_s == close(closed_networks.exact_mva(stations, [4], [0.1]).throughput_per_s)
    # Closed users who hardly ever come leave the open class an M/M/1.
    rare = open_networks.mixed_network(stations, [1], [1e9], [100.0], [(0.005,), (0.0,)])
    assert rare.open_response_time_s[0] == close(single_server.mm1_response_time_mean(100.0, 0.005))


def test_mixed_network_against_the_chain() -> None:
    # One processor-sharing station, three closed users and an open stream.
    rate, open_s, closed_s, think_s, users = 0.5, 0.6, 0.4, 1.5, 3

    def transitions(state: tuple[int, int]) -> list[tuple[float, tuple[int, int]]]:
        streamed, closed = state
        total = streamed + closed
        moves = [((users - closed) / think_s, (streamed, closed + 1))] if closed < users else []
        if streamed < 120:
            moves.append((rate, (streamed + 1, closed)))
        if streamed:
            moves.append((streamed / total / open_s, (streamed - 1, closed)))
        if closed:
            moves.append((closed / total / closed_s, (streamed, closed - 1)))
        return moves

    probabilities = markov_chain.chain_probabilities((0, 0), transitions)
    mixed = open_networks.mixed_network([Station("cpu", (closed_s,))], [users], [think_s], [rate], [(open_s,)])
    streamed = sum(s[0] * p for s, p in probabilities.items())
    assert mixed.open_response_time_s[0] == close(streamed / rate, rel=1e-8)
    thinking = sum((users - s[1]) * p for s, p in probabilities.items())
    assert mixed.closed.throughput_per_s[0] == close(thinking / think_s, rel=1e-8)


def test_tandem() -> None:
    stations = [open_networks.OpenStation(1.0, 0.5), open_networks.OpenStation(1.0, 0.25)]
    assert open_networks.jackson_response_time_mean(1.0, stations) == close(1.0 + 1.0 / 3.0)
    # Two different exponentials: the classic difference of exponentials.
    p90 = open_networks.tandem_response_time_percentile(1.0, [0.5, 0.25], 0.9)
    beyond = (math.exp(-p90) * 3.0 - math.exp(-3.0 * p90)) / 2.0
    assert beyond == close(0.1, rel=1e-9)
    # Two equal ones: an Erlang distribution.
    equal = open_networks.tandem_response_time_percentile(1.0, [0.5, 0.5], 0.9)
    assert percentiles.erlang_mixture_probability([0.0, 1.0], 1.0, equal) == close(0.9)


# Bounds and laws


def test_asymptotic_bounds() -> None:
    limits = bounds.asymptotic_bounds([0.005, 0.016], [1, 8], 0.1, delay_s=0.029)
    assert limits.throughput_most_per_s == close(200.0)
    assert limits.concurrency_optimal == close((0.05 + 0.1) / 0.005)
    assert limits.throughput_at_most_per_s(15) == close(100.0)
    assert limits.throughput_at_most_per_s(60) == close(200.0)
    assert limits.response_time_at_least_s(15) == close(0.05)
    assert limits.response_time_at_least_s(60) == close(0.2)


@pytest.mark.parametrize("population", [1, 2, 5, 20])
@pytest.mark.parametrize("think_s", [0.0, 0.5])
def test_bounds_hold_the_exact_answer(population: int, think_s: float) -> None:
    demands = [0.1, 0.05, 0.02]
    exact = closed_networks.exact_mva(
        [Station(str(i), (d,)) for i, d in enumerate(demands)], [population], [think_s]
    ).throughput_per_s[0]
    lower, upper = bounds.balanced_job_bounds(demands, population, think_s)
    assert lower * (1 - 1e-12) <= exact <= upper * (1 + 1e-12)
    widest = bounds.asymptotic_bounds(demands, [1, 1, 1], think_s)
    assert upper <= widest.throughput_at_most_per_s(population) * (1 + 1e-12)
    # Balanced demands meet the upper bound without think time.
    if think_s == 0.0:
        balanced = closed_networks.exact_mva([Station(str(i), (0.1,)) for i in range(3)], [population], [0.0])
        assert bounds.balanced_job_bounds([0.1] * 3, population, 0.0)[1] == close(balanced.throughput_per_s[0])


def test_scaling_laws() -> None:
    assert bounds.amdahl_speedup(10, 0.1) == close(10 / 1.9)
    assert bounds.amdahl_speedup(1e9, 0.05) == close(20.0, rel=1e-6)
    assert bounds.gustafson_speedup(10, 0.1) == close(9.1)
    assert bounds.usl_relative_capacity(8, 0.0, 0.0) == close(8.0)
    peak = bounds.usl_concurrency_at_peak(0.1, 0.001)
    assert peak == close(30.0)
    at_peak = bounds.usl_relative_capacity(peak, 0.1, 0.001)
    assert at_peak > bounds.usl_relative_capacity(peak * 1.01, 0.1, 0.001)
    assert at_peak > bounds.usl_relative_capacity(peak * 0.99, 0.1, 0.001)
    assert bounds.usl_concurrency_at_peak(0.1, 0.0) == math.inf
    assert bounds.usl_concurrency_at_peak(1.0, 0.1) == 1.0


# Quotas


def simulated_quota_response(demand: int, phase: int, budget: int, period: int, parallel: int) -> int:
    """Step through microseconds: every core takes one of the shared budget while there is some."""
    left, tokens, now = demand, budget, phase
    while left > 0:
        if now % period == 0:
            tokens = budget
        if tokens >= parallel:
            tokens -= parallel
            left -= 1
        now += 1
    return now - phase


@pytest.mark.parametrize("parallel", [1, 2])
@pytest.mark.parametrize("demand", [10, 25, 30, 55, 60, 130])
@pytest.mark.parametrize("phase", [0, 10, 60, 75, 99])
def test_quota_response_time_step_by_step(demand: int, phase: int, parallel: int) -> None:
    exact = quota.quota_response_time(demand * 1e-6, phase * 1e-6, 0.5, 100e-6, parallel)
    assert exact * 1e6 == close(simulated_quota_response(demand, phase, 50, 100, parallel))


def test_quota_worst_case_and_mean() -> None:
    phases = np.arange(10_000) * 1e-5
    for demand_s in (0.04, 0.05, 0.07, 0.13):
        responses = [quota.quota_response_time(demand_s, float(phase), 0.5, 0.1) for phase in phases]
        assert max(responses) == close(quota.quota_worst_response_time(demand_s, 0.5, 0.1))
        mean = quota.quota_response_time_mean_over_phases(demand_s, 0.5, 0.1)
        assert float(np.mean(responses)) == close(mean, rel=1e-3)
    assert quota.quota_worst_response_time(0.13, 0.5, 0.1) == close(0.23)
    assert quota.quota_worst_response_time(0.05, 0.5, 0.1) == close(0.05)
    assert quota.quota_saturated_throughput_per_s(1.5, 4, 0.001) == close(1500.0)
    assert quota.quota_saturated_throughput_per_s(8.0, 4, 0.001) == close(4000.0)


# Delays, percentiles, chains


def test_retries() -> None:
    assert delays.retried_success_share(0.2, 3) == close(0.992)
    # Two attempts: 0.8 succeed at once in 1 s, 0.16 after 1 + 0.5 + 1 s.
    mean = delays.retried_response_time_mean(0.2, 2, 1.0, [0.5])
    assert mean == close((0.8 * 1.0 + 0.16 * 2.5) / 0.96)


def test_lognormal_percentile_against_its_moments() -> None:
    mean, _ = quad(lambda share: delays.lognormal_percentile(0.045, 0.55, share), 0.0, 1.0, limit=200)
    square, _ = quad(lambda share: delays.lognormal_percentile(0.045, 0.55, share) ** 2, 0.0, 1.0, limit=200)
    assert mean == close(0.045, rel=1e-5)
    assert math.sqrt(square - mean**2) / mean == close(0.55, rel=1e-3)


def test_percentile_of_an_atom_at_zero() -> None:
    assert percentiles.percentile(lambda time: 1.0 - 0.3 * math.exp(-time), 0.5, 1.0) == 0.0
    assert percentiles.percentile(lambda time: 1.0 - 0.3 * math.exp(-time), 0.97, 1.0) == close(math.log(10))


def test_birth_death_with_large_populations_does_not_overflow() -> None:
    probabilities = markov_chain.birth_death_probabilities([1e4] * 2000, [1.0 * n for n in range(1, 2001)])
    assert float(probabilities.sum()) == close(1.0)
    with pytest.raises(ValueError, match="2 birth rates but 1 death rates"):
        markov_chain.birth_death_probabilities([1.0, 1.0], [1.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda: single_server.mm1_response_time_mean(1.0, 1.0),
        lambda: single_server.mm1_response_time_mean(-1.0, 1.0),
        lambda: single_server.mm1_response_time_percentile(0.5, 1.0, 1.0),
        lambda: multi_server.erlang_c(2.0, 2),
        lambda: balancing.sampled_shortest_queue(2.0, 1.0, 2, 2, 10),
        lambda: bounds.amdahl_speedup(0, 0.1),
        lambda: quota.quota_response_time(0.1, 0.2, 0.5, 0.1),
        lambda: open_networks.mixed_network([Station("a", (0.1,))], [1], [0.0], [20.0], [(0.1,)]),
        lambda: open_networks.mixed_network([Station("a", (0.1,), (1.0, 1.3))], [1], [0.0], [1.0], [(0.1,)]),
    ],
)
def test_what_has_no_answer_is_refused(call: object) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=r"must|no steady state|share"):
        call()
