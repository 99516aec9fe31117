"""What a fit of a service misses at its levels, carried to other loads; and the intervals around it."""

import math
from functools import partial

import pytest

from calibration.fit_live import fit_live
from calibration.fitting.blueprint import Load
from calibration.fitting.by_simulation import simulate
from calibration.fitting.carried import NORMAL, ServedFit, _beyond, _compared, _ends, _evenly, _ordered
from calibration.fitting.targets import Target, served_repeatability
from calibration.levels import Level
from calibration.profile import Profile
from calibration.profile_base import base_of
from models.units import TIME
from simulator.carried import own_error
from simulator.overrides import from_settings
from simulator.prediction import Budget, model_error, predict
from simulator.run import run
from simulator.scenario_source import prepare
from simulator.trust_zone import trust_zone
from tests.test_server_blueprints import FORKS, LOOP, measurement


def test_a_miss_within_the_noise_is_not_carried() -> None:
    assert _beyond(0.05, 0.06) == 0.0
    assert _beyond(-0.3, 0.03) == pytest.approx(-0.297)
    assert _beyond(0.0, 0.1) == 0.0


def test_what_all_times_share_is_told_from_what_one_figure_has_alone() -> None:
    exact = 1e-6
    target = Target(
        Load(8),
        1000.0,
        1e4,
        {"throughput": (1000.0, exact), "mean": (0.008, exact), "p99": (0.030, exact), "cpu": (0.001, exact)},
    )
    found = _compared(target, {"throughput": 1250.0, "mean": 0.0064, "p99": 0.012, "cpu": 0.0011})
    assert found.slower == pytest.approx(math.log(1.25))
    # the mean is longer by as much as all is slower; the tail is two and a half times as long
    assert found.figures["mean"] == pytest.approx(0.0, abs=1e-6)
    assert found.figures["p99"] == pytest.approx(math.log(2.0))
    assert found.figures["cpu"] == pytest.approx(math.log(1 / 1.1))


def _with_percentiles(made_up, **ratios):
    """Return a measurement whose levels have percentiles at such ratios of the mean."""
    levels = [
        one.model_copy(update={"percentiles_s": {float(name[1:]): far * one.mean_s for name, far in ratios.items()}})
        for one in made_up.table.levels
    ]
    return made_up.model_copy(update={"table": made_up.table.model_copy(update={"levels": levels})})


def test_percentiles_of_processes_keep_their_distance_from_the_mean_those_of_a_loop_half_of_it() -> None:
    for made_up, share in ((FORKS, 1.0), (LOOP, 0.5)):
        seen = _with_percentiles(made_up, p50=0.8, p95=2.0, p99=3.0)
        fit = fit_live(seen, draws=4)
        served = ServedFit(seen, [(fit.best, 1.0)], fit.redraws)
        here = served._missed(fit.best, Load(64))
        found = served.predict(Load(64), 1e5, 4)
        plain = served._played(fit.best, fit.best.position, Load(64), 1e5, here)
        for name, far in (("p95", 2.0), ("p99", 3.0)):
            kept = plain[name] ** (1.0 - share) * (far * plain["mean"]) ** share
            assert found[name][0] == pytest.approx(kept, rel=1e-6), name
            assert found[name][1] < plain[name] * 1.25
            assert found[name][2] > far * plain["mean"]


def test_of_waves_under_one_load_nothing_goes_on_to_another_but_how_far_it_may_be_off() -> None:
    alone, busy = (1, 1500, 400, 7500, 1.6, [0.2]), (8, 1400, 400, 11500, 0.03, [0.95])
    seen = _with_percentiles(measurement([alone, busy]), p50=0.8, p95=2.0, p99=3.0)
    details = [one.model_copy(update={"connections_elsewhere": 0}) for one in seen.details]
    seen = seen.model_copy(update={"details": details})
    fit = fit_live(seen, draws=4)
    assert fit.best.blueprint.shaped
    served = ServedFit(seen, [(fit.best, 1.0)], fit.redraws)
    found = served.predict(Load(64), 700.0, 4)
    plain = served._played(fit.best, fit.best.position, Load(64), 700.0, served._missed(fit.best, Load(64)))
    for name in ("p95", "p99"):
        assert found[name][0] == pytest.approx(plain[name], rel=1e-6), name
        far = 2.0 if name == "p95" else 3.0
        assert found[name][2] > math.sqrt(plain[name] * far * plain["mean"])


