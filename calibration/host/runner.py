"""Runs the probes in rounds, each run in a fresh process, until they are stable or the time is up.

Every probe is run once, then every probe again, so that a slow drift shows between the runs of each. A run that was
disturbed is left out and made again while there is time.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from scipy.special import stdtrit

from calibration.host.probe import Probe
from calibration.interference import Limits, ProcSource, Watch

RUN_TIMEOUT_S: Final = 15.0
QUICK_RUN_TIMEOUT_S: Final = 4.0
FIRST_RUN_S: Final = 0.2
WINDOWS_OF_A_RUN: Final = 1.0
"""A run's start and its windows, the least that they can be, before the first one has shown it."""


@dataclass(frozen=True)
class RunResult:
    """What one run of a probe gave: values of each quantity, and the share of time that its workers waited."""

    quantities: dict[str, list[float]]
    wait_share: float | None = None
    unavailable: str | None = None


class RunFailed(RuntimeError):  # noqa: N818 - says what happened
    """A probe's process that ended with an error or not at all; the text is its last line."""


class Executor(Protocol):
    """What runs a probe once; tests give their own."""

    def run(self, probe: Probe, window_s: float) -> RunResult:
        """Run a probe. Raises RunFailed."""


class FreshProcess:
    """Runs each probe in a process of its own, which ends with everything it started whatever happens here."""

    def __init__(self, timeout_s: float = RUN_TIMEOUT_S) -> None:
        """Make an executor. timeout_s: after which a run is ended and counts as failed."""
        self.timeout_s = timeout_s

    def run(self, probe: Probe, window_s: float) -> RunResult:
        """Run a probe. Raises RunFailed."""
        options = json.dumps({"window_s": window_s, **probe.options})
        command = [
            *(sys.executable, "-m", "calibration.host.worker"),
            *(str(os.getpid()), probe.module_path, options),
        ]
        with _interrupt_held() as interrupted:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        try:
            if interrupted:
                raise KeyboardInterrupt
            answer, complaint = process.communicate(timeout=self.timeout_s)
        except subprocess.TimeoutExpired:
            raise RunFailed(f"no answer after {self.timeout_s:g} s") from None
        finally:
            _end_group(process)
        if process.returncode:
            lines = complaint.decode(errors="replace").strip().splitlines() or [f"exit {process.returncode}"]
            raise RunFailed(lines[-1])
        said = json.loads(answer)
        if "unavailable" in said:
            return RunResult({}, None, said["unavailable"])
        return RunResult(said["quantities"], said["wait_share"])


