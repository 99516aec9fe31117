"""Limits found by simulation against exact ones: M/M/c, a closed network of two classes, and retries."""

import math
from pathlib import Path
from typing import Any

import pytest
from scipy.optimize import brentq

from models.scenario import Scenario
from simulator.limits import Asked, limits
from simulator.limits.criteria import Given
from simulator.limits.load import axis_of
from simulator.limits.recovery import Spike, Spikes
from simulator.limits.trials import Laboratory, chosen_for_search
from simulator.theory.closed_networks import Station, exact_mva
from simulator.theory.multi_server import mmc_response_time_percentile

pytestmark = pytest.mark.slow

THEORY = Path(__file__).parent / "theory"
MS = 1e-3


def safe(scenario: Scenario, *criteria: str) -> dict[str, Any]:
    asked = Asked(Given(criteria, defaults=False), spike=None, watched_ns=None, without_one=False)
    row: dict[str, Any] = limits(scenario, asked)["levels"]["safe"]
    return row


def open_scenario(cores: int, rate_per_s: float, *stages: dict[str, Any], **workload: Any) -> Scenario:
    demand = {"kind": "cpu", "demand": {"distribution": "exponential", "mean": "1ms"}}
    return Scenario.from_dict(
        {
            "name": "exact",
            "workloads": [{"name": "c", "kind": "open", "arrival_rate": f"{rate_per_s}/s", **workload}],
            "services": {"web": {"cores": cores, "discipline": "fifo"}},
            "operations": [{"name": "call", "stages": [demand, *stages]}],
        }
    )


@pytest.mark.parametrize(("cores", "limit_ms"), [(1, 10), (3, 4), (8, 5)])
def test_several_servers(cores: int, limit_ms: int) -> None:
    def excess(rate_per_s: float) -> float:
        return mmc_response_time_percentile(rate_per_s, MS, cores, 0.95) - limit_ms * MS

    exact = float(brentq(excess, 1.0, cores * 1000 - 1.0))
    found = safe(open_scenario(cores, 500), f"response_time: p(95) < {limit_ms}ms")
    assert found["load"] == pytest.approx(exact, rel=0.01)
    assert found["load"] < found["estimate"]


def test_a_closed_network_of_two_classes() -> None:
    scenario = Scenario.load(THEORY / "closed_two_classes.toml")
    scenario = scenario.model_copy(update={"run": scenario.run.model_copy(update={"duration": "auto"})})

    def readers_response_s(procs: int) -> float:
        stations = [Station("web", (2 * MS, 1 * MS)), Station("disk", (1 * MS, 3 * MS))]
        return exact_mva(stations, [procs, 4], [20 * MS, 20 * MS]).response_time_s[0]

    exact = 15
    limit_ms = (readers_response_s(exact) + readers_response_s(exact + 1)) / 2 / MS
    found = safe(scenario, f"workload readers response_time: avg < {limit_ms:.6f}ms")
    assert found["load"] == exact


def test_failed_attempts_that_are_tried_again() -> None:
    exact = 1000 / (1 + 0.3 + 0.09)  # three attempts at most, each of which fails with chance 0.3
    failing = {"kind": "failure", "probability": 0.3}
    found = safe(open_scenario(1, 300, failing, retry={"attempts": 3}))
    assert found["load"] == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("attempts", [2, 3])
def test_where_retries_keep_an_overload_alive(attempts: int) -> None:
    """In the bad state each operation makes all its attempts, so the backlog shrinks below 1000 / attempts only."""
    scenario = open_scenario(1, 300, timeout="20ms", retry={"attempts": attempts})
    engine, _ = chosen_for_search("auto")
    spikes = Spikes(Laboratory(engine, 1, (95.0,)), axis_of(scenario), Spike())
    begins = spikes.begins(600.0)
    assert begins["load"] == pytest.approx(1000 / attempts, rel=0.01)
    assert spikes.at(200.0).returns
    assert math.isinf(spikes.at(600.0).expected_s or 0.0)
