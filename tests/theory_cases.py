"""The table of exact results: which scenario, which number of its result, and what theory says of it.

The scenarios are files in `tests/theory`. The expected values come from the formulas of `simulator.theory`,
each with author and year, fed with the figures of the file. Times are in seconds, rates per second.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.scenario import Scenario
from simulator import Result, run
from simulator.theory import (
    balancing,
    batching,
    bounds,
    closed_networks,
    delays,
    load_dependence,
    multi_server,
    open_networks,
    quota,
    single_server,
)
from simulator.theory.closed_networks import Station, server_multipliers

DIRECTORY = Path(__file__).parent / "theory"
MS = 1e-3


class Tolerance(enum.Enum):
    """Why an estimate may be as far off as it may."""

    EXACT = "no randomness"
    USUAL = "usual"
    RARE = "share of rare operations"
    BUSY = "utilization above 0.7"


BUSY = Tolerance.BUSY

BIN_WIDTH = 0.001
"""Greatest relative width of a bin of the histogram that percentiles are read from."""

RELATIVE_ERROR = {
    Tolerance.EXACT: BIN_WIDTH,
    Tolerance.USUAL: 0.01,
    Tolerance.RARE: 0.03,
    Tolerance.BUSY: 0.01,
}
BUSY_ON_REFERENCE = 0.03
"""The reference engine is slow, and estimates spread widely where utilization is high."""


SLOW = frozenset(
    {
        "balancer_random",
        "breakdowns",
        "closed_two_classes_fcfs",
        "dispatch",
        "dm1",
        "hyperthreads_open",
        "jackson",
        "linux_mm1",
        "mg_infinity_hyperexponential",
        "mm1_half",
        "ps_two_cores",
        "repairman_linux",
        "repairman_three_servers",
        "round_robin_mm2",
        "speed_by_busy",
        "zipf_locks",
    }
)
"""Scenarios beyond the required list that take the reference engine long."""

LONG = frozenset(
    {
        "balancer_least_connections",
        "balancer_power_of_two",
        "balancer_round_robin",
        "md1",
        "mg1_gamma",
        "mg1_hyperexponential",
        "mg_infinity_lognormal",
        "mixed",
        "mm1",
        "mm2",
        "ps_constant",
        "ps_hyperexponential",
        "repairman",
        "tandem",
        "timeout_constant",
    }
)
"""Scenarios of the required list that take the reference engine longest, together half of the whole suite.