@contextmanager
def _interrupt_held() -> Iterator[list[int]]:
    """Keep Ctrl-C from coming while a process is started, when nobody would end it; gives what came."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a probe: its process and everything it forked."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@dataclass(frozen=True)
class Run:
    """One run: its values, and what disturbed it, in words."""

    quantities: dict[str, list[float]]
    problems: tuple[str, ...] = ()


@dataclass
class Outcome:
    """All runs of one probe. reason: why it gave nothing, if it was not permitted or failed."""

    probe: Probe
    runs: list[Run] = field(default_factory=list)
    reason: str | None = None
    took_s: float = 0.0

    @property
    def quiet(self) -> list[Run]:
        """The runs that were not disturbed, strays left out too."""
        quiet = [run for run in self.runs if not run.problems]
        keys = [self._key_of(run) for run in quiet]
        limit = self.probe.limits.stray
        if limit is None or len(quiet) < 3 or any(key is None for key in keys):
            return quiet
        usual = statistics.median(key for key in keys if key is not None)
        return [run for run, key in zip(quiet, keys, strict=True) if abs((key or 0.0) / usual - 1) <= limit]

    def enough(self, least: int) -> bool:
        """Return whether there is a number to give: so many quiet runs, or fewer if none was disturbed.

        With a single run it has no interval of its own between runs, and says so by being weakly identified.
        """
        quiet = len(self.quiet)
        return quiet >= least or (quiet >= 1 and quiet == len(self.runs))

    def _key_of(self, run: Run) -> float | None:
        values = run.quantities.get(self.probe.key)
        return statistics.median(values) if values else None

    def half_width(self) -> float:
        """Return the relative half-width of the key quantity at 95 %; infinite with fewer than two quiet runs."""
        keys = [key for run in self.quiet if (key := self._key_of(run)) is not None]
        if len(keys) < 2:
            return float("inf") if not self.quiet or keys else 0.0
        mean = statistics.fmean(keys)
        spread = statistics.stdev(keys) / len(keys) ** 0.5
        return float(stdtrit(len(keys) - 1, 0.975)) * spread / mean if mean else 0.0

    def most_disturbed(self) -> str:
        """Return what disturbed the last disturbed run."""
        return next((run.problems[0] for run in reversed(self.runs) if run.problems), "runs that differ too much")


@dataclass(frozen=True)
class Plan:
    """How thoroughly to measure.

    quick: short windows. budget_s: which all runs share: none is begun that it does not hold. least, most: quiet runs
    of each probe. precision: relative half-width of its key at which a probe is stable.
    """

    quick: bool = False
    budget_s: float = 47.0
    least: int = 3
    most: int = 8
    precision: float = 0.03

    @property
    def accepted(self) -> int:
        """Quiet runs from which a probe gives a number; a single one has no interval and says so."""
        return 1 if self.quick else min(2, self.least)

    @classmethod
    def short(cls) -> Plan:
        """Return the plan of --quick."""
        return cls(quick=True, budget_s=9.0, least=2, most=2, precision=0.1)


Tell = Callable[[Outcome, float], None]


class Session:
    """One calibration of a host; `outcomes` holds what there is, also when it is interrupted."""

    def __init__(
        self,
        probes: Sequence[Probe],
        plan: Plan,
        *,
        executor: Executor | None = None,
        watch: Callable[[Probe], Watch] | None = None,
        clock: Callable[[], float] = time.monotonic,
        tell: Tell = lambda outcome, fraction: None,
    ) -> None:
        """Make a session. tell: called before each run with its probe's outcome and the share of the budget used."""
        self.outcomes = [Outcome(probe) for probe in probes]
        self.plan = plan
        self._executor = executor or FreshProcess(QUICK_RUN_TIMEOUT_S if plan.quick else RUN_TIMEOUT_S)
        self._watch = watch or (lambda probe: Watch(source=ProcSource(kernel_threads=probe.kernel_threads)))
        self._clock = clock
        self._tell = tell

    def measure(self) -> None:
        """Run the probes in rounds; a probe that has its runs and is stable takes no further part."""
        begin = self._clock()
        while True:
            ran = False
            for outcome in self.outcomes:
                used_s = self._clock() - begin
                if self._wanted(outcome) and used_s + self._expected_s(outcome) <= self.plan.budget_s:
                    self._tell(outcome, used_s / self.plan.budget_s)
                    self._run(outcome)
                    ran = True
            if not ran:
                return

    def _wanted(self, outcome: Outcome) -> bool:
        """Return whether another run of a probe is worth its time."""
        if outcome.reason is not None or len(outcome.runs) >= 2 * self.plan.most:
            return False
        quiet = len(outcome.quiet)
        return quiet < self.plan.least or (quiet < self.plan.most and outcome.half_width() > self.plan.precision)

    def _window_s(self, probe: Probe) -> float:
        return probe.quick_window_s if self.plan.quick else probe.window_s

    def _expected_s(self, outcome: Outcome) -> float:
        """Return how long the next run of a probe takes: as long as its last one, or what its windows lead to."""
        return outcome.took_s or FIRST_RUN_S + WINDOWS_OF_A_RUN * self._window_s(outcome.probe)

    def _run(self, outcome: Outcome) -> None:
        probe = outcome.probe
        begin = self._clock()
        try:
            with self._watch(probe) as watch:
                result = self._executor.run(probe, self._window_s(probe))
        except RunFailed as failure:
            outcome.reason = f"the probe failed: {failure}"
            return
        finally:
            outcome.took_s = self._clock() - begin
        if result.unavailable is not None:
            outcome.reason = result.unavailable
            return
        problems = watch.interference.problems(Limits(probe.limits.others, probe.limits.steal))
        limit = probe.limits.wait
        if limit is not None and result.wait_share is not None and result.wait_share > limit:
            problems.append(f"its processes waited {result.wait_share:.1%} of the time (limit {limit:.1%})")
        outcome.runs.append(Run(result.quantities, tuple(problems)))
