"""What the levels of a server say of its structure and of the costs of an operation, from measurements made up."""

import copy
import math

import pytest

from benchmarks.pgbench_load import transactions
from calibration.fit_live import fit_live
from calibration.fitting.blueprint import Load
from calibration.fitting.by_simulation import figures_of, simulate
from calibration.fitting.crowded import crowded_caches, free_numbers, others_served
from calibration.fitting.server_blueprints import (
    a_process_each,
    busy_processes,
    served_blueprints,
    weighed,
)
from calibration.fitting.server_costs import costs_of
from calibration.fitting.targets import repeatability, targets_of
from calibration.host.caches import core_cache_bytes
from calibration.interference import Interference
from calibration.levels import Level, LevelTable
from calibration.live.level_run import Plan
from calibration.live.measured import Detail, Figure, Measurement, Paced, Request, Spread, Workload
from calibration.live.pacing import Pacing
from calibration.live.settings import judged
from calibration.validate_prediction import Asked, predict_levels
from models.measured import CrowdedCaches
from models.scenario import Scenario
from simulator.run import run

US = 1e-6


def measurement(levels, **workload):
    """Return a measurement. levels: (connections, server CPU us, generator CPU us, mean us, sleeps, processes)."""
    details = [
        Detail(
            copies=copies,
            run=1,
            cpu_s=server * US,
            generator_cpu_s=generator * US,
            generator_switches=sleeps,
            voluntary_switches=sleeps,
            start_delay_s=0.0,
            service_quantiles_s=[],
            response_quantiles_s=[],
            process_cpu_cores=processes,
        )
        for copies, server, generator, _, sleeps, processes in levels
    ]
    rows = [
        Level(
            kind="closed",
            procs=copies,
            concurrency=1,
            throughput_per_s=copies / (mean * US),
            mean_s=mean * US,
            cpu_busy_cores=copies / mean * server,
            generator_cpu_cores=copies / mean * generator,
            operations=10_000,
        )
        for copies, server, generator, mean, _, _ in levels
    ]
    first = Spread(mean_s=Figure(value=levels[0][1] * US), cv=0.0, count=1, quantiles_s=[(0.0, 0.0), (1.0, 0.0)])
    return Measurement(
        kind="http",
        subject="made up",
        command=["made up"],
        pacing=Paced(kind="closed"),
        cores=2,
        warmup_s=1.0,
        duration_s=1.0,
        seed=1,
        provenance={},
        table=LevelTable(source="made up", tool="made up", levels=rows),
        details=details,
        workload=Workload(demand=first, shape="response", demand_by_copies_s={}, **workload),
    )


LOOP = measurement([(1, 40, 40, 90, 1.0, [0.4]), (4, 10, 10, 40, 0.1, [0.8]), (8, 8, 8, 70, 0.02, [0.9])])
FORKS = measurement(
    [(1, 60, 35, 105, 1.0, [0.5] + [0.0] * 5), (8, 26, 11, 190, 1.0, [0.1] * 8 + [0.0] * 5)],
)
PREFORK = measurement(
    [(1, 1400, 700, 7500, 2.7, [0.1] * 8), (8, 1250, 600, 9500, 2.8, [0.13] * 8)],
)


def labels(made_up):
    return [one.label for one in served_blueprints(made_up, made_up.workload, lambda: {"cores": 2})]


def test_what_levels_with_more_sleeps_take_more_is_the_cost_of_a_sleep():
    # 40 and 8 us with 1 and 0.02 sleeps; the level between sleeps too seldom to tell
    busier = measurement([(2, 40, 40, 90, 1.0, [0.4]), (4, 10, 10, 40, 0.1, [0.8]), (8, 8, 8, 70, 0.02, [0.9])])
    costs = costs_of(busier, busier.workload)
    assert costs.server_wake == pytest.approx(32 / 0.98 * US)
    assert costs.server == pytest.approx(8 * US - 0.02 * costs.server_wake)


def test_long_sleeps_at_one_connection_tell_half_of_what_others_cost_where_no_other_level_tells():
    costs = costs_of(LOOP, LOOP.workload)
    assert costs.server_wake == pytest.approx(16 / 0.98 * US)
    assert costs.server == pytest.approx(8 * US - 0.02 * costs.server_wake)
    assert costs.wait == 0.0
    # 90 us of response with 80 us of CPU: 5 us of each of the two wake-ups belong to nobody
    assert costs.idle == pytest.approx(5 * US)


