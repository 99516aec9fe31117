"""`sim calibrate host` without the command line: facts, probes, placement, and the profile made of them."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from calibration.host.estimates import DRAWS, Estimate, quantities_of, quantity, rounded
from calibration.host.facts import read_host
from calibration.host.placement import Machine, balance_interval_s, fit_placement, identified
from calibration.host.runner import Outcome, Session
from calibration.host.service_fields import protected_until
from calibration.interference import drift
from calibration.profile import Host, LeftOut, Profile, Quantity, profile_versions
from models.measured import Seen

TOTAL_S: Final = 56.0
QUICK_TOTAL_S: Final = 12.0
"""Of measuring and comparing together, a start of the program before and an answer after it not counted."""
FIT_S: Final = 8.0
QUICK_FIT_S: Final = 2.5
DRIFT_LIMIT: Final = 0.1
_SUPPOSED: Final = {"scheduler.tick": 0.004, "placement.balance_interval": 0.032}


@dataclass(frozen=True)
class Calibrated:
    """A profile of the host, and the probes for which the machine never got quiet."""

    profile: Profile
    never_quiet: list[str]


def profile_of(session: Session, *, fit: Callable[[], bool] | None = None, host: Host | None = None) -> Calibrated:
    """Make a profile of what a session measured, also of an interrupted one.

    fit: says whether the comparison with the simulator may go on; None: it is left out.
    """
    host = host or read_host()
    date = datetime.now(UTC).isoformat(timespec="seconds")
    least = session.plan.accepted
    quantities, samples = quantities_of(session.outcomes, date, least)
    left_out, never_quiet, warnings = [], [], list(_host_warnings(host))
    for outcome in session.outcomes:
        name = outcome.probe.name
        if outcome.reason is not None:
            left_out.append(LeftOut(probe=name, reason=_short(outcome.reason)))
        elif not outcome.runs:
            left_out.append(LeftOut(probe=name, reason="not run: interrupted, or the time was up"))
        elif not outcome.enough(least):
            never_quiet.append(name)
            reason = f"{len(outcome.quiet)} of {len(outcome.runs)} runs were quiet: {outcome.most_disturbed()}"
            left_out.append(LeftOut(probe=name, reason=_short(reason)))
        else:
            warnings += _drift_warnings(outcome)
    quantities += _read_quantities(quantities, host, date)
    placement = next((outcome for outcome in session.outcomes if outcome.probe.name == "placement"), None)
    if placement is not None and placement.reason is None and placement.enough(least):
        found, drawn, problem = _placement(placement, quantities, host, date, fit)
        quantities += found
        samples.update(drawn)
        if problem:
            left_out.append(LeftOut(probe="placement-chances", reason=problem))
    profile = Profile(
        name=f"{host.processor} x{host.usable}"[:100] if _is_name(host.processor) else f"host {host.identity}",
        date=date,
        host=host,
        versions=profile_versions(),
        seen=Seen(cores=(1, host.usable)),
        warnings=warnings,
        left_out=left_out,
        quantities=quantities,
        samples=samples,
    )
    return Calibrated(profile, never_quiet)


def time_to_compare(quick: bool, used_s: float) -> float:
    """Return how long the comparison with the simulator may take where measuring has taken so long [s]."""
    most, total = (QUICK_FIT_S, QUICK_TOTAL_S) if quick else (FIT_S, TOTAL_S)
    return min(most, total - used_s)


def within(seconds: float, clock: Callable[[], float] = time.monotonic) -> Callable[[], bool]:
    """Return what says True for so many seconds."""
    end = clock() + seconds
    return lambda: clock() < end


def _placement(
    outcome: Outcome, quantities: list[Quantity], host: Host, date: str, fit: Callable[[], bool] | None
) -> tuple[list[Quantity], dict[str, list[float]], str | None]:
    """Estimate the placement's three numbers; also says why one of them is missing."""
    runs = [run.quantities for run in outcome.quiet]
    values = {found.name: found.value for found in quantities}
    left = len(outcome.runs) - len(runs)
    found: list[Quantity] = []
    samples: dict[str, list[float]] = {}
    moves = [move for run in runs for move in run.get("placement.first_move", [])]
    if len(moves) >= 3:
        middle = balance_interval_s(moves)
        # The standard error of the mean of uniform waits on [0, P] is P / sqrt(12 n), twice that for P itself.
        error = 1.96 * middle / math.sqrt(3 * len(moves))
        interval = (max(middle - error, max(moves) / 4), middle + error)
        interval = (min(interval[0], middle), interval[1])
        found.append(
            quantity(
                "placement.balance_interval",
                Estimate(middle, interval, [], [2 * move for move in moves]),
                date,
                left,
            )
        )
    if host.usable < 2:
        return found, samples, "there is only one core"
    if fit is None:
        return found, samples, "interrupted before the comparison with the simulator"
    machine = Machine(
        host.usable,
        values.get("scheduler.tick", _SUPPOSED["scheduler.tick"]),
        values.get("scheduler.base_slice", 700e-6 * min(host.usable, 8).bit_length()),
        next((one.value for one in found), _SUPPOSED["placement.balance_interval"]),
        statistics.median(run["placement.idle_exit"][0] for run in runs),
        protected_until(values),
    )
    placed = fit_placement(runs, machine, DRAWS, keep_going=fit)
    if placed is None:
        return found, samples, "the time for the comparison with the simulator was up"
    for name, value, draws in (
        ("placement.idle_search", placed.search, placed.search_draws),
        ("placement.idle_steal", placed.steal, placed.steal_draws),
    ):
        ordered = sorted([*draws, value])
        interval = (ordered[int(0.025 * len(ordered))], ordered[math.ceil(0.975 * len(ordered)) - 1])
        interval = (min(value, interval[0]), max(value, interval[1]))
        one = quantity(name, Estimate(value, interval, draws, []), date, left)
        found.append(one.model_copy(update={"origin": "estimated", "identified": identified(draws)}))
        samples[name] = [rounded(draw) for draw in draws]
    misfit = f"the best placement is {placed.misfit:.0%} from the sleepers' times" if placed.misfit > 0.15 else None
    if misfit:
        found = [
            one.model_copy(update={"how": f"{one.how}; {misfit}", "identified": "no"}) if one.name in samples else one
            for one in found
        ]
    return found, samples, None


