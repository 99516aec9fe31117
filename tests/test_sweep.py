"""Sweeps on an engine of one exact queue: points, curves, what is kept, and how they end."""

from pathlib import Path
from typing import Any

import fake_engine
import pytest

from models.errors import ScenarioError
from simulator.grid import grid
from simulator.parallel_runs import Task, Workers, run_all
from simulator.replications import Progress
from simulator.result import ResultError
from simulator.sweep import PRECISION, Sweep, prepare_sweep, sweep
from simulator.sweep_plot import sweep_plot_bytes
from simulator.sweep_text import headline, point_table, points_csv, sweep_text

QUEUE = """
name = "single-server"
run = { warmup = "1s", duration = "20s", replications = 3 }
[[workloads]]
name = "clients"
kind = "open"
arrival_rate = "700/s"
[services.web]
cores = 1
discipline = "fifo"
[[operations]]
name = "request"
stages = [{ kind = "cpu", demand = { distribution = "exponential", mean = "1ms" } }]
"""


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    path = tmp_path / "queue.toml"
    path.write_text(QUEUE)
    return path


def swept(path: Path, **options: str) -> Sweep:
    return prepare_sweep(path, grid(options)[0])


def crew(count: int = 1, **settings: Any) -> Workers:
    return Workers(fake_engine.engine(**settings)[0], count=count)


def test_each_point_is_a_run_of_its_setting_and_near_its_theory(queue: Path) -> None:
    answer = sweep(swept(queue, rate="200/s,500/s,800/s"), crew())
    points = answer.data["points"]
    assert [point["setting"] for point in points] == [{"rate": "200/s"}, {"rate": "500/s"}, {"rate": "800/s"}]
    for point, rate in zip(points, (200, 500, 800), strict=True):
        assert point["kind"] == "run"
        assert point["scenario"]["workloads"][0]["arrival_rate"] == f"{rate}/s"
        assert point["response_time_s"]["mean"]["value"] == pytest.approx(1 / (1000 - rate), rel=0.15)
        assert point["bounds"]["throughput_at_most_per_s"] == rate
        assert point["bounds"]["response_time_at_least_s"] == pytest.approx(0.001)
    curve = answer.data["curves"][0]
    assert curve["levels"] == [200, 500, 800]
    assert curve["knee"]["level"] == 500
    assert curve["saturation"] is None
    assert not answer.interrupted


def test_all_points_have_the_same_seed_and_the_order_of_work_changes_nothing(queue: Path) -> None:
    wanted = swept(queue, rate="100/s..900/s..100/s")
    one, three = sweep(wanted, crew(1)).data, sweep(wanted, crew(3, threads=True)).data
    assert {point["seed"] for point in one["points"]} == {1}
    for first, second in zip(one["points"], three["points"], strict=True):
        assert first["samples"] == second["samples"]
        assert first["setting"] == second["setting"]


def test_several_axes_make_a_curve_for_each_combination_of_the_others(queue: Path) -> None:
    answer = sweep(swept(queue, rate="200/s,400/s,600/s", cores="1,2"), crew())
    curves = answer.data["curves"]
    assert {curve["axis"] for curve in curves} == {"rate"}
    assert [curve["setting"] for curve in curves] == [{"cores": "1"}, {"cores": "2"}]
    assert [curve["points"] for curve in curves] == [[0, 1, 2], [3, 4, 5]]
    assert [curve["bounds"]["throughput_most_per_s"] for curve in curves] == pytest.approx([1000, 2000])


def test_levels_are_put_in_order_and_words_make_no_curve(queue: Path) -> None:
    answer = sweep(swept(queue, rate="600/s,200/s"), crew())
    assert answer.data["curves"][0]["levels"] == [200, 600]
    assert answer.data["curves"][0]["points"] == [1, 0]
    words = sweep(swept(queue, discipline="fifo,processor_sharing"), crew())
    assert words.data["curves"][0]["levels"] is None
    assert "processor_sharing" in sweep_text(words.data)


def test_the_efficiency_comes_from_the_point_of_one_process(tmp_path: Path) -> None:
    path = tmp_path / "closed.toml"
    path.write_text(
        QUEUE.replace('kind = "open"\narrival_rate = "700/s"', 'kind = "closed"\nprocs = 1\nthink_time = "9ms"')
    )
    answer = sweep(swept(path, procs="1,2,5"), crew())
    throughputs = [point["throughput_per_s"]["value"] for point in answer.data["points"]]
    found = [point["efficiency"]["value"] for point in answer.data["points"]]
    expected = [rate / throughputs[0] / procs for rate, procs in zip(throughputs, (1, 2, 5), strict=True)]
    assert found == pytest.approx(expected)
    without = sweep(swept(path, procs="2,5"), crew())
    assert all(point["efficiency"] is None for point in without.data["points"])