def test_cold_caches_after_long_sleeps_are_no_cost_of_shorter_ones():
    loop = measurement([(1, 40, 1240, 1290, 1.0, [0.4]), (4, 10, 520, 560, 1.1, [0.8]), (8, 8, 470, 580, 0.7, [0.9])])
    costs = costs_of(loop, loop.workload)
    # 125 us by the level that sleeps 0.4 times more, followed as far as that of the 0.7 sleeps that are left
    assert costs.generator_wake == pytest.approx(0.4 / 0.7 * 125 * US)
    assert costs.generator == pytest.approx((470 - 0.4 * 125) * US)


def test_a_level_that_still_sleeps_for_most_operations_has_not_shown_what_they_take_without():
    # the busiest level sleeps 0.7 times, 0.3 less than the lowest: the line is followed by 0.3 sleeps, not by 0.7
    loop = measurement([(2, 40, 170, 290, 1.0, [0.4]), (8, 8, 140, 180, 0.7, [0.9])])
    costs = costs_of(loop, loop.workload)
    assert costs.generator == pytest.approx((140 - 0.3 * 100) * US)
    assert costs.generator_wake == pytest.approx(30 / 0.7 * US)


def test_sleeps_of_every_operation_at_every_level_tell_nothing_of_their_cost():
    costs = costs_of(FORKS, FORKS.workload)
    assert costs.server == pytest.approx(26 * US)
    assert costs.server_wake == pytest.approx(1 * US)


def test_a_response_that_cpu_does_not_explain_is_a_wait():
    assert costs_of(PREFORK, PREFORK.workload).wait == pytest.approx(5400 * US)


def test_who_serves_is_told_by_processes_and_sleeps():
    assert a_process_each(FORKS)
    assert labels(FORKS) == ["a thread or process for each request"]
    assert not any("each request" in one for one in labels(LOOP))
    assert busy_processes(PREFORK) == 8
    assert labels(PREFORK) == ["event loops (8)", "workers that wait themselves (8)"]


def test_more_workers_than_ten_take_part_too():
    many = measurement([(1, 1400, 700, 7500, 2.7, [0.05] * 16), (8, 1250, 600, 9500, 2.8, [0.06] * 16)])
    assert busy_processes(many) == 16


def test_commits_of_a_database_are_tried_as_ended_together():
    writes = measurement(
        [(1, 90, 35, 900, 2.0, [0.5] + [0.0] * 5), (8, 60, 11, 1500, 2.0, [0.1] * 8 + [0.0] * 5)],
        disk_written_bytes=8000.0,
    )
    assert labels(writes)[0].endswith("waits ended together")


def test_the_lowest_level_weighs_least():
    levels = weighed(targets_of(LOOP.table.levels))
    plain = targets_of(LOOP.table.levels)
    room = [one.measured["mean"][1] / other.measured["mean"][1] for one, other in zip(levels, plain, strict=True)]
    assert room == pytest.approx([4.0, 2.0, 1.0])


def test_a_loop_that_sleeps_for_each_operation_is_slow_and_one_that_never_does_is_not():
    blueprint = next(served_blueprints(LOOP, LOOP.workload, lambda: {"cores": 2}))
    position = [0.0] * len(blueprint.free)
    alone = simulate(blueprint, position, Load(1), 1e4, 2_000)
    together = simulate(blueprint, position, Load(16), 1e5, 5_000)
    # 90 us were measured alone; of what its two sleeps seem to cost, 33 us each, half is believed before the fit
    assert alone["response_time_s"]["mean"]["value"] == pytest.approx(57 * US, rel=0.1)
    assert together["throughput_per_s"]["value"] == pytest.approx(1 / (8 * US), rel=0.15)


def test_arrivals_wait_for_a_connection():
    blueprint = next(served_blueprints(LOOP, LOOP.workload, lambda: {"cores": 2}))
    position = [0.0] * len(blueprint.free)
    scenario = blueprint.scenario(position, Load(8, rate_per_s=50_000.0))
    assert scenario.workloads[0].kind == "open"
    assert [stage.kind for stage in scenario.operations[0].stages] == ["delay", "pool"]
    one = simulate(blueprint, position, Load(1, rate_per_s=9_000.0), 9_000.0, 3_000)
    eight = simulate(blueprint, position, Load(8, rate_per_s=9_000.0), 9_000.0, 3_000)
    assert one["response_time_s"]["p95"]["value"] > 1.3 * eight["response_time_s"]["p95"]["value"]


