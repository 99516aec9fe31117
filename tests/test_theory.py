"""Every scenario of `tests/theory`, run through the public interface, against its exact results."""

from __future__ import annotations

from collections import defaultdict

import pytest

from models.scenario import Scenario
from simulator.fast import simulate as fast
from simulator.statistics import student_t
from tests.engine_comparison import compare
from tests.theory_cases import CASES, DIRECTORY, FAST_ONLY, LONG, SLOW, TheoryCase, estimate_of, simulate

MOST_STANDARD_ERRORS = 3.5

CASES_OF: dict[str, list[TheoryCase]] = defaultdict(list)
for _case in CASES:
    CASES_OF[_case.scenario].append(_case)


def test_the_table_and_the_files_belong_together() -> None:
    assert sorted(CASES_OF) == sorted(path.stem for path in DIRECTORY.glob("*.toml"))
    assert len({case.name for case in CASES}) == len(CASES)
    assert len(CASES_OF) >= 30


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW | LONG else [])
        for name in CASES_OF
        if name not in FAST_ONLY
    ],
)
def test_reference_engine_meets_theory(scenario: str) -> None:
    problems = [problem for case in CASES_OF[scenario] for problem in disagreements(case, engine="reference")]
    assert problems == []


@pytest.mark.parametrize("scenario", sorted(LONG))
def test_a_replication_of_the_reference_engine_is_that_of_the_fast_one(scenario: str) -> None:
    compared = compare(Scenario.load(DIRECTORY / f"{scenario}.toml"), fast)
    assert compared.differences == []
    assert compared.operations > 1000


@pytest.mark.parametrize("scenario", CASES_OF)
def test_fast_engine_meets_theory(scenario: str) -> None:
    problems = [problem for case in CASES_OF[scenario] for problem in disagreements(case, engine="fast")]
    assert problems == []


def disagreements(case: TheoryCase, engine: str) -> list[str]:
    """What is wrong with the estimate of a case: too wide an interval, too far off, or beyond chance."""
    result = simulate(case.scenario, engine)
    exact = case.expected()
    value, half_width = estimate_of(result.data, case.metric)
    allowed = case.relative_error(engine) * exact
    standard_error = half_width / student_t(0.95, result.data["replications"] - 1)
    error = abs(value - exact)
    what = f"{case.name}: exact {exact:.6g}, estimate {value:.6g} +- {half_width:.3g}"
    problems = []
    if half_width > allowed:
        problems.append(f"{what}: wider than {allowed:.3g}")
    if error > allowed:
        problems.append(f"{what}: off by more than {allowed:.3g}")
    if half_width > 0.0 and error > MOST_STANDARD_ERRORS * standard_error + case.resolution * exact:
        problems.append(f"{what}: off by {error / standard_error:.1f} standard errors")
    return problems
