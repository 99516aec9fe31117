"""The two engines agree exactly: every operation, every total, on random scenarios and on all that once differed."""

from __future__ import annotations

import dataclasses

import pytest
from engine_comparison import MISMATCHES, compare, fast_engine, keep, shrink, summary
from random_scenarios import random_scenario, trace_directory

from models.scenario import Scenario
from simulator.fast import layout
from simulator.reference import simulate as reference

CHUNK = 20
CHUNKS = 15
KEPT = sorted(MISMATCHES.glob("*.toml"))


@pytest.fixture(scope="module")
def fast():
    try:
        return fast_engine()
    except ImportError as reason:
        pytest.skip(f"there is no fast engine: {reason}")


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_engines_agree_on_random_scenarios(fast, chunk):
    seeds = range(chunk * CHUNK, (chunk + 1) * CHUNK)
    different = {seed: found for seed in seeds if (found := compare(random_scenario(seed), fast).differences)}
    assert different == {}


@pytest.mark.parametrize("chunk", range(3))
def test_the_engines_agree_where_all_but_a_few_events_lie_in_buckets(fast, chunk, monkeypatch):
    monkeypatch.setattr(layout, "MANY", 4)
    seeds = range(1000 + chunk * CHUNK, 1000 + (chunk + 1) * CHUNK)
    different = {seed: found for seed in seeds if (found := compare(random_scenario(seed), fast).differences)}
    assert different == {}


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_the_engines_agree_where_they_once_differed(fast, file):
    assert compare(Scenario.load(file), fast).differences == []


# --- the comparison itself, on an engine of known behaviour -----------------------------------------------


def wrong_with_many_attempts(compiled, **options):
    """The reference, but an operation of more than one attempt ends a nanosecond late."""
    output = reference(compiled, **options)
    if output.records is not None:
        output.records["end_ns"][output.records["attempts"] > 1] += 1
    return output


def test_an_engine_agrees_with_itself():
    comparisons = [compare(random_scenario(seed), reference) for seed in range(10)]
    assert [one.differences for one in comparisons] == [[]] * 10
    assert all(0 <= one.ties <= one.operations for one in comparisons)
    assert summary(comparisons).endswith("0 mismatches")


def test_every_field_of_the_output_is_compared():
    scenario = random_scenario(2)
    for field in dataclasses.fields(reference_output := run(scenario)):
        if field.name in ("engine", "events"):
            continue
        assert compare(scenario, spoiled(field.name)).differences, (field.name, reference_output.engine)


def run(scenario):
    from simulator.compile import compile_scenario

    times = {"warmup_ns": scenario.run.warmup, "end_ns": scenario.run.warmup + scenario.run.duration}
    return reference(compile_scenario(scenario), seed=scenario.run.seed, replication=0, **times)


def spoiled(name):
    """An engine that is wrong in one field by the least."""

    def simulate(compiled, **options):
        output = reference(compiled, **options)
        value = getattr(output, name)
        if isinstance(value, list):
            value.append("law 5: no")
        elif not hasattr(value, "dtype"):
            setattr(output, name, value + 1)
        elif value.dtype.names:
            value[value.dtype.names[-1]][-1] += 1
        else:
            value.reshape(-1)[-1] += 1
        return output

    return simulate


def test_an_engine_that_errs_only_without_records_differs():
    def simulate(compiled, **options):
        output = reference(compiled, **options)
        if output.records is None:
            output.causes_ns[-1, -1] += 1
        return output

    [difference] = compare(random_scenario(0), simulate).differences
    assert difference.startswith("without records: causes_ns")


def test_an_engine_that_crashes_differs():
    def crash(compiled, **options):
        raise IndexError("slot 7")

    assert compare(random_scenario(0), crash).differences == ["the fast engine raised IndexError: slot 7"]


def test_a_mismatch_is_made_small_and_kept(tmp_path):
    differs = lambda scenario: bool(compare(scenario, wrong_with_many_attempts).differences)  # noqa: E731
    scenario = next(candidate for seed in range(100) if differs(candidate := random_scenario(seed)))
    small = shrink(scenario, trace_directory(), differs, most_runs=80)
    assert differs(small)
    assert len(small.to_toml()) < 0.8 * len(scenario.to_toml())
    file = keep(small, trace_directory(), ["records.end_ns[3]: reference 1, fast 2"], tmp_path)
    assert Scenario.load(file) == small
    assert "records.end_ns[3]" in file.read_text()
