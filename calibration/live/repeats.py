"""Repeats of several levels: interleaved, so that a slow drift shows as range, and more where they were disturbed.

More too where the repeats of a level differ so much that their middle is not known well. A shared machine is a few per
cent slower or faster for seconds, so that three repeats may be that far off: where a precision is asked for, rounds of
all levels are made until each has it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from calibration.live.errors import LiveError

FEWEST: Final = 3
"""Repeats of a level from which one can be told from the others."""

MORE_ROUNDS: Final = 5
"""Of all levels at most, where their repeats differ."""

FAR: Final = 5.0
"""Times the median distance from the median from which a repeat of a level that repeats badly is none of its kind."""
FAR_AT_LEAST: Final = 0.25
LATE_AT_LEAST: Final = 1.0
"""How much longer than the median, at least, responses at a rate are in a repeat in which the service stood still: what
gathers meanwhile is worked off for long, and by chance alone response times there repeat badly."""
ROUGH: Final = 0.5
"""Share of what a stray is from the median, above which the standard error of a level's repeats asks for more."""

Plan = TypeVar("Plan", bound=Hashable)
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
    physical core shows nowhere else. wanted: further positive numbers of a level whose means are wanted. late: a
    response time that tells whether what served it stood still, as where a disk did not answer for a while, which takes
    no CPU; None: it does not tell.
    """

    interference: Callable[[Plan, Measured], tuple[Sequence[str], float]]
    key: Callable[[Measured], float]
    stray_limit: float = 0.05
    wanted: Callable[[Measured], Sequence[float]] = lambda _: ()
    late: Callable[[Measured], float | None] = lambda _: None


@dataclass(frozen=True)
class Lost(Generic[Plan]):
    """A repeat that could not be measured, after others had been. number: of the repeat, from 1."""

    plan: Plan
    number: int
    error: LiveError


@dataclass
class Repeats(Generic[Plan, Measured]):
    """All repeats in the order they were made, those that could not be, and whether they were cut short."""

    plans: Sequence[Plan]
    made: list[Repeat[Plan, Measured]] = field(default_factory=list)
    lost: list[Lost[Plan]] = field(default_factory=list)
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
    tell: Callable[[Repeat[Plan, Measured] | Lost[Plan]], None],
    precision: float = 0.0,
) -> Repeats[Plan, Measured]:
    """Measure every level `repeats` times, interleaved, then up to `retries` more where repeats were disturbed.

    Each round begins with another level, so that what comes and goes hits all alike. Retries that are left go to the
    levels that repeat worst, as long as these are rough (`ROUGH`): a machine whose speed changes from second to second
    shows no disturbed repeat.
    precision: relative standard error of the means that are wanted of each level; while it is larger, up to
    `MORE_ROUNDS` further rounds are made of all levels. 0: none, as with fewer than `FEWEST` repeats.
    measure: takes a level and the number of the repeat. tell: is told of each as soon as it is there.
    KeyboardInterrupt ends the measurement with what there is. A level that cannot be measured is given up, and what was
    measured before is kept. Raises LiveError where nothing was.
    """
    found: Repeats[Plan, Measured] = Repeats(plans)

    def given_up() -> set[Plan]:
        return {one.plan for one in found.lost}

    def once(plan: Plan) -> None:
        if plan in given_up():
            return
        number = len(found.of(plan)) + 1
        try:
            value = measure(plan, number)
        except LiveError as error:
            if not found.made:
                raise
            found.lost.append(Lost(plan, number, error))
            tell(found.lost[-1])
            return
        problems, severity = judge.interference(plan, value)
        found.made.append(Repeat(plan, number, value, tuple(problems), severity))
        tell(found.made[-1])

    try:
        for turn in range(repeats):
            first = turn % max(len(plans), 1)
            for plan in [*plans[first:], *plans[:first]]:
                once(plan)
        for _ in range(retries):
            marked = replace(found, made=_with_strays(found, judge))
            lacking = [plan for plan in plans if len(marked.quiet(plan)) < repeats and plan not in given_up()]
            errors = {plan: _standard_error(marked, plan, judge) for plan in plans if plan not in given_up()}
            rough = [plan for plan, error in errors.items() if error > ROUGH * judge.stray_limit]
            if lacking:
                once(min(lacking, key=lambda plan: len(found.of(plan))))
            elif rough:
                once(max(rough, key=lambda plan: errors[plan]))
            else:
                break
        for _ in range(MORE_ROUNDS if precision > 0.0 and repeats >= FEWEST else 0):
            marked = replace(found, made=_with_strays(found, judge))
            left = [plan for plan in plans if plan not in given_up()]
            if all(_known(marked.quiet(plan), judge, precision) for plan in left):
                break
            for plan in left:
                once(plan)
    except KeyboardInterrupt:
        found.interrupted = True
    return replace(found, made=_with_strays(found, judge))


def _standard_error(found: Repeats[Plan, Measured], plan: Plan, judge: Judge[Plan, Measured]) -> float:
    """Return the relative standard error of the mean key of a level's quiet repeats; 0 where these are too few."""
    keys = [judge.key(one.value) for one in found.quiet(plan)]
    if len(keys) < FEWEST or not (middle := statistics.fmean(keys)):
        return 0.0
    return statistics.stdev(keys) / math.sqrt(len(keys)) / middle