def test_a_client_of_pgbench_waits_from_the_end_of_its_last_transaction():
    log = "0 1 100 0 10 1000\n1 1 100 0 10 1050\n0 2 100 0 10 1300\nnot a line\n"
    begun_and_ended = [tuple(int(word) for word in line.split()[1:]) for line in transactions(log, False)]
    at = 10 * 10**9
    assert begun_and_ended == [
        (at + 900_000, at + 1_000_000),
        (at + 950_000, at + 1_050_000),
        (at + 1_000_000, at + 1_300_000),
    ]


def test_at_a_rate_the_intended_start_is_that_of_the_schedule():
    assert list(transactions("0 1 100 0 10 1000 40\n", True)) == ["op 10000900000 10000940000 10001000000\n"]


def test_at_a_rate_operations_take_more_cpu():
    blueprint = next(served_blueprints(LOOP, LOOP.workload, lambda: {"cores": 2}))
    position = [0.0] * len(blueprint.free)
    closed = blueprint.scenario(position, Load(8)).operations[0].stages[0]
    pool = blueprint.scenario(position, Load(8, rate_per_s=1000.0)).operations[0].stages[1]
    assert pool.stages[1].demand.mean == pytest.approx(1.1 * closed.demand.mean, rel=1e-3)


def test_workers_that_outnumber_the_cores_are_likelier_to_wait_themselves():
    likely = {one.label: one.likely for one in served_blueprints(PREFORK, PREFORK.workload, lambda: {"cores": 2})}
    assert likely["workers that wait themselves (8)"] > 5 * likely["event loops (8)"]


def test_a_worker_that_no_connection_came_to_at_the_highest_level_is_a_worker():
    two = measurement([(2, 50, 260, 540, 1.0, [0.1, 0.1]), (8, 52, 200, 1630, 1.0, [0.25, 0.0])])
    assert busy_processes(two) == 2


def test_the_capacity_of_arrivals_is_what_is_served_at_a_rate():
    fit = fit_live(LOOP, draws=4)
    said = predict_levels(fit, Asked(shares=(0.5,), open_procs=8))
    assert said.levels[0].rate_per_s < 0.49 * said.capacity_per_s
    assert said.levels[0].zone == "below"


def test_processes_of_a_service_may_wait_for_each_other():
    plan = Plan(1, Pacing(), 10**9, 10**8, 1)
    waited = Interference(1.0, 0.0, 0.0, wait_share=0.3)
    assert judged(plan, waited)[0]
    assert judged(plan, waited, served=True) == ([], 0.0)


def test_what_repeats_badly_is_predicted_as_badly():
    rows = [Level(kind="closed", procs=8, concurrency=1, throughput_per_s=rate) for rate in (80.0, 100.0, 125.0)]
    once = [Level(kind="closed", procs=4, concurrency=1, throughput_per_s=60.0)]
    assert repeatability([*rows, *once]) == pytest.approx(0.223 * 1.5**0.5, rel=0.01)
    assert repeatability(once) == 0.0
    paused = [one.model_copy(update={"think_time_s": 0.1, "operations": 25.0}) for one in rows]
    assert repeatability(paused) == pytest.approx((1.5 * (0.223**2 - 0.2**2)) ** 0.5, rel=0.02)


def test_processes_crowd_each_other_out_of_a_cache_once_it_is_full():
    caches = CrowdedCaches(cores=2, cache_bytes=512 * 1024)
    # 4 processes a core of 50 kB each fit into 0.6 of the cache, 32 leave a core a fifth of what they touch
    assert caches.extra_s(800.0, 100e-9, 8) == 0.0
    assert caches.extra_s(800.0, 100e-9, 64) == pytest.approx(0.808 * 80 * US, rel=0.01)
    assert caches.extra_s(800.0, 100e-9, 1000) < 80 * US


def test_who_sleeps_more_often_comes_back_to_a_cold_cache_more_often():
    once, often = (crowded_caches(2, 512 * 1024, sleeps) for sleeps in (0.2, 32.0))
    assert often.extra_s(800.0, 100e-9, 64) == pytest.approx(2.0 * once.extra_s(800.0, 100e-9, 64))
    # how many of the stretches touch all lines is not known
    assert free_numbers(often, None)[0].width > free_numbers(once, None)[0].width + 0.3


