"""The scenario that a measurement is turned into."""

import pytest

from calibration.levels import Level, LevelTable
from calibration.live.measured import Figure, Measurement, Paced, SerialShare, Spread, Workload
from calibration.live.scenario_draft import distribution, draft, speeds
from models.scenario import Scenario


def spread(mean_s=0.001, cv=0.0, count=500, quantiles=((0.0, 0.001), (1.0, 0.001))):
    return Spread(mean_s=Figure(value=mean_s), cv=cv, count=count, quantiles_s=list(quantiles))


def workload(**changes):
    fields = {"demand": spread(), "shape": "clock", "demand_by_copies_s": {1: Figure(value=0.001)}}
    return Workload(**{**fields, **changes})


def measurement(described, kind="python", **changes):
    level = Level(procs=1, concurrency=1, kind="closed", throughput_per_s=900.0)
    fields = {
        "kind": kind,
        "subject": "examples.workloads:compute",
        "command": [],
        "pacing": Paced(kind="closed"),
        "cores": 2,
        "warmup_s": 1.0,
        "duration_s": 3.0,
        "seed": 1,
        "provenance": {},
        "table": LevelTable(source="x", tool="y", levels=[level]),
        "details": [],
        "workload": described,
    }
    return Measurement(**{**fields, **changes})


def total_cpu_ns(scenario):
    return sum(
        getattr(stage, "demand", None).mean if stage.kind == "cpu" else stage.hold.mean
        for stage in scenario.operations[0].stages
        if stage.kind in ("cpu", "lock")
    )


def test_the_scenario_reads_back_and_asks_for_the_measured_cpu():
    scenario = draft(measurement(workload()))
    assert Scenario.parse(scenario.to_toml()) == scenario
    assert scenario.services["host"].cores == 2
    assert total_cpu_ns(scenario) == pytest.approx(1_000_000)
    assert scenario.workloads[0].kind == "closed"


def test_a_table_of_quantiles_keeps_the_mean():
    rows = ((0.0, 0.001), (0.5, 0.002), (0.9, 0.01), (1.0, 0.05))
    described = workload(demand=spread(mean_s=0.004, cv=1.5, quantiles=rows))
    stage = draft(measurement(described)).operations[0].stages[0]
    assert stage.demand.kind == "empirical"
    assert stage.demand.mean == pytest.approx(4_000_000, rel=0.05)


def test_few_operations_make_no_table_and_no_spread_a_constant():
    assert distribution(spread(cv=0.5, count=50))["distribution"] == "lognormal"
    assert distribution(spread(cv=0.001)) == "1ms"
    assert distribution(spread(), share=0.5) == "500us"


def test_a_serial_share_becomes_a_lock_and_keeps_the_sum():
    described = workload(serial=SerialShare(share=Figure(value=0.1), copies=2, extra_sleep_s=0.0))
    scenario = draft(measurement(described))
    lock = next(stage for stage in scenario.operations[0].stages if stage.kind == "lock")
    assert lock.hold.mean == pytest.approx(100_000)
    assert total_cpu_ns(scenario) == pytest.approx(1_000_000)


def test_a_wait_becomes_a_delay_and_memory_a_stage():
    described = workload(wait=spread(mean_s=0.005), memory_bytes=2e6, hand_off_s=Figure(value=0.0001))
    scenario = draft(measurement(described))
    kinds = [stage.kind for stage in scenario.operations[0].stages]
    assert kinds == ["memory", "cpu", "delay"]
    assert scenario.services["host"].idle_exit == 100_000


def test_contention_slows_busy_cores_in_between_and_not_below_the_noise():
    crowded = {1: 0.001, 2: 0.00125, 4: 0.002}
    described = workload(demand_by_copies_s={n: Figure(value=s) for n, s in crowded.items()})
    assert speeds(described, cores=4) == [1.0, 0.8, 0.65, 0.5]
    assert speeds(described, cores=2) == [1.0, 0.8]
    noise = {1: Figure(value=0.001), 2: Figure(value=0.00101)}
    assert speeds(workload(demand_by_copies_s=noise), cores=2) == [1.0]
    assert speeds(workload(), cores=8) == [1.0]


def test_pacing_goes_to_the_clients():
    think = Paced(kind="think", think_mean_s=0.01)
    scenario = draft(measurement(workload(pacing_cpu_s=3e-5), pacing=think))
    assert scenario.workloads[0].think_time.mean == pytest.approx(10_000_000)
    assert scenario.services["host"].wakeup == 30_000
    level = Level(procs=2, kind="open", arrival_rate_per_s=120.0, throughput_per_s=119.0)
    table = LevelTable(source="x", tool="y", levels=[level])
    opened = draft(measurement(workload(), pacing=Paced(kind="rate", rates_per_s=[120.0]), table=table))
    assert opened.workloads[0].arrival_rate == pytest.approx(120.0)


def test_the_generator_is_a_service_on_the_cores_of_the_server():
    described = workload(generator_cpu_s=Figure(value=0.0004))
    scenario = draft(measurement(described, kind="http", subject="http://127.0.0.1:1/"))
    assert scenario.services["generator"].cores_of == "server"
    stages = scenario.operations[0].stages
    assert [stage.service for stage in stages] == ["generator", None, "generator"]
    assert total_cpu_ns(scenario) == pytest.approx(1_400_000)


def test_without_a_description_there_is_no_scenario():
    with pytest.raises(ValueError, match="describes no workload"):
        draft(measurement(None))


def test_a_measurement_reads_back(tmp_path):
    one = measurement(workload())
    file = tmp_path / "m.json"
    file.write_text(one.to_json())
    assert Measurement.load(file) == one


@pytest.mark.parametrize("text", ["", "{}", "[1]", "not json", '{"schema_version": 9}'])
def test_other_files_are_no_measurements(tmp_path, text):
    file = tmp_path / "m.json"
    file.write_text(text)
    with pytest.raises(ValueError, match="a measurement that sim calibrate wrote"):
        Measurement.load(file)
    with pytest.raises(ValueError, match="no such file"):
        Measurement.load(tmp_path / "absent.json")