def test_a_point_is_coarser_than_a_run_unless_a_precision_is_given(queue: Path) -> None:
    assert swept(queue, rate="1/s,2/s").prepared[0].scenario.run.precision == PRECISION
    queue.write_text(QUEUE.replace("replications = 3", "precision = 0.01"))
    assert swept(queue, rate="1/s,2/s").prepared[0].scenario.run.precision == 0.01


def test_a_wrong_value_is_found_before_anything_is_simulated(queue: Path) -> None:
    with pytest.raises(ScenarioError, match="--cores: found 0"):
        swept(queue, cores="4,0")


def stop_after(points: int) -> Any:
    return lambda reached: reached.replication < points


def test_an_interrupted_sweep_is_kept_and_gone_on_with(queue: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    wanted = swept(queue, rate="100/s..500/s..100/s")
    whole = sweep(wanted, crew()).data
    part = sweep(wanted, crew(), report=stop_after(2), checkpoint=kept)
    assert part.interrupted
    assert len(part.data["points"]) == 2
    assert "2 of 5 points" in headline(part.data)
    assert kept.exists()
    engine, calls = fake_engine.engine()
    resumed = sweep(wanted, Workers(engine, count=1), checkpoint=kept, resume=True)
    assert len(calls.replications) == 3 * 3
    assert not resumed.interrupted
    assert [point["samples"] for point in resumed.data["points"]] == [point["samples"] for point in whole["points"]]
    assert resumed.data["provenance"]["resumed_points"] == 2
    assert not kept.exists()


def test_what_another_command_has_left_is_refused(queue: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    sweep(swept(queue, rate="100/s,200/s,300/s"), crew(), report=stop_after(1), checkpoint=kept)
    with pytest.raises(ResultError, match="other values"):
        sweep(swept(queue, rate="100/s,200/s,400/s"), crew(), checkpoint=kept, resume=True)


def test_a_sweep_that_is_stopped_at_once_has_no_answer(queue: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        sweep(swept(queue, rate="100/s,200/s"), crew(on_replication=interrupting))


def interrupting(_: int) -> None:
    raise KeyboardInterrupt


def test_an_error_in_one_point_is_not_swallowed(queue: Path) -> None:
    def failing(_: int) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        sweep(swept(queue, rate="100/s,200/s"), crew(2, on_replication=failing))


def test_progress_counts_points(queue: Path) -> None:
    told: list[Progress] = []
    sweep(swept(queue, rate="100/s,200/s"), crew(), report=told.append)
    assert {reached.stage for reached in told} == {"points"}
    assert told[-1].replication == told[-1].replications == 2
    assert told[-1].fraction == 1


def test_the_reference_engine_runs_in_processes_and_answers_the_same(queue: Path) -> None:
    queue.write_text(QUEUE.replace('duration = "20s"', 'duration = "1s"'))
    wanted = swept(queue, rate="100/s,200/s,300/s")
    tasks = [Task(one.scenario, one.directory) for one in wanted.prepared]
    beside = dict(run_all(tasks, Workers("reference", count=2)))
    alone = dict(run_all(tasks, Workers("reference", count=1)))
    assert sorted(beside) == [0, 1, 2]
    for position, result in alone.items():
        assert result.data["samples"] == beside[position].data["samples"]


def test_the_table_and_the_csv_have_a_row_for_each_point(queue: Path) -> None:
    queue.write_text(f'thresholds = ["response_time: p(95) < 10ms"]\n{QUEUE}')
    data = sweep(swept(queue, rate="200/s,500/s,800/s"), crew()).data
    table = point_table(data)
    assert table.header[:2] == ["rate", "throughput"]
    assert table.header[-2:] == ["met", "binds"]
    assert "effic." not in table.header
    assert [row[0] for row in table.rows] == ["200/s", "500/s", "800/s"]
    assert table.rows[1][-1].endswith("< knee")
    text = sweep_text(data)
    assert "a threshold fails at 1 of 3 points, first at rate 800/s" in text
    assert "asymptotic bounds: at most 1,000/s (web.cpu), at least 1.00 ms" in text
    rows = points_csv(data).splitlines()
    assert len(rows) == 4
    header = rows[0].split(",")
    assert header[0] == "rate"
    assert {"throughput_per_s", "throughput_per_s.half_width", "bounds.throughput_at_most_per_s"} <= set(header)
    assert not any(name.startswith("samples") for name in header)


def test_the_same_sweep_has_the_same_picture(queue: Path) -> None:
    data = sweep(swept(queue, rate="200/s,500/s,800/s"), crew()).data
    picture = sweep_plot_bytes(data, "svg")
    assert picture == sweep_plot_bytes(data, "svg")
    text = picture.decode()
    for panel in ("throughput", "response time, p95", "cpu", "asymptotic bound", "knee"):
        assert panel in text
    assert "error rate" not in text