def _known(repeats: Sequence[Repeat[Plan, Measured]], judge: Judge[Plan, Measured], precision: float) -> bool:
    """Return whether the means of what is wanted of a level have no larger relative standard error."""
    if len(repeats) < FEWEST:
        return False
    columns = zip(*(judge.wanted(one.value) for one in repeats), strict=True)
    errors = [statistics.stdev(map(math.log, column)) / math.sqrt(len(repeats)) for column in columns]
    return max(errors, default=0.0) <= precision


def _with_strays(found: Repeats[Plan, Measured], judge: Judge[Plan, Measured]) -> list[Repeat[Plan, Measured]]:
    """Return all repeats, those marked whose key is too far from the median of the quiet ones of their level.

    A stray is one that most others are not: where no majority lies near the median, the level itself repeats badly,
    and a choice among its repeats would only hide that. But one that is several times as far away as the others are
    is not of their kind.
    """
    usual = {}
    late = {}
    for plan in found.plans:
        quiet = [one.value for one in found.quiet(plan)]
        usual[plan] = _usual([judge.key(one) for one in quiet], judge.stray_limit)
        times = [judge.late(one) for one in quiet]
        # a single short one beside several long ones is no stray: nothing makes a service faster than it is
        late[plan] = _usual([one for one in times if one is not None], LATE_AT_LEAST, LATE_AT_LEAST)
    marked = []
    for repeat in found.made:
        middle, limit = usual[repeat.plan]
        distance = abs(_apart(judge.key(repeat.value), middle))
        usual_late, most = late[repeat.plan]
        longer = _apart(judge.late(repeat.value) or 0.0, usual_late)
        problem, severity = "", 0.0
        if distance > limit:
            problem = f"CPU of an operation {distance:.1%} from that of the other repeats"
            severity = distance / limit
        elif longer > most:
            problem = f"responses took {1.0 + longer:.1f} times as long as in the other repeats"
            severity = longer / most
        stray = problem and not repeat.problems
        marked.append(replace(repeat, problems=(problem,), severity=severity) if stray else repeat)
    return marked


def _usual(values: Sequence[float], limit: float, far: float = FAR_AT_LEAST) -> tuple[float, float]:
    """Return the median of a level's repeats and the distance from it that is tolerated; nothing of too few."""
    middle = statistics.median(values) if len(values) >= FEWEST else 0.0
    if not middle:
        return 0.0, math.inf
    return middle, _tolerated([abs(one / middle - 1) for one in values], limit, far)


def _apart(value: float, middle: float) -> float:
    """Return how far a value is from the middle, relative to that; 0 where there is none."""
    return value / middle - 1.0 if middle else 0.0


def _tolerated(distances: Sequence[float], stray_limit: float, far: float) -> float:
    """Return the distance from the median that is tolerated, by the distances of all repeats of a level."""
    near = sum(distance <= stray_limit for distance in distances)
    if near > len(distances) / 2:
        return stray_limit
    return max(far, FAR * statistics.median(distances))
