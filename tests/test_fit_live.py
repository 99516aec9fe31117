"""The fit of a live measurement, on levels that a known scenario gave instead of a real program."""

import json
import math
import statistics
from dataclasses import replace

import numpy as np
import pytest

from calibration.fit_live import fit_live, only
from calibration.fitting.blueprint import Blueprint, Free, Load
from calibration.fitting.by_simulation import figures_of, fit_blueprint, simulate
from calibration.fitting.device import AT_ONCE, GROWING, LINES_OF_WRITERS, OWN_WRITES_WIDTH, USUAL
from calibration.fitting.live_blueprints import live_blueprints
from calibration.fitting.targets import targets_of
from calibration.levels import Level, LevelTable
from calibration.live.measured import Awake, Detail, Figure, Measurement, Paced, Spread, Workload
from calibration.profile import Profile
from calibration.profile_base import base_of
from models.scenario import Scenario
from models.units import TIME
from simulator.cli.main import main
from simulator.run import run

DEMAND_S, WAIT_S, CORES = 0.001, 0.004, 2


def _truth(procs):
    table = {
        "name": "truth",
        "workloads": [{"name": "clients", "kind": "closed", "procs": procs}],
        "services": {"host": {"cores": CORES}},
        "operations": [{"name": "one", "stages": [{"kind": "cpu", "demand": "1ms"}, {"kind": "delay", "time": "4ms"}]}],
        "run": {"duration": "20s", "warmup": "1s", "replications": 1, "seed": 7},
    }
    return run(Scenario.from_dict(table)).data


def _level(procs, repeat, off=1.0):
    data = _truth(procs)
    rate = data["throughput_per_s"]["value"] * off
    times = data["response_time_s"]
    return Level(
        run=str(repeat),
        kind="closed",
        procs=procs,
        concurrency=1,
        cores=CORES,
        operations=rate * 20,
        throughput_per_s=rate,
        cpu_busy_cores=rate * DEMAND_S,
        mean_s=procs / rate,
        percentiles_s={50.0: times["p50"]["value"], 95.0: times["p95"]["value"], 99.0: times["p99"]["value"]},
    )


def _spread(mean_s):
    return Spread(
        mean_s=Figure(value=mean_s, half_width=0.02 * mean_s),
        cv=0.0,
        count=1000,
        quantiles_s=[(0, mean_s), (1, mean_s)],
    )


def _measurement(levels=(1, 2, 4)):
    repeats = [(procs, repeat) for procs in levels for repeat in (1, 2)]
    return Measurement(
        kind="python",
        subject="truth",
        command=[],
        pacing=Paced(kind="closed"),
        cores=CORES,
        warmup_s=1,
        duration_s=20,
        seed=1,
        provenance={},
        table=LevelTable(
            source="truth",
            tool="test",
            levels=[_level(procs, repeat, 1 + 0.004 * (repeat - 1.5)) for procs, repeat in repeats],
        ),
        details=[
            Detail(copies=procs, run=repeat, start_delay_s=0, service_quantiles_s=[], response_quantiles_s=[])
            for procs, repeat in repeats
        ],
        workload=Workload(
            demand=_spread(DEMAND_S),
            wait=_spread(WAIT_S),
            shape="clock",
            demand_by_copies_s={1: Figure(value=DEMAND_S), 2: Figure(value=DEMAND_S)},
        ),
    )


def test_levels_past_the_cores_are_predicted_from_those_below() -> None:
    fit = fit_live(only(_measurement(), 2), draws=10)
    assert fit.best.misfit < 1.0
    for procs in (4, 16):
        truth = _truth(procs)
        predicted = fit.predict(Load(procs), draws=6)
        for name, value in (
            ("throughput", truth["throughput_per_s"]["value"]),
            ("mean", truth["response_time_s"]["mean"]["value"]),
        ):
            found, low, high = predicted[name]
            assert found == pytest.approx(value, rel=0.06)
            assert low < value < high


def test_a_wait_that_all_share_is_told_from_one_of_each() -> None:
    fit = fit_live(only(_measurement(), 2), draws=10)
    assert fit.best.blueprint.label == "pure wait"
    demand = next(one for one in fit.parameters() if one.name == "demand")
    assert demand.identified
    assert demand.low < DEMAND_S < demand.high