def _read_quantities(measured: list[Quantity], host: Host, date: str) -> list[Quantity]:
    """Return what the system tells where it could not be measured: the tick."""
    if host.kernel_hz is None or any(found.name == "scheduler.tick" for found in measured):
        return []
    one = quantity("scheduler.tick", Estimate(1 / host.kernel_hz, None, [], []), date, 0)
    return [one.model_copy(update={"origin": "read", "how": "from the kernel's configuration (CONFIG_HZ)"})]


def _drift_warnings(outcome: Outcome) -> list[str]:
    """Say where a probe's key quantity went up or down from run to run."""
    keys = [
        statistics.median(run.quantities[outcome.probe.key])
        for run in outcome.quiet
        if outcome.probe.key in run.quantities
    ]
    change = drift(keys)
    if len(keys) < 4 or abs(change) <= DRIFT_LIMIT:
        return []
    return [f"{outcome.probe.key} drifted by {change:+.0%} over {len(keys)} runs: its interval may be too narrow"]


def _host_warnings(host: Host) -> list[str]:
    warnings = []
    if host.governor not in (None, "performance"):
        warnings.append(f"the frequency governor is {host.governor}: speeds depend on what ran before")
    if host.cgroup_quota is not None:
        warnings.append(f"a CPU quota of {host.cgroup_quota:g} cores holds for this process: long bursts are throttled")
    if host.autogroup:
        warnings.append("autogroup is on: processes of different login sessions share cores by session, not by process")
    return warnings


def _short(text: str) -> str:
    return text if len(text) <= 500 else text[:499] + "…"


def _is_name(text: str) -> bool:
    return bool(text) and all(character.isalnum() or character in " ._:+-" for character in text)


def usable_directory(path: str) -> str:
    """Return a directory as it is given to the disk probe."""
    return os.path.abspath(path)
