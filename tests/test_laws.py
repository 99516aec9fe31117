"""The sample-path laws hold on a correct engine and each catches its own defect."""

import fake_engine
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.records import CORE_IDLE, CORE_WORKING, COUNT_FAILED, OFFERED, WORKING
from simulator.laws import fingerprint, same_bytes, violations


def output(seed=1, rate_per_s=800.0, warmup_ns=50_000_000, end_ns=400_000_000):
    scenario = fake_engine.scenario(rate_per_s)
    return fake_engine.lindley(scenario, seed, 1, warmup_ns, end_ns)


COMPILED = fake_engine.compile_scenario(fake_engine.scenario(), None)


@settings(max_examples=50)
@given(
    st.integers(0, 10**6),
    st.floats(1, 3000),
    st.integers(0, 300_000_000),
    st.integers(1, 300_000_000),
)
def test_all_laws_hold_on_any_run_of_a_correct_engine(seed, rate_per_s, warmup_ns, window_ns):
    assert violations(output(seed, rate_per_s, warmup_ns, warmup_ns + window_ns), COMPILED) == []


def lose_an_operation(found):
    found.counts[0, OFFERED] += 1


def count_below_zero(found):
    found.counts[0, COUNT_FAILED] -= 1
    found.counts[0, OFFERED] -= 1


def forget_who_is_present(found):
    found.stations_present_ns[0] += 1


def lose_a_residence(found):
    found.stations_whole["residence_ns"][0] -= 1


def lose_time_in_flight(found):
    found.in_flight_ns[0] -= 1


def lose_core_time(found):
    found.cores_whole_ns[0, CORE_IDLE] -= 1


def lose_core_time_of_the_window(found):
    found.cores_ns[0, CORE_WORKING] += 1


def report_work_lost(found):
    found.law_violations.append("law 4: core 0 did 5 ns that nobody asked for")


def lose_a_cause(found):
    found.records["causes_ns"][3, WORKING] -= 1


def trade_causes_below_zero(found):
    found.records["causes_ns"][3] = 0
    found.records["causes_ns"][3, WORKING] = -5
    found.records["causes_ns"][3, 1] = found.records["end_ns"][3] - found.records["start_ns"][3] + 5


def end_before_the_start(found):
    record = found.records[3]
    record["causes_ns"][:] = 0
    record["causes_ns"][WORKING] = -7
    record["end_ns"] = record["start_ns"] - 7


@pytest.mark.parametrize(
    ("defect", "law"),
    [
        (lose_an_operation, 1),
        (count_below_zero, 1),
        (forget_who_is_present, 2),
        (lose_a_residence, 2),
        (lose_time_in_flight, 2),
        (lose_core_time, 3),
        (lose_core_time_of_the_window, 3),
        (report_work_lost, 4),
        (lose_a_cause, 7),
        (trade_causes_below_zero, 7),
        (end_before_the_start, 8),
    ],
)
def test_a_defect_breaks_its_law(defect, law):
    found = output()
    defect(found)
    assert any(line.startswith(f"law {law}:") for line in violations(found, COMPILED))


def test_violations_name_the_place():
    found = output()
    lose_a_residence(found)
    assert "web[0].cpu" in violations(found, COMPILED)[0]


def test_the_same_replication_has_the_same_bytes():
    assert same_bytes(output(), output()) == []
    assert same_bytes(output(), output(seed=2)) != []


def test_engines_are_compared_by_what_they_found_not_by_how():
    first, second = output(), output()
    second.engine, second.events = "other", 1
    assert fingerprint(first) == fingerprint(second)
    second.records["end_ns"][0] += 1
    assert fingerprint(first) != fingerprint(second)
    assert isinstance(second.records, np.ndarray)