def test_a_wait_without_a_byte_is_everybodys_own() -> None:
    measured = _measurement((1, 2))
    asleep = measured.workload.model_copy(update={"read_bytes": 0.0, "written_bytes": 0.0})
    writing = measured.workload.model_copy(update={"read_bytes": 0.0, "written_bytes": 4096.0})
    labels = [
        [one.label for one in live_blueprints(measured.model_copy(update={"workload": workload}), None)]
        for workload in (asleep, writing)
    ]
    assert labels[0] == ["pure wait"]
    assert len(labels[1]) == 3


def test_profile_of_a_fit_plays_its_redraws() -> None:
    profile = fit_live(only(_measurement(), 2), draws=10).profile()
    assert profile.seen.concurrency == (1, 2)
    assert 8 <= profile.draws <= 12
    assert Scenario.from_dict(profile.scenario or {}, "profile").workloads[0].procs == 2
    assert profile.quantity("fit.demand") is not None


def test_numbers_that_do_the_same_are_named() -> None:
    def build(values):
        stages = [{"kind": "delay", "time": f"{values[name] * 1e9:.0f}ns"} for name in ("one", "other")]
        return {"host": {"cores": 1}}, stages

    free = [Free(name, 0.002, 0.5, "assumed") for name in ("one", "other")]
    levels = [Level(kind="closed", procs=1, concurrency=1, throughput_per_s=200, mean_s=0.005)]
    fitted = fit_blueprint(Blueprint("two waits", free, build), targets_of(levels))
    values = fitted.blueprint.values(list(fitted.position))
    assert sum(values.values()) == pytest.approx(0.005, rel=0.03)
    spread = fitted.covariance
    assert spread[0, 1] / (spread[0, 0] * spread[1, 1]) ** 0.5 < -0.9
    redrawn = fitted.redraws(np.random.default_rng(1), 50)
    assert statistics.stdev(redrawn[:, 0]) > 0.3


def test_the_same_seed_gives_the_same_figures() -> None:
    free = [Free("one", 0.002, 0.5, "assumed")]
    blueprint = Blueprint("a wait", free, lambda values: ({"host": {"cores": 1}}, [{"kind": "delay", "time": "2ms"}]))
    one, other = (simulate(blueprint, np.zeros(1), Load(2), 1000.0, 2000) for _ in range(2))
    assert one["throughput_per_s"] == other["throughput_per_s"]


def _computing(delay_s=10e-6, switches=0.05):
    """Return a measurement of copies that only compute, which others on their cores interrupt."""
    base = _measurement((1, 2))
    details = [
        one.model_copy(
            update={
                "cpu_s": DEMAND_S,
                "asleep_s": 0.01 * DEMAND_S,
                "run_delay_s": delay_s,
                "involuntary_switches": switches,
            }
        )
        for one in base.details
    ]
    levels = [
        one.model_copy(
            update={
                "throughput_per_s": one.procs / DEMAND_S,
                "cpu_busy_cores": one.procs,
                "mean_s": DEMAND_S,
                "percentiles_s": {50.0: DEMAND_S, 95.0: DEMAND_S, 99.0: DEMAND_S},
            }
        )
        for one in base.table.levels
    ]
    return base.model_copy(
        update={
            "details": details,
            "workload": base.workload.model_copy(update={"wait": None}),
            "table": base.table.model_copy(update={"levels": levels}),
        },
    )


def _built(measurement):
    blueprint = live_blueprints(measurement, None)[0]
    return blueprint.build(blueprint.values([0.0] * len(blueprint.free)))


def test_interruptions_are_as_often_and_as_long_as_copies_with_a_core_each_were_replaced() -> None:
    services, _ = _built(_computing())
    found = services["host"]["interruptions"]
    assert found["rate"] == "100/s"  # 0.05 of each millisecond of CPU, twice as many past the cores
    long = 1.0 - found["duration"]["quantiles"][1][0]
    # a hundredth of the time, in bursts of 30 us and of a tick
    assert 100 * ((1 - long) * 30e-6 + long * 4e-3) == pytest.approx(0.01, rel=0.01)
    assert services["host"]["background_cores"] == pytest.approx(0.02, rel=0.02)


def test_short_interruptions_alone_make_no_whole_turns() -> None:
    services, _ = _built(_computing(delay_s=1e-6))
    assert services["host"]["interruptions"]["duration"] == "30us"