def with_responses(quantiles_s, **level):
    """Return a measurement whose busiest level has such response times. level: fields of its levels."""
    details = [
        one.model_copy(update={"response_quantiles_s": quantiles_s if one.copies == 8 else [(0.0, 1.0), (1.0, 9.0)]})
        for one in FORKS.details
    ]
    levels = [one.model_copy(update=level) for one in FORKS.table.levels]
    table = FORKS.table.model_copy(update={"levels": levels})
    return FORKS.model_copy(update={"details": details, "table": table})


def test_who_is_served_in_turn_finds_all_others_served_in_between_and_who_is_served_by_chance_half_of_them():
    in_turn = with_responses([(0.0, 0.002), (1.0, 0.002)])
    assert others_served(in_turn) == pytest.approx([1.0] * 20)
    shares = [one / 1000 for one in range(1000)]
    by_chance = with_responses([*((one, -0.002 * math.log1p(-one)) for one in shares), (1.0, 0.02)])
    found = others_served(by_chance)
    # exponential response times: of what another's has left the memory knows nothing, so each order is as likely
    assert sum(found) / len(found) == pytest.approx(0.5, abs=0.01)
    assert list(found) == sorted(found)


def test_clients_that_pause_do_not_tell_how_many_others_are_served_in_between():
    assert others_served(with_responses([(0.0, 0.001), (1.0, 0.009)], think_time_s=0.1)) == (1.0,)
    assert others_served(with_responses([(0.0, 0.001), (1.0, 0.009)], kind="open")) == (1.0,)


def test_who_comes_again_before_others_finds_more_in_the_cache():
    again = crowded_caches(2, 512 * 1024, 1.0, [0.1, 0.3, 0.5, 1.0])
    in_turn = crowded_caches(2, 512 * 1024, 1.0, [1.0, 1.0, 1.0, 1.0])
    assert 0.0 < again.extra_s(800.0, 100e-9, 64) < in_turn.extra_s(800.0, 100e-9, 64)
    # 16 of 64 others and one's own are 17 of 50 kB, which two caches hold
    assert crowded_caches(2, 512 * 1024, 1.0, [0.25, 0.25]).extra_s(800.0, 100e-9, 65) == 0.0


def test_what_processes_cost_each_other_leaves_the_busiest_level_as_it_was_measured():
    each = next(served_blueprints(FORKS, FORKS.workload, lambda: {"cores": 2}))
    names = [one.name for one in each.free]
    widest = [3.0 if name in ("own_lines", "line_miss") else 0.0 for name in names]
    demands = {
        (count, wide): each.scenario(position, Load(count)).operations[0].stages[0].demand.mean
        for count in (1, 8, 64)
        for wide, position in ((False, [0.0] * len(names)), (True, widest))
    }
    # eight connections were measured: however much memory a process has, an operation takes what it took there
    assert demands[8, True] == demands[8, False]
    assert demands[64, True] > 2.0 * demands[64, False]
    # and fewer connections take less, but no less than what is work at least
    assert demands[1, True] < demands[8, True]
    assert demands[1, True] > 0.25 * demands[8, True]


def test_a_line_that_the_host_measured_is_known_better_than_an_assumed_one():
    caches = crowded_caches(2, 512 * 1024, 1.0)
    assumed, measured = (free_numbers(caches, line_s)[1] for line_s in (None, 180e-9))
    assert measured.middle == pytest.approx(100e-9)
    assert measured.width < assumed.width
    each = next(served_blueprints(FORKS, FORKS.workload, lambda: {"cores": 2}, 180e-9))
    assert each.values([0.0] * len(each.free))["line_miss"] == pytest.approx(100e-9)


def test_the_second_cache_is_what_a_core_has_for_itself(tmp_path):
    for index, (level, size) in enumerate([(1, "32K"), (2, "512K"), (3, "32768K")]):
        (tmp_path / f"index{index}").mkdir()
        (tmp_path / f"index{index}" / "level").write_text(f"{level}\n")
        (tmp_path / f"index{index}" / "size").write_text(f"{size}\n")
    assert core_cache_bytes(tmp_path) == 512 * 1024
    assert core_cache_bytes(tmp_path / "nothing") == 1 << 20