def test_a_disk_stops_operations_as_long_under_any_load() -> None:
    writes = FORKS.model_copy(update={"workload": FORKS.workload.model_copy(update={"disk_written_bytes": 8192.0})})
    seen = _with_percentiles(writes, p50=0.9, p95=1.5, p99=30.0)
    fit = fit_live(seen, draws=4)
    found = ServedFit(seen, [(fit.best, 1.0)], fit.redraws).predict(Load(64), 1e5, 4)
    top = seen.table.levels[-1]
    assert found["p99"][0] - found["p95"][0] == pytest.approx(28.5 * top.mean_s, rel=1e-6)


def test_what_a_structure_misses_is_carried_to_more_connections_and_widens() -> None:
    fit = fit_live(LOOP, draws=4)
    exact = ServedFit(LOOP, [(fit.best, 1.0)], fit.redraws)
    # the same structure, on a service that is slower than it says at all but the lowest level
    slow = ServedFit(_scaled(LOOP, 1.6), [(fit.best, 1.0)], fit.redraws)
    load = Load(32)
    more, other = slow.predict(load, 1e5, 4), exact.predict(load, 1e5, 4)
    assert more["throughput"][0] == pytest.approx(other["throughput"][0] / 1.6, rel=0.02)
    assert more["mean"][0] == pytest.approx(other["mean"][0] * 1.6, rel=0.02)
    assert more["cpu"][0] == pytest.approx(other["cpu"][0], rel=0.02)
    assert _width(more["throughput"]) > 1.5 * _width(other["throughput"])


@pytest.mark.parametrize(
    ("made_up", "counts"), [(LOOP, (1, 8, 32)), (_with_percentiles(FORKS, p50=0.8, p95=2.0, p99=3.0), (8, 32))]
)
def test_a_run_with_the_profile_predicts_what_the_fit_predicts(tmp_path, monkeypatch, made_up, counts) -> None:
    # Both are simulated: long enough that they differ by what they say, not by chance.
    monkeypatch.setattr("calibration.fitting.carried.simulate", partial(simulate, operations=160_000))
    fit = fit_live(_scaled(made_up, 1.6), draws=4)
    path = tmp_path / "profile.toml"
    path.write_text(fit.profile().to_toml())
    base = base_of(Profile.load(path), path)
    for count in counts:
        settings = ["run.duration=5s", "run.warmup=500ms", "run.replications=4", f"workloads[0].procs={count}"]
        prepared = prepare(base, from_settings(settings))
        data = run(prepared.scenario).data
        predict(data, prepared, None, Budget(operations=50_000))
        said = fit.predict(Load(count), draws=4)
        for name, found in (("throughput", data["throughput_per_s"]), *data["response_time_s"].items()):
            if name in said:
                assert abs(found["value"] - said[name][0]) < 0.03 * said[name][0] + found["half_width"], (count, name)


def test_a_run_with_the_profile_pays_for_crowded_caches_too(tmp_path) -> None:
    fit = fit_live(FORKS, draws=6)
    path = tmp_path / "profile.toml"
    path.write_text(fit.profile().to_toml())
    profile = Profile.load(path)
    assert profile.crowded is not None
    base = base_of(profile, path)
    for draw in (None, 3):
        for count in (8, 300):
            played = base.finish(_set_procs(base.table(draw), count), draw)
            exact = fit.scenario(Load(count), draw).model_dump(mode="json")
            assert _server_demand_s(played) == pytest.approx(_server_demand_s(exact) * _slower(profile), rel=1e-3)
    assert _server_demand_s(base.finish(_set_procs(base.table(None), 300), None)) > 30e-6 + _server_demand_s(
        base.finish(base.table(None), None)
    )


def test_a_run_with_the_profile_is_as_wide_as_the_fit_beside_the_draws(tmp_path) -> None:
    fit = fit_live(FORKS, draws=4)
    profile = fit.profile()
    base = base_of(profile, tmp_path / "profile.toml")
    count = 64
    prepared = prepare(base, from_settings([f"workloads[0].procs={count}"]))
    load, again = Load(count), served_repeatability(FORKS.table.levels)
    own = fit._served._own(load, fit._served._missed(fit.best, load), again, fit.best.blueprint)
    for name, figure in (("throughput_per_s", "throughput"), ("response_time_s.p99", "p99")):
        wider = trust_zone(prepared.scenario, base.calibration)["widening"]
        model = model_error(name, profile.discrepancy, wider)
        found = math.hypot(model, own_error(name, prepared.scenario, base.calibration))
        assert found == pytest.approx(own[figure], rel=1e-6), name