def test_what_interrupts_is_not_charged_to_the_operations() -> None:
    measured = _computing()
    blueprint = live_blueprints(measured, None)[0]
    position = np.zeros(len(blueprint.free))
    data = simulate(blueprint, position, Load(4), 2000.0)
    assert figures_of(data, blueprint, position)["cpu"] == pytest.approx(DEMAND_S, rel=0.01)


def test_exits_from_idle_are_paid_below_the_knee_alone() -> None:
    base = _measurement((1, 2))
    awake = Awake(
        cpu_s=Figure(value=DEMAND_S - 60e-6, half_width=5e-6),
        response_s=Figure(value=DEMAND_S + WAIT_S - 100e-6, half_width=5e-6),
    )
    measured = base.model_copy(
        update={"workload": base.workload.model_copy(update={"awake": awake, "sleeps": 1.0})},
    )
    blueprint = next(one for one in live_blueprints(measured, None) if one.label == "pure wait")
    # the exits cost 54 us of CPU, by these 60 and the 50 that are usual, each by how well it is known, so that what was
    # taken beside spinners was 6 us more than measured; and a quarter of it more is what others of its kind keep warm
    assert blueprint.exits_counted == pytest.approx(67.3 / 107.3, rel=0.01)
    services, _ = blueprint.build(blueprint.values([0.0] * len(blueprint.free)))
    assert services["host"]["idle_exit"] == "107283ns"
    position = np.zeros(len(blueprint.free))
    charged = [
        figures_of(simulate(blueprint, position, Load(procs), 1000.0), blueprint, position)["cpu"] for procs in (1, 30)
    ]
    assert charged[0] - charged[1] == pytest.approx(67.3e-6, rel=0.15)


def test_a_quota_is_a_what_if_of_the_same_numbers() -> None:
    fit = fit_live(_computing(), draws=4)

    def limited(parts):
        services, stages = parts
        return {name: one | {"cpu_quota": 0.5} for name, one in services.items()}, stages

    load = Load(4)
    whole, half = fit.predict(load, draws=2), fit.changed(limited).predict(load, draws=2)
    assert half["throughput"][0] == pytest.approx(0.25 * whole["throughput"][0], rel=0.05)
    assert half["p50"][0] == pytest.approx(whole["p50"][0], rel=0.05)
    assert half["p99"][0] > 0.04
    assert fit.best.blueprint.scenario(list(fit.best.position), load).services["host"].cpu_quota is None


def _writing(sleeps: float = 3.0, quantiles=((0, WAIT_S), (1, WAIT_S))):
    """Return the structure of a program that waits for its writes. quantiles: of its wait."""
    base = _measurement((1, 2))
    wait = Spread(mean_s=Figure(value=WAIT_S), cv=quantiles[-1][1] / WAIT_S - 1.0, count=1000, quantiles_s=quantiles)
    written = {"disk_written_bytes": 4096.0, "written_bytes": 4096.0, "sleeps": sleeps, "wait": wait}
    measured = base.model_copy(update={"workload": base.workload.model_copy(update=written)})
    structures = live_blueprints(measured, None)
    return next(one for one in structures if one.label == "two writes at a time, their flush shared")


def _writing_at(blueprint, each: float):
    names = [one.name for one in blueprint.free]
    position = np.zeros(len(names))
    position[names.index("serial_wait")] = 6.0
    position[names.index("each")] = each / OWN_WRITES_WIDTH
    position[names.index("beside")] = -100.0  # nothing
    return position


def test_writers_share_their_flush_and_wait_for_each_others_writes() -> None:
    blueprint = _writing()
    shared, own = (
        simulate(blueprint, _writing_at(blueprint, each), Load(16), 1000.0)["throughput_per_s"]["value"]
        for each in (-2.4, 2.4)
    )
    # own writes that take nearly all of the time are all that counts, two at a time
    slept_s = WAIT_S - blueprint.uncharged_s
    assert own == pytest.approx(AT_ONCE / slept_s, rel=0.12)
    assert shared > 1.5 * own
    # two writers have no flush in common: while one flushes, the other writes
    two = simulate(blueprint, _writing_at(blueprint, -2.4), Load(2), 1000.0)["throughput_per_s"]["value"]
    assert two == pytest.approx(1.0 / slept_s, rel=0.12)