def test_a_process_each_costs_more_with_connections_than_a_loop():
    each = next(served_blueprints(FORKS, FORKS.workload, lambda: {"cores": 2}))
    loop = next(served_blueprints(LOOP, LOOP.workload, lambda: {"cores": 2}))
    demands = [
        [
            one.scenario([0.0] * len(one.free), Load(count)).model_dump(mode="json")["operations"][0]["stages"][0]
            for count in (1, 1000)
        ]
        for one in (each, loop)
    ]
    assert demands[0][0] != demands[0][1]
    assert demands[1][0] == demands[1][1]


def test_an_answer_is_written_by_the_loop_that_waited():
    loop = measurement([(1, 1500, 400, 7500, 1.6, [0.2]), (8, 1400, 400, 11500, 0.03, [0.95])])
    blueprint = next(served_blueprints(loop, loop.workload, lambda: {"cores": 2}))
    position = [0.0] * len(blueprint.free)
    before, wait, after = blueprint.scenario(position, Load(8)).operations[0].stages[:3]
    assert [one.kind for one in (before, wait, after)] == ["cpu", "delay", "cpu"]
    assert after.service == "server"
    work = blueprint.values(position)["demand"] * 1e9
    assert before.demand.mean + after.demand.mean == pytest.approx(work, rel=1e-6)


@pytest.mark.parametrize(("elsewhere", "by_timer"), [(0, True), (1, False), (None, False)])
def test_a_loop_that_talks_to_nobody_waits_for_its_timers(elsewhere, by_timer):
    loop = measurement([(1, 1500, 400, 7500, 1.6, [0.2]), (8, 1400, 400, 11500, 0.03, [0.95])])
    details = [one.model_copy(update={"connections_elsewhere": elsewhere}) for one in loop.details]
    seen = loop.model_copy(update={"details": details})
    found = {
        one.label: one.scenario([0.0] * len(one.free), Load(8)).operations[0].stages[2]
        for one in served_blueprints(seen, seen.workload, lambda: {"cores": 2})
    }
    # a thread or a worker that sleeps has no turns: the kernel wakes it when its time has come
    by_timers = {label for label, stage in found.items() if stage.after_timer}
    assert by_timers == ({"event loops (1)"} if by_timer else set())
    # whom timers wake gather, in another pattern under each load
    blueprints = served_blueprints(seen, seen.workload, lambda: {"cores": 2})
    assert {one.label for one in blueprints if one.shaped} == by_timers


@pytest.mark.parametrize(("p90_us", "spread"), [(7_757, 0.15), (7_501, 0.03), (9_500, 0.3)])
def test_work_differs_by_no_more_than_answers_to_one_connection(p90_us, spread):
    loop = measurement([(1, 1500, 400, 7500, 1.6, [0.2]), (8, 1400, 400, 11500, 0.03, [0.95])])
    # 200 us of 1.33 ms, next to nothing, and more than work is taken to differ by anyway
    quantiles = [(0.0, 7.4e-3), (0.5, 7.5e-3), (0.9, p90_us * US), (1.0, 30e-3)]
    details = [one.model_copy(update={"response_quantiles_s": quantiles}) for one in loop.details[:1]]
    seen = loop.model_copy(update={"details": [*details, *loop.details[1:]]})
    blueprint = next(served_blueprints(seen, seen.workload, lambda: {"cores": 2}))
    (found,) = [one.middle for one in blueprint.free if one.name == "spread"]
    assert found == pytest.approx(spread, rel=0.1)


def test_a_generator_with_a_queue_of_callbacks_goes_on_with_what_it_made_ready():
    request = Request(url="http://127.0.0.1:8000/", timeout_s=1.0)
    for seen, order in ((LOOP, "arrival"), (LOOP.model_copy(update={"request": request}), "own_first")):
        blueprint = next(served_blueprints(seen, seen.workload, lambda: {"cores": 2}))
        services = blueprint.scenario([0.0] * len(blueprint.free), Load(8)).services
        assert (services["generator"].ready_order, services["server"].ready_order) == (order, "arrival")