def _set_procs(table, count):
    table["workloads"][0]["procs"] = count
    return table


def _slower(profile):
    closed = [one for one in profile.missed if one.structure == 0 and one.rate_per_s is None]
    return math.exp(max(closed, key=lambda one: one.concurrency).slower)


def _server_demand_s(table):
    stages = table["operations"][0]["stages"]
    return TIME.read_float(next(one for one in stages if one["service"] == "server")["demand"]["mean"]) / 1e9


def test_an_interval_widens_with_each_doubling() -> None:
    fit = fit_live(LOOP, draws=8)
    widths = [_width(fit.predict(Load(count), draws=8)["throughput"]) for count in (8, 16, 64)]
    assert widths[0] < widths[1] < widths[2]


def test_draws_beyond_a_capacity_widen_an_interval_to_their_side() -> None:
    drawn = [{"mean": value} for value in (0.9, 1.0, 1.0, 1.1, 30.0)]
    low, high = _ends("mean", 1.0, drawn, [], 0.1)
    assert high > 10.0
    assert low > 0.5
    low, high = _ends("mean", 1.0, [], [{"mean": 2.0}], 0.1)
    assert high == 2.0
    assert low == pytest.approx(math.exp(-NORMAL * 0.1))


def test_a_percentile_is_no_shorter_than_a_lower_one() -> None:
    wide = {"mean": (2.0, 0.1, 9.0), "p50": (1.0, 0.8, 40.0), "p95": (3.0, 0.2, 30.0), "p99": (5.0, 0.1, 20.0)}
    found = _ordered(wide)
    assert found == {"mean": (2.0, 0.1, 9.0), "p50": (1.0, 0.8, 20.0), "p95": (3.0, 0.8, 20.0), "p99": (5.0, 0.8, 20.0)}
    # each interval holds its value, also where one that is lower was said longer
    crossed = _ordered({"p50": (1.0, 0.9, 2.0), "p95": (0.5, 0.4, 0.6)})
    assert crossed == {"p50": (1.0, 0.9, 1.0), "p95": (0.5, 0.5, 0.6)}


def test_evenly_drawn_values_are_normal() -> None:
    values = sorted(_evenly(21, 0.2))
    assert values[10] == pytest.approx(0.0, abs=1e-9)
    assert values[0] == pytest.approx(-values[-1])
    assert values[1] == pytest.approx(-NORMAL * 0.2 * 0.89, rel=0.05)
    assert _evenly(0, 0.2) == []


def test_a_service_that_was_measured_once_repeats_as_is_usual() -> None:
    once = [Level(kind="closed", procs=count, concurrency=1, throughput_per_s=60.0) for count in (1, 4)]
    assert served_repeatability(once) == pytest.approx(0.08)
    often = [Level(kind="closed", procs=8, concurrency=1, throughput_per_s=60.0) for _ in range(9)]
    assert served_repeatability(often) == pytest.approx(0.08 * math.sqrt(2 / 10) / 3)


def _scaled(measurement, factor):
    """Return a measurement with the same CPU of an operation, but slower by a factor at all but the lowest level."""
    levels = [
        one
        if one.procs == 1
        else one.model_copy(
            update={
                "throughput_per_s": one.throughput_per_s / factor,
                "mean_s": one.mean_s * factor,
                "cpu_busy_cores": one.cpu_busy_cores / factor,
                "generator_cpu_cores": one.generator_cpu_cores / factor,
            }
        )
        for one in measurement.table.levels
    ]
    return measurement.model_copy(update={"table": measurement.table.model_copy(update={"levels": levels})})


def _width(interval: tuple[float, float, float]) -> float:
    value, low, high = interval
    return (high - low) / value


def test_arrivals_take_no_longer_than_the_measurement_and_no_less_than_their_work() -> None:
    served = ServedFit(LOOP, [], [])
    wide = {"mean": (0.01, 1e-9, 1e6), "cpu": (2e-4, 1e-4, 3e-4)}
    assert served._possible(wide) == {"mean": (0.01, 5e-5, 2.0), "cpu": (2e-4, 1e-4, 3e-4)}