def test_the_way_to_a_device_takes_longer_with_each_doubling_of_the_writers() -> None:
    blueprint = _writing()
    position = np.zeros(len(blueprint.free))
    more_s = blueprint.values(list(position))["beside"]
    delays = {}
    for procs in (1, 2, 8):
        stages = blueprint.scenario(list(position), Load(procs)).operations[0].stages
        delays[procs] = sum(stage.time.mean for stage in stages if stage.kind == "delay") / 1e9
    assert delays[2] - delays[1] == pytest.approx(more_s, rel=0.01)
    assert delays[8] - delays[1] == pytest.approx(3.0 * more_s, rel=0.01)


def test_what_no_process_is_charged_with_takes_of_the_cores_and_is_not_counted() -> None:
    blueprint = _writing()
    position = np.zeros(len(blueprint.free))
    data = simulate(blueprint, position, Load(1), 200.0)
    busy_s = data["causes"]["all"]["working"] + data["causes"]["all"]["waking"]
    found = figures_of(data, blueprint, position)
    assert blueprint.uncharged_s > 0.1 * DEMAND_S
    assert busy_s - found["cpu"] == pytest.approx(blueprint.uncharged_s, rel=0.1)


def test_a_device_waits_as_it_was_measured_whatever_part_of_it_is_shared() -> None:
    blueprint = _writing(quantiles=[(0, 0.9 * WAIT_S), (0.9, 0.9 * WAIT_S), (0.92, 1.9 * WAIT_S), (1, 1.9 * WAIT_S)])
    for each in (-1.0, 0.0, 1.0):
        times = simulate(blueprint, _writing_at(blueprint, each), Load(1), 200.0)["response_time_s"]
        assert times["mean"]["value"] == pytest.approx(DEMAND_S + WAIT_S, rel=0.05)
        assert times["p50"]["value"] == pytest.approx(DEMAND_S + 0.9 * WAIT_S, rel=0.05)
        assert times["p99"]["value"] == pytest.approx(DEMAND_S + 1.9 * WAIT_S, rel=0.1)


def test_spinners_that_hinder_an_operation_tell_nothing_of_it() -> None:
    base = _measurement((1, 2))
    cpu = Figure(value=DEMAND_S, half_width=5e-6)

    def wait_of(response_s, **written):
        awake = Awake(cpu_s=cpu, response_s=Figure(value=response_s, half_width=5e-6))
        measured = base.model_copy(update={"workload": base.workload.model_copy(update={"awake": awake, **written})})
        free = {one.name: one for one in live_blueprints(measured, None)[0].free}
        return free["wait"].middle

    # what idling adds is left out of the wait
    assert wait_of(DEMAND_S + WAIT_S - 100e-6) == pytest.approx(WAIT_S - 100e-6, rel=1e-6)
    # an operation that takes longer beside spinners waited for them, and a disk is served by the cores that they keep
    assert wait_of(3 * WAIT_S) == pytest.approx(WAIT_S, rel=1e-6)
    assert wait_of(DEMAND_S + WAIT_S - 100e-6, disk_written_bytes=4096.0) == pytest.approx(WAIT_S, rel=1e-6)


def test_an_operation_that_sleeps_often_pays_for_its_wakeups_out_of_its_own_cpu() -> None:
    for sleeps in (2.0, 4.0, 4.6):
        blueprint = _writing(sleeps)
        services, stages = blueprint.build(blueprint.values([0.0] * len(blueprint.free)))
        assert [stage["kind"] for stage in stages].count("link") == int(sleeps) - 1
        values = blueprint.values([0.0] * len(blueprint.free))
        assert values["demand"] + int(sleeps) * values["wakeup"] <= DEMAND_S * 1.001
        assert "device" in services["host"]["links"]


def test_a_fit_that_misses_its_levels_is_wide_and_no_error() -> None:
    base = _measurement((1, 2))
    measured = base.model_copy(update={"workload": base.workload.model_copy(update={"wait": None})})
    fit = fit_live(measured, draws=4)
    assert fit.best.misfit > 10.0
    assert any("misses the fitted levels" in warning for warning in fit.warnings())
    value, low, high = fit.predict(Load(8), draws=2)["mean"]
    assert high > 3.0 * value > 9.0 * low


