"""Parameters of the skeleton from measured points: structure by leaving levels out, intervals by redrawing.

Every parameter has a prior: what is commonly found where nothing was measured. A redraw moves the measurements by
their repeatability, the model by its own error and the priors by their width, and fits again ("randomize, then
optimize": Bardsley, Solonen, Haario and Laine, 2014). A parameter that the levels determine hardly moves; one
that they cannot see moves as far as its prior, takes the prediction with it, and is named as not identified.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from calibration.fitting.points import Point
from calibration.fitting.skeleton import LIMITLESS, Machine, Skeleton

Array = NDArray[np.float64]
MODEL_ERROR: Final = 0.02
"""Relative error of the skeleton itself at a level, beside the measurement's."""
CPU_ERROR: Final = 0.03
"""Relative error of the CPU of an operation by the utilization law."""
SIZES_ERROR: Final = 0.08
"""The same, of machines of one family that are not quite the same processor."""


@dataclass(frozen=True)
class Prior:
    """What is expected of a parameter before any measurement: normal on a scale without bounds.

    scale: "log" or "logit" of the parameter.
    """

    scale: str
    middle: float
    width: float

    def value(self, free: float) -> float:
        """Return the parameter itself."""
        if self.scale == "log":
            return math.exp(min(max(free, -60.0), 60.0))
        return 1.0 / (1.0 + math.exp(-min(max(free, -40.0), 40.0)))


PRIORS: Final = {
    # cores that the rest of the machine takes, which weigh more on a small one
    "background": Prior("log", math.log(0.05), 1.0),
    # total time of an operation alone: set from the lowest level
    "operation_s": Prior("log", 0.0, 1.0),
    # share of that time in which it needs no CPU (network, disk, client)
    "wait_share": Prior("logit", math.log(0.25 / 0.75), 1.5),
    # share in which nothing else may run beside it
    "serial_share": Prior("log", math.log(0.005), 2.0),
    # work takes so much longer with all threads busy (shared caches, memory, clock frequency)
    "contention": Prior("log", math.log(0.12), 0.9),
    # the same at the highest load fitted, of a slowdown that goes on growing with the load beyond the cores
    "crowding": Prior("log", math.log(0.12), 0.9),
    # gain of the second hyperthread: 10 to 50 % in published measurements of servers
    "smt_gain": Prior("log", math.log(0.27), 0.35),
    # whether hyperthreads are shared before all cores are busy
    "pairing": Prior("logit", 0.0, 1.5),
    # share of the operations that are put on a busy thread beside a free one
    "misplaced": Prior("logit", math.log(0.2 / 0.8), 1.5),
    # extra time for each other processor or node
    "convoy": Prior("log", math.log(0.01), 1.5),
    # extra work for each doubling of the operations beyond one a thread
    "overload": Prior("log", math.log(0.012), 1.0),
    # operations at once that an unknown machine serves, relative to the largest measured
    "servers": Prior("log", math.log(1.5), 1.2),
}
ALWAYS: Final = ("operation_s", "overload")
OPTIONAL: Final = ("wait_share", "serial_share", "contention")
ENDLESS: Final = {"contention": "crowding"}


@dataclass(frozen=True)
class Structure:
    """Which parameters a model has.

    machine: of all points. grows: the load is the machine's size. sizes: the points are of machines of several sizes,
    each with its `cores`.
    """

    names: tuple[str, ...]
    machine: Machine
    grows: bool = False
    sizes: bool = False

    @property
    def label(self) -> str:
        """What people call it."""
        parts = ["known cores" if self.machine.threads is not None else "estimated servers"]
        words = {
            "wait_share": "pure wait",
            "serial_share": "a serial part",
            "contention": "contention",
            "crowding": "crowding without end",
            "smt_gain": "hyperthreads",
        }
        return ", ".join(parts + [words[name] for name in self.names if name in words])


def structures(machine: Machine, grows: bool = False, sizes: bool = False, most: float = math.inf) -> list[Structure]:
    """Return all structures that are tried, simplest first.

    grows, sizes: as `Structure` has them. most: the highest load fitted.
    """
    fixed = list(ALWAYS)
    if grows:
        return [Structure((*fixed, *chosen), machine, True) for chosen in ((), ("serial_share",), ("convoy",))]
    if machine.threads is None:
        fixed.append("servers")
    else:
        fixed += ["misplaced"] if machine.threads_per_core == 1 else ["misplaced", "smt_gain", "pairing"]
    if sizes:
        fixed.append("background")
    chosen = [one for count in range(len(OPTIONAL) + 1) for one in itertools.combinations(OPTIONAL, count)]
    if machine.threads is not None and most <= machine.threads and not sizes:
        # a slowdown below the cores looks the same whether it ends with them or not
        chosen += [tuple(ENDLESS.get(name, name) for name in one) for one in chosen if set(one) & set(ENDLESS)]
    return [Structure((*fixed, *names), machine, sizes=sizes) for names in chosen]


