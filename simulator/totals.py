"""What the counted replications add up to, in memory that does not grow with their length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.records import CAUSES, COUNT_COMPLETED, COUNT_FAILED, COUNTS, OFFERED
from simulator.controls import measure_controls
from simulator.histogram import BINS
from simulator.measures import Measures, measure
from simulator.operation_controls import OperationControls
from simulator.output import EngineOutput, Integers, used_bins


@dataclass
class Totals:
    """Sums over replications, and each replication's measures.

    compiled: the compiled scenario. percents: response-time percentiles that are measured.
    open_workloads: positions of the workloads that do not wait for their answers.
    controls: what is measured from the records of operations besides.
    keeps_records: whether those are kept, where there are any.
    """

    compiled: Any
    percents: Sequence[float]
    open_workloads: Sequence[int]
    controls: OperationControls | None = field(default=None, kw_only=True)
    keeps_records: bool = field(default=True, kw_only=True)
    measures: list[Measures] = field(default_factory=list)
    counts: Integers = field(default_factory=lambda: np.zeros((0, COUNTS), dtype=np.int64))
    measured: Integers = field(default_factory=lambda: np.zeros((0, COUNTS), dtype=np.int64))
    histogram: Integers = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))
    causes_ns: Integers = field(default_factory=lambda: np.zeros((BINS, CAUSES), dtype=np.int64))
    growth: list[float] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    records: list[NDArray[Any]] = field(default_factory=list)

    @property
    def replications(self) -> int:
        """How many replications were added."""
        return len(self.measures)

    @property
    def completed(self) -> int:
        """Operations completed in the measured windows."""
        return int(self.histogram.sum())

    def add(self, output: EngineOutput) -> None:
        """Add a replication; the order of adding is that of the replications."""
        if not self.measures:
            self.counts = np.zeros_like(output.counts)
            self.measured = np.zeros_like(output.window_counts)
        measures = measure(output, self.compiled, self.percents)
        measures |= measure_controls(output, self.compiled)
        if self.controls is not None:
            measures |= self.controls.measure(output)
        self.measures.append(measures)
        self.counts += output.counts
        self.measured += output.window_counts
        self.histogram += output.histogram.sum(axis=0)
        if output.causes_ns is not None:
            used = used_bins(output.histogram)
            self.causes_ns[used] += output.causes_ns[used]
        window = output.window_counts[list(self.open_workloads)].sum(axis=0)
        self.arrivals.append(float(window[OFFERED]))
        self.growth.append(float(window[OFFERED] - window[COUNT_COMPLETED] - window[COUNT_FAILED]))
        if output.records is not None and self.keeps_records:
            self.records.append(output.records)

    def series(self, name: str) -> list[float]:
        """Return one measure of every replication."""
        return [measures[name] for measures in self.measures]