Of these the usual tests simulate one replication on it, which must be the fast engine's to the nanosecond;
the fast engine is held to the exact result, and the reference itself with ``-m slow``."""

FAST_ONLY = frozenset({"mm1_080", "mm1_090", "mm1_095"})
"""Scenarios of so many operations that only the fast engine simulates them."""

LONGER_ON_FAST = 8
"""The fast engine simulates the scenarios with busy stations so many times longer, to be within 1 % there too."""


@dataclass(frozen=True)
class TheoryCase:
    """One exact result.

    Attributes:
        scenario: name of the file in `tests/theory`, without its suffix.
        metric: path into the result, such as `response_time_s.p95` or `workloads[users].throughput_per_s`.
        law: what the value is called, and whose result it is.
        expected: computes the exact value in SI units.
        tolerance: how far off the estimate may be.
    """

    scenario: str
    metric: str
    law: str
    expected: Callable[[], float]
    tolerance: Tolerance = Tolerance.USUAL

    @property
    def name(self) -> str:
        """Identifies the case in a test report."""
        return f"{self.scenario}-{self.metric}"

    def relative_error(self, engine: str) -> float:
        """Greatest relative error, and half-width, on an engine."""
        if self.tolerance is Tolerance.BUSY and engine == "reference":
            return BUSY_ON_REFERENCE
        return RELATIVE_ERROR[self.tolerance]

    @property
    def resolution(self) -> float:
        """Relative error that a percentile read from bins may have on top of chance."""
        return BIN_WIDTH if ".p" in self.metric else 0.0


@functools.cache
def simulate(scenario: str, engine: str) -> Result:
    """Run a scenario of `tests/theory` through the public interface, once for all of its cases."""
    loaded = Scenario.load(DIRECTORY / f"{scenario}.toml")
    busy = any(case.scenario == scenario and case.tolerance is Tolerance.BUSY for case in CASES)
    if engine == "fast" and busy and scenario not in FAST_ONLY:
        longer = loaded.run.model_copy(update={"duration": loaded.run.duration * LONGER_ON_FAST})
        loaded = loaded.model_copy(update={"run": longer})
    return run(loaded, engine=engine)


def estimate_of(data: Mapping[str, Any], metric: str) -> tuple[float, float]:
    """Value and half-width of an estimate in a result, by its path; `[name]` picks the row of that name."""
    found: Any = data
    for step in metric.split("."):
        table, _, name = step.partition("[")
        found = found[table]
        if name:
            found = next(row for row in found if row["name"] == name.removesuffix("]"))
    return float(found["value"]), float(found["half_width"] or 0.0)


def _mm1_tail(rate_per_s: float, share: float) -> float:
    return single_server.mm1_response_time_percentile(rate_per_s, MS, share)


def _repairman(users: int, think_s: float, service_s: float, servers: int) -> closed_networks.ClosedNetwork:
    return closed_networks.machine_repairman(users, think_s, service_s, servers)


def _three_stations() -> closed_networks.ClosedNetwork:
    stations = [
        Station("web", (2 * MS,)),
        Station("application", (4 * MS,), server_multipliers(2)),
        Station("database", (1.5 * MS,)),
        Station("network", (10 * MS,), delay=True),
    ]
    return closed_networks.exact_mva(stations, [20], [50 * MS])


def _two_classes() -> closed_networks.ClosedNetwork:
    stations = [Station("web", (2 * MS, 1 * MS)), Station("disk", (1 * MS, 3 * MS))]
    return closed_networks.exact_mva(stations, [6, 4], [20 * MS, 20 * MS])


def _two_routes() -> closed_networks.ClosedNetwork:
    stations = [Station("web", (1 * MS, 1 * MS)), Station("disk", (0.0, 3 * MS), server_multipliers(2))]
    return closed_networks.exact_mva(stations, [5, 3], [20 * MS, 10 * MS])


def _hyperthreads() -> closed_networks.ClosedNetwork:
    return closed_networks.single_class_network([Station("core", (MS,), (1.0, 1.3))], 6, 8 * MS)


def _slowing_cores() -> closed_networks.ClosedNetwork:
    speeds = load_dependence.busy_core_multipliers(4, [1.0, 0.9, 0.8, 0.7], 8)
    return closed_networks.single_class_network([Station("cores", (MS,), tuple(speeds))], 8, 3 * MS)


def _mixed() -> open_networks.MixedNetwork:
    stations = [Station("web", (1 * MS,)), Station("disk", (2 * MS,))]
    return open_networks.mixed_network(stations, [4], [10 * MS], [300.0], [(1 * MS,), (0.0,)])


def _jackson() -> float:
    web, database = open_networks.OpenStation(1.0, MS), open_networks.OpenStation(0.5, 4 * MS, 2)
    return open_networks.jackson_response_time_mean(400.0, [web, database])


def _shortest_queue(servers: int, sampled: int, rate_per_s: float) -> balancing.BalancedQueues:
    return balancing.sampled_shortest_queue(rate_per_s, MS, servers, sampled, 25)


def _zipf_locks() -> float:
    weights = [1.0 / rank for rank in range(1, 5)]
    shares = [weight / sum(weights) for weight in weights]
    return sum(share * single_server.mg1_response_time_mean(900.0 * share, MS, 0.0) for share in shares)


def _multirate(index: int) -> float:
    return multi_server.multirate_lost_shares(10, [1, 3], [1500.0 * 3 * MS, 400.0 * 4 * MS])[index]


def _single_server_cases() -> list[TheoryCase]:
    half = functools.partial(single_server.mg1_response_time_mean, 500.0, MS)
    return [
        TheoryCase("mm1", "response_time_s.mean", "M/M/1 mean (Erlang 1917)", lambda: MS / 0.8),
        TheoryCase("mm1", "response_time_s.p50", "M/M/1 p50 (Erlang 1917)", lambda: _mm1_tail(200.0, 0.50)),
        TheoryCase("mm1", "response_time_s.p90", "M/M/1 p90 (Erlang 1917)", lambda: _mm1_tail(200.0, 0.90)),
        TheoryCase("mm1", "response_time_s.p95", "M/M/1 p95 (Erlang 1917)", lambda: _mm1_tail(200.0, 0.95)),
        TheoryCase("mm1", "response_time_s.p99", "M/M/1 p99 (Erlang 1917)", lambda: _mm1_tail(200.0, 0.99)),
        TheoryCase("mm1_080", "response_time_s.mean", "M/M/1 mean (Erlang 1917)", lambda: 5 * MS, Tolerance.BUSY),
        TheoryCase("mm1_080", "response_time_s.p95", "M/M/1 p95 (Erlang 1917)", lambda: _mm1_tail(800.0, 0.95), BUSY),
        TheoryCase("mm1_090", "response_time_s.mean", "M/M/1 mean (Erlang 1917)", lambda: 10 * MS, Tolerance.BUSY),
        TheoryCase("mm1_090", "response_time_s.p95", "M/M/1 p95 (Erlang 1917)", lambda: _mm1_tail(900.0, 0.95), BUSY),
        TheoryCase("mm1_095", "response_time_s.mean", "M/M/1 mean (Erlang 1917)", lambda: 20 * MS, Tolerance.BUSY),
        TheoryCase("mm1_half", "response_time_s.mean", "M/M/1 mean (Erlang 1917)", lambda: half(1.0)),
        TheoryCase("mm1_half", "response_time_s.p50", "M/M/1 p50 (Erlang 1917)", lambda: _mm1_tail(500.0, 0.5)),
        TheoryCase("mm1_half", "cpu_utilization", "utilization law (Denning, Buzen 1978)", lambda: 500.0 * MS),
        TheoryCase("md1", "response_time_s.mean", "M/D/1 mean (Pollaczek 1930)", lambda: half(0.0)),
        TheoryCase(
            "md1",
            "response_time_s.p90",
            "M/D/1 p90 (Crommelin 1932)",
            lambda: single_server.md1_response_time_percentile(500.0, MS, 0.9),
        ),
        TheoryCase("mg1_gamma", "response_time_s.mean", "M/G/1 gamma (Pollaczek 1930)", lambda: half(0.5)),
        TheoryCase(
            "mg1_hyperexponential",
            "response_time_s.mean",
            "M/G/1 hyperexponential (Pollaczek 1930)",
            lambda: single_server.mg1_response_time_mean(200.0, MS, 1.25),
        ),
        TheoryCase(
            "dm1",
            "response_time_s.mean",
            "D/M/1 mean (Kendall 1953)",
            lambda: single_server.gm1_response_time_mean(single_server.constant_m1_waiting_probability(400.0, MS), MS),
        ),
        TheoryCase(
            "breakdowns",
            "response_time_s.mean",
            "M/M/1 with breakdowns (Avi-Itzhak, Naor 1963)",
            lambda: single_server.mm1_breakdowns_response_time_mean(300.0, MS, 20 * MS, 5 * MS, 0.0),
        ),
        TheoryCase(
            "linux_mm1",
            "response_time_s.mean",
            "M/M/1 mean, any work-conserving scheduler",
            lambda: single_server.mm1_response_time_mean(300.0, MS),
        ),
        TheoryCase("link", "response_time_s.mean", "M/D/1 link", lambda: _md1(1000.0, 0.5 * MS) + 0.2 * MS),
        TheoryCase("lock", "response_time_s.mean", "M/D/1 lock", lambda: _md1(500.0, MS)),
        TheoryCase("zipf_locks", "response_time_s.mean", "mixture of M/D/1 locks", _zipf_locks),
        TheoryCase(
            "dispatch",
            "response_time_s.mean",
            "M/D/1 dispatch, two hops",
            lambda: _md1(1000.0, 0.5 * MS) + 2 * 0.05 * MS + 0.1 * MS,
        ),
    ]


def _md1(rate_per_s: float, service_s: float) -> float:
    return single_server.mg1_response_time_mean(rate_per_s, service_s, 0.0)


def _several_server_cases() -> list[TheoryCase]:
    mean = multi_server.mmc_response_time_mean
    return [
        TheoryCase("mm2", "response_time_s.mean", "M/M/2 (Erlang C, 1917)", lambda: mean(800.0, MS, 2)),
        TheoryCase(
            "mm2",
            "response_time_s.p95",
            "M/M/2 p95 (Erlang C, 1917)",
            lambda: multi_server.mmc_response_time_percentile(800.0, MS, 2, 0.95),
        ),
        TheoryCase("mm3", "response_time_s.mean", "M/M/3 (Erlang C, 1917)", lambda: mean(1500.0, MS, 3)),
        TheoryCase("mm8", "response_time_s.mean", "M/M/8 (Erlang C, 1917)", lambda: mean(4800.0, MS, 8)),
        TheoryCase(
            "round_robin_mm2",
            "response_time_s.mean",
            "M/M/2 mean, any work-conserving scheduler",
            lambda: mean(800.0, MS, 2),
        ),
        TheoryCase(
            "blocking_workers",
            "response_time_s.mean",
            "M/M/3 of blocking workers (Erlang C, 1917)",
            lambda: mean(150.0, 10 * MS, 3),
        ),
        TheoryCase(
            "token_pool",
            "response_time_s.mean",
            "M/M/2 of tokens (Erlang C, 1917)",
            lambda: mean(160.0, 5 * MS, 2),
        ),
        TheoryCase(
            "hyperthreads_open",
            "response_time_s.mean",
            "chain of two hyperthreaded cores",
            lambda: load_dependence.HyperthreadedCores(2, 1.3, MS).response_time_mean(1200.0),
        ),
        TheoryCase(
            "ps_constant",
            "response_time_s.mean",
            "M/D/1-PS (Sakata et al. 1969)",
            lambda: single_server.mg1_processor_sharing_response_time_mean(500.0, MS),
        ),
        TheoryCase(
            "ps_hyperexponential",
            "response_time_s.mean",
            "M/G/1-PS, insensitive (Sakata et al. 1969)",
            lambda: single_server.mg1_processor_sharing_response_time_mean(300.0, MS),
        ),
        TheoryCase(
            "ps_two_cores",
            "response_time_s.mean",
            "M/G/2-PS, insensitive (Kelly 1979)",
            lambda: mean(800.0, MS, 2),
        ),
        *_infinite_server_cases(),
    ]


def _infinite_server_cases() -> list[TheoryCase]:
    lognormal, cores = functools.partial(delays.lognormal_percentile, 45 * MS, 0.55), 100
    busy = 800.0 * 45 * MS / cores
    return [
        TheoryCase("mg_infinity_lognormal", "cpu_utilization", "M/G/inf mean number (Palm 1938)", lambda: busy),
        TheoryCase("mg_infinity_lognormal", "response_time_s.mean", "M/G/inf response", lambda: 45 * MS),
        TheoryCase("mg_infinity_lognormal", "response_time_s.p50", "M/G/inf p50", lambda: lognormal(0.5)),
        TheoryCase("mg_infinity_lognormal", "response_time_s.p95", "M/G/inf p95", lambda: lognormal(0.95)),
        TheoryCase(
            "mg_infinity_hyperexponential",
            "cpu_utilization",
            "M/G/inf, insensitive (Palm 1938)",
            lambda: busy,
        ),
    ]


def _loss_cases() -> list[TheoryCase]:
    constant = functools.partial(multi_server.mm1_constant_timeout, 700.0, MS, 3 * MS)
    exponential = functools.partial(multi_server.mmc_exponential_timeout, 1500.0, MS, 2, 2 * MS)
    places = functools.partial(multi_server.mmck, 2400.0, MS, 3, 5)
    small, large = "workloads[small].error_rate", "workloads[large].error_rate"
    rare, busy = Tolerance.RARE, Tolerance.BUSY
    return [
        TheoryCase("mm1_3", "error_rate", "M/M/1/3 loss (Erlang)", lambda: multi_server.mm1k_lost_share(1.0, 3), busy),
        TheoryCase("mm1_3", "goodput_per_s", "M/M/1/3 throughput (Erlang)", lambda: 750.0, busy),
        TheoryCase("mm3_5", "error_rate", "M/M/3/5 loss (Erlang)", lambda: places().lost_share, rare),
        TheoryCase(
            "mm3_5",
            "response_time_s.mean",
            "M/M/3/5 response (Erlang)",
            lambda: places().response_time_mean_s,
            busy,
        ),
        TheoryCase(
            "mg4_4",
            "error_rate",
            "M/G/4/4 loss (Erlang B, 1917)",
            lambda: multi_server.erlang_b(3.0, 4),
            rare,
        ),
        TheoryCase("memory_loss", small, "small units lost (Kaufman 1981)", lambda: _multirate(0), rare),
        TheoryCase("memory_loss", large, "large units lost (Kaufman 1981)", lambda: _multirate(1), rare),
        TheoryCase(
            "timeout_constant",
            "timeout_rate",
            "M/M/1 timed out (Barrer 1957)",
            lambda: constant().timed_out_share,
            rare,
        ),
        TheoryCase(
            "timeout_constant",
            "response_time_s.mean",
            "M/M/1 in time (Barrer 1957)",
            lambda: constant().response_time_mean_s,
        ),
        TheoryCase(
            "timeout_constant",
            "cpu_utilization",
            "M/M/1 with a limit (Barrer 1957)",
            lambda: constant().utilization,
        ),
        TheoryCase(
            "timeout_exponential",
            "timeout_rate",
            "M/M/2+M timed out (Palm 1957)",
            lambda: exponential().lost_share,
            rare,
        ),
        TheoryCase(
            "timeout_exponential",
            "goodput_per_s",
            "M/M/2+M goodput (Palm 1957)",
            lambda: exponential().throughput_per_s,
        ),
        TheoryCase("retries", "success_rate", "attempts (Bernoulli)", lambda: delays.retried_success_share(0.3, 3)),
        TheoryCase(
            "retries",
            "response_time_s.mean",
            "attempts and backoffs",
            lambda: delays.retried_response_time_mean(0.3, 3, 10 * MS, [10 * MS, 20 * MS]),
        ),
    ]


def _closed_cases() -> list[TheoryCase]:
    one = functools.partial(_repairman, 8, 10 * MS, MS, 1)
    three = functools.partial(_repairman, 12, 10 * MS, 2 * MS, 3)
    crowd = functools.partial(_repairman, 40, 10 * MS, MS, 1)
    full, busy = bounds.asymptotic_bounds([MS], [2], 0.0), Tolerance.BUSY
    rate, response = "throughput_per_s", "response_time_s.mean"
    readers, writers = "workloads[readers].", "workloads[writers]."
    mva, mva_classes = "exact MVA (Reiser, Lavenberg 1980)", "MVA, two classes (Reiser, Lavenberg 1980)"
    return [
        TheoryCase("repairman", rate, "repairman (Palm 1943)", lambda: one().throughput_per_s[0]),
        TheoryCase("repairman", response, "repairman (Palm 1943)", lambda: one().response_time_s[0]),
        TheoryCase(
            "repairman",
            "response_time_s.p95",
            "repairman p95 (Sevcik, Mitrani 1981)",
            lambda: closed_networks.machine_repairman_response_time_percentile(8, 10 * MS, MS, 0.95),
        ),
        TheoryCase("repairman_linux", rate, "repairman, Linux", lambda: one().throughput_per_s[0]),
        TheoryCase("repairman_linux", response, "repairman, Linux", lambda: one().response_time_s[0]),
        TheoryCase(
            "repairman_three_servers",
            rate,
            "three repairmen (Palm 1943)",
            lambda: three().throughput_per_s[0],
        ),
        TheoryCase(
            "repairman_three_servers",
            response,
            "three repairmen (Palm 1943)",
            lambda: three().response_time_s[0],
        ),
        TheoryCase("repairman_saturated", rate, "repairman", lambda: crowd().throughput_per_s[0], busy),
        TheoryCase("repairman_saturated", response, "repairman", lambda: crowd().response_time_s[0], busy),
        TheoryCase("cores_saturated", rate, "bound (Denning, Buzen 1978)", lambda: full.throughput_most_per_s, busy),
        TheoryCase(
            "cores_saturated",
            response,
            "bound (Denning, Buzen 1978)",
            lambda: full.response_time_at_least_s(20),
            busy,
        ),
        TheoryCase("closed_three_stations", rate, mva, lambda: _three_stations().throughput_per_s[0]),
        TheoryCase("closed_three_stations", response, mva, lambda: _three_stations().response_time_s[0]),
        *(
            TheoryCase(scenario, f"{workload}{metric}", mva_classes, functools.partial(_class_of, network, i, metric))
            for scenario, network in (
                ("closed_two_classes", _two_classes),
                ("closed_two_classes_fcfs", _two_routes),
            )
            for i, workload in enumerate((readers, writers))
            for metric in (rate, response)
        ),
        TheoryCase("hyperthreads_closed", rate, mva, lambda: _hyperthreads().throughput_per_s[0]),
        TheoryCase("hyperthreads_closed", response, mva, lambda: _hyperthreads().response_time_s[0]),
        TheoryCase("speed_by_busy", rate, mva, lambda: _slowing_cores().throughput_per_s[0]),
        TheoryCase("speed_by_busy", response, mva, lambda: _slowing_cores().response_time_s[0]),
    ]


def _class_of(network: Callable[[], closed_networks.ClosedNetwork], index: int, metric: str) -> float:
    solved = network()
    return solved.throughput_per_s[index] if metric == "throughput_per_s" else solved.response_time_s[index]


def _network_cases() -> list[TheoryCase]:
    return [
        TheoryCase(
            "tandem",
            "response_time_s.mean",
            "tandem (Jackson 1957)",
            lambda: open_networks.jackson_response_time_mean(
                400.0, [open_networks.OpenStation(1.0, MS), open_networks.OpenStation(1.0, 0.75 * MS)]
            ),
        ),
        TheoryCase(
            "tandem",
            "response_time_s.p90",
            "tandem p90 (Reich 1957)",
            lambda: open_networks.tandem_response_time_percentile(400.0, [MS, 0.75 * MS], 0.9),
        ),
        TheoryCase("jackson", "response_time_s.mean", "open network (Jackson 1957)", _jackson),
        TheoryCase(
            "mixed",
            "workloads[arrivals].response_time_s.mean",
            "mixed network (Lavenberg 1983)",
            lambda: _mixed().open_response_time_s[0],
        ),
        TheoryCase(
            "mixed",
            "workloads[users].throughput_per_s",
            "mixed network (Lavenberg 1983)",
            lambda: _mixed().closed.throughput_per_s[0],
        ),
        TheoryCase(
            "mixed",
            "workloads[users].response_time_s.mean",
            "mixed network (Lavenberg 1983)",
            lambda: _mixed().closed.response_time_s[0],
        ),
    ]


def _balancer_cases() -> list[TheoryCase]:
    mean, median = "response_time_s.mean", "response_time_s.p50"

    def alternating() -> float:
        return balancing.round_robin_waiting_probability(800.0, MS, 2)

    return [
        TheoryCase(
            "balancer_round_robin",
            mean,
            "E2/M/1 (Kendall 1953)",
            lambda: single_server.gm1_response_time_mean(alternating(), MS),
        ),
        TheoryCase(
            "balancer_round_robin",
            median,
            "E2/M/1 p50 (Kendall 1953)",
            lambda: single_server.gm1_response_time_percentile(alternating(), MS, 0.5),
        ),
        TheoryCase(
            "balancer_random",
            mean,
            "two M/M/1 (Erlang 1917)",
            lambda: single_server.mm1_response_time_mean(300.0, MS),
        ),
        TheoryCase(
            "balancer_least_connections",
            mean,
            "shortest of two queues (Haight 1958)",
            lambda: _shortest_queue(2, 2, 800.0).response_time_mean_s,
        ),
        TheoryCase(
            "balancer_least_connections",
            median,
            "shortest of two queues p50 (Haight 1958)",
            lambda: _shortest_queue(2, 2, 800.0).response_time_percentile_s(0.5),
        ),
        TheoryCase(
            "balancer_power_of_two",
            mean,
            "two choices of three (Mitzenmacher 1996)",
            lambda: _shortest_queue(3, 2, 1200.0).response_time_mean_s,
        ),
        TheoryCase(
            "balancer_power_of_two",
            median,
            "two choices of three p50 (Mitzenmacher 1996)",
            lambda: _shortest_queue(3, 2, 1200.0).response_time_percentile_s(0.5),
        ),
    ]


def _batch_cases() -> list[TheoryCase]:
    mean = "response_time_s.mean"
    return [
        TheoryCase(
            "natural_batches",
            mean,
            "bulk service (Bailey 1954)",
            lambda: batching.natural_batch_response_time_mean(2500.0, lambda k: (0.5 + 0.1 * k) * MS, 4),
        ),
        TheoryCase(
            "group_commit",
            mean,
            "bulk service on a link (Bailey 1954)",
            lambda: batching.natural_batch_response_time_mean(4000.0, lambda k: (0.2 + 0.1 * k) * MS, 8),
        ),
        TheoryCase(
            "linger",
            mean,
            "batches with linger (renewal reward)",
            lambda: batching.linger_waiting_time_mean(2000.0, 5 * MS, 200) + 0.1 * MS,
        ),
        TheoryCase(
            "linger",
            "response_time_s.p50",
            "batches with linger p50 (uniform arrivals)",
            lambda: batching.linger_waiting_time_percentile(2000.0, 5 * MS, 0.5) + 0.1 * MS,
        ),
        TheoryCase(
            "linger_flush",
            mean,
            "batches with linger and work (renewal reward)",
            lambda: (
                batching.linger_waiting_time_mean(1000.0, 5 * MS, 200)
                + batching.linger_flush_time_mean(1000.0, 5 * MS, 0.1 * MS, 0.05 * MS)
            ),
        ),
        TheoryCase(
            "linger_or_full",
            mean,
            "batches with size and linger (renewal reward)",
            lambda: batching.linger_waiting_time_mean(2000.0, 5 * MS, 8),
        ),
    ]


def _quota_cases() -> list[TheoryCase]:
    return [
        TheoryCase(
            "quota_saturated",
            "throughput_per_s",
            "quota, fluid limit (Turner et al. 2010)",
            lambda: quota.quota_saturated_throughput_per_s(1.5, 4, MS),
        ),
        TheoryCase(
            "quota_saturated",
            "cpu_utilization",
            "quota, fluid limit (Turner et al. 2010)",
            lambda: 1.5 / 4,
            Tolerance.EXACT,
        ),
        TheoryCase(
            "quota_worst_case",
            "response_time_s.max",
            "quota, worst case (Shin, Lee 2003)",
            lambda: quota.quota_worst_response_time(0.13, 0.5, 0.1),
            Tolerance.EXACT,
        ),
        TheoryCase(
            "quota_worst_case_parallel",
            "response_time_s.max",
            "quota, worst case on four cores (Shin, Lee 2003)",
            lambda: quota.quota_worst_response_time(0.03, 0.5, 0.1, parallel=4),
            Tolerance.EXACT,
        ),
        TheoryCase(
            "quota_phases",
            "response_time_s.mean",
            "quota, mean over phases (Shin, Lee 2003)",
            lambda: quota.quota_response_time_mean_over_phases(0.13, 0.5, 0.1),
        ),
    ]


CASES: tuple[TheoryCase, ...] = (
    *_single_server_cases(),
    *_several_server_cases(),
    *_loss_cases(),
    *_closed_cases(),
    *_network_cases(),
    *_balancer_cases(),
    *_batch_cases(),
    *_quota_cases(),
)
