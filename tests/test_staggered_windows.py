"""The windows of replications begin at different moments of what goes on in step: otherwise all share one error."""

from __future__ import annotations

import pytest

from models.scenario import Scenario
from simulator.planning import Plan
from simulator.run import run

MS = 1_000_000

BATCHES = Scenario.from_dict(
    {
        "name": "in-step",
        "run": {"duration": "550ms"},
        "workloads": [{"name": "sender", "kind": "open", "interarrival": "1ms"}],
        "services": {"web": {"cores": 1, "batchers": {"outbox": {"max_size": 100, "linger": "1s", "fixed": "1us"}}}},
        "operations": [{"name": "message", "stages": [{"kind": "batch", "batcher": "outbox"}]}],
    }
)
"""A hundred messages leave together every 100 ms: five times or six in a window, in each replication alike."""


@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_windows_that_begin_in_step_are_wrong_alike_and_staggered_ones_are_right(engine: str) -> None:
    in_step = run(BATCHES, engine=engine, stagger_ns=0).throughput_per_s
    assert in_step.half_width == 0
    assert in_step.value in (pytest.approx(500 / 0.55), pytest.approx(600 / 0.55))  # 1000/s is true
    staggered = run(BATCHES, engine=engine)
    assert staggered.throughput_per_s.value == pytest.approx(1000, rel=0.02)
    assert abs(staggered.throughput_per_s.value - 1000) < staggered.throughput_per_s.half_width
    assert staggered.data["stagger_s"] == pytest.approx(0.1, rel=0.02)  # one p99: a whole cycle


def test_both_engines_stagger_alike() -> None:
    fast, reference = (run(BATCHES, engine=engine).data["samples"] for engine in ("fast", "reference"))
    assert fast == reference


def test_a_given_warm_up_is_kept_to() -> None:
    given = BATCHES.model_copy(update={"run": BATCHES.run.model_copy(update={"warmup": 200 * MS})})
    result = run(given, engine="reference")
    assert result.data["stagger_s"] == 0
    assert result.throughput_per_s.half_width == 0


def test_later_windows_spread_evenly_over_any_count() -> None:
    plan = Plan(1_000, 10_000, 10, 40, stagger_ns=1_000)
    for count in (5, 10, 40):
        starts = sorted(plan.start_ns(number) for number in range(1, count + 1))
        gaps = [after - before for before, after in zip(starts, [*starts[1:], starts[0] + 1_000], strict=True)]
        assert starts[0] >= 1_000
        assert starts[-1] < 2_000
        assert max(gaps) < 2.7 * 1_000 / count
