"""How far the operations of two copies end apart, and the share under a lock that it tells."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.fitting.serial import IN_STEP, serial_share
from calibration.levels import Level, LevelTable
from calibration.live.apart import ends_apart
from calibration.live.measured import Apart, Detail, Figure, Measurement, Paced, Spread, Workload
from calibration.live.operations import OPERATION
from calibration.live.pacing import Pacing
from tests.live_recordings import MS, recording

OPERATION_NS = 1.3 * MS


def _two_copies(share, *, before=1.0, cv=0.02, seed=1, count=1500):
    """Record two copies on a core each that take a lock in turn. before: part of the other work that precedes it."""
    draws = np.random.default_rng(seed)
    parts = OPERATION_NS * np.array([before * (1 - share), share, (1 - before) * (1 - share)])
    begin_ns = [0.0, 0.3 * OPERATION_NS]
    asks_ns = [begin + parts[0] for begin in begin_ns]
    free_ns, rows = 0.0, []
    while len(rows) < count:
        copy = int(np.argmin(asks_ns))
        first, held, last = parts * draws.normal(1.0, cv, 3)
        free_ns = max(asks_ns[copy], free_ns) + held
        end_ns = free_ns + last
        rows.append((copy, begin_ns[copy], begin_ns[copy], end_ns, -1, -1, -1, False))
        begin_ns[copy], asks_ns[copy] = end_ns, end_ns + first
    found = np.array(rows, dtype=OPERATION)
    found = found[np.argsort(found["end_ns"], kind="stable")]
    return replace(recording([OPERATION_NS] * count, copies=2), operations=found)


@pytest.mark.parametrize(("share", "close"), [(0.05, 0.2), (0.1, 0.1), (0.2, 0.06), (0.4, 0.03)])
def test_steady_copies_end_as_far_apart_as_they_hold_the_lock(share, close):
    found = ends_apart({2: [_two_copies(share, seed=seed) for seed in (1, 2, 3)]}, cores=2)
    assert found.least_s == pytest.approx(share * OPERATION_NS / 1e9, rel=close)
    assert found.blur < 3.0 * close


def test_work_after_the_lock_blurs_the_edge():
    at_end, at_begin = (ends_apart({2: [_two_copies(0.1, before=before)]}, 2) for before in (1.0, 0.0))
    assert at_begin.blur > 2.0 * at_end.blur


def test_copies_that_pause_or_share_a_core_tell_nothing():
    one = _two_copies(0.1)
    paced = replace(one, plan=replace(one.plan, pacing=Pacing(1 * MS)))
    assert ends_apart({2: [paced]}, cores=2) is None
    assert ends_apart({2: [one]}, cores=1) is None
    assert ends_apart({1: [one]}, cores=2) is None
    assert ends_apart({2: [_two_copies(0.1, count=100)]}, cores=2) is None


def _share(sleeps, apart, cv=0.02):
    """Return what is expected of the share under a lock, of two repeats of each level."""
    details = [
        Detail(
            copies=copies,
            run=run,
            start_delay_s=0,
            voluntary_switches=sleeps if copies == 2 else 0.0,
            service_quantiles_s=[],
            response_quantiles_s=[],
        )
        for copies in (1, 2)
        for run in (1, 2)
    ]
    demand = Spread(mean_s=Figure(value=0.001), cv=cv, count=1, quantiles_s=[(0, 0.001), (1, 0.001)])
    workload = Workload(demand=demand, shape="clock", demand_by_copies_s={}, apart=apart)
    measurement = Measurement(
        kind="python",
        subject="lock",
        command=[],
        pacing=Paced(kind="closed"),
        cores=2,
        warmup_s=1,
        duration_s=1,
        seed=1,
        provenance={},
        table=LevelTable(source="lock", tool="test", levels=[Level(kind="closed", procs=1, throughput_per_s=1000)]),
        details=details,
        workload=workload,
    )
    return serial_share(measurement, workload, 2)


def test_a_sharp_edge_tells_the_share_and_a_blurred_one_leaves_it_to_the_sleeps():
    sharp = _share(0.25, Apart(least_s=100e-6, blur=0.02))
    assert sharp.middle == pytest.approx(0.1, rel=0.03)
    assert sharp.width < 0.11
    blurred = _share(0.25, Apart(least_s=20e-6, blur=1.0))
    assert 0.08 < blurred.middle < IN_STEP * 0.25
    assert blurred.width > 0.5


def test_copies_that_hardly_ever_meet_have_no_edge():
    without = _share(0.03, None)
    assert _share(0.03, Apart(least_s=300e-6, blur=0.01)) == without
    assert _share(0.0, Apart(least_s=300e-6, blur=0.01)) is None


def test_what_varies_does_not_fall_into_step():
    assert _share(0.25, Apart(least_s=20e-6, blur=0.3), cv=1.0).middle == pytest.approx(0.25, rel=0.01)