class Fitter:
    """Fits one structure to points."""

    def __init__(self, structure: Structure, points: Sequence[Point]) -> None:
        self.structure = structure
        self._points = list(points)
        lowest = min(points, key=lambda point: point.load)
        self._unit_s = lowest.load / lowest.throughput_per_s
        self._most = max(point.load for point in points)
        self._priors = [PRIORS[name] for name in structure.names]
        self.middles = np.array([prior.middle for prior in self._priors])
        self.widths = np.array([prior.width for prior in self._priors])
        self._logs = np.log([point.throughput_per_s for point in points])
        self._cpu_s = next((point.cpu_s for point in sorted(points, key=lambda one: one.load) if point.cpu_s), None)
        own = SIZES_ERROR if structure.sizes else MODEL_ERROR
        self.deviations = np.hypot([point.deviation for point in points], own)

    def skeleton(self, free: Array) -> Skeleton:
        """Return the skeleton of a parameter set."""
        values = {
            name: prior.value(float(one))
            for name, prior, one in zip(self.structure.names, self._priors, free, strict=True)
        }
        total_s = values["operation_s"] * self._unit_s
        wait_s = total_s * values.get("wait_share", 0.0)
        serial_s = min(values.get("serial_share", 0.0), 1.0) * (total_s - wait_s)
        machine = Machine() if self.structure.grows else self.structure.machine
        threads = values["servers"] * self._most if "servers" in values else machine.threads or LIMITLESS
        return Skeleton(
            demand_s=max(total_s - wait_s - serial_s, 1e-6 * total_s),
            wait_s=wait_s,
            serial_s=serial_s,
            cores=threads / machine.threads_per_core,
            threads=threads,
            smt_speedup=1.0 + values.get("smt_gain", 0.0),
            pairing=values.get("pairing", 0.0),
            misplaced=values.get("misplaced", 0.0),
            convoy=values.get("convoy", 0.0),
            background=values.get("background", 0.0),
            contention=values.get("contention", 0.0),
            crowding=values.get("crowding", 0.0) / max(self._most - 1.0, 1.0),
            overload=values["overload"],
            crowded_from=1.0 if self.structure.grows else None,
        )

    def predicted(self, free: Array, points: Sequence[Point]) -> Array:
        """Return the logarithms of the throughput at points."""
        skeleton = self.skeleton(free)
        if self.structure.sizes:
            of_points = [skeleton.on(point.cores or skeleton.threads) for point in points]
        else:
            of_points = [skeleton] * len(points)
        return np.log(
            [one.throughput_per_s(point.load, point.think_time_s) for one, point in zip(of_points, points, strict=True)]
        )

    def _cpu_miss(self, free: Array, moved: float = 0.0) -> list[float]:
        """Return how far the CPU of an operation is from the one measured, in deviations; empty where none was.

        By the utilization law at the lowest level, where nothing slows it down yet. moved: of the measurement.
        """
        if self._cpu_s is None:
            return []
        skeleton = self.skeleton(free)
        return [math.log((skeleton.demand_s + skeleton.serial_s) / self._cpu_s) / CPU_ERROR - moved]

    def fit(
        self, logs: Array | None = None, middles: Array | None = None, start: Array | None = None, cpu: float = 0.0
    ) -> Array:
        """Return the parameters that come closest to the measurements and the priors together.

        logs, middles: other measurements and priors than the real ones. start: near which the answer is; None: the
        priors' middle. cpu: how far the measured CPU is moved, in deviations.
        """
        target = self._logs if logs is None else logs
        centre = self.middles if middles is None else middles

        def residuals(free: Array) -> Array:
            wrong = (self.predicted(free, self._points) - target) / self.deviations
            return np.concatenate((wrong, self._cpu_miss(free, cpu), (free - centre) / self.widths))

        near = start is not None
        found = least_squares(
            residuals,
            centre if start is None else start,
            xtol=1e-6,
            ftol=1e-3 if near else 1e-6,
            max_nfev=12 if near else 60,
        )
        return np.asarray(found.x)

    def redraw(self, generator: np.random.Generator, best: Array) -> Array:
        """Return the parameters of one redraw. best: those of the real measurements."""
        logs = self._logs + self.deviations * generator.standard_normal(len(self._logs))
        middles = self.middles + self.widths * generator.standard_normal(len(self.middles))
        cpu = float(generator.standard_normal()) if self._cpu_s is not None else 0.0
        return self.fit(logs, middles, best, cpu)

    def bounded(self, free: Array, index: int) -> bool:
        """Return whether the measurements speak against moving a parameter by its prior's width, up and down.

        With all others held, at 95 % (chi square with one degree). A bound from one side does not identify.
        """
        best = self._misfit(free)
        for sign in (-1.0, 1.0):
            moved = free.copy()
            moved[index] += sign * self.widths[index]
            if self._misfit(moved) - best < 3.84:
                return False
        return True

    def _misfit(self, free: Array) -> float:
        wrong = (self.predicted(free, self._points) - self._logs) / self.deviations
        return float(np.sum(wrong**2) + sum(miss**2 for miss in self._cpu_miss(free)))

    def values(self, free: Array) -> dict[str, float]:
        """Return the parameters by name, in SI units."""
        values = {
            name: prior.value(float(one))
            for name, prior, one in zip(self.structure.names, self._priors, free, strict=True)
        }
        values["operation_s"] *= self._unit_s
        if "servers" in values:
            values["servers"] *= self._most
        return values