def test_a_machine_that_others_took_half_of_still_makes_a_scenario() -> None:
    measured = _computing(delay_s=2.0 * DEMAND_S, switches=0.6)
    blueprint = live_blueprints(measured, None)[0]
    for where in (-3.0, 0.0, 3.0):
        position = np.full(len(blueprint.free), where)
        scenario = blueprint.scenario(list(position), Load(4))
        found = scenario.services["host"].interruptions
        assert found is not None
        assert found.rate * found.duration.mean / 1e9 <= 0.75


def _slowed(by):
    """Return a measurement of copies whose work takes longer when both cores are busy."""
    measured = _computing()
    crowded = {1: Figure(value=DEMAND_S), 2: Figure(value=by * DEMAND_S)}
    workload = measured.workload.model_copy(update={"demand_by_copies_s": crowded})
    return measured.model_copy(update={"workload": workload})


def test_what_cores_of_a_virtual_machine_take_from_each_other_may_be_another_at_another_time() -> None:
    even, slower = (live_blueprints(_slowed(by), None)[0] for by in (1.02, 1.4))
    assert even.shared_outside == 0.0
    # the interval holds that nothing of the slowdown is there, and as much again
    assert 1.645 * slower.shared_outside == pytest.approx(np.log(1.4), rel=0.2)
    assert any("shared with other machines" in note for note in slower.notes)


def test_a_small_slowdown_of_the_moment_is_named_and_its_interval_wide_as_others_may_come() -> None:
    fit = fit_live(_slowed(1.1), draws=4)
    assert fit.best.blueprint.shared_outside == pytest.approx(0.15)
    (slowdown,) = (one for one in fit.parameters() if one.name == "slowdown")
    assert not slowdown.identified
    assert np.log(slowdown.high / slowdown.low) >= 2 * 1.645 * 0.15
    assert any("mostly assumed" in warning and "slowdown" in warning for warning in fit.warnings())


def test_queues_of_several_cores_are_uneven_by_an_assumption_that_no_level_identifies() -> None:
    services, _ = _built(_computing())
    assert services["host"]["linux"]["balance_from"] == 1.17
    assert 0.005 < services["host"]["linux"]["stray_moves"] < 0.05
    for other in (_computing().model_copy(update={"cores": 1}), _measurement((1, 2))):  # one core, and one that sleeps
        assert "stray_moves" not in {one.name for one in live_blueprints(other, None)[0].free}


def test_running_tasks_are_protected_until_parity_where_the_host_does_not_say_otherwise() -> None:
    services, _ = _built(_computing())
    assert services["host"]["linux"]["protected_until"] == "parity"


def test_what_a_device_does_with_more_writers_is_open() -> None:
    assert _writing().shared_outside >= 0.05
    assert live_blueprints(_measurement((1, 2)), None)[0].shared_outside == 0.0


def test_a_lock_for_whoever_runs_is_one_that_is_not_handed_on() -> None:
    base = _computing()
    details = [
        one.model_copy(update={"voluntary_switches": {1: 0.001, 2: 0.1}[one.copies]}) for one in base.details
    ]
    measured = base.model_copy(update={"details": details})
    services, stages = _built(measured)
    assert services["host"]["locks"]["serial"]["barging"] == "5us"
    assert [stage["kind"] for stage in stages] == ["cpu", "lock"]
    assert live_blueprints(measured, None)[0].label == "work, a lock for whoever runs"


def test_a_tail_that_the_model_misses_at_the_highest_fitted_level_is_open_to_that_side() -> None:
    measured = _computing()
    levels = [
        one.model_copy(update={"percentiles_s": one.percentiles_s | {99.0: 3.0 * DEMAND_S}})
        for one in measured.table.levels
    ]
    table = measured.table.model_copy(update={"levels": levels})
    fit = fit_live(measured.model_copy(update={"table": table}), draws=4)
    found = fit.predict(Load(2), draws=2)
    value, low, high = found["p99"]
    assert value < 1.5 * DEMAND_S
    assert high > 3.0 * DEMAND_S
    assert high / value > value / low
    value, low, high = found["p95"]
    assert high / value == pytest.approx(value / low, rel=0.05)