def test_a_generator_that_tells_how_its_loop_goes_on_is_played_so():
    seen = FORKS.model_copy(update={"generator_order": "client_first"})
    blueprint = next(served_blueprints(seen, seen.workload, lambda: {"cores": 2}))
    scenario = blueprint.scenario([0.0] * len(blueprint.free), Load(8))
    assert scenario.services["generator"].ready_order == "client_first"
    services = [stage.service for stage in scenario.operations[0].stages]
    assert services[0] == services[-1] == "generator"  # it sends in a later turn than it takes the answer before


def test_what_ran_within_half_a_millisecond_stays_on_its_core():
    for seen in (LOOP, FORKS):
        blueprint = next(served_blueprints(seen, seen.workload, lambda: {"cores": 2}))
        services = blueprint.scenario([0.0] * len(blueprint.free), Load(8)).services
        assert services["server"].linux.migration_cost == 500_000


def test_of_a_process_for_each_connection_little_is_taken_over():
    for seen, middle in ((LOOP, 0.5), (FORKS, 0.04)):
        blueprint = next(served_blueprints(seen, seen.workload, lambda: {"cores": 2}))
        assert next(one.middle for one in blueprint.free if one.name == "idle_steal") == middle


def test_a_generator_sends_the_next_request_in_the_turn_that_takes_the_answer():
    blueprint = next(served_blueprints(FORKS, FORKS.workload, lambda: {"cores": 2}))
    position = [0.0] * len(blueprint.free)
    values = blueprint.values(position)
    closed = blueprint.scenario(position, Load(8)).operations[0].stages
    assert [one.service for one in closed] == ["server", "generator"]
    assert closed[1].demand.mean == pytest.approx(values["generator"] * 1e9, rel=1e-3)
    # at a rate nobody's answer is at hand when a request is due: its timer sends it
    due = blueprint.scenario(position, Load(8, rate_per_s=1000.0)).operations[0].stages[1].stages
    assert [one.service for one in due] == ["generator", "server", "generator"]
    assert due[0].demand.mean + due[2].demand.mean == pytest.approx(1.1 * values["generator"] * 1e9, rel=1e-3)


def test_an_asyncio_generator_sends_the_next_request_in_a_turn_of_its_own():
    request = Request(url="http://127.0.0.1/", timeout_s=10.0)
    made = next(served_blueprints(FORKS.model_copy(update={"request": request}), FORKS.workload, lambda: {"cores": 2}))
    stages = made.scenario([0.0] * len(made.free), Load(8)).operations[0].stages
    assert [one.service for one in stages] == ["generator", "server", "generator"]


def test_answers_that_wait_for_their_loop_leave_a_second_loop_idle():
    # what comes back from its wait finds its loop busy with what came meanwhile, so that answers come in bunches
    loop = measurement([(1, 1500, 400, 7500, 1.6, [0.2]), (8, 1400, 400, 11500, 0.03, [0.95])])
    blueprint = next(served_blueprints(loop, loop.workload, lambda: {"cores": 2}))
    position = [0.0] * len(blueprint.free)
    table = blueprint.scenario(position, Load(16), {"duration": "3s", "warmup": "1s", "replications": 1, "seed": 1})
    made = table.model_dump(mode="json", exclude_none=True)
    made["services"]["server"]["workers"] = 2
    straight = copy.deepcopy(made)
    stages = straight["operations"][0]["stages"]
    straight["operations"][0]["stages"] = [*stages[:2], stages[3]]
    found, without = (run(Scenario.from_dict(one)).data["cpu_utilization"]["value"] for one in (made, straight))
    assert found < without - 0.03


def test_the_service_is_told_from_the_generator_on_its_cores():
    # the generator takes so little that the loop is always at work
    loop = measurement([(1, 40, 30, 90, 1.0, [0.4]), (8, 8, 2, 70, 0.02, [0.9])])
    blueprint = next(served_blueprints(loop, loop.workload, lambda: {"cores": 2}))
    position = [0.0] * len(blueprint.free)
    found = figures_of(simulate(blueprint, position, Load(32), 100_000.0, 5_000), blueprint, position)
    values = blueprint.values(position)
    assert found["served_cpu"] == pytest.approx(values["demand"], rel=0.1)
    assert found["cpu"] > found["served_cpu"] + 0.9 * values["generator"]
    measured = targets_of(loop.table.levels)[-1].measured
    assert measured["served_cpu"][0] == pytest.approx(8 * US)
    assert measured["cpu"][0] == pytest.approx(10 * US)
