"""What a person should know before believing a result: data, each with advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from simulator.histogram import rank_of
from simulator.measures import percentile_name
from simulator.statistics import interval

FEWEST_BEYOND: Final = 10  # operations beyond a percentile, in all replications; fewer are accidents
GROWTH_SHARE: Final = 0.005  # of the arrivals; a queue that grows by less may be drifting by chance
GROWTH_SHARE_ALONE: Final = 0.02  # with one replication, which has no interval to judge by

Entry = dict[str, str]


def warning(code: str, message: str, advice: str) -> Entry:
    """Make a warning. code: stable, for programs. message: what was found. advice: what to do about it."""
    return {"code": code, "message": message, "advice": advice}


def overload(overloaded: Sequence[tuple[str, str, float]], shedding: bool) -> list[Entry]:
    """Warn of stations that are offered more than they can do.

    overloaded: name, kind and offered utilization of each, the highest first. shedding: whether something
    turns work away before the queues grow for ever.
    """
    if not overloaded:
        return []
    named = ", ".join(f"{name} ({utilization:.0%})" for name, _, utilization in overloaded[:3])
    beyond = f"the open offered load is beyond the capacity of {named}"
    if shedding:
        return [
            warning(
                "overload_shed",
                f"{beyond}: what it cannot do is turned away",
                "see the error rate; lower the rate or raise the capacity",
            )
        ]
    return [
        warning(
            "overload",
            f"{beyond}: queues grow without end",
            "what is shown is a transient that depends on the duration; lower the rate or raise the capacity",
        )
    ]


def precision_missed(worst: Mapping[str, float], precision: float, bounded_by: str) -> list[Entry]:
    """Warn that some estimates are less precise than asked for.

    worst: relative half-width of each that misses. bounded_by: what ended the replications.
    """
    if not worst:
        return []
    name, width = max(worst.items(), key=lambda item: item[1])
    return [
        warning(
            "precision_not_reached",
            f"{name} is known to ±{width:.1%}, not ±{precision:.1%} ({bounded_by})",
            "give a longer duration or more replications, or accept a larger precision",
        )
    ]


def few_observations(completed: int, percents: Sequence[float]) -> list[Entry]:
    """Warn of percentiles that rest on few operations. completed: operations measured in all replications."""
    few = [percent for percent in sorted(percents) if completed - rank_of(percent, completed) < FEWEST_BEYOND]
    if not few or completed == 0:
        return []
    names = ", ".join(percentile_name(percent) for percent in few)
    return [
        warning(
            "few_observations",
            f"fewer than {FEWEST_BEYOND} of {completed} operations lie beyond {names}",
            "give a longer duration or more replications before relying on it",
        )
    ]


def nothing_completed(completed: int) -> list[Entry]:
    """Warn that there are no response times at all."""
    if completed:
        return []
    return [
        warning(
            "nothing_completed",
            "no operation completed in the measured window, so there are no response times",
            "give a longer duration, or see in the counts whether all operations fail",
        )
    ]


def growing_queue(growth: Sequence[float], arrivals: Sequence[float]) -> list[Entry]:
    """Warn of a system that is not stationary: operations in flight grow over the window.

    growth: of the operations in flight over the window, of open and traced workloads, in each replication.
    arrivals: operations offered in the window, in each replication.
    """
    offered = sum(arrivals) / len(arrivals) if arrivals else 0.0
    if offered == 0:
        return []
    estimate = interval(growth)
    mean = estimate.value or 0.0
    if estimate.half_width is None:
        growing = mean > GROWTH_SHARE_ALONE * offered + 5 * offered**0.5
    else:
        growing = mean > estimate.half_width and mean > GROWTH_SHARE * offered + 1
    if not growing:
        return []
    return [
        warning(
            "not_stationary",
            f"operations in flight grew by {mean:.3g} over the window ({mean / offered:.1%} of the arrivals)",
            "averages depend on the duration; see the bottleneck, lower the rate or lengthen the warm-up",
        )
    ]


def no_warmup(found: bool) -> list[Entry]:
    """Warn that the pilot never became stationary."""
    if found:
        return []
    return [
        warning(
            "no_warmup_found",
            "the pilot found no point from which on the system is stationary",
            "give a warm-up that is long enough, or look at the trend of the response times",
        )
    ]


def undrained(drained: bool) -> list[Entry]:
    """Warn that a trace left operations behind."""
    if drained:
        return []
    return [
        warning(
            "trace_not_drained",
            "operations of the trace are still in flight long after its last arrival",
            "see the counts in flight: what waits for ever counts neither as completed nor as failed",
        )
    ]


def scripted(scenario: Any) -> list[Entry]:
    """Remind that averages over events mix different states of the system."""
    if not scenario.events:
        return []
    events = ", ".join(
        f"{event.service}[{event.instance}] {event.action} at {event.at / 1e9:g} s" for event in scenario.events[:3]
    )
    return [
        warning(
            "events_in_run",
            f"the averages are over a system that changes: {events}",
            "measure before and after apart (warmup and duration choose the window)",
        )
    ]


def interrupted(done: int, planned: int) -> list[Entry]:
    """Warn of a result that was cut short. done, planned: replications."""
    return [
        warning(
            "interrupted",
            f"interrupted: the result stands on {done} of {planned} replications",
            "run it again for the full precision",
        )
    ]


def single_replication(count: int) -> list[Entry]:
    """Warn that one replication says nothing of its own accuracy."""
    if count != 1:
        return []
    return [
        warning(
            "no_interval",
            "one replication has no half-width: how far chance moved the figures is unknown",
            "give at least 5 replications",
        )
    ]


def broken_laws(violations: Sequence[str]) -> list[Entry]:
    """Warn of sample-path laws that did not hold: a defect of the simulator."""
    advice = "this is a defect of the simulator; please report the scenario and seed"
    return [warning("law_violated", line, advice) for line in violations[:5]]


def no_efficiency() -> list[Entry]:
    """Warn that efficiency was asked for where it has no meaning."""
    return [
        warning(
            "no_efficiency",
            "efficiency is the throughput per process of closed workloads; an open one's is what arrives",
            "make the workloads closed, or leave it out",
        )
    ]


def engine_fallback(reasons: Sequence[str]) -> list[Entry]:
    """Warn that another engine than the one asked for was used."""
    return [warning("engine_fallback", reason, "the answer is the same; it takes longer") for reason in reasons]


def simulation_alone(by_option: bool) -> list[Entry]:
    """Warn that a calibrated answer's intervals hold nothing of the calibration. by_option: as was asked for."""
    why = "without the draws of the profile, as asked" if by_option else "the profile holds no draws of its parameters"
    return [
        warning(
            "simulation_alone",
            f"{why}: the half-widths are the simulation's alone, and not the accuracy of a prediction",
            "leave --no-uncertainty out" if by_option else "calibrate anew, so that the profile holds draws",
        )
    ]


def without_draws() -> list[Entry]:
    """Warn that the draws of the parameters were cut short."""
    return [
        warning(
            "draws_interrupted",
            "interrupted before the draws of the parameters: the half-widths are the simulation's alone",
            "run it again for prediction intervals",
        )
    ]


def overloaded_draws(overloaded: int, draws: int) -> list[Entry]:
    """Warn that some draws of the parameters make the system unstable."""
    if not overloaded:
        return []
    return [
        warning(
            "overloaded_draws",
            f"in {overloaded} of {draws} draws of the parameters the offered load is beyond the capacity",
            "the upper ends of response times then depend on the duration: they may be far longer",
        )
    ]


def machine_alone() -> list[Entry]:
    """Warn that a prediction takes the operations of an uncalibrated scenario as known."""
    return [
        warning(
            "machine_alone",
            "the prediction intervals take the scenario's own numbers as known: only the machine was measured",
            "measure the operations too: sim calibrate command, python, http or table",
        )
    ]