def test_percentiles_of_writers_keep_their_distance_from_the_mean_and_grow(tmp_path) -> None:
    base, seen = _measurement((1, 2)), {50.0: 0.9, 95.0: 1.4, 99.0: 3.5}
    levels = [
        one.model_copy(update={"percentiles_s": {percent: far * one.mean_s for percent, far in seen.items()}})
        for one in base.table.levels
    ]
    written = {"disk_written_bytes": 4096.0, "written_bytes": 4096.0, "sleeps": 4.0}
    update = {
        "table": base.table.model_copy(update={"levels": levels}),
        "workload": base.workload.model_copy(update=written),
    }
    fit = fit_live(base.model_copy(update=update), draws=4)
    found = {name: value for name, (value, _, _) in fit.predict(Load(16), draws=2).items()}
    assert found["p50"] / found["mean"] == pytest.approx(0.9)
    # half as seen, half as usual
    at_two = {"p95": math.sqrt(1.4 * USUAL["p95"]), "p99": math.sqrt(3.5 * USUAL["p99"])}
    assert found["p95"] / found["mean"] == pytest.approx(at_two["p95"] * math.exp(3 * GROWING["p95"]))
    assert found["p99"] / found["mean"] == pytest.approx(at_two["p99"] * math.exp(3 * GROWING["p99"]))
    # a run with the profile says the same
    path = tmp_path / "profile.toml"
    path.write_text(fit.profile().to_toml())
    kept = Profile.load(path).missed[0]
    assert kept.tails["p99"] == pytest.approx(math.log(at_two["p99"]))
    assert kept.growing == GROWING
    # a program that only sleeps is as simulated
    assert fit_live(base, draws=4).profile().missed == []


def test_a_fit_of_several_structures_is_run_with_the_defaults_of_a_user(tmp_path, capsys) -> None:
    """A run chooses its windows by a pilot, which has interruptions in it, and draws are of several structures."""
    base = _measurement((1, 2))
    written = {"disk_written_bytes": 4096.0, "written_bytes": 4096.0, "sleeps": 4.0}
    fit = fit_live(base.model_copy(update={"workload": base.workload.model_copy(update=written)}), draws=4)
    others = [one.fitted for one in fit.structures if one.fitted is not fit.best]
    fit = replace(fit, redraws=[(one, one.position) for one in (fit.best, others[0], fit.best, others[0])])
    path, answer = tmp_path / "profile.toml", tmp_path / "answer.json"
    path.write_text(fit.profile().to_toml())
    assert main(["run", "--profile", str(path), "--procs", "8", "--export-json", str(answer)]) == 0
    assert "throughput" in capsys.readouterr().out
    said, predicted = json.loads(answer.read_text()), fit.predict(Load(8), draws=0)
    for name, found in (("throughput", said["throughput_per_s"]), ("mean", said["response_time_s"]["mean"])):
        assert found["value"] == pytest.approx(predicted[name][0], rel=0.05), name


def test_writers_crowd_each_other_out_of_the_caches_in_a_run_with_their_profile_too(tmp_path) -> None:
    base = _measurement((1, 2))
    written = {"disk_written_bytes": 4096.0, "written_bytes": 4096.0, "sleeps": 4.0}
    fit = fit_live(base.model_copy(update={"workload": base.workload.model_copy(update=written)}), draws=4)
    device = next(one for one in fit.structures if "flush shared" in one.fitted.blueprint.label)
    fit = replace(fit, structures=[device], redraws=[(device.fitted, device.fitted.position)])
    path = tmp_path / "profile.toml"
    path.write_text(fit.profile().to_toml())
    played = base_of(Profile.load(path), path)

    def demand_ns(table) -> float:
        stages = table["operations"][0]["stages"]
        return sum(TIME.read_float(one["demand"]) for one in stages if one["kind"] == "cpu")

    def way_ns(table) -> float:
        return TIME.read_float(next(one["time"] for one in table["operations"][0]["stages"] if one["kind"] == "delay"))

    found = {}
    for count in (2, 200):
        table = played.table(None)
        table["workloads"][0]["procs"] = count
        found[count] = demand_ns(played.finish(table, None))
        exact = fit.scenario(Load(count)).model_dump(mode="json", exclude_none=True)
        assert found[count] == pytest.approx(demand_ns(exact), abs=4)
        # the more write, the longer each waits for its own, in the profile's run as in the fit
        assert way_ns(played.finish(table, None)) == pytest.approx(way_ns(exact), abs=4)
    # at 80 ns each, nearly all of them with a hundred on each core
    assert found[200] - found[2] == pytest.approx(LINES_OF_WRITERS * 80, rel=0.25)
