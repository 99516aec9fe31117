"""Repeats of several levels: interleaved, so that a slow drift shows as range, and more where they were disturbed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

Plan = TypeVar("Plan")
Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Repeat(Generic[Plan, Measured]):
    """One repeat of one level.

    number: of the repeat, from 1. problems: what disturbed it, in words; empty: nothing. severity: of the worst of
    them, relative to what is tolerated.
    """

    plan: Plan
    number: int
    value: Measured
    problems: tuple[str, ...] = ()
    severity: float = 0.0


@dataclass(frozen=True)
class Judge(Generic[Plan, Measured]):
    """How a repeat is judged.

    interference: what disturbed it, in words, and how badly. key: a number that repeats of one level have in common.
    stray_limit: relative distance of the key from the median of its level that is tolerated; a neighbour on the
    physical core shows nowhere else.
    """

    interference: Callable[[Plan, Measured], tuple[Sequence[str], float]]
    key: Callable[[Measured], float]
    stray_limit: float = 0.05


@dataclass
class Repeats(Generic[Plan, Measured]):
    """All repeats in the order they were made, and whether they were cut short."""

    plans: Sequence[Plan]
    made: list[Repeat[Plan, Measured]] = field(default_factory=list)
    interrupted: bool = False

    def of(self, plan: Plan) -> list[Repeat[Plan, Measured]]:
        """Return the repeats of a level."""
        return [repeat for repeat in self.made if repeat.plan == plan]

    def quiet(self, plan: Plan) -> list[Repeat[Plan, Measured]]:
        """Return the repeats of a level that nothing disturbed."""
        return [repeat for repeat in self.of(plan) if not repeat.problems]

    def kept(self) -> list[Repeat[Plan, Measured]]:
        """Return what counts: the quiet repeats of each level, or the least disturbed where none was quiet."""
        found: list[Repeat[Plan, Measured]] = []
        for plan in self.plans:
            if made := self.of(plan):
                found += self.quiet(plan) or [min(made, key=lambda repeat: repeat.severity)]
        return found

    def never_quiet(self) -> list[Plan]:
        """Return the levels that were measured but never undisturbed."""
        return [plan for plan in self.plans if self.of(plan) and not self.quiet(plan)]


def measure_all(
    plans: Sequence[Plan],
    *,
    repeats: int,
    retries: int,
    measure: Callable[[Plan, int], Measured],
    judge: Judge[Plan, Measured],
    tell: Callable[[Repeat[Plan, Measured]], None],
) -> Repeats[Plan, Measured]:
    """Measure every level `repeats` times, interleaved, then up to `retries` more where repeats were disturbed.

    measure: takes a level and the number of the repeat. tell: is told of each as soon as it is there.
    KeyboardInterrupt ends the measurement with what there is.
    """
    found: Repeats[Plan, Measured] = Repeats(plans)

    def once(plan: Plan) -> None:
        number = len(found.of(plan)) + 1
        value = measure(plan, number)
        problems, severity = judge.interference(plan, value)
        found.made.append(Repeat(plan, number, value, tuple(problems), severity))
        tell(found.made[-1])

    try:
        for plan in [plan for _ in range(repeats) for plan in plans]:
            once(plan)
        found.made = list(_with_strays(found, judge))
        for _ in range(retries):
            lacking = [plan for plan in plans if len(found.quiet(plan)) < repeats]
            if not lacking:
                break
            once(min(lacking, key=lambda plan: len(found.of(plan))))
            found.made = list(_with_strays(found, judge))
    except KeyboardInterrupt:
        found.interrupted = True
    return found


def _with_strays(found: Repeats[Plan, Measured], judge: Judge[Plan, Measured]) -> Iterator[Repeat[Plan, Measured]]:
    """Yield all repeats, those marked whose key is too far from the median of the quiet ones of their level."""
    for repeat in found.made:
        keys = [judge.key(other.value) for other in found.quiet(repeat.plan)]
        usual = statistics.median(keys) if keys else 0.0
        distance = abs(judge.key(repeat.value) / usual - 1) if usual else 0.0
        if repeat.problems or distance <= judge.stray_limit or len(keys) < 3:
            yield repeat
        else:
            problem = f"CPU of an operation {distance:.1%} from that of the other repeats"
            yield replace(repeat, problems=(problem,), severity=distance / judge.stray_limit)
