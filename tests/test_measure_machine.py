"""The program that measures a machine: its sums, and that a disturbed level is measured again."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location(
    "measure_machine", Path(__file__).resolve().parent.parent / "benchmarks" / "measure_machine.py"
)
assert spec is not None
assert spec.loader is not None
machine = importlib.util.module_from_spec(spec)
sys.modules["measure_machine"] = machine  # dataclasses look their module up there
spec.loader.exec_module(machine)

MS = 1_000_000
LEVEL = machine.Level(procs=2, think_mean_ns=0, seconds=2.0, steps=1, seed=1)


def filled(cpu_ns, *operations):
    """Return a process's recording as `operate` writes it, with room for one more operation."""
    values = [len(operations), cpu_ns, *(value for operation in operations for value in operation)]
    view = memoryview(bytearray(8 * (len(values) + 3))).cast("q")
    for index, value in enumerate(values):
        view[index] = value
    return view


def a_row(**changes):
    operations = [(at * MS, at * MS + 1000, (at + 1) * MS) for at in range(10)]
    row = machine.summarize(LEVEL, 1, [filled(10 * MS, *operations)], (0, 100 * MS), (0.0, 0.0))
    return replace(row, **changes)


def test_operations_count_by_their_end_and_respond_from_their_intended_begin():
    first = filled(4 * MS, (0, 0, 1 * MS), (1 * MS, 3 * MS, 5 * MS))
    second = filled(2 * MS, (2 * MS, 2 * MS, 12 * MS), (12 * MS, 12 * MS, 30 * MS))
    row = machine.summarize(LEVEL, 1, [first, second], (2 * MS, 22 * MS), (0.01, 0.0))
    assert row.operations == 2
    assert row.throughput_per_s == pytest.approx(100.0)
    assert (row.mean_ms, row.p50_ms, row.p99_ms) == (7.0, 4.0, 10.0)
    assert row.cpu_per_operation_ms == pytest.approx(1.5)  # of all operations, the cut ones too
    assert row.start_delay_p50_ms == pytest.approx(1.0)


@pytest.mark.parametrize(
    "change",
    [{"others_share": 0.031}, {"steal_share": 0.011}, {"cpu_per_operation_ms": 1.051}],
)
def test_what_disturbs_a_level(change):
    usual = {(0.0, 2): 1.0}
    assert machine.disturbance(a_row(), usual) <= 1
    assert machine.disturbance(a_row(**change), usual) > 1


def test_disturbed_levels_are_measured_again_a_bounded_number_of_times(monkeypatch):
    rows = [a_row(repeat=repeat, others_share=share) for repeat, share in enumerate([0.3, 0.0, 0.2, 0.1], 1)]
    answers = iter([0.0, 0.5])
    measured = []

    def measure(level, repeat):
        measured.append((level.procs, repeat))
        return a_row(repeat=repeat, others_share=next(answers))

    monkeypatch.setattr(machine, "measure", measure)
    kept, disturbed = machine.measure_again(rows, 2, machine.LevelMaker(2.0, 1))
    assert measured == [(2, 1), (2, 3)]
    assert [row.others_share for row in kept] == [0.0, 0.0, 0.2, 0.1]  # the quieter of each two
    assert disturbed == 2


def test_a_file_gives_its_rows_and_header_back(tmp_path):
    rows = [a_row(repeat=repeat, p99_ms=1.2345) for repeat in (1, 2)]
    machine.write_csv(tmp_path / "table.csv", rows, ["one", "two"])
    assert machine.read_csv(tmp_path / "table.csv") == (["one", "two"], rows)
    assert list(tmp_path.iterdir()) == [tmp_path / "table.csv"]
